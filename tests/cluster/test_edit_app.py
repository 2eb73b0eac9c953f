"""The editing benchmark over an app: what is sent, what is read, and that the numbers are the same.

The app is the real front door over real HTTP, with replies of our own and a real jail.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benched import BAD, MEND, REGISTRY, TINY, WRONG, exercise, recipe, reference, saying, solved
from front import front_door

from votebox.cluster.cli import run
from votebox.cluster.edit_app import AppSolver, read_verdict, request_of
from votebox.cluster.edit_run import jail, load_cases
from votebox.cluster.edit_solve import (
    SHARE,
    Rules,
    check_sent,
    problem_of,
    sides,
    solve_case,
)
from votebox.cluster.errors import BadUsage, Failed
from votebox.deployments.backend import LocalBackend
from votebox.plugins import Execution, ReplayEngine, SolveOptions, Solver, TestLimits
from votebox.plugins.testsplit import split_tests
from votebox.plugins.wire import verdict_to_wire
from votebox.sandbox import Sandbox

SPLIT = Rules(recipe("solo"), procedure="split", limits=TestLimits(60.0))
VOTE = replace(SPLIT, recipe=recipe("architect-vote"))


class App:
    """Be an app whose jail starts with its first program; remember what it was asked."""

    def __init__(self, engine: ReplayEngine) -> None:
        self.engine, self.requests = engine, list[Mapping[str, Any]]()
        self._solver = Solver(engine, self, REGISTRY)
        self._backend = LocalBackend(self._solver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    async def run(self, *given: Any, **named: Any) -> Execution:
        async with Sandbox(workers=1, preload=()) as box:
            return await box.run(*given, **named)

    async def solve_events(
        self, request: Mapping[str, Any]
    ) -> AsyncGenerator[list[dict[str, Any]], None]:
        self.requests.append(request)
        async for batch in self._backend.solve_events(request):
            yield batch


def over_app(engine: ReplayEngine, rules: Rules, **options: Any) -> tuple[Any, App]:
    """Return TINY's case as an app solves it and we grade it, and the app."""

    async def ask(url: str) -> Any:
        given = replace(rules, options=SolveOptions(seed=7, stop="never", **options))
        async with AsyncExitStack() as stack:
            box = await stack.enter_async_context(jail(rules))
            return await solve_case(TINY, 0, given, AppSolver(url, 1, trace=False), box)

    app = App(engine)
    with front_door(app) as url:
        return asyncio.run(ask(url)), app


def here(engine: ReplayEngine, rules: Rules, **options: Any) -> Any:
    """Return TINY's case as a solver of this process gives it."""

    async def ask() -> Any:
        async with jail(rules) as box:
            return await solved(box, TINY, engine, rules, **options)

    return asyncio.run(ask())


def facts(case: Any) -> Any:
    """Return what a case says, without clocks and ids."""
    replies = [(r.node, r.round, r.text, r.outcome, r.fault, r.prompt_tokens) for r in case.replies]
    changes = [[(c.round, c.files, c.outcomes) for c in chain.changes] for chain in case.chains]
    ends = [(chain.index, chain.ended) for chain in case.chains]
    return case.seed, case.visible, case.scoring, case.planned, case.voted, ends, changes, replies


def test_an_app_and_a_solver_here_give_the_same_case() -> None:
    through, app = over_app(saying(BAD, WRONG), SPLIT)
    assert facts(through) == facts(here(saying(BAD, WRONG), SPLIT))
    assert len(through.chains[0].changes) == 2
    assert "tests fail" in app.engine.sampled[1].messages[-1].content


def test_the_vote_of_an_app_is_the_one_that_counts() -> None:
    replies = (WRONG, reference(TINY), reference(TINY))
    through, _ = over_app(saying(*replies), VOTE, chains=3)
    local = here(saying(*replies), VOTE, chains=3)
    assert facts(through) == facts(local)
    assert through.voted is not None


