"""Clients that go away at any moment leave nothing behind."""

import asyncio

from disconnects import MOMENTS, leave, left_behind
from serving import open_door


def test_fifty_clients_that_go_away_leave_nothing_behind():
    with open_door(pause_s=0.5, max_running=4) as door:
        moments = asyncio.run(leave(door, 50, seed=3, at_once=20))
        left = left_behind(door)
    assert all(moments[moment] > 5 for moment in MOMENTS), moments
    assert (left.held, left.tasks, left.watched) == ("", 0, 0)
