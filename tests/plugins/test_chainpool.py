"""A budget of chains shared as solves run: what the pool promises, and what it gains."""

import asyncio
import doctest
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from contract import registry, toml
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins import (
    Problem,
    ProblemError,
    Prompt,
    Recorded,
    ReplayEngine,
    SolveOptions,
    Solver,
    Verdict,
    chainpool,
    load_recipe,
    run_virtual,
)
from votebox.plugins.builtin.dispatch import BatchGreedyOptions
from votebox.plugins.chainpool import ChainPool, ChainPools
from votebox.plugins.uses import use_of
from votebox.plugins.whatif import Experiment, Ints, Trials, draw, is_right, winners
from votebox.plugins.whatif_batch import share_budget
from votebox.plugins.whatif_rules import Book

REGISTRY = registry()
FORTY = toml(head='name = "small"\nchains = 40\npolicy = "any-int"')


def test_the_examples_of_its_documentation_run() -> None:
    assert doctest.testmod(chainpool).failed == 0


async def shared(trials: Trials, rows: Sequence[int], pool: ChainPool, at_once: int) -> Ints:
    """Return how many chains each of the rows is given; a chain takes its tokens as seconds."""
    lanes, given_ = asyncio.Semaphore(at_once), np.zeros(len(trials), dtype=np.int64)

    async def one(row: int) -> None:
        share, n, most = pool.join(), pool.first, int(trials.planned[row])
        await asyncio.sleep(int(trials.tokens[row, :n].max()))
        while n < most:
            cast = trials.votes[row, :n]
            counts = sorted(np.bincount(cast[cast >= 0], minlength=2).tolist(), reverse=True)
            if not await share.more(counts[0], counts[1], n):
                break
            await asyncio.sleep(int(trials.tokens[row, n]))
            n += 1
        given_[row] = n
        share.leave()
        lanes.release()

    async with asyncio.TaskGroup() as group:
        for row in rows:
            await lanes.acquire()
            group.create_task(one(row))
    return given_


def recorded(questions: int, chains: int = 40) -> list[Experiment]:
    """Return votes on questions of all difficulties; class 0 is right."""
    random = np.random.default_rng(7)
    made = []
    for number in range(questions):
        right = random.beta(1.2, 0.8)
        wrong = random.dirichlet(np.full(6, 0.5)) * (1 - right)
        votes = random.choice(7, chains, p=[right, *wrong])
        tokens = random.integers(100, 2000, chains)
        made.append(Experiment("", f"q{number}", votes, tokens, np.zeros(7, np.int64), 0))
    return made


def accuracy(trials: Trials, chains: Ints) -> float:
    heard = np.arange(trials.chains) < chains[:, None]
    won = winners(trials, np.arange(len(trials)), heard)
    return float(is_right(trials.experiments, trials.experiment, won).mean())


@pytest.mark.parametrize("at_once", [4, 32])
def test_sharing_beats_the_same_number_for_each_and_comes_near_to_knowing_all(at_once: int) -> None:
    trials = draw(recorded(600), 40, 1, 0)
    pool = ChainPool(8, 3)
    given_ = run_virtual(shared(trials, range(600), pool, at_once))
    fixed = accuracy(trials, np.full(600, 8))
    book = Book(use_of("stop", "never", REGISTRY))
    best = accuracy(trials, share_budget(trials, BatchGreedyOptions(8, 3), book).samples)
    assert given_.mean() <= 8
    assert given_.mean() > 7.9
    assert accuracy(trials, given_) >= fixed + 0.7 * (best - fixed)
    assert best > fixed + 0.02


@settings(deadline=None, max_examples=50)  # many solves each, on a busy machine
@given(
    st.integers(1, 4),
    st.floats(0, 6),
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(1, 12), st.integers(0, 5)), min_size=1, max_size=25),
)
def test_every_question_ends_and_no_more_is_given_than_they_bring(
    first: int, more: float, at_once: int, questions: list[tuple[int, int]]
) -> None:
    pool = ChainPool(first + more, first)
    made = [
        Experiment("", f"q{n}", np.arange(most) % 3, np.full(most, pause), np.zeros(3, np.int64))
        for n, (most, pause) in enumerate(questions)
    ]
    trials = draw(made, 12, 1, 0)
    given_ = run_virtual(shared(trials, range(len(made)), pool, at_once))
    assert np.maximum(given_ - first, 0).sum() <= more * len(made) + 1e-6
    assert pool.bank >= 0


async def answered(pool: ChainPool, *votes: tuple[int, int]) -> list[bool]:
    """Let questions with these two counts ask for one more chain each, all at once."""
    shares = [pool.join() for _ in votes]

    async def ask(number: int) -> bool:
        v1, v2 = votes[number]
        more = await shares[number].more(v1, v2, v1 + v2)
        shares[number].leave()
        return more

    return await asyncio.gather(*map(ask, range(len(votes))))


def test_the_close_question_gets_the_chain_and_the_clear_one_ends() -> None:
    assert run_virtual(answered(ChainPool(3.5, 3), (3, 0), (2, 1))) == [False, True]
    assert run_virtual(answered(ChainPool(3.5, 3), (1, 1), (3, 0))) == [True, False]


def test_ties_go_to_the_question_that_joined_first() -> None:
    assert run_virtual(answered(ChainPool(3.5, 3), (2, 1), (2, 1))) == [True, False]


