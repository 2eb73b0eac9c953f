def _check(lamp):
    if not 0 <= lamp <= 63:
        raise ValueError(f"no lamp {lamp}")


def lit(row):
    return [lamp for lamp in range(row.bit_length()) if row >> lamp & 1]


def row_of(lamps):
    row = 0
    for lamp in lamps:
        _check(lamp)
        row |= 1 << lamp
    return row


def flip(row, first, last):
    _check(first)
    _check(last)
    if last < first:
        raise ValueError("empty stretch")
    return row ^ ((1 << last + 1) - (1 << first))


def longest(row):
    length = 0
    while row:
        row &= row << 1
        length += 1
    return length


def mirror(row, width):
    return sum(1 << width - 1 - lamp for lamp in lit(row) if lamp < width)


def distance(one, other):
    return (one ^ other).bit_count()


def next_same(row):
    if not row:
        return 0
    low = row & -row
    up = row + low
    return up | ((row ^ up) // low >> 2)
