"""Random expressions: every decision on them is held to their values at 60 digits."""

import random
from collections import Counter

import mpmath
from expression_trees import POINTS, Tree, disturbed, latex, rewritten, tree, value

from votebox.plugins.answers import equivalent

PAIRS = 2500
SEED = 20


def pair(source: random.Random) -> tuple[Tree, Tree]:
    variables = source.random() < 0.4
    first = tree(source, source.randint(1, 3), variables=variables)
    match source.choice(["same", "same", "near", "near", "other"]):
        case "same":
            return first, rewritten(source, first)
        case "near":
            return first, disturbed(source, rewritten(source, first))
    return first, tree(source, source.randint(1, 2), variables=variables)


def same_value(a: Tree, b: Tree) -> bool | None:
    """Return whether two expressions agree at some points, None where they have no value."""
    values = [(value(a, point), value(b, point)) for point in POINTS]
    if any(x is None or y is None for x, y in values):
        return None
    return all(abs(x - y) <= mpmath.mpf(10) ** -40 * (abs(x) + abs(y)) for x, y in values)


def test_no_random_pair_is_decided_wrong() -> None:
    source = random.Random(SEED)  # noqa: S311
    found: Counter[tuple[bool, bool | None]] = Counter()
    while found.total() < PAIRS:
        first, second = pair(source)
        same = same_value(first, second)
        if same is None:
            continue
        decided = equivalent(latex(first), latex(second))
        assert decided in (same, None), (latex(first), latex(second), same)
        found[same, decided] += 1
    assert found[True, True] > 0.97 * (found[True, True] + found[True, None])
    assert found[False, False] > 0.75 * (found[False, False] + found[False, None])
