"""Define what a solve leaves behind: the record of each chain and the verdict.

Frozen values like the other nouns (nouns.py), at the end of the line: nothing in a
solve reads them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from votebox.plugins.nouns import Candidate, Completion, Prompt, Usage
from votebox.plugins.voting import VoteClass
from votebox.sandbox import Execution

__all__ = ["ChainRecord", "Contribution", "ModelCall", "ProgramRun", "StopReason", "Verdict"]

StopReason = Literal[
    "consensus",
    "exhausted",
    "deadline",
    "budget",
    "truncated",
    "abstained",
    "cancelled",
]
"""Why a solve ended; the first four carry an answer where one was found."""

_ABORTED: Final = frozenset({"aborted", "deadline", "budget"})


@dataclass(frozen=True, slots=True)
class ModelCall:
    """Tell how one completion of a chain came about: which node asked what, and when.

    `prompt` is what the engine got: the whole conversation, the sampling and the seed.
    Times are seconds since the solve's start; `end_s` None means the reply was cut off by
    the end of its chain.
    """

    node: str
    round: int
    prompt: Prompt
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """Tell when a program of a chain ran and for which node.

    Times are seconds since the solve's start and include waiting for a free sandbox.
    """

    node: str
    round: int
    start_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """Keep all one chain did, for the verdict and the trace.

    `ended` says why it ended: answered, finished, length, aborted, deadline, budget,
    error, or a guard's reason. `calls` tells of `completions` and `runs` of `programs` and
    `executions`, item by item. `start_s` and `end_s` are seconds since the solve's start,
    `place` counts from 0 in the order chains ended, None for one the solve ended.
    """

    index: int
    seed: int
    label: str
    ended: str
    rounds: int
    usage: Usage = Usage()
    completions: tuple[Completion, ...] = ()
    programs: tuple[str, ...] = ()
    executions: tuple[Execution, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    error: str | None = None
    calls: tuple[ModelCall, ...] = ()
    runs: tuple[ProgramRun, ...] = ()
    start_s: float = 0.0
    end_s: float | None = None
    place: int | None = None

    @property
    def aborted(self) -> bool:
        """Return whether the solve ended this chain before it was done."""
        return self.ended in _ABORTED


@dataclass(frozen=True, slots=True)
class Contribution:
    """Count who contributed to one voted answer: by prompt label and by source node."""

    answer: str
    prompts: Mapping[str, int]
    sources: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold the outcome of a solve.

    `answer` None means it abstained and `reason` says why. `confidence` is the leader's
    share of the votes cast. `stopped_by` is the stop rule and its value when it ended
    the solve, else None. Of `planned` chains `finished` ended by themselves. `flip_chance`
    is the chance that all of them would have elected another answer (chances.overtaken;
    None where nobody voted or chains weigh differently). `tokens_saved` estimates the
    completion tokens not spent: what `planned` chains as long as those that finished would
    have taken, less what was spent.
    `ladder_s` is `below_s` of the step of the recipe's ladder that was taken, None for none.
    `overrides` is what the caller changed of the recipe (SolveOptions.overrides), and
    `client_request` the caller's own name of the request, "" without one.
    `wall_s` is from the call to the verdict, `id` names the solve and
    its trace; ids sort by time. `started` is in UTC, `rounds` is the most
    rounds a chain might take, `traced` says whether a trace was kept.
    """

    answer: str | None
    reason: str
    stop_reason: StopReason
    stopped_by: str | None
    votes: tuple[VoteClass, ...]
    confidence: float
    usage: Usage
    chains: tuple[ChainRecord, ...]
    rejected: tuple[Candidate, ...] = ()
    recipe: str = ""
    recipe_hash: str = ""
    seed: int = 0
    wall_s: float = 0.0
    problem_id: str = ""
    finished: int = 0
    flip_chance: float | None = None
    tokens_saved: int = 0
    id: str = ""
    started: datetime | None = None
    planned: int = 0
    rounds: int = 0
    traced: bool = False
    ladder_s: float | None = None
    client_request: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def abstained(self) -> bool:
        """Return whether no answer is given."""
        return self.answer is None

    @property
    def files(self) -> dict[str, str | None]:
        """Return the changed files of an editing task, None for a deleted one; else nothing."""
        elected = self.votes[0].members if self.votes and self.answer is not None else ()
        patch = elected[0].evidence.patch if elected else None
        return patch.changed if patch else {}

    @property
    def contributions(self) -> tuple[Contribution, ...]:
        """Count, for each voted answer, the prompts and the sources behind it."""
        labels = {chain.index: chain.label for chain in self.chains}
        return tuple(
            Contribution(
                vote.answer,
                dict(Counter(labels.get(m.chain, "") for m in vote.members)),
                dict(Counter(m.source for m in vote.members)),
            )
            for vote in self.votes
        )
