"""Sums against real vote plugins, foreign rules and votes, and orders that decide nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contract import plugin, registry
from hypothesis import given, settings
from hypothesis import strategies as st

from votebox.plugins import Advice, Tally, VoteClass, declare
from votebox.plugins.builtin.policies import Rational
from votebox.plugins.errors import PluginError, ProblemError
from votebox.plugins.nouns import Candidate, Confidence
from votebox.plugins.uses import use_of
from votebox.plugins.whatif import Outcome, Trials, draw, full_vote
from votebox.plugins.whatif_ballots import Ballots
from votebox.plugins.whatif_groups import group
from votebox.plugins.whatif_plans import FULL, Plan, Simulator, Study
from votebox.plugins.whatif_race import simulate
from votebox.plugins.whatif_rules import Book
from votebox.plugins.whatif_summary import compare
from votebox.plugins.whatif_tables import Row

REGISTRY = registry()
STOPS = ["never", "clinch", "fhpc:0.1", "asc:0.8", "esc:2", "lead:2", "eprocess:0.3", "rules"]
DISPATCHERS = ["sequential", "all", "fixed:3", "need-driven:1.5", "need-driven:3"]
WEIGHTS = st.sampled_from([0.25, 0.5, 1.0, 2.0])  # sums of these are exact in any order
CHAINS = st.lists(
    st.tuples(st.sampled_from([None, "1", "2", "3", "x"]), st.integers(1, 60), WEIGHTS),
    min_size=1,
    max_size=14,
)


def rows(chains: list[tuple[str | None, int, float]], problem: str = "p") -> list[Row]:
    return [
        Row("m", problem, answer, tokens, "2", number, weight, ballot=ballot(answer, weight))
        for number, (answer, tokens, weight) in enumerate(chains)
    ]


def ballot(answer: str | None, weight: float) -> tuple[Candidate, ...]:
    sure = Confidence(9, -weight, weight, weight, weight, weight, weight)
    return (Candidate(answer, "read", 0, weight, confidence=sure),) if answer else ()


def trials_of(made: list[Row], orders: int, seed: int, vote: str) -> Trials:
    weighted = vote == "weighted"
    found = group(made, Rational(), weighted=weighted).experiments
    trials = draw(found, max(map(len, (e.votes for e in found))), orders, seed)
    return replace(trials, most=use_of("vote", vote, REGISTRY).plugin.most)


def polled(trials: Trials, vote: str) -> Trials:
    return replace(trials, poll=Ballots(use_of("vote", vote, REGISTRY), Rational()))


def book(stop: str, dispatch: str = "sequential") -> Book:
    return Book(
        use_of("stop", stop, REGISTRY),
        None if dispatch == "sequential" else use_of("dispatch", dispatch, REGISTRY),
    )


def columns(outcome: Outcome) -> list[list[int]]:
    named = (outcome.winner, outcome.samples, outcome.tokens, outcome.makespan)
    return [column.tolist() for column in named]


@settings(max_examples=80, deadline=None)
@given(
    CHAINS,
    CHAINS,
    st.tuples(st.sampled_from(STOPS), st.sampled_from(DISPATCHERS)),
    st.sampled_from(["majority", "weighted"]),
    st.integers(0, 9),
)
def test_sums_and_the_real_plugins_agree(one, other, rules, vote, seed) -> None:
    trials = trials_of([*rows(one), *rows(other, "q")], 3, seed, vote)
    quick, real = book(*rules), book(*rules)
    assert columns(simulate(trials, quick)) == columns(simulate(polled(trials, vote), real))
    assert columns(full_vote(trials)) == columns(full_vote(polled(trials, vote)))


@settings(max_examples=80, deadline=None)
@given(CHAINS, st.sampled_from(DISPATCHERS), st.sampled_from(["majority", "weighted"]))
def test_clinch_never_changes_the_answer(chains, dispatch, vote) -> None:
    trials = trials_of(rows(chains), 4, 1, vote)
    for most in {trials.most, 1.0 if vote == "majority" else 2.0}:  # 2 is the heaviest
        bounded = replace(trials, most=most)
        found = simulate(bounded, book("clinch", dispatch))
        assert found.winner.tolist() == full_vote(bounded).winner.tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(CHAINS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_rows_decides_nothing(problems, chance) -> None:
    made = [
        replace(row, chain=row.chain % 3)  # numbers repeat: they do not tell all chains apart
        for number, chains in enumerate(problems)
        for row in rows(chains, f"p{number}")
    ]
    mixed = list(made)
    chance.shuffle(mixed)
    simulator = Simulator(Study(8, 5), REGISTRY)
    plans = [Plan("lead:2", "need-driven:2"), Plan("never", "all", 4)]
    first, second = (
        compare(group(table, Rational()).experiments, plans, simulator) for table in (made, mixed)
    )
    assert first == second


def test_experiments_of_different_sizes_vote_with_what_they_have() -> None:
    few, many = [("1", 5, 1.0)] * 2, [("2", 5, 1.0)] * 30
    simulator = Simulator(Study(10, 6), REGISTRY)
    found = group([*rows(few), *rows(many, "q")], Rational()).experiments
    outcome = simulator.run([FULL], found)[0]
    assert outcome.samples.tolist() == [2] * 6 + [10] * 6
    report = compare(found, [Plan("never", "all", 4)], simulator)
    assert report.capped == 1
    assert {line.stop: line.samples for line in report.lines} == {"never": 6.0, "fixed 4": 3.0}


def test_without_a_reference_there_is_agreement_and_no_accuracy() -> None:
    made = [replace(row, reference=None) for row in rows([("1", 5, 1.0), ("2", 5, 1.0)] * 4)]
    report = compare(
        group(made, Rational()).experiments, [Plan("lead:1", "all")], Simulator(Study(8), REGISTRY)
    )
    assert report.accuracy is None
    for line in report.lines:
        assert (line.accuracy, line.accuracy_delta, line.delta_se) == (None, None, None)
        assert 0 < line.agreement.value <= 1


def third(said: Any, **marks: Any) -> Any:
    """Make a registry with a rule `stop:two` that stops after two chains, and two votes."""

    def two(state: Any, options: Any = None) -> Any:
        return said(state)

    def last(candidates: Any, policy: Any, options: Any = None) -> Tally:
        member = candidates[-1] if candidates else None
        return Tally((VoteClass("no one said this", 1.0, (member,)),) if member else ())

    def first(candidates: Any, policy: Any, options: Any = None) -> Tally:
        return Tally(tuple(VoteClass(c.answer, 1.0, (c,)) for c in candidates[:1]))

    def votes(register: Any) -> None:
        register("vote:last", last)
        register("vote:first", first)

    return registry(
        plugin(
            register_stops=lambda register: register("stop:two", declare(**marks)(two)),
            register_votes=votes,
        )
    )


def after_two(state: Any) -> Advice:
    return Advice(state.finished >= 2, max(0, 2 - state.finished))


@pytest.mark.parametrize("marks", [{}, {"looks_at": "lead"}])
def test_a_foreign_rule_runs_and_is_said_to_be_slow_unless_it_looks_at_the_lead(marks) -> None:
    plan = Plan("two", "sequential")
    simulator = Simulator(Study(5, 4), third(after_two, **marks))
    found = group(rows([("1", 5, 1.0), ("2", 5, 1.0)] * 4), Rational()).experiments
    assert simulator.run([plan], found)[0].samples.tolist() == [2] * 4
    told = "stop:two is asked about each course of votes, not once for each lead"
    assert simulator.slow([plan]) == (() if marks else (told,))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (lambda state: 1 / 0, "stop:two: raised ZeroDivisionError"),
        (lambda state: True, "stop:two: gave bool; return Advice"),
    ],
)
def test_a_foreign_rule_that_fails_is_named(said, words) -> None:
    found = group(rows([("1", 5, 1.0)] * 4), Rational()).experiments
    with pytest.raises(PluginError) as told:
        Simulator(Study(5), third(said)).run([Plan("two", "all")], found)
    assert words in str(told.value)


def test_a_foreign_vote_is_asked_as_a_solve_asks_it() -> None:
    chains = [("1", 5, 1.0), ("2", 6, 1.0), ("3", 7, 1.0)]
    found = group(rows(chains), Rational()).experiments
    simulator = Simulator(Study(3, 20, vote="first"), third(after_two))
    drawn = draw(found, 3, 20, 0)
    outcome = simulator.run([Plan("never", "need-driven:3")], found)[0]
    assert outcome.winner.tolist() == drawn.votes[:, 0].tolist()
    assert "lower --orders" in simulator.slow([])[0]
    odd = Simulator(Study(3, vote="last"), third(after_two)).run([FULL], found)[0]
    assert (odd.winner > 3).all()  # an answer that no chain gave is of no class and not right


@pytest.mark.parametrize(
    "vote",
    ["code-over-box", "code-box", "confident", "borda", "deepconf:bottom,keep=50", "aimo2-allvote"],
)
def test_every_built_in_vote_can_be_simulated(vote: str) -> None:
    found = group(rows([("1", 5, 1.0), ("2", 6, 2.0), (None, 7, 1.0)] * 3), Rational()).experiments
    simulator = Simulator(Study(9, 5, vote=vote), REGISTRY)
    full, clinched = simulator.run([FULL, Plan("clinch", "all")], found)
    assert set(full.winner.tolist()) <= {0, 1}
    assert clinched.samples.max() <= 9


def test_confidence_that_nobody_recorded_is_no_vote_of_nobody() -> None:
    made = [replace(row, ballot=(Candidate("1", "read", 0),)) for row in rows([("1", 5, 1.0)] * 3)]
    simulator = Simulator(Study(3, vote="confident"), REGISTRY)
    with pytest.raises(PluginError, match="vote:confident: weighs by 'logprob'"):
        simulator.run([FULL], group(made, Rational()).experiments)


@pytest.mark.parametrize(
    ("study", "words"),
    [
        (Study(vote="most"), "there is no vote 'most'; known: aimo2-allvote, borda"),
        (Study(policy="none"), "there is no policy 'none'"),
        (Study(vote="majority:prefer=7"), "vote 'majority:prefer=7'"),
    ],
)
def test_a_study_of_what_there_is_not_is_refused(study: Study, words: str) -> None:
    with pytest.raises(ProblemError) as told:
        Simulator(study, REGISTRY)
    assert words in str(told.value)


@pytest.mark.parametrize("most", [0.5, 0.0, -1.0, float("nan")])
def test_a_bound_that_a_chain_exceeds_is_refused(most: float) -> None:
    found = group(rows([("1", 5, 1.0)]), Rational(), weighted=True).experiments
    simulator = Simulator(Study(1, vote="weighted", most=most), REGISTRY)
    with pytest.raises(ProblemError, match="a chain weighs 1, more than the most"):
        simulator.run([FULL], found)[0]


def test_processes_change_no_number() -> None:
    chance = np.random.default_rng(2)
    made = [
        replace(row, group=name)
        for name in ("a", "b")
        for problem in range(3)
        for row in rows(
            [(str(chance.integers(1, 4)), int(chance.integers(9, 99)), 1.0) for _ in range(12)],
            f"p{problem}",
        )
    ]
    found = group(made, Rational()).experiments
    plans = [Plan("fhpc", "need-driven"), Plan("clinch", "batch-greedy:4")]
    simulator = Simulator(Study(10, 20), REGISTRY)
    assert compare(found, plans, simulator, 1) == compare(found, plans, simulator, 2)


def test_a_failure_in_another_process_keeps_its_words() -> None:
    found = group([*rows([("1", 5, 1.0)]), *rows([("1", 5, 1.0)], "q")], Rational()).experiments
    simulator = Simulator(Study(4), REGISTRY)
    with pytest.raises(ProblemError, match="batch-greedy cannot average 8 chains a question"):
        compare(found, [Plan("never", "batch-greedy:8")], simulator, 2)
