from calendar import monthrange
from datetime import date, timedelta

_POSITIONS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def market_day(rule, year, month):
    words = rule.lower().split()
    if len(words) != 2 or words[0] not in _POSITIONS or words[1] not in _DAYS:
        raise ValueError(f"no such rule: {rule}")
    position, weekday = _POSITIONS[words[0]], _DAYS.index(words[1])
    days = [
        date(year, month, day)
        for day in range(1, monthrange(year, month)[1] + 1)
        if date(year, month, day).weekday() == weekday
    ]
    found = days[position]
    return found + timedelta(days=(found.month, found.day) == (12, 25))


def next_market(rule, today):
    year, month = today.year, today.month
    while (found := market_day(rule, year, month)) < today:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def markets_between(rule, start, end):
    if end < start:
        raise ValueError("ends before it starts")
    found = []
    day = next_market(rule, start)
    while day <= end:
        found.append(day)
        day = next_market(rule, day + timedelta(days=1))
    return found