@pytest.mark.parametrize("tries", [1, 3])
def test_an_app_is_sent_no_hidden_test(tries: int) -> None:
    _, app = over_app(saying(WRONG, MEND), replace(SPLIT, tries=tries))
    split = split_tests(TINY, SHARE)
    sent = json.dumps(app.requests)
    assert len(app.requests) == 1
    assert [name for name in split.hidden if name.rpartition(".")[2] in sent] == []
    assert all(name.rpartition(".")[2] in sent for name in split.visible)


def test_the_published_procedure_sends_no_test_at_all() -> None:
    rules = replace(SPLIT, procedure="published", tries=1)
    case, app = over_app(saying(WRONG), rules)
    (request,) = app.requests
    assert "tests" not in request
    assert "unittest" not in json.dumps(request)
    assert case.scoring == sides(TINY, "published").hidden
    assert not case.chains[0].changes[0].passes(case.scoring)


def test_a_second_try_of_the_published_procedure_is_refused() -> None:
    with pytest.raises(BadUsage, match="sent no test that scores"):
        check_sent(replace(SPLIT, procedure="published"))
    check_sent(SPLIT)


@pytest.fixture(scope="module")
def wire() -> dict[str, Any]:
    class NoBox:
        async def run(self, *given: Any, **named: Any) -> Execution:
            raise AssertionError("there are no tests to run")

    rules = replace(SPLIT, procedure="published", tries=1)
    solver = Solver(saying(reference(TINY)), NoBox(), REGISTRY)
    made = asyncio.run(solver.solve(problem_of(TINY, rules), rules.recipe, SolveOptions(seed=1)))
    return verdict_to_wire(made)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"recipe_hash": "0" * 8}, BadUsage, "another recipe solo"),
        ({"seed": "seven"}, Failed, "strange seed"),
        ({"chains": [{}]}, Failed, r"strange chains\.0"),
    ],
)
def test_a_strange_verdict_is_refused(
    wire: dict[str, Any], change: dict[str, Any], kind: type[Exception], said: str
) -> None:
    problem = problem_of(TINY, SPLIT)
    with pytest.raises(kind, match=said):
        asyncio.run(read_verdict({**wire, **change}, problem, SPLIT.recipe))


def test_changes_that_the_replies_do_not_give_are_refused(wire: dict[str, Any]) -> None:
    chain = {**wire["chains"][0], "candidates": [{"answer": "another", "round": 0}]}
    with pytest.raises(Failed, match="its replies do not give"):
        asyncio.run(
            read_verdict({**wire, "chains": [chain]}, problem_of(TINY, SPLIT), SPLIT.recipe)
        )


def test_a_request_says_what_a_problem_says() -> None:
    problem = problem_of(TINY, SPLIT)
    body = request_of(problem, SPLIT.recipe, SolveOptions(seed=3, chains=2))
    assert (body["recipe"], body["seed"], body["chains"], body["tries"]) == ("solo", 3, 2, 2)
    assert (body["files"], body["readonly"]) == (problem.files, ["notes.py"])
    assert body["tests"] == dict(sides(TINY, "split").files)


def test_the_command_runs_over_an_app_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app, out = App(saying(reference(exercise("turnstile")))), str(tmp_path / "run")
    with front_door(app) as url:
        asked = ["edit-bench", "run", "--recipe", "solo", "--only", "turnstile", "--out", out]
        asked += ["--url", url, "--quiet", "--json"]
        assert run(asked) == 2
        assert "give --procedure split, or --tries 1" in capsys.readouterr().err
        assert run([*asked, "--tries", "1"]) == 0
        numbers = json.loads(capsys.readouterr().out)
        assert run([*asked, "--tries", "1"]) == 0
    assert numbers["blind"]["value"] == 1.0
    assert len(app.requests) == 1
    (case,) = load_cases(Path(out))
    assert case.chains[0].changes[0].passes(case.scoring)
    assert json.loads((Path(out) / "run.json").read_text())["engine"] == "app"
