def lit(row):
    pass


def row_of(lamps):
    pass


def flip(row, first, last):
    pass


def longest(row):
    pass


def mirror(row, width):
    pass


def distance(one, other):
    pass


def next_same(row):
    pass
