def _check(bed):
    if not bed or not bed[0] or len({len(row) for row in bed}) != 1:
        raise ValueError("not a bed")


def turned(bed, quarters):
    _check(bed)
    found = [list(row) for row in bed]
    for _ in range(quarters % 4):
        found = [list(row) for row in zip(*found[::-1])]
    return found


def snail(bed):
    _check(bed)
    rows, found = [list(row) for row in bed], []
    while rows:
        found += rows.pop(0)
        rows = [list(row) for row in zip(*rows)][::-1]
    return found


def stripes(bed):
    _check(bed)
    height, width = len(bed), len(bed[0])
    return [
        [bed[row][row + shift] for row in range(height) if 0 <= row + shift < width]
        for shift in range(1 - height, width)
    ]


def neighbours(bed, row, column):
    _check(bed)
    height, width = len(bed), len(bed[0])
    if not (0 <= row < height and 0 <= column < width):
        raise IndexError(f"no place {row}, {column}")
    places = [(row - 1, column), (row, column + 1), (row + 1, column), (row, column - 1)]
    return [bed[r][c] for r, c in places if 0 <= r < height and 0 <= c < width]
