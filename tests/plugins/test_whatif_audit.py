"""The audit against cases counted by hand, and intervals that know the problem is the unit."""

from typing import Any

import numpy as np
import pytest

from votebox.plugins.builtin.policies import Rational
from votebox.plugins.errors import ProblemError
from votebox.plugins.registry import Registry
from votebox.plugins.whatif import Floats, is_right
from votebox.plugins.whatif_audit import Audit, audit, effective
from votebox.plugins.whatif_groups import group
from votebox.plugins.whatif_plans import FULL, Plan, Simulator, Study
from votebox.plugins.whatif_summary import Report, compare
from votebox.plugins.whatif_tables import Row

REGISTRY = Registry.load(allowed=())


def audited(chains: int = 4, **said: list[str]) -> Audit:
    """Audit prompts; `said` has for each a text a problem, a letter a chain, r for right."""
    rows = [
        Row("m", f"p{problem}", letter, 10, "1", number, label=label)
        for label, problems in said.items()
        for problem, letters in enumerate(problems)
        for number, letter in enumerate(letters.replace("r", "1").replace("w", "2"))
    ]
    found = group(rows, Rational())
    return audit(found.experiments, found.labels, chains, 50, 0)


def rhos(found: Audit) -> tuple[list[float | None], float | None]:
    return [voice.rho for voice in found.voices], found.pairs[0].rho


def test_prompts_that_fail_on_the_same_problems_are_one_voice() -> None:
    found = audited(a=["rrrr", "wwww"], b=["rrrr", "wwww"])
    assert rhos(found) == ([1.0, 1.0], 1.0)
    assert found.effective == 1.0
    assert [voice.error for voice in found.voices] == [0.5, 0.5]


def test_prompts_that_fail_on_each_others_problems_are_opposed() -> None:
    found = audited(a=["rrrr", "wwww"], b=["wwww", "rrrr"])
    assert rhos(found) == ([1.0, 1.0], -1.0)
    # Of the 3 other chains of a vote of 4, 2 are of the other prompt: (2 * -1 + 1) / 3 = -1/3,
    # and 4 / (1 + 3 * -1/3) has no end; it is held at 4 squared.
    assert found.effective == 16.0


def test_errors_without_a_pattern_go_together_as_little_as_pairs_do() -> None:
    # Each problem has 2 errors of 4: of the 12 ordered pairs of chains 2 are both wrong. So
    # rho within is (2/12 - 1/4) / (1/4) = -1/3, and between (1/4 - 1/4) / (1/4) = 0.
    found = audited(a=["rrww", "rwrw"], b=["wwrr", "rrww"])
    within, between = rhos(found)
    assert within == pytest.approx([-1 / 3, -1 / 3])
    assert between == pytest.approx(0)
    # (2 * 0 + 1 * -1/3) / 3 = -1/9, and 4 / (1 - 3/9) = 6.
    assert found.effective == pytest.approx(6)


def test_unequal_rates_by_hand() -> None:
    # Errors a: 1/2 and 0, mean 1/4, spread 3/16; pairs both wrong: 0 of 2, 0: rho -1/3.
    # Errors b: 1 and 1/2, mean 3/4, spread 3/16; pairs: 1 and 0, mean 1/2: (1/2 - 9/16) / (3/16).
    # Between: both wrong (1/2 * 1 + 0 * 1/2) / 2 = 1/4: (1/4 - 3/16) / (3/16) = 1/3.
    found = audited(a=["rw", "rr"], b=["ww", "rw"])
    within, between = rhos(found)
    assert within == pytest.approx([-1 / 3, -1 / 3])
    assert between == pytest.approx(1 / 3)
    assert [voice.error for voice in found.voices] == [0.25, 0.75]


def test_the_gain_of_a_prompt_is_what_the_mixed_vote_loses_without_it() -> None:
    # Alone a is right on p0 and b on p1; mixed votes of 4 take 2 each and tie, and the tie
    # goes to the larger answer, 2, which is wrong; c is always right and turns all of them.
    found = audited(6, a=["rrrr", "wwww"], b=["wwww", "rrrr"], c=["rrrr", "rrrr"])
    assert found.mixed == 1.0
    assert [voice.alone for voice in found.voices] == [0.5, 0.5, 1.0]
    assert [voice.gain for voice in found.voices] == [0.5, 0.5, 1.0]


def test_what_cannot_be_told_is_none() -> None:
    found = audited(a=["r", "w"], b=["rr", "rr"])
    assert rhos(found) == ([None, None], None)  # one chain has no pair; b never errs
    assert found.effective is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"a": ["rr"]}, "needs two prompts or models"),
        ({"a": ["rr", ""], "b": ["", "rr"]}, "no problem was asked of all of a, b"),
    ],
)
def test_an_audit_of_nothing_is_refused(said: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        audited(**said)


def test_effective_numbers() -> None:
    assert [effective(n, rho) for n, rho in ((1, 0.3), (4, 0.0), (4, 1.0))] == [1.0, 4.0, 1.0]


TWO = Plan("never", "all", 2)


def compared(problems: list[str], copies: int = 1) -> tuple[Report, Floats]:
    """Compare two chains with the vote of three, in the report and chain by chain.

    `copies` models say the same. The array is the change in accuracy by problem and order.
    """
    rows = [
        Row(f"m{copy}", f"p{problem}", letter, 10, "1", number)
        for copy in range(copies)
        for problem, letters in enumerate(problems)
        for number, letter in enumerate(letters.replace("r", "1").replace("w", "2"))
    ]
    simulator = Simulator(Study(3, 4), REGISTRY)
    found = group(rows, Rational()).experiments
    full, two = simulator.run([FULL, TWO], found[: len(problems)])
    which = np.repeat(np.arange(len(problems)), 4)
    change = is_right(found, which, two.winner) - is_right(found, which, full.winner)
    return compare(found, [TWO], simulator), change.reshape(-1, 4)


def test_the_standard_error_is_that_of_the_means_of_problems() -> None:
    report, change = compared(["rrr", "www", "rrw", "rrw", "rrw", "rww"])
    (line,) = (line for line in report.lines if line.stop == "fixed 2")
    means = change.mean(axis=1)
    assert means.min() < 0  # two of "rrw" may differ, and then 2, the larger, wins
    assert line.accuracy_delta is not None
    assert line.accuracy_delta.value == pytest.approx(means.mean())
    assert line.delta_se == pytest.approx(means.std(ddof=1) / np.sqrt(len(means)))


def estimate(report: Report) -> Any:
    assert report.accuracy is not None
    return report.accuracy


def test_models_that_say_the_same_narrow_no_interval() -> None:
    problems = ["rrr", "www", "rrr", "rrr", "www", "rrr", "rrr", "rrr"]
    one, many = (estimate(compared(problems, n)[0]) for n in (1, 50))
    assert (one.low, one.high) == (many.low, many.high)
    assert one.value == 0.75
    # 2.5 % and 97.5 % of Binomial(8, 3/4) / 8 are 3/8 (or 4/8) and 1.
    assert 3 / 8 <= one.low <= 4 / 8
    assert one.high == 1.0


def test_one_problem_has_no_standard_error() -> None:
    for line in compared(["rrw"])[0].lines:
        assert line.delta_se is None
