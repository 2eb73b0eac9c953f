"""Requests that no client should send: each is refused, and none leaves anything behind."""

import pytest
from malformed import KINDS, at_rest, attack
from serving import open_door

SENT = 330


@pytest.fixture(scope="module")
def seen():
    with open_door(pause_s=0.001) as door:
        outcomes = list(attack(door, SENT, 20261123))
        return outcomes, at_rest(door)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_refused_in_words_a_client_can_read(seen, kind):
    mine = [outcome for outcome in seen[0] if outcome.kind == kind]
    assert len(mine) == SENT // len(KINDS)
    assert [(outcome.wrong, outcome.sent[:400]) for outcome in mine if outcome.wrong] == []


def test_nothing_is_left_behind(seen):
    assert not seen[1]
