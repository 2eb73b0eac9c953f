from fractions import Fraction


def _exact(rows):
    found = [[Fraction(number) for number in row] for row in rows]
    if not found or not found[0] or len({len(row) for row in found}) != 1:
        raise ValueError("sizes do not fit")
    return found


def _reduced(rows, columns):
    rows, pivots = [list(row) for row in rows], []
    for column in range(columns):
        top = len(pivots)
        chosen = next((i for i in range(top, len(rows)) if rows[i][column]), None)
        if chosen is None:
            continue
        rows[top], rows[chosen] = rows[chosen], rows[top]
        pivot = rows[top][column]
        rows[top] = [number / pivot for number in rows[top]]
        for i, row in enumerate(rows):
            if i != top and row[column]:
                rows[i] = [a - row[column] * b for a, b in zip(row, rows[top])]
        pivots.append(column)
    return rows, pivots


def solve(rows, goal):
    rows = _exact(rows)
    if len(goal) != len(rows):
        raise ValueError("sizes do not fit")
    width = len(rows[0])
    reduced, pivots = _reduced([[*row, Fraction(g)] for row, g in zip(rows, goal)], width)
    if any(row[width] for row in reduced[len(pivots) :]):
        raise ValueError("no mix")
    if len(pivots) < width:
        raise ValueError("many mixes")
    return [row[width] for row in reduced[:width]]


def rank(rows):
    rows = _exact(rows)
    return len(_reduced(rows, len(rows[0]))[1])


def inverse(rows):
    rows = _exact(rows)
    size = len(rows)
    if len(rows[0]) != size:
        raise ValueError("no inverse")
    unit = [[Fraction(i == j) for j in range(size)] for i in range(size)]
    reduced, pivots = _reduced([[*row, *one] for row, one in zip(rows, unit)], size)
    if len(pivots) < size:
        raise ValueError("no inverse")
    return [row[size:] for row in reduced]


def times(one, other):
    one, other = _exact(one), _exact(other)
    if len(one[0]) != len(other):
        raise ValueError("sizes do not fit")
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*other)] for row in one]
