def tidy(hours):
    pass


def minutes(hours):
    pass


def both(one, other):
    pass


def without(hours, closed):
    pass


def is_open(hours, time):
    pass
