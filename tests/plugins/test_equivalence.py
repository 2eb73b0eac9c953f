"""Equality of answers: what is proved is right, and little is left undecided."""

import pytest
from expression_pairs import DIFFERENT, EQUAL, UNDECIDED, Pairs

from votebox.plugins.answers import equivalent

UNDECIDED_AT_MOST = 0.03


def every(pairs: Pairs) -> list[tuple[str, str]]:
    return [pair for rows in pairs.values() for pair in rows]


def decided(pairs: Pairs) -> list[tuple[str, str, bool | None]]:
    return [(a, b, equivalent(a, b)) for a, b in every(pairs)]


@pytest.mark.parametrize(("pairs", "wrong"), [(EQUAL, False), (DIFFERENT, True)])
def test_no_pair_is_decided_wrong_and_few_are_left(pairs: Pairs, wrong) -> None:
    found = decided(pairs)
    assert [pair for pair in found if pair[2] is wrong] == []
    left = [pair for pair in found if pair[2] is None]
    assert len(left) <= UNDECIDED_AT_MOST * len(found), left


def test_what_the_texts_do_not_say_is_left_undecided() -> None:
    assert [pair for pair in decided(UNDECIDED) if pair[2] is not None] == []


@pytest.mark.parametrize("pairs", [EQUAL, DIFFERENT, UNDECIDED])
def test_equality_does_not_depend_on_the_order(pairs: Pairs) -> None:
    for a, b, same in decided(pairs):
        assert equivalent(b, a) is same


@pytest.mark.parametrize("pairs", [EQUAL, DIFFERENT, UNDECIDED])
def test_an_answer_is_never_different_from_itself(pairs: Pairs) -> None:
    for text in {side for pair in every(pairs) for side in pair}:
        assert equivalent(text, text) is not False
