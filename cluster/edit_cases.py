"""Hold what the editing benchmark keeps of a case: one exercise, solved once.

    Case       one exercise and repeat: its tests on both sides, its chains, the voted change
    ChainCase  one chain: its replies as they came, its changes in order
    Reply      one reply, raw, and what its edits came to
    Change     files after one try, with the outcome of every test

A case is a line of cases.jsonl. Frozen values; nothing here solves, tests or sums up.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter

from votebox.cluster.evaluate_rows import Fault, mended
from votebox.plugins import Completion, Usage

__all__ = ["Case", "ChainCase", "Change", "Reply", "ReplyOutcome", "dump_case", "read_case"]

_FORBID: Final = ConfigDict(extra="forbid")
_GOOD: Final = ("passed", "skipped")

type ReplyOutcome = Literal["exact", "tolerated", "proposal", "malformed", "cut"]
"""What a reply came to.

exact      its edits apply without tolerance, and the change was taken up
tolerated  the same, with tolerance for text or names
proposal   words for an editor, whole
malformed  its edits cannot be read or applied, or there are none; the gate refuses them
cut        it ended before its final text
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold one reply of a model.

    `text` and `reasoning` are as the engine gave them, thinking and all. `fault` is the class of
    what was wrong (no_edit, no_match, gate, ...), `raised` whether it is one that an exception
    tells in the published benchmark. `proposes` says that another model writes the edits unless
    these apply, `lazy` counts comments that stand for code left out. `thinking` is the share of characters that a stripper took
    for thinking, by which tokens are parted. `seconds` is the time of the call,
    `provider` who served the model, where that is known.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    node: str
    role: str
    round: int
    model: str
    text: str
    reasoning: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    outcome: ReplyOutcome
    fault: str = ""
    raised: bool = False
    proposes: bool = False
    lazy: int = 0
    thinking: float = 0.0
    provider: str = ""

    @property
    def completion(self) -> Completion:
        """Return the reply as the chain had it."""
        usage = Usage(self.prompt_tokens, self.completion_tokens)
        return Completion(
            self.text,
            self.reasoning,
            self.finish_reason,
            usage,
            model=self.model,
            provider=self.provider,
        )

    @property
    def well_formed(self) -> bool:
        """Return whether the reply was of use as it came."""
        return self.outcome in ("exact", "tolerated", "proposal")


@dataclass(frozen=True, slots=True)
class Change:
    """Hold the files after one try, None for a deleted one, and what the tests say of them.

    `outcomes` has every test of the original; `digest` is the SHA-256 of the test files that
    ran. `errors` are names of exceptions on which tests of it ended.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    round: int
    files: Mapping[str, str | None]
    verdict: str
    outcomes: Mapping[str, str]
    seconds: float
    digest: str
    errors: tuple[str, ...] = ()

    def passes(self, ids: Sequence[str]) -> bool:
        """Return whether all of some tests pass; nothing does where one was forged."""
        if self.verdict in ("forged", "broken"):
            return False
        found = [self.outcomes.get(name) for name in ids]
        return "passed" in found and all(outcome in _GOOD for outcome in found)


@dataclass(frozen=True, slots=True)
class ChainCase:
    """Hold one chain: replies in the order they began, and the changes that landed, by try."""

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    index: int
    ended: str
    replies: tuple[Reply, ...]
    changes: tuple[Change, ...]
    error: str | None = None

    def after(self, tries: int) -> Change | None:
        """Return the change that stood after some tries, None where nothing landed."""
        return self.changes[:tries][-1] if self.changes else None


@dataclass(frozen=True, slots=True)
class Case:
    """Hold one exercise and repeat.

    `visible` are the tests whose output models and vote may see, `scoring` those that decide.
    In the published procedure they are the same, if any is visible. `voted` is (chain, try from 1) of the elected
    change, `planned` the number of chains asked for.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _FORBID

    id: str
    repeat: int
    seed: int
    digest: str
    visible: tuple[str, ...]
    scoring: tuple[str, ...]
    planned: int = 1
    chains: tuple[ChainCase, ...] = ()
    voted: tuple[int, int] | None = None
    wall_s: float = 0.0
    solve_id: str = ""
    error: Fault | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Return what names the case in its run."""
        return self.id, self.repeat

    @property
    def elected(self) -> Change | None:
        """Return the change the vote elected."""
        if self.voted is None:
            return None
        chain = next(chain for chain in self.chains if chain.index == self.voted[0])
        return chain.changes[self.voted[1] - 1]

    @property
    def replies(self) -> tuple[Reply, ...]:
        """Return the replies of all chains."""
        return tuple(reply for chain in self.chains for reply in chain.replies)

    @property
    def won(self) -> bool:
        """Return whether the change the vote elected passes the scoring tests."""
        return self.elected is not None and self.elected.passes(self.scoring)

    def share(self, tries: int) -> float:
        """Return the share of planned chains that pass the scoring tests after some tries."""
        found = (chain.after(tries) for chain in self.chains)
        return sum(c is not None and c.passes(self.scoring) for c in found) / self.planned


_ADAPTER: Final = TypeAdapter(Case)


def dump_case(case: Case) -> bytes:
    """Return the case as one line of JSON without its end; half a character becomes U+FFFD."""
    try:
        return _ADAPTER.dump_json(case)
    except ValueError:
        return json.dumps(mended(_ADAPTER.dump_python(case))).encode()


def read_case(line: bytes | str) -> Case:
    """Return the case a line holds; raise ValueError saying what does not fit."""
    return _ADAPTER.validate_json(line, strict=True)