def test_while_most_questions_work_nobody_is_chosen() -> None:
    async def waits() -> bool:
        pool = ChainPool(8, 3)
        shares = [pool.join() for _ in range(3)]
        asking = asyncio.create_task(shares[0].more(2, 1, 3))
        await asyncio.sleep(1)
        assert not asking.done()
        shares[1].leave()
        await asyncio.sleep(1)
        assert not asking.done()  # one works, one waits
        shares[2].leave()
        return await asking

    assert run_virtual(waits())


def test_a_question_that_gives_up_waiting_takes_nothing() -> None:
    async def gives_up() -> float:
        pool = ChainPool(4, 3)
        impatient, other = pool.join(), pool.join()
        asking = asyncio.create_task(impatient.more(1, 1, 3))
        await asyncio.sleep(1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        impatient.leave()
        assert await other.more(2, 1, 3)
        return pool.bank

    assert run_virtual(gives_up()) == 1


@pytest.mark.parametrize(("average", "first"), [(2.5, 3), (0.5, 1), (float("nan"), 1)])
def test_an_average_without_the_first_chains_is_refused(average: float, first: int) -> None:
    with pytest.raises(ProblemError, match=f"start with {first} chains cannot average"):
        ChainPool(average, first)


def test_the_same_name_and_terms_are_one_pool_and_the_oldest_are_forgotten() -> None:
    pools, terms = ChainPools(), BatchGreedyOptions(8, 3)
    pool = pools.join("a", terms).pool
    assert pools.join("a", terms).pool is pool
    assert pools.join("b", terms).pool is not pool
    assert pools.join("a", BatchGreedyOptions(9, 3)).pool is not pool
    assert pools.join("a", terms).pool is pool
    for number in range(64):
        pools.join(f"other-{number}", terms)
    assert pools.join("a", terms).pool is not pool


def answers(prompt: Prompt) -> Recorded:
    """Agree on easy questions; say something else each time on the others."""
    question = prompt.messages[-1].content
    number = 42 if "easy" in question else (prompt.seed or 0) % 9973
    return Recorded(f"it is {number}", pause_s=50.0 if "slow" in question else 1.0)


async def solved(questions: Sequence[str], at_once: int = 8, **options: object) -> list[Verdict]:
    solver = Solver(ReplayEngine(answers), None, REGISTRY)
    recipe = load_recipe(FORTY, REGISTRY)
    lanes = asyncio.Semaphore(at_once)

    async def one(number: int) -> Verdict:
        async with lanes:
            named = SolveOptions(seed=number, **options)  # type: ignore[arg-type]
            return await solver.solve(Problem(questions[number]), recipe, named)

    return await asyncio.gather(*map(one, range(len(questions))))


def test_solves_of_one_pool_spend_their_chains_on_the_hard_questions() -> None:
    questions = ["easy"] * 12 + ["hard"] * 4
    verdicts = run_virtual(solved(questions, 16, dispatch="batch-greedy:6", pool="p"))
    chains = [len(verdict.chains) for verdict in verdicts]
    assert sum(chains) == 6 * 16
    assert max(chains[:12]) <= 5
    assert min(chains[12:]) >= 8
    assert {verdict.stop_reason for verdict in verdicts} == {"budget"}
    assert {verdict.answer for verdict in verdicts[:12]} == {"42"}
    assert all(chain.ended == "answered" for v in verdicts for chain in v.chains)


def test_without_a_pool_a_solve_goes_on_alone() -> None:
    (verdict,) = run_virtual(solved(["hard"], dispatch="batch-greedy:6"))
    assert (len(verdict.chains), verdict.stop_reason) == (40, "exhausted")


def test_a_pool_means_nothing_to_a_dispatcher_that_shares_nothing() -> None:
    verdicts = run_virtual(solved(["hard"] * 2, dispatch="all", pool="p"))
    assert [len(verdict.chains) for verdict in verdicts] == [40, 40]


def test_a_solve_that_waits_for_a_chain_still_ends_at_its_deadline() -> None:
    async def beside_slow_ones() -> Verdict:
        solver = Solver(ReplayEngine(answers), None, REGISTRY)
        recipe = load_recipe(FORTY, REGISTRY)
        named = SolveOptions(dispatch="batch-greedy:3", pool="p")
        slow = [solver.solve(Problem("slow"), recipe, named) for _ in range(3)]
        limited = replace(named, deadline_s=10)
        quick = solver.solve(Problem("hard"), recipe, limited)
        return (await asyncio.gather(quick, *slow))[0]

    verdict = run_virtual(beside_slow_ones())
    assert (verdict.wall_s, verdict.stop_reason, len(verdict.chains)) == (10, "deadline", 3)


def test_a_cancelled_solve_leaves_the_pool_to_the_others() -> None:
    async def cancelled() -> Verdict:
        solver = Solver(ReplayEngine(answers), None, REGISTRY)
        recipe = load_recipe(FORTY, REGISTRY)
        named = SolveOptions(dispatch="batch-greedy:4", pool="p")
        tasks = [
            asyncio.create_task(solver.solve(Problem("hard"), recipe, named)) for _ in range(5)
        ]
        await asyncio.sleep(0.5)
        for task in tasks[1:]:
            task.cancel()
        return await tasks[0]

    verdict = run_virtual(cancelled())
    assert len(verdict.chains) == 3 + 5  # what the others had brought and not begun
