"""Solves from acceptance to their end; the solver is a plain function."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from votebox.deployments.admission import Admission
from votebox.deployments.desk import Desk, Order
from votebox.deployments.keys import LOCAL, Key
from votebox.deployments.live_solve import LiveSolve, joined
from votebox.deployments.openai_models import ApiError
from votebox.plugins import EngineUnavailable, ProblemError

ALICE, BOB, ROOT = Key(name="alice"), Key(name="bob"), Key(name="root", admin=True)
NO_MORE = {"x-should-retry": "false"}
VERDICT = {"type": "verdict_reached", "verdict": {"answer": "42"}}


def text(chain, piece, node="think", turn=0):
    return {
        "type": "chain_text",
        "chain": chain,
        "node": node,
        "round": turn,
        "text": piece,
        "tokens": 1,
    }


class Solver:
    """Gives a text event, then waits to be let go; counts what it holds."""

    def __init__(self, *, free=False) -> None:
        self.open = 0
        self.started = 0
        self.requests = []
        self.go = asyncio.Event()
        if free:
            self.go.set()

    async def __call__(self, request):
        self.requests.append(request)
        self.started += 1
        self.open += 1
        try:
            if request.get("fail"):
                raise ProblemError("it cannot be asked", "ask another")
            yield [text(0, "thinking")]
            await self.go.wait()
            yield [VERDICT]
        finally:
            self.open -= 1


def order(key=LOCAL, question="1+1", **more):
    names = ("background", "idempotency", "stored")
    fields = {name: more.pop(name) for name in names if name in more}
    return Order({"question": question, **more}, question, "vote", key, **fields)


def desk_of(solver, running=2, queued=10, **more):
    return Desk(solver, Admission(running, queued), **more)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


async def test_a_solve_ends_with_its_verdict_and_can_be_read_afterwards():
    desk = desk_of(Solver(free=True))
    live = desk.submit(order())
    with desk.watching(live):
        assert await live.wait() == {"answer": "42"}
    assert (live.status, live.progress.tokens) == ("completed", 1)
    assert desk.find(live.id, LOCAL) is live
    shown = live.shown(whole=True)
    assert shown["verdict"] == {"answer": "42"}
    assert shown["ended"] >= shown["started"] >= shown["created"]
    assert "verdict" not in live.shown()


async def test_a_failure_is_told_to_everybody_who_waits_and_kept():
    desk = desk_of(Solver())
    live = desk.submit(order(fail=True))
    with pytest.raises(ApiError, match="cannot be asked") as caught:
        await live.wait()
    assert caught.value.status == 400
    assert live.status == "failed"
    assert live.shown()["error"]["message"].startswith("it cannot be asked")
    with pytest.raises(ApiError):
        async for _ in live.follow():
            pass


@pytest.mark.parametrize(("pieces", "headers"), [(0, {"retry-after": "30"}), (1, NO_MORE)])
async def test_an_engine_that_dies_is_asked_again_only_before_it_was_paid_for(pieces, headers):
    async def dying(request):
        yield [text(0, "thinking")] * pieces
        raise EngineUnavailable("QwQ-32B", "it died", "wait")

    live = desk_of(dying).submit(order())
    with pytest.raises(ApiError, match="it died") as caught:
        await live.wait()
    assert (caught.value.status, caught.value.headers) == (503, headers)


async def test_a_solve_nobody_waits_for_ends_with_all_it_holds():
    solver = Solver()
    desk = desk_of(solver)
    live = desk.submit(order())
    with desk.watching(live), desk.watching(live):
        await until(lambda: solver.open)
    await until(lambda: live.over)
    assert (live.status, solver.open, desk.admission.running) == ("cancelled", 0, 0)


async def test_one_of_two_who_wait_may_go():
    solver = Solver()
    desk = desk_of(solver)
    live = desk.submit(order())
    with desk.watching(live):
        with desk.watching(live):
            pass
        solver.go.set()
        assert (await live.wait())["answer"] == "42"


async def test_background_goes_on_without_anybody():
    solver = Solver()
    desk = desk_of(solver)
    live = desk.submit(order(background=True))
    with desk.watching(live):
        pass
    solver.go.set()
    await live.wait()
    assert live.status == "completed"


async def test_cancelling_ends_running_and_waiting_solves():
    solver = Solver()
    desk = desk_of(solver, running=1)
    running, waiting = (desk.submit(order(background=True)) for _ in range(2))
    await until(lambda: solver.open)
    assert desk.place(waiting) == 0
    await desk.cancel(waiting)
    await desk.cancel(running)
    assert [running.status, waiting.status] == ["cancelled", "cancelled"]
    assert (solver.open, solver.started) == (0, 1)
    assert (desk.admission.running, desk.admission.queued) == (0, 0)
    with pytest.raises(ApiError, match="cancelled while it waited") as caught:
        await waiting.wait()
    assert caught.value.status == 499
    await desk.cancel(running)  # a second time does nothing


async def test_a_full_desk_refuses_with_429_and_a_time():
    desk = desk_of(Solver(), running=1, queued=0)
    desk.submit(order(background=True))
    with pytest.raises(ApiError) as caught:
        desk.submit(order())
    assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
    assert 1 <= int(caught.value.headers["retry-after"]) <= 120
    await desk.close()


async def test_the_same_idempotency_key_is_the_same_solve_even_after_its_end():
    solver = Solver()
    desk = desk_of(solver)
    first = desk.submit(order(idempotency="k"))
    assert desk.submit(order(idempotency="k")) is first
    assert desk.submit(order(key=BOB, idempotency="k")) is not first
    with pytest.raises(ApiError, match="another request") as caught:
        desk.submit(order(idempotency="k", question="2+2"))
    assert (caught.value.status, caught.value.code) == (400, "idempotency_key_reused")
    solver.go.set()
    await first.wait()
    await until(lambda: first.over)
    assert desk.submit(order(idempotency="k")) is first
    desk.forget(first)
    assert desk.submit(order(idempotency="k")) is not first


async def test_a_client_that_comes_back_with_its_key_finds_the_solve_running():
    solver = Solver()
    desk = desk_of(solver)
    live = desk.submit(order(idempotency="k"))
    with desk.watching(live):
        pass  # the connection broke
    again = desk.submit(order(idempotency="k"))
    with desk.watching(again):
        solver.go.set()
        assert (await again.wait())["answer"] == "42"
    assert solver.started == 1


async def test_a_failed_or_cancelled_solve_is_made_anew():
    solver = Solver()
    desk = desk_of(solver)
    live = desk.submit(order(idempotency="k"))
    await until(lambda: solver.open)
    await desk.cancel(live)
    again = desk.submit(order(idempotency="k"))
    assert again is not live
    await desk.close()


async def test_an_order_repeated_for_the_background_outlives_who_waited():
    solver = Solver()
    desk = desk_of(solver)
    live = desk.submit(order(idempotency="k"))
    with desk.watching(live):
        assert desk.submit(order(idempotency="k", background=True)) is live
    assert not desk._leaving
    solver.go.set()
    assert await live.wait() == {"answer": "42"}


async def test_a_key_sees_its_own_solves_and_an_admin_all():
    desk = desk_of(Solver(free=True))
    mine, other = desk.submit(order(ALICE)), desk.submit(order(BOB))
    await mine.wait()
    await other.wait()
    assert list(desk.listed(ALICE)) == [mine]
    assert list(desk.listed(ROOT)) == [other, mine]
    for solve_id in (other.id, "nothing", "x" * 500):
        with pytest.raises(ApiError) as caught:
            desk.find(solve_id, ALICE)
        assert (caught.value.status, caught.value.code) == (404, "solve_not_found")


async def test_a_solve_that_is_not_to_be_kept_is_forgotten_however_it_ends():
    desk = desk_of(Solver())
    live = desk.submit(order(stored=False))
    with desk.watching(live):
        assert desk.find(live.id, LOCAL) is live
    await until(lambda: not list(desk.listed(LOCAL)))
    assert live.status == "cancelled"


async def test_only_so_many_ended_solves_are_kept_and_none_that_runs():
    solver = Solver()
    desk = desk_of(solver, running=10, keep=2)
    running = desk.submit(order(background=True))
    await until(lambda: solver.open)
    ended = []
    for _ in range(5):
        live = desk.submit(order(background=True))
        await desk.cancel(live)
        ended.append(live)
    assert list(desk.listed(LOCAL)) == [*reversed(ended[-2:]), running]
    await desk.close()


async def test_size_counts_too_but_the_newest_is_kept():
    desk = desk_of(Solver(free=True), keep_chars=10)
    first = desk.submit(order())
    await first.wait()
    second = desk.submit(order())
    await second.wait()
    await until(lambda: second.over)
    assert list(desk.listed(LOCAL)) == [second]


async def test_closing_ends_everything_and_takes_nothing_more():
    solver = Solver()
    desk = desk_of(solver)
    lives = [desk.submit(order(background=True)) for _ in range(4)]
    await until(lambda: solver.open == 2)
    await desk.close()
    assert {live.status for live in lives} == {"cancelled"}
    assert solver.open == 0
    with pytest.raises(ApiError) as caught:
        desk.submit(order())
    assert caught.value.status == 503


async def test_the_solver_gets_the_id_under_which_the_solve_is_found():
    solver = Solver(free=True)
    live = desk_of(solver).submit(order())
    await live.wait()
    assert solver.requests[0]["solve_id"] == live.id


async def test_work_that_is_no_solve_takes_a_place_and_gives_it_back():
    desk = desk_of(Solver(), running=1, queued=0)
    with desk.claim(LOCAL) as claim:
        await claim.turn()
        with pytest.raises(ApiError) as caught:
            desk.claim(LOCAL)
        assert caught.value.status == 429
    assert desk.admission.running == 0


def live_solve():
    return LiveSolve("id", "q", "vote", LOCAL, {})


async def read(live, after=0):
    return [entry for batch in [b async for b in live.follow(after)] for entry in batch]


def texts_of(entries):
    found = {}
    for _, event in entries:
        if event["type"] == "chain_text":
            have = found.get(event["chain"], "")
            found[event["chain"]] = have[: event["at"]] + event["text"]
    return found


async def test_followers_at_any_time_get_the_same_whole_text():
    live = live_solve()
    early = asyncio.create_task(read(live))
    late = None
    for n in range(50):
        live.add([text(n % 3, f"{n},")])
        if n == 25:
            late = asyncio.create_task(read(live))
        if n % 10 == 9:
            live._join()
            await asyncio.sleep(0)
    live.end("completed")
    whole = {c: "".join(f"{n}," for n in range(50) if n % 3 == c) for c in range(3)}
    assert texts_of(await early) == texts_of(await late) == texts_of(await read(live)) == whole
    assert len(live._log) < 50


async def test_a_reader_who_resumes_anywhere_misses_and_doubles_nothing():
    live = live_solve()
    for n in range(20):
        live.add([text(0, f"{n},"), {"type": "program_started", "chain": 1, "code": ""}])
    first = await asyncio.wait_for(anext(live.follow()), 60)
    live.end("completed")  # joins
    for cut in range(len(first)):
        before, after = first[:cut], await read(live, first[cut - 1][0] if cut else 0)
        entries = [*before, *after]
        assert texts_of(entries) == {0: "".join(f"{n}," for n in range(20))}
        assert sum(event["type"] == "program_started" for _, event in entries) == 20


async def test_a_follower_is_not_sent_twice_what_was_joined_behind_its_back():
    live = live_solve()
    live.add([text(0, "ab")])
    follower = live.follow()
    assert [e["text"] for _, e in await anext(follower)] == ["ab"]
    live.add([text(0, "cd")])
    live._join()
    assert [(e["text"], e["at"]) for _, e in await anext(follower)] == [("cd", 2)]
    await follower.aclose()


def test_texts_are_joined_within_a_reply_and_not_across_what_came_between():
    program = {"type": "program_started", "chain": 0, "code": ""}
    events = [text(0, "a"), text(1, "x"), text(0, "b"), program, text(0, "c"), text(0, "d", turn=1)]
    entries = joined(list(enumerate([{**e, "at": 0} for e in events], 1)))
    told = [(n, e.get("chain"), e.get("text")) for n, e in entries]
    assert told == [(2, 1, "x"), (3, 0, "ab"), (4, 0, None), (5, 0, "c"), (6, 0, "d")]


async def test_nobody_is_left_waiting_when_a_follower_goes():
    live = live_solve()
    task = asyncio.create_task(read(live))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    live.add([text(0, "a")])
    live.end("completed")
    assert texts_of(await read(live)) == {0: "a"}


async def test_what_was_waited_for_goes_on_alone_once_it_is_asked_for_in_the_background(
    monkeypatch,
):
    solver = Solver()
    desk = desk_of(solver, grace_s=0.01)
    live = desk.submit(order(idempotency="k"))
    with desk.watching(live):
        assert desk.submit(order(idempotency="k", background=True)) is live
    await asyncio.sleep(0.05)
    assert (solver.open, live.status, live.background) == (1, "running", True)
    await desk.close()


async def test_a_solve_that_is_being_ended_answers_nobody_who_asks_again():
    solver = Solver()
    desk = desk_of(solver)
    live = desk.submit(order(idempotency="k"))
    await until(lambda: solver.open)
    ending = asyncio.create_task(desk.cancel(live))
    await asyncio.sleep(0)
    assert live.status == "running"
    assert desk.submit(order(idempotency="k")) is not live
    await ending
    await desk.close()


async def test_two_protocols_do_not_share_an_idempotency_key():
    desk = desk_of(Solver(free=True))
    desk.submit(order(idempotency="k"))
    with pytest.raises(ApiError) as caught:
        desk.submit(replace(order(idempotency="k"), asked="of another protocol"))
    assert caught.value.code == "idempotency_key_reused"
    await desk.close()


@pytest.mark.parametrize("named", ["", "k"])
async def test_what_is_not_to_be_stored_is_forgotten_even_if_its_reader_left_before_the_end(named):
    solver = Solver()
    desk = desk_of(solver, grace_s=0.01)
    live = desk.submit(replace(order(idempotency=named), stored=False))
    await until(lambda: solver.open)
    with desk.watching(live):
        pass
    await until(lambda: live.over)
    await asyncio.sleep(0.05)
    assert list(desk.listed(LOCAL)) == []


async def test_the_size_of_a_solve_counts_its_request_and_what_its_programs_wrote():
    live = LiveSolve("i", "q", "vote", LOCAL, {"messages": [{"content": ["x" * 1000]}]})
    assert 1000 < live.size < 1100
    ran = {"status": "ok", "stdout": "o" * 5000, "stderr": "e" * 5000}
    live.add([{"type": "program_finished", "chain": 0, "execution": ran}])
    assert 11_000 < live.size < 11_500


async def test_a_follower_holds_a_bounded_part_of_a_long_log_and_gets_all_of_it():
    live = LiveSolve("i", "q", "vote", LOCAL, {})
    for number in range(200):
        live.add([text(number % 7, f"{number:04}" * 500)])  # 400,000 characters
    live.add([VERDICT])
    live.end("completed")
    batches = [[event for _, event in batch] async for batch in live.follow()]
    held = [sum(len(event.get("text", "")) for event in batch) for batch in batches]
    assert max(held) < 200_000  # joined text of one chain is one event
    told = [dict(event) for batch in batches for event in batch]
    assert sum(len(event.get("text", "")) for event in told) == 400_000
    assert told[-1] == VERDICT


async def test_pages_and_places_in_the_queue_follow_the_order_of_acceptance():
    desk = desk_of(Solver(), running=1, queued=200)
    made = [desk.submit(order(background=True)) for _ in range(100)]  # many in a millisecond
    await until(lambda: made[0].status == "running")
    assert [desk.place(live) for live in made] == [0, *range(99)]
    pages, after = [], None
    while page := list(desk.listed(LOCAL, after))[:7]:
        pages += page
        after = page[-1]
    assert pages == made[::-1]
    await desk.close()


async def test_a_cancel_that_comes_behind_the_verdict_leaves_the_verdict():
    async def solve(request):
        yield [VERDICT]
        await asyncio.Event().wait()  # as a trace that is still being written

    desk = desk_of(solve)
    live = desk.submit(order(background=True))
    await until(lambda: live.verdict is not None)
    await desk.cancel(live)
    assert (live.status, await live.wait()) == ("completed", {"answer": "42"})
