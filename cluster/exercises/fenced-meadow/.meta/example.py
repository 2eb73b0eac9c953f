from fractions import Fraction
from math import hypot


def _sides(corners):
    if len(corners) < 3:
        raise ValueError("a meadow has three corners or more")
    sides = [*zip(corners, [*corners[1:], corners[0]])]
    if not _twice(sides):
        raise ValueError("no area")
    return sides


def _twice(sides):
    return sum(a[0] * b[1] - a[1] * b[0] for a, b in sides)


def fence(corners):
    return sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in _sides(corners))


def area(corners):
    return Fraction(abs(_twice(_sides(corners))), 2)


def turn(corners):
    return "left" if _twice(_sides(corners)) > 0 else "right"


def where(corners, point):
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in _sides(corners):
        cross = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        between = min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
        if cross == 0 and between:
            return "fence"
        if (ay > y) != (by > y) and (cross > 0) == (by > ay):
            inside = not inside
    return "inside" if inside else "outside"
