"""Evaluate over a replay engine: kill it, fail it, share its time; nothing is lost or twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import evaluated
import pytest
from evaluated import HEAD, Undecided, asker, chance_reply, items, recipe, run_all

from votebox.cluster.datasets import Item
from votebox.cluster.errors import BadUsage, Failed
from votebox.cluster.evaluate import evaluate
from votebox.cluster.evaluate_marks import Marker
from votebox.cluster.evaluate_rows import EvalRow
from votebox.cluster.evaluate_tasks import Shard, Task, lay_out, read_shard
from votebox.cluster.grade import Grader
from votebox.cluster.runs import Run, load_run
from votebox.cluster.summary import summarize
from votebox.plugins import (
    EngineError,
    ProblemError,
    Prompt,
    Recorded,
    SolveOptions,
    TimeBank,
    VoteboxError,
)

OF_TIME = ("seconds", "sandbox_s")


def timeless(run: Run) -> dict[str, Any]:
    """Return the summary without what depends on the clock."""
    found = summarize(run).to_json()
    return {name: value for name, value in found.items() if name not in OF_TIME}


def asked_of(row: EvalRow) -> tuple[Any, ...]:
    return row.key, row.answer, row.correct, row.seed, [(c.answer, c.tokens) for c in row.chains]


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    tasks = lay_out(items(12), seed=3, repeat=2)
    whole = run_all(tmp_path / "whole", tasks, asker(), at_once=3)
    rows = tmp_path / "killed" / "rows.jsonl"
    command = [sys.executable, evaluated.__file__, str(rows.parent), "12", "0.1"]
    killed = subprocess.Popen(command)
    until = time.monotonic() + 200
    while time.monotonic() < until and (not rows.exists() or rows.read_bytes().count(b"\n") < 5):
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    there = len(load_run(rows.parent).rows)
    assert 5 <= there < 24
    with rows.open("ab") as file:
        file.write(b'{"id":"p9","repeat":1,"quest')  # as a full disk leaves it
    again = run_all(rows.parent, tasks, asker(), at_once=3)
    assert Counter(row.key for row in again.rows) == Counter(task.key for task in tasks)
    assert sorted(map(asked_of, again.rows)) == sorted(map(asked_of, whole.rows))
    assert timeless(again) == timeless(whole)
    assert 0 < summarize(whole).right < 24


def test_a_finished_run_asks_nothing_more(tmp_path: Path) -> None:
    tasks = lay_out(items(3), seed=3, repeat=2)
    first = run_all(tmp_path, tasks, asker())

    async def never(task: Task, deadline_s: float | None) -> Mapping[str, Any]:
        raise AssertionError(task)

    assert run_all(tmp_path, tasks, never).rows == first.rows


def test_one_failure_is_its_row_and_can_be_asked_again(tmp_path: Path) -> None:
    def reply(prompt: Prompt) -> Recorded:
        if "2 plus 2" in prompt.messages[-1].content:
            raise EngineError("m", "gone", "wait")
        return chance_reply(prompt)

    tasks = lay_out(items(4), seed=3)
    run = run_all(tmp_path, tasks, asker(reply))
    (failed,) = [row for row in run.rows if row.error is not None]
    assert failed.id == "p2"
    assert failed.error is not None
    assert (failed.error.type, failed.error.message) == ("EngineError", "model m: gone; wait")
    assert failed.correct is False
    assert not failed.abstained
    assert summarize(run).errors == 1
    mended = run_all(tmp_path, tasks, asker(), retry_errors=True)
    assert len(mended.rows) == 4
    assert all(row.error is None for row in mended.rows)


@pytest.mark.parametrize(
    "error",
    [
        lambda number: EngineError("m", f"gone {number}"),
        lambda number: KeyError(number),
        lambda number: BadUsage("the app has no such recipe"),
    ],
)
def test_what_fails_for_every_question_ends_the_run(error: Callable[[str], Exception]) -> None:
    added: list[EvalRow] = []
    with pytest.raises(Failed, match="10 solves in a row failed, the last: "):
        asyncio.run(failing(error, added))
    assert len(added) == 10


@pytest.mark.parametrize(
    "error",
    [
        lambda number: ProblemError(f"question {number} is too odd"),
        lambda number: BadUsage(f"question {number} is too long"),
    ],
)
def test_odd_questions_end_no_run(error: Callable[[str], Exception]) -> None:
    added: list[EvalRow] = []
    asyncio.run(failing(error, added))
    assert len(added) == 30


def failing(error: Callable[[str], Exception], added: list[EvalRow]) -> Coroutine[Any, Any, None]:
    async def ask(task: Task, deadline_s: float | None) -> Mapping[str, Any]:
        raise error(task.item.id)

    marker = Marker(recipe(), Undecided())
    return evaluate(lay_out(items(30), seed=1), ask, marker, added.append)


def test_as_many_solves_run_at_once_as_are_asked_for() -> None:
    now = most = 0
    plain = asker()

    async def ask(task: Task, deadline_s: float | None) -> Mapping[str, Any]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return await plain(task, deadline_s)

    added: list[EvalRow] = []
    marker = Marker(recipe(), Undecided())
    asyncio.run(evaluate(lay_out(items(9), seed=1), ask, marker, added.append, at_once=4))
    assert most == 4
    assert len(added) == 9


def test_a_time_bank_deals_its_seconds_to_all_questions() -> None:
    dealt: list[float] = []
    plain = asker()

    async def ask(task: Task, deadline_s: float | None) -> Mapping[str, Any]:
        assert deadline_s is not None
        dealt.append(deadline_s)
        return await plain(task, deadline_s)

    clock = iter(range(1000))
    bank = TimeBank(100, 5, reserve=0, at_once=1, clock=lambda: next(clock) * 0.0)
    marker = Marker(recipe(), Undecided())
    asyncio.run(evaluate(lay_out(items(5), seed=1), ask, marker, lambda row: None, bank=bank))
    assert dealt == pytest.approx([20, 25, 100 / 3, 50, 100])


def test_the_earlier_of_two_deadlines_holds() -> None:
    slow = asker(lambda prompt: Recorded("\\boxed{1}", pause_s=30), SolveOptions(deadline_s=60))
    (task,) = lay_out(items(1), seed=1)
    verdict = asyncio.run(slow(task, 0.05))
    assert verdict["stop_reason"] == "deadline"
    assert verdict["wall_s"] < 20


def test_seeds_depend_on_the_problem_and_the_repeat_alone() -> None:
    tasks = lay_out(items(10), seed=5, repeat=3)
    assert len({task.seed for task in tasks}) == 30
    seeds = {task.key: task.seed for task in tasks}
    backwards = lay_out(items(10)[::-1], seed=5, repeat=3, limit=4, shard=Shard(2, 2))
    assert {task.key: task.seed for task in backwards}.items() <= seeds.items()
    assert {task.seed for task in lay_out(items(10), seed=6)}.isdisjoint(seeds.values())


def test_shards_are_disjoint_and_together_the_limit() -> None:
    parts = [lay_out(items(23), seed=1, limit=17, shard=Shard(n, 5)) for n in range(1, 6)]
    assert sorted(t.item.row for part in parts for t in part) == list(range(1, 18))
    assert {len(part) for part in parts} == {3, 4}
    assert [t.repeat for t in lay_out(items(2), seed=1, repeat=2)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "1", "a/b", "-1/2", "1/0", "1/2/3", "\u0661/\u0662"]
)
def test_a_shard_that_is_none_is_named(text: str) -> None:
    with pytest.raises(BadUsage, match="--shard"):
        read_shard(text)


@pytest.mark.parametrize(
    ("policy", "answer", "reference", "same"),
    [
        ("rational", "0.5", "\\frac{1}{2}", True),
        ("rational", "7", "8", False),
        ("aimo2", "42", "1042", True),
        ("aimo2", "42", "1043", False),
        ("rational", "18", "$18", True),
        ("rational", "18", "1,8 or so", False),
        ("expr", "2x+1", "1+2x", True),
        ("expr", "x", "y", False),
        ("seed", "49", "500", False),  # a reference the policy does not admit
    ],
)
def test_answer_and_reference_are_compared_as_the_policy_has_them(
    policy: str, answer: str, reference: str, *, same: bool
) -> None:
    from votebox.plugins import Judge

    grade = Grader(recipe(policy), Judge())
    assert asyncio.run(grade(answer, reference)) is same


def test_half_a_character_of_a_model_ends_no_run(tmp_path: Path) -> None:
    tasks = lay_out(items(2), seed=1)
    run = run_all(tmp_path / "run", tasks, asker(lambda _: Recorded("\\boxed{x\ud800}")))
    read = load_run(tmp_path / "run").rows
    assert [chain.sources for row in read for chain in row.chains] == [{"boxed": "x\ufffd"}] * 6
    assert [row.key for row in read] == [row.key for row in run.rows]


def test_a_row_tells_what_each_chain_did(tmp_path: Path) -> None:
    texts = {"a": "\\boxed{4}", "b": "\\boxed{5}", "c": "I do not know"}

    def reply(prompt: Prompt) -> Recorded:
        return Recorded(next(spoken), tokens=7)

    spoken = iter(texts.values())
    item = Item("sum", "2 plus 2?", "4", 1)
    run = run_all(tmp_path, [Task(item, 0, 11)], asker(reply))
    (row,) = run.rows
    by_answer = {chain.answer: chain for chain in row.chains}
    assert by_answer["4"].correct is True
    assert by_answer["4"].right_sources == ("boxed",)
    assert by_answer["5"].correct is False
    assert by_answer[None].correct is False
    assert by_answer[None].sources == {"boxed": None}
    assert not by_answer[None].readable
    assert {vote.answer: vote.correct for vote in row.votes} == {"4": True, "5": False}
    assert (row.seed, row.completion_tokens, row.confidence) == (11, 21, 0.5)
    assert by_answer["4"].model == "replay"
    assert run.head.models == ("replay",)


def test_without_a_reference_a_row_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    task = Task(Item("x", "What is 3 plus 3?", None, 1), 0, 1)
    (row,) = run_all(tmp_path, [task], asker()).rows
    assert row.answer is not None
    assert row.correct is None
    assert {chain.correct for chain in row.chains} == {None}
    assert {vote.correct for vote in row.votes} == {None}


def test_the_errors_of_votebox_keep_their_names(tmp_path: Path) -> None:
    async def ask(task: Task, deadline_s: float | None) -> Mapping[str, Any]:
        raise {"p0": VoteboxError("a"), "p1": KeyError("b"), "p2": RecursionError()}[task.item.id]

    run = run_all(tmp_path, lay_out(items(3), seed=1), ask, replace(HEAD, repeat=1))
    assert [r.error.type for r in run.rows if r.error] == [
        "VoteboxError",
        "KeyError",
        "RecursionError",
    ]
