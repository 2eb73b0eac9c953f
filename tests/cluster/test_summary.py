"""Sum up runs made by hand, whose numbers are known."""

import json

import pytest
from evaluated import chain, made, row

from votebox.cluster.evaluate_rows import Fault
from votebox.cluster.statistics import wilson
from votebox.cluster.summary import summarize

FOUR = (chain(0, "2"), chain(1, "2"), chain(2, "3"), chain(3, None))


def test_a_run_by_hand() -> None:
    found = summarize(
        made(
            row(
                "a",
                right=True,
                chains=FOUR,
                confidence=0.6,
                completion_tokens=40,
                prompt_tokens=5,
                wall_s=1.0,
            ),
            row("b", right=False, chains=FOUR[2:] * 2, confidence=0.9, wall_s=3.0),
            row("c", right=False, answer=None, abstained=True, stop_reason="abstained"),
            row("d", right=False, answer=None, error=Fault("EngineError", "gone")),
        )
    )
    assert (found.rows, found.asked, found.right, found.answered) == (4, 4, 1, 2)
    assert (found.abstained, found.errors) == (1, 1)
    assert found.accuracy == 0.25
    assert found.accuracy_answered == 0.5
    assert found.interval == wilson(1, 4)
    assert found.pass_1 == pytest.approx((0.5 + 0) / 2)
    assert found.tokens.total == 45
    assert found.seconds.p50 == pytest.approx(0.5)
    assert found.ece == pytest.approx((abs(1 - 0.6) + 0.9) / 2)
    assert found.stops == {"abstained": 1}
    json.dumps(found.to_json(), allow_nan=False)


def test_votes_of_k_chains_by_hand() -> None:
    at_k = {one.k: one for one in summarize(made(row("a", right=True, chains=FOUR))).at_k}
    assert list(at_k) == [1, 2, 4]
    assert at_k[1].majority == 0.5
    assert at_k[1].passed == 0.5
    # Of six pairs: 2 2 wins; 2 3 twice ties; 2 blank twice wins; 3 blank loses.
    assert at_k[2].majority == pytest.approx((1 + 2 * 0.5 + 2) / 6)
    assert at_k[2].passed == pytest.approx(5 / 6)
    assert (at_k[4].majority, at_k[4].passed) == (1, 1)


def test_k_goes_as_far_as_every_problem_has_chains_of_their_own_end() -> None:
    aborted = (chain(0, "2"), chain(1, None, ended="aborted"), chain(2, None, ended="aborted"))
    found = summarize(made(row("a", right=True, chains=FOUR), row("b", right=True, chains=aborted)))
    assert [one.k for one in found.at_k] == [1]
    assert found.pass_1 == pytest.approx((0.5 + 1) / 2)
    assert (found.chains, found.chains_aborted) == (7, 2)


def test_repeats_widen_the_interval_and_pool_the_chains_of_a_problem() -> None:
    once = [row(f"p{n}", right=n % 2 == 0) for n in range(20)]
    again = [row(f"p{n}", right=n % 2 == 0, repeat=1) for n in range(20)]
    single, double = summarize(made(*once)), summarize(made(*once, *again))
    assert double.problems == 20
    assert double.rows == 40
    assert single.interval is not None
    assert double.interval is not None
    # Forty rows that say nothing more than twenty are no surer.
    width = single.interval.high - single.interval.low
    assert double.interval.high - double.interval.low == pytest.approx(width, abs=0.06)
    pooled = summarize(made(*(row("a", right=True, repeat=n, chains=FOUR[:2]) for n in range(3))))
    assert [one.k for one in pooled.at_k] == [1, 2, 4, 6]


def test_repeats_that_all_agree_are_no_certainty() -> None:
    rows = [row(f"p{n}", right=True, repeat=k) for n in range(3) for k in range(5)]
    found = summarize(made(*rows)).interval
    assert found == wilson(3, 3)
    half = [row("a", right=k % 2 == 0, repeat=k) for k in range(4)]
    assert summarize(made(*half)).interval == wilson(0.5, 1)


def test_what_repeats_spell_differently_is_one_right_answer() -> None:
    one = [chain(n, "1/2", correct=True) for n in range(2)]
    two = [chain(n, "0.5", correct=True) for n in range(2)]
    wrong = [chain(n, "3") for n in range(3)]
    rows = (row("a", right=True, chains=(*one, *wrong)), row("a", right=True, repeat=1, chains=two))
    assert summarize(made(*rows)).at_k[-1].majority == 1.0


def test_prompts_sources_and_models_are_counted_by_chain() -> None:
    chains = (
        chain(0, "2", label="x", model="m"),
        chain(1, "3", label="x", model="m"),
        chain(2, None, label="y", model="n"),
        chain(3, "2", label="y", model="n", ended="aborted"),
    )
    found = summarize(made(row("a", right=True, chains=chains)))
    x, y = found.prompts
    assert (x.name, x.chains, x.read, x.right, x.behind) == ("x", 2, 2, 1, 1)
    assert (y.name, y.chains, y.unreadable, y.accuracy) == ("y", 1, 1.0, 0.0)
    (boxed,) = found.sources
    assert (boxed.name, boxed.chains, boxed.read, boxed.right) == ("boxed", 3, 2, 1)
    assert [(model.name, model.unreadable) for model in found.models] == [("m", 0.0), ("n", 1.0)]


def test_without_references_nothing_is_right_or_wrong() -> None:
    unknown = chain(0, "2", correct=None, right_sources=())
    found = summarize(made(row("a", right=None, chains=(unknown,))))
    assert found.asked == 0
    assert found.accuracy is None
    assert found.interval is None
    assert found.pass_1 is None
    assert found.ece is None
    assert found.prompts[0].right is None
    assert found.sources[0].right is None


def test_a_run_without_rows_is_summed_up_too() -> None:
    found = summarize(made())
    assert (found.rows, found.accuracy, found.at_k) == (0, None, ())
    json.dumps(found.to_json(), allow_nan=False)
