"""Make the arguments that the conformance kit calls each kind of thing with.

The same in every process: two processes must be able to compare what they got. Options
are not among them; each thing gets its defaults, as its author declared them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from votebox.plugins.builtin.policies import AnyInt, Expr, Rational
from votebox.plugins.nouns import (
    Candidate,
    ChainView,
    Completion,
    Confidence,
    Evidence,
    Message,
    Problem,
    Turn,
)
from votebox.plugins.testing_corpus import AWKWARD_TEXTS
from votebox.plugins.voting import Advice, ChainProgress, VoteState
from votebox.sandbox import Execution

__all__ = ["Case", "cases", "ran"]

_GROWING: Final = ("box", "box-in-code", "thinking", "fence-in-fence")
_PLANNED: Final = (1, 2, 5, 16)


@dataclass(frozen=True, slots=True)
class Case:
    """Hold the arguments of one call, without the options; `method` is an object's.

    A thing `may_refuse` what lacks something it needs, with an error of votebox.
    """

    label: str
    args: tuple[Any, ...]
    method: str = ""
    may_refuse: bool = False


def cases(kind: str) -> Iterator[Case]:
    """Return the calls to make of a thing of `kind`; none of one that waits on the ports."""
    return _CASES[kind]() if kind in _CASES else iter(())


def ran(stdout: str, status: str = "ok") -> Execution:
    """Return what a program left that printed `stdout`."""
    code = 0 if status == "ok" else 1
    return Execution(status, stdout, "", code, None, 0.01, 0.01, 10.0, False, "replay")  # type: ignore[arg-type]


def _texts(method: str) -> Iterator[Case]:
    return (Case(name, (text,), method) for name, text in AWKWARD_TEXTS.items())


def _completions() -> Iterator[Case]:
    for name, text in AWKWARD_TEXTS.items():
        yield Case(name, (Completion(text, finish_reason="stop"),))
        yield Case(f"{name}, cut", (Completion(text, finish_reason="length"),))


def _readings(*, growing: bool) -> Iterator[Case]:
    for name, text in AWKWARD_TEXTS.items():
        yield Case(f"{name}, stop", (text, "stop"))
        yield Case(f"{name}, length", (text, "length"))
    if growing:
        for name in _GROWING:
            text = AWKWARD_TEXTS[name]
            for end in range(0, len(text), 3):
                yield Case(f"{name}, {end} characters so far", (text[:end], None))


def _prompts() -> Iterator[Case]:
    turn = Turn(0, {"think": Completion("```python\nprint(1)\n```"), "run": (ran("1\n"),)})
    failed = Turn(1, {"think": Completion(""), "run": (ran("", "error"),)})
    said = (Message("user", "Hello."), Message("assistant", "Yes?"))
    for name, text in AWKWARD_TEXTS.items():
        problem = Problem(text, id=name)
        yield Case(f"{name}, round 0", (problem, ChainView(0), 0))
    problem = Problem("What is 6 * 7?", files={"a.py": ""}, metadata={"k": [1]}, turns=said)
    for chain in (0, 1, 7, 4095):
        for round_, turns in enumerate(((), (turn,), (turn, failed))):
            view = ChainView(chain, 4096, seed=chain * 31, turns=turns)
            yield Case(f"chain {chain}, round {round_}", (problem, view, round_))


def _values() -> Iterator[Case]:
    numbers = [Fraction(n) for n in (0, 1, -1, 42, 999, 1000, -1000, 99_999, 10**40, -(10**40))]
    for value in (*numbers, Fraction(1, 3), Fraction(-7, 2), Fraction(1, 10**40)):
        yield Case(str(value), (value,), "admit")


def _votes() -> Iterator[Case]:
    for policy in (Rational(), AnyInt(), Expr()):
        name = type(policy).__name__
        for label, given in _elections():
            yield Case(f"{label}, {name}", (given, policy))
            unsure = [replace(c, confidence=None) for c in given]
            yield Case(f"{label}, no confidence, {name}", (unsure, policy), may_refuse=True)


def _elections() -> Iterator[tuple[str, list[Candidate]]]:
    """Yield lists of candidates in the order a vote gets them: by chain, then as read."""

    def said(*answers: str) -> list[Candidate]:
        return [_candidate(answer, n) for n, answer in enumerate(answers)]

    yield "no candidate", []
    yield "one", said("42")
    yield "a majority", said("42", "7", "42", "42", "7")
    yield "a tie", said("1", "2", "1", "2")
    yield "all different", said(*map(str, range(16)))
    yield "equal as mathematics", said("1/2", "0.5", "\\frac{2}{4}", "2")
    yield "nothing that can be read", said("", "\x00", "words", "\\boxed{", "9**9**9")
    yield "awkward texts", said(*AWKWARD_TEXTS.values())
    yield "many", said(*(str(n % 7) for n in range(500)))
    odd = (0.0, -1.0, math.nan, math.inf, 1e-300, 1e300, 2.0)
    yield "odd weights", [_candidate("42", n, weight) for n, weight in enumerate(odd)]
    yield "box and program", [c for n in range(4) for c in _box_and_program(n)]
    yield "rounds", [_candidate(str(r), n, round_=r) for n in range(3) for r in range(3)]
    yield "no chain 0", [_candidate("5", 9), _candidate("5", 40), _candidate("6", 41)]


def _candidate(
    answer: str, chain: int, weight: float = 1.0, round_: int = 0, run: Execution | None = None
) -> Candidate:
    evidence = Evidence(answer, (0, len(answer)), round=round_, execution=run)
    sure = Confidence(100, -0.1 - chain / 1000, 8 + chain / 100, 8, 7, 7.5, 0.2)
    source = "printed" if run else "boxed"
    return Candidate(answer, source, chain, weight, evidence, sure)


def _box_and_program(chain: int) -> list[Candidate]:
    boxed = _candidate(str(chain % 2), chain)
    return [boxed, _candidate("1", chain, run=ran("1\n"))]


def _states() -> Iterator[VoteState]:
    """Yield the states of votes as they go on: a clear one, a close one, one of blanks."""
    for planned in _PLANNED:
        for pattern in ((0,), (0, 1), (0, None), (None,), (0, 1, 2, 3)):
            order = tuple(pattern[n % len(pattern)] for n in range(planned))
            for finished in range(planned + 1):
                yield _state(planned, order[:finished])
    yield VoteState(16, 4, (3.5, 0.5), 1.5, (0, 0, 0, 1), 0.5)
    yield VoteState(16, 4, (1e300, 1e-300), math.inf, (0, 0, 0, 1), 0.999)
    yield VoteState(4096, 2000, (1001.0, 999.0), 1.0, (0, 1) * 999 + (0, 0))


def _state(planned: int, order: tuple[int | None, ...]) -> VoteState:
    counts = sorted((float(order.count(n)) for n in {*order} - {None}), reverse=True)
    return VoteState(planned, len(order), tuple(counts), 1.0, order)


def _dispatches() -> Iterator[Case]:
    for state in _states():
        for need in {0, min(1, state.left), state.left}:
            advice = Advice(need == 0, need, None)
            for flying in {0, state.left}:
                yield Case(f"{state}, need {need}, {flying} in flight", (state, advice, flying))


def _progresses() -> Iterator[Case]:
    for name, text in AWKWARD_TEXTS.items():
        yield Case(name, (ChainProgress(0, text, len(text) // 4, 1.0),))
    for name in _GROWING:
        text = AWKWARD_TEXTS[name]
        for end in range(0, len(text), 5):
            yield Case(f"{name}, {end} characters", (ChainProgress(3, text[:end], end, 0.1),))
    runs = (ran("42\n"), ran("", "error"))
    lows = tuple(8.0 + n / 10 for n in range(40))
    yield Case("programs", (ChainProgress(1, "text", 9, 1e6, runs, 2.0, lows),))


_CASES: Final[dict[str, Callable[[], Iterator[Case]]]] = {
    "extract": lambda: _readings(growing=False),
    "code": lambda: _readings(growing=True),
    "strip": _completions,
    "edit": lambda: _texts("parse"),
    "prompt": _prompts,
    "policy": _values,
    "vote": _votes,
    "stop": lambda: (Case(str(state), (state,)) for state in _states()),
    "dispatch": _dispatches,
    "guard": _progresses,
}
