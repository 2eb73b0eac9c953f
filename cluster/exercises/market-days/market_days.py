def market_day(rule, year, month):
    pass


def next_market(rule, today):
    pass


def markets_between(rule, start, end):
    pass
