r"""End one chain early: `guard:first-box`, `first-program`, `repetition`, `runaway`, `low-confidence`.

A guard looks at a chain each time it has written more, and gives the reason to end it or
None. What the chain wrote is read all the same: a complete box in it votes. All look at a
bounded end of the text, so a long chain costs no more than a short one.
"""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from votebox.plugins import ChainProgress, Register, declare, hookimpl
from votebox.plugins.builtin.thinking import after_thinking

_TAIL: Final = 4000
_MARK: Final = re.compile(r"\\(?:boxed|fbox)\s{0,8}+\{|[{}]")
_PROBE: Final = 40


@dataclass(frozen=True, slots=True)
class FirstBoxOptions:
    """Choose whether a box inside the thinking counts."""

    thinking: bool = True


def first_box(progress: ChainProgress, options: FirstBoxOptions) -> str | None:
    r"""End a chain at its first complete \boxed{...} that is not empty."""
    start = max(0, len(progress.text) - _TAIL)
    if not options.thinking:
        start = max(start, after_thinking(progress.text))
    tail = progress.text[start:]
    return "boxed" if _has_closed_box(tail) else None


def _has_closed_box(text: str) -> bool:
    """Return whether a box closes behind something, in one pass over all boxes and braces."""
    opened: list[int] = []  # where each open brace's inside begins, 0 for one of no box
    for found in _MARK.finditer(text):
        if found[0] != "}":
            opened.append(found.end() if found[0] != "{" else 0)
        elif opened and (start := opened.pop()) and text[start : found.start()].strip():
            return True
    return False


def first_program(progress: ChainProgress, options: None = None) -> str | None:
    """End a chain once a program of its ended well and printed something."""
    done = any(run.ok and run.stdout.strip() for run in progress.executions)
    return "program" if done else None


@dataclass(frozen=True, slots=True)
class RepetitionOptions:
    """Say what is a loop: one piece at least `times` times in a row, of `chars` in all."""

    times: Annotated[int, Field(ge=2, le=1000)] = 8
    chars: Annotated[int, Field(ge=100, le=4000)] = 1000


def repetition(progress: ChainProgress, options: RepetitionOptions) -> str | None:
    """End a chain that says the same over and over at its end, letter by letter."""
    tail = progress.text[-_TAIL:]
    probe = tail[-_PROBE:]
    before = tail.rfind(probe, 0, len(tail) - 1)
    if len(probe) < _PROBE or before < 0:
        return None
    period = len(tail) - _PROBE - before
    span = max(options.chars, period * options.times)
    last = tail[-span:]
    return "repetition" if len(last) == span and last[period:] == last[:-period] else None


@dataclass(frozen=True, slots=True)
class RunawayOptions:
    """Bound one reply in tokens and in seconds."""

    tokens: Annotated[int, Field(ge=1)] = 16_384
    wall_s: Annotated[float, Field(gt=0)] = math.inf


def runaway(progress: ChainProgress, options: RunawayOptions) -> str | None:
    """End a chain whose reply is longer than `tokens`, or took longer than `wall_s`."""
    over = progress.tokens > options.tokens or progress.wall_s > options.wall_s
    return "runaway" if over else None


@dataclass(frozen=True, slots=True)
class LowConfidenceOptions:
    """Set the chains that warm up, and the per cent of them a chain may be less sure than."""

    warmup: Annotated[int, Field(ge=1, le=4096)] = 16
    keep: Annotated[float, Field(gt=0, le=100)] = 90.0


@declare(top_logprobs=20)
def low_confidence(progress: ChainProgress, options: LowConfidenceOptions) -> str | None:
    """End a chain whose running group falls below those of the chains that warmed up.

    DeepConf online (Fu et al. 2025): s is the (100 - keep)-th percentile of the lowest group
    confidence of the first `warmup` chains that ended; until then no chain is ended.
    """
    known, running = progress.lowest_of_ended, progress.group_confidence
    if running is None or len(known) < options.warmup:
        return None
    least = _percentile(known[: options.warmup], 100 - options.keep)
    return "low-confidence" if running < least else None


def _percentile(values: tuple[float, ...], per_cent: float) -> float:
    """Return the percentile, interpolated linearly as numpy does by default."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * per_cent / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@hookimpl
def register_stops(register: Register) -> None:
    """Register the guards."""
    register("guard:first-box", first_box, options=FirstBoxOptions)
    register("guard:first-program", first_program)
    register("guard:repetition", repetition, options=RepetitionOptions)
    register("guard:runaway", runaway, options=RunawayOptions)
    register("guard:low-confidence", low_confidence, options=LowConfidenceOptions)
