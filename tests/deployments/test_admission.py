"""Places, queues, rates and turns; the clock is ours."""

import asyncio

import pytest

from votebox.deployments.admission import Admission, Refused
from votebox.deployments.keys import LOCAL, Key

ALICE, BOB = Key(name="alice"), Key(name="bob")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_so_many_run_the_next_waits_and_gets_the_place_that_is_left():
    desk = Admission(2, 10)
    places = [desk.ask(LOCAL) for _ in range(3)]
    assert [place.running for place in places] == [True, True, False]
    assert (desk.running, desk.queued) == (2, 1)
    desk.leave(places[0])
    await places[2].turn
    assert (desk.running, desk.queued) == (2, 0)


async def test_full_queue_refuses_at_once_and_says_when_to_come_back():
    clock = Clock()
    desk = Admission(1, 1, clock)
    first = desk.ask(LOCAL)
    second = desk.ask(LOCAL)
    with pytest.raises(Refused, match="1 requests run and 1 wait") as caught:
        desk.ask(LOCAL)
    assert caught.value.reason == "queue_full"
    assert 1 <= caught.value.retry_after_s <= 120
    clock.now = 1000.0  # solves take long here
    desk.leave(first)
    desk.ask(LOCAL)
    with pytest.raises(Refused) as later:
        desk.ask(LOCAL)
    assert caught.value.retry_after_s < later.value.retry_after_s <= 120
    assert second.running


async def test_no_queue_at_all_still_runs_what_finds_a_place():
    desk = Admission(1, 0)
    place = desk.ask(LOCAL)
    with pytest.raises(Refused):
        desk.ask(LOCAL)
    desk.leave(place)
    assert desk.ask(LOCAL).running


async def test_keys_take_turns_whatever_the_length_of_their_queues():
    desk = Admission(1, 100)
    running = desk.ask(ALICE)
    waiting = [desk.ask(ALICE) for _ in range(5)]
    waiting += [desk.ask(BOB) for _ in range(2)]
    order = []
    while desk.running:
        desk.leave(running)
        started = [place for place in waiting if place.running]
        if not started:
            break
        running = started[0]
        waiting.remove(running)
        order.append(running.key.name)
    assert order == ["alice", "bob", "alice", "bob", "alice", "alice", "alice"]


async def test_a_key_at_its_limit_waits_and_others_pass_it():
    desk = Admission(10, 10)
    slow = Key(name="slow", max_running=1, max_queued=1)
    first, second, other = desk.ask(slow), desk.ask(slow), desk.ask(BOB)
    assert [first.running, second.running, other.running] == [True, False, True]
    with pytest.raises(Refused, match="key 'slow'") as caught:
        desk.ask(slow)
    assert caught.value.reason == "key_queue_full"
    desk.leave(first)
    assert second.running


async def test_requests_per_minute_refill_with_time():
    clock = Clock()
    desk = Admission(100, 100, clock)
    key = Key(name="k", requests_per_minute=2)
    desk.ask(key)
    desk.ask(key)
    with pytest.raises(Refused, match="2 times a minute") as caught:
        desk.ask(key)
    assert caught.value.reason == "rate"
    assert caught.value.retry_after_s == pytest.approx(30)
    clock.now += 30
    desk.ask(key)


async def test_a_refused_request_takes_nothing_of_the_rate():
    clock = Clock()
    desk = Admission(1, 0, clock)
    key = Key(name="k", requests_per_minute=2)
    place = desk.ask(key)
    for _ in range(5):
        with pytest.raises(Refused, match="1 requests run and 0 wait"):
            desk.ask(key)
    desk.leave(place)
    assert desk.ask(key).running


async def test_whoever_stops_waiting_leaves_no_trace():
    desk = Admission(1, 10)
    first = desk.ask(LOCAL)

    async def work() -> None:
        place = desk.ask(LOCAL)
        try:
            await place.turn
        finally:
            desk.leave(place)
        raise AssertionError("its turn never comes")

    waiting = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    desk.leave(first)  # while the cancelled ones are still in the queue
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (desk.running, desk.queued) == (0, 0)
    desk.leave(first)  # twice does nothing
    assert desk.ask(LOCAL).running


async def test_a_flood_of_one_key_does_not_shut_out_another():
    desk = Admission(1, 4)
    flood, quiet = Key(name="flood"), Key(name="quiet")
    places = [desk.ask(flood) for _ in range(5)]
    with pytest.raises(Refused):
        desk.ask(flood)
    place = desk.ask(quiet)
    with pytest.raises(Refused):
        desk.ask(quiet)  # one beyond the queue, not many
    desk.leave(places[0])
    desk.leave(places[1])
    assert place.running
