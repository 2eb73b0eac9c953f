"""Start and stop chains: a streak, waves, and an end to doubt."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Annotated

from pydantic import Field

from votebox.plugins import Advice, ChainProgress, VoteState

_TAIL = 4000


@dataclass(frozen=True, slots=True)
class StreakOptions:
    """Set how many chains in a row must give one answer."""

    length: Annotated[int, Field(ge=2, le=4096)] = 3


def streak(state: VoteState, options: StreakOptions) -> Advice:
    """Stop when the last `length` chains to end all voted for the same, or none is left."""
    ended = state.order[::-1]
    newest = ended[0] if ended else None
    run = 0 if newest is None else sum(1 for _ in takewhile(lambda c: c == newest, ended))
    if state.left == 0 or run >= options.length:
        return Advice(stop=True, need=0)
    return Advice(stop=False, need=min(options.length - run, state.left))


@dataclass(frozen=True, slots=True)
class WaveOptions:
    """Set how many chains a wave has."""

    size: Annotated[int, Field(ge=1, le=4096)] = 4


def waves(state: VoteState, advice: Advice, in_flight: int, options: WaveOptions) -> int:
    """Keep what is left of the wave in flight; the next begins when the whole wave has ended."""
    return min(options.size - state.finished % options.size, state.left)


@dataclass(frozen=True, slots=True)
class DoubtOptions:
    """Set how often a chain may say `word` within the last 4000 characters."""

    most: Annotated[int, Field(ge=1, le=1000)] = 12
    word: str = "wait"


def doubt(progress: ChainProgress, options: DoubtOptions) -> str | None:
    """End a chain that goes round in circles; what it wrote is read all the same."""
    said = progress.text[-_TAIL:].lower().count(options.word.lower()) if options.word else 0
    return "doubt" if said > options.most else None
