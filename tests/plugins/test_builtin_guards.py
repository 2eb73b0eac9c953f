"""Guards: what ends one chain early, and what does not."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from contract import FakeBox, registry, toml

from votebox.plugins import (
    ChainProgress,
    Delta,
    Problem,
    Prompt,
    Recorded,
    ReplayEngine,
    SolveOptions,
    Solver,
    load_recipe,
)
from votebox.plugins.builtin.guards import (
    FirstBoxOptions,
    LowConfidenceOptions,
    RepetitionOptions,
    RunawayOptions,
    first_box,
    first_program,
    low_confidence,
    repetition,
    runaway,
)
from votebox.plugins.confidence import ConfidenceMeter, token_statistics

REGISTRY = registry()


def at(text: str = "", **more: Any) -> ChainProgress:
    return replace(ChainProgress(0, text, 0, 0.0), **more)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (r"so \boxed{42}", True),
        (r"so \boxed{\frac{1}{2}} and", True),
        (r"so \boxed {7}", True),
        (r"so \\boxed{7}", True),
        (r"<think> maybe \boxed{3}", True),
        (r"so \boxed{42", False),
        (r"so \boxed{\frac{1}{2}", False),
        (r"in \boxed{} please", False),
        ("so 42", False),
        (r"\boxed{42}" + "x" * 5000, False),  # one guard call has seen it long ago
    ],
)
def test_the_first_box_ends_a_chain(text: str, *, ends: bool) -> None:
    assert (first_box(at(text), FirstBoxOptions()) == "boxed") is ends


def test_a_box_in_the_thinking_may_not_count() -> None:
    options = FirstBoxOptions(thinking=False)
    assert first_box(at(r"<think>\boxed{3}</think> hm"), options) is None
    assert first_box(at(r"<think>\boxed{3}</think> \boxed{4}"), options) == "boxed"


@pytest.mark.parametrize(
    ("piece", "times", "ends"),
    [
        ("Wait, let me check this again. ", 40, True),
        ("Wait, let me check this again. ", 20, False),
        ("0", 1000, True),
        ("0", 999, False),
        ("ab", 700, True),
        ("A long thought that takes a while to say, again and again. " * 8, 8, True),
        ("A long thought that takes a while to say, again and again. " * 8, 1, False),
    ],
)
def test_saying_the_same_over_and_over_is_a_loop(piece: str, times: int, *, ends: bool) -> None:
    text = "It began with some honest words, none of them twice.\n" + piece * times
    options = RepetitionOptions(times=8, chars=1000)
    assert (repetition(at(text), options) == "repetition") is ends


def test_honest_text_is_no_loop() -> None:
    draw = random.Random(7)  # noqa: S311 - test data
    options = RepetitionOptions()
    table = "\n".join(f"| {n} | {n * n} |" for n in range(400))
    words = " ".join(draw.choice(["so", "then", "we", "get", "a", "b", "+"]) for _ in range(900))
    for text in (table, words, "", "a", "x" * 39):
        assert repetition(at(text), options) is None


def test_a_reply_can_be_too_long_or_too_slow() -> None:
    options = RunawayOptions(tokens=100, wall_s=5.0)
    assert runaway(at(tokens=100), options) is None
    assert runaway(at(tokens=101), options) == "runaway"
    assert runaway(at(wall_s=5.1), options) == "runaway"


async def test_a_program_that_printed_ends_its_chain() -> None:
    box = FakeBox()
    good, silent = await box.run(""), await box.run("")
    good = replace(good, stdout="7\n")
    assert first_program(at(executions=(silent,))) is None
    assert first_program(at(executions=(replace(good, status="error"),))) is None
    assert first_program(at(executions=(silent, good))) == "program"


def test_a_chain_less_sure_than_those_that_warmed_up_ends() -> None:
    options = LowConfidenceOptions(warmup=4, keep=50.0)
    warm = (1.0, 2.0, 3.0, 4.0)  # the median is 2.5
    assert low_confidence(at(group_confidence=2.4, lowest_of_ended=warm), options)
    assert not low_confidence(at(group_confidence=2.6, lowest_of_ended=warm), options)
    assert not low_confidence(at(group_confidence=None, lowest_of_ended=warm), options)
    assert not low_confidence(at(group_confidence=0.0, lowest_of_ended=warm[:3]), options)
    later = (*warm, 100.0, 100.0, 100.0)  # only the first four count
    assert not low_confidence(at(group_confidence=2.6, lowest_of_ended=later), options)


def slow_statistics(values: list[float], window: int) -> tuple[float, ...]:
    """Compute mean, tail, lowest and bottom as the definitions say."""
    groups = [values[i : i + window] for i in range(len(values) - window + 1)] or [values]
    means = sorted(sum(group) / len(group) for group in groups)
    lowest = means[: max(1, -(-len(means) // 10))]
    tail = values[-window:]
    whole = sum(values) / len(values)
    return whole, sum(tail) / len(tail), means[0], sum(lowest) / len(lowest)


@pytest.mark.parametrize("count", [1, 5, 49, 50, 51, 400])
def test_the_meter_measures_what_the_definitions_say(count: int) -> None:
    draw = random.Random(count)  # noqa: S311 - test data
    rows = [[draw.uniform(-9, 0) for _ in range(4)] for _ in range(count)]
    meter = ConfidenceMeter(window=50)
    batch = None
    for number, row in enumerate(rows):
        one = token_statistics(row[0], row)
        batch = one if batch is None else batch + one
        if number % 7 == 0 or number == count - 1:
            meter.add(batch)
            batch = None
    found = meter.value
    expected = slow_statistics([-sum(row) / 4 for row in rows], 50)
    assert (found.mean, found.tail, found.lowest, found.bottom) == pytest.approx(expected)
    assert found.tokens == count
    assert found.logprob == pytest.approx(sum(row[0] for row in rows) / count)
    assert (meter.running is None) == (count < 50)


def test_the_entropy_of_two_equal_alternatives_is_that_of_a_coin() -> None:
    half = -0.6931471805599453
    assert token_statistics(half, [half, half]).entropy == pytest.approx(0.6931471805599453)
    assert token_statistics(half, []).confidences == ()


def test_only_recipes_that_read_confidence_ask_for_it() -> None:
    plain = load_recipe(toml(), REGISTRY)
    weighed = load_recipe(
        toml(elect='[nodes.elect]\nuse = "vote:deepconf"\nafter = ["read"]'), REGISTRY
    )
    guarded = load_recipe(toml(tail='[[guards]]\nuse = "guard:low-confidence"'), REGISTRY)
    asked = [r.nodes["think"].sampling.top_logprobs for r in (plain, weighed, guarded)]
    assert asked == [0, 20, 20]


class Measured:
    """Add the same token confidence to all that one stream of a replay gives."""

    def __init__(self, stream: Any, confidence: float) -> None:
        self._stream, self._confidence = stream, confidence
        self.abort, self.aclose = stream.abort, stream.aclose

    def __aiter__(self) -> "Measured":
        return self

    async def __anext__(self) -> list[Delta]:
        stats = token_statistics(-0.1, [-self._confidence] * 20)
        return [replace(delta, logprobs=stats) for delta in await anext(self._stream)]


class Unsure(ReplayEngine):
    """Write long replies one after the other, with a token confidence for each."""

    def __init__(self, *confidences: float) -> None:
        long = Recorded("word " * 3000 + "it is 7")
        super().__init__(lambda prompt: long, piece_chars=5)
        self._left = list(confidences)

    def sample(self, prompts: Sequence[Prompt]) -> Any:
        assert len(prompts) == 1
        return Measured(super().sample(prompts), self._left.pop(0))


async def test_an_unsure_chain_is_ended_in_the_engine() -> None:
    recipe = load_recipe(
        toml(
            head='name = "s"\nchains = 5\npolicy = "any-int"',
            dispatch='[dispatch]\nuse = "dispatch:fixed"\nchains = 1',
            tail='[[guards]]\nuse = "guard:low-confidence"\nwarmup = 4',
        ),
        REGISTRY,
    )
    engine = Unsure(5.0, 6.0, 7.0, 8.0, 1.0)
    verdict = await Solver(engine, None, REGISTRY).solve(Problem("?"), recipe, SolveOptions(seed=1))
    assert [c.ended for c in verdict.chains] == ["answered"] * 4 + ["low-confidence"]
    assert len(engine.aborted) == 1
    last = verdict.chains[-1].completions[0].statistics
    assert last is not None
    assert last.lowest == pytest.approx(1.0)
    assert 2048 <= last.tokens < 3000
