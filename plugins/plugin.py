"""Hold one registered thing, and what its author declares about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

__all__ = ["Plugin", "declare"]

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Plugin:
    """Hold one registered thing: what a recipe's `use = "kind:name"` finds.

    `origin` is the plugin that registered it, `distribution` and `version` are what it was
    installed with, empty where it was not. `takes` and `gives` are the kinds of value of a step or select, `closes` the texts that can close
    what a `code` extractor reads, `most` the largest weight one chain can cast in a vote.
    `resumes` says that a prompt is asked in later rounds even where all its parents were
    skipped, `runs` that a step needs the sandbox.
    """

    kind: str
    name: str
    thing: Any
    options: type | None
    origin: str
    version: str = ""
    distribution: str = ""

    @property
    def use(self) -> str:
        """Return the name recipes use, `kind:name`."""
        return f"{self.kind}:{self.name}"

    @property
    def doc(self) -> str:
        """Return the first line of the thing's docstring."""
        doc = self.thing.__doc__
        lines = doc.strip().splitlines() if isinstance(doc, str) else []
        return next(iter(lines), "")

    def made(self, options: Any) -> Any:
        """Return the object of a `policy` or `edit`; a class is made with its options."""
        return self.thing(options) if isinstance(self.thing, type) else self.thing

    @property
    def takes(self) -> tuple[str, ...]:
        """Return the kinds of value a step takes from its parents."""
        return tuple(getattr(self.thing, "takes", ()))

    @property
    def resumes(self) -> bool:
        """Return whether a prompt is asked again though its parents were skipped."""
        return bool(getattr(self.thing, "resumes", False))

    @property
    def runs(self) -> bool:
        """Return whether a step runs programs."""
        return bool(getattr(self.thing, "runs", False))

    @property
    def gives(self) -> str:
        """Return the kind of value a step gives."""
        return str(getattr(self.thing, "gives", ""))

    @property
    def closes(self) -> tuple[str, ...]:
        """Return the texts after which a streaming chain may hold a whole program."""
        return tuple(getattr(self.thing, "closes", ()))

    @property
    def most(self) -> float:
        """Return the largest weight one chain can cast in this vote."""
        return float(getattr(self.thing, "most", 1.0))

    @property
    def looks_at(self) -> str:
        """Return "lead" for a rule that needs no more of a VoteState than its lead."""
        return str(getattr(self.thing, "looks_at", ""))

    @property
    def top_logprobs(self) -> int:
        """Return how many alternatives of each token this vote, rule or guard reads."""
        return int(getattr(self.thing, "top_logprobs", 0))


def declare(
    *,
    takes: Iterable[str] = (),
    gives: str = "",
    closes: Iterable[str] = (),
    most: float | None = None,
    looks_at: Literal["lead", ""] = "",
    top_logprobs: int = 0,
    resumes: bool = False,
    runs: bool = False,
) -> Callable[[_Thing], _Thing]:
    """Mark a step's values, what can close a program, a vote's heaviest chain, a rule's view.

    With `top_logprobs` the engine is asked for the log-probabilities of that many
    alternatives of each token (at most 20), from which Confidence is made.

    A stop rule or dispatcher that looks at the "lead" decides by `planned`, `finished`,
    the two largest of `counts` and `chain_weight` (and the Advice and the number in
    flight), never by `order` or a third class. A what-if then asks it once for each such
    state instead of once for each course of a vote.

    A prompt that `resumes` is asked in later rounds even where all its parents were skipped,
    so that a second model can mend its reply alone. A step that `runs` programs needs the
    sandbox, so that a solver without one refuses its recipe.

    >>> @declare(takes=("completion",), gives="candidates")
    ... async def step(inputs, ports, options): ...
    >>> step.gives
    'candidates'
    """

    def mark(thing: _Thing) -> _Thing:
        for name, value in (
            ("takes", tuple(takes)),
            ("gives", gives),
            ("closes", tuple(closes)),
            ("most", most),
            ("looks_at", looks_at),
            ("top_logprobs", top_logprobs),
            ("resumes", resumes),
            ("runs", runs),
        ):
            if value not in ((), "", None, 0, False):
                setattr(thing, name, value)
        return thing

    return mark
