"""Define what a running solve tells the people who watch it, in order of happening.

`Solver.events` yields these; the last one is always VerdictReached. `wire.to_wire`
turns any of them into plain JSON types with a `type` field.
"""

from dataclasses import dataclass

from votebox.plugins.verdicts import Verdict
from votebox.sandbox import Execution

__all__ = [
    "CandidateRead",
    "ChainFinished",
    "ChainRestarted",
    "ChainStarted",
    "ChainText",
    "Event",
    "ProgramFinished",
    "ProgramStarted",
    "ProviderFailed",
    "SolveStarted",
    "VerdictReached",
    "VoteChanged",
]


@dataclass(frozen=True, slots=True)
class SolveStarted:
    """Announce a solve: its recipe, planned chains, seed and models by role."""

    recipe: str
    chains: int
    seed: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChainStarted:
    """Announce that chain number `chain` was sent to its model; `label` is its stance."""

    chain: int
    label: str


@dataclass(frozen=True, slots=True)
class ChainRestarted:
    """Announce that a chain begins anew, because what it ran on died; `problem` says what.

    What it wrote before counts for its tokens alone.
    """

    chain: int
    problem: str


@dataclass(frozen=True, slots=True)
class ChainText:
    """Carry new text of a chain; `node` is the model node, `tokens` how many it took."""

    chain: int
    node: str
    round: int
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ProviderFailed:
    """Announce that who serves the model of `node` failed; never part of a ChainText.

    `provider` is its name, "" where the endpoint does not tell. `again` says that it is asked
    again; else the chain ends with this.
    """

    chain: int
    node: str
    provider: str
    problem: str
    again: bool


@dataclass(frozen=True, slots=True)
class ProgramStarted:
    """Announce that a program of a chain was given to the sandbox."""

    chain: int
    code: str


@dataclass(frozen=True, slots=True)
class ProgramFinished:
    """Carry what a program of a chain did."""

    chain: int
    execution: Execution


@dataclass(frozen=True, slots=True)
class CandidateRead:
    """Announce an answer read by node `source` in a chain."""

    chain: int
    source: str
    answer: str


@dataclass(frozen=True, slots=True)
class ChainFinished:
    """Announce the end of a chain and why; see ChainRecord.ended."""

    chain: int
    ended: str
    tokens: int


@dataclass(frozen=True, slots=True)
class VoteChanged:
    """Show where the vote stands: (answer, weight) in order, and the rule's need."""

    votes: tuple[tuple[str, float], ...]
    finished: int
    planned: int
    need: int


@dataclass(frozen=True, slots=True)
class VerdictReached:
    """Carry the verdict; always the last event."""

    verdict: Verdict


Event = (
    SolveStarted
    | ChainStarted
    | ChainRestarted
    | ChainText
    | ProviderFailed
    | ProgramStarted
    | ProgramFinished
    | CandidateRead
    | ChainFinished
    | VoteChanged
    | VerdictReached
)
