"""Say what one solve does otherwise than its recipe, with every bound in one place."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from votebox.plugins.errors import ProblemError
from votebox.plugins.ids import is_id
from votebox.plugins.recipe import MAX_CHAINS
from votebox.plugins.recipetables import read_sampling

__all__ = ["EFFORTS", "MAX_STOP_STRINGS", "SolveOptions"]

EFFORTS: Final[Mapping[str, float]] = {
    "none": 0,
    "minimal": 0.25,
    "low": 0.5,
    "medium": 1,
    "high": 2,
    "xhigh": 3,
    "max": 4,
}
"""By how much a `reasoning_effort` multiplies the chains of a recipe; one is the least."""

MAX_STOP_STRINGS: Final = 4
"""The most texts a request may add to what ends a reply, as OpenAI has it."""

_SAMPLING: Final = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)
_MOST_S: Final = 1e9
"""The most seconds of a bound, thirty years: what is without bound is left out."""

_BOUNDS: Final[tuple[tuple[str, bool, float, float], ...]] = (
    ("chains", True, 1, MAX_CHAINS),
    ("rounds", True, 1, 64),
    ("seed", True, 0, 2**63 - 1),
    ("deadline_s", False, 0, _MOST_S),
    ("max_total_tokens", True, 1, 2**63 - 1),
    ("max_sandbox_s", False, 0, _MOST_S),
    ("min_confidence", False, 0, 1),
)  # name, whether it is a whole number, least, most
_CHARS: Final = 256  # of a stop string, and of the name of a rule or vote with its options
_CLIENT_CHARS: Final = 128
_ASIDE: Final = frozenset({"seed", "trace", "solve_id", "client_request", "pool", "keep_failed"})


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """Override parts of a recipe for one solve; None leaves the recipe's own value.

    How much: `chains`, or `reasoning_effort` (see EFFORTS), which multiplies those of the
    recipe; `rounds`; `deadline_s` counts seconds from the call, and with 0 the time is up
    already; `max_sandbox_s` counts wall seconds of programs, 0 lets none run.

    How models sample: `temperature` to `frequency_penalty` replace the value of every model
    node (`max_tokens` is per reply), `stop_strings` are added to what ends its replies.

    How it is decided: `stop` names a rule and its value, as "lead:2", "fhpc:0.02" or "never";
    `vote` a vote, as "majority", in place of the recipe's only one, with that vote's own
    defaults; `dispatch` a dispatcher, as "fixed:4". Below `min_confidence`, the leader's share
    of the votes, there is no answer. Solves of one solver that name the same `pool` and share
    a budget of chains, as "batch-greedy:8" has it, share it with each other (chainpool.py).

    What it is called: `solve_id` is the id of the verdict and the trace, in the form of
    ids.new_id; None makes one. `client_request` is the caller's own name of the request,
    kept with them. `seed` None draws one, which the verdict tells. `trace` False keeps no
    trace of this solve. With `keep_failed` a solve of which every chain failed still gives the
    verdict over what they had read before, if that is anything, instead of raising.

    What is given wins over the recipe's ladder.
    """

    chains: int | None = None
    seed: int | None = None
    deadline_s: float | None = None
    max_total_tokens: int | None = None
    max_sandbox_s: float | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    rounds: int | None = None
    trace: bool | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop_strings: tuple[str, ...] | None = None
    stop: str | None = None
    vote: str | None = None
    min_confidence: float | None = None
    reasoning_effort: str | None = None
    solve_id: str | None = None
    client_request: str | None = None
    dispatch: str | None = None
    pool: str | None = None
    keep_failed: bool | None = None

    def __post_init__(self) -> None:
        """Refuse values no solve can use; raise ProblemError naming value and bounds."""
        for name, whole, least, most in _BOUNDS:
            _check_number(name, getattr(self, name), least, most, whole=whole)
        read_sampling(self.sampling)
        for name in ("trace", "keep_failed"):
            if not isinstance(getattr(self, name), bool | None):
                raise ProblemError(f"{name} = {getattr(self, name)!r} is neither true nor false")
        if self.stop_strings is not None:
            object.__setattr__(self, "stop_strings", _stop_strings(self.stop_strings))
        for name in ("stop", "vote", "dispatch", "pool"):
            _check_text(name, getattr(self, name), _CHARS)
        effort = self.reasoning_effort
        if effort is not None and (not isinstance(effort, str) or effort not in EFFORTS):
            fix = f"give one of {', '.join(EFFORTS)}"
            raise ProblemError(f"reasoning_effort = {effort!r:.80}", fix)
        _check_text("client_request", self.client_request, _CLIENT_CHARS)
        _check_id(self.solve_id)

    @property
    def sampling(self) -> dict[str, Any]:
        """Return what is given of each model's sampling, by the names of Sampling."""
        return {name: v for name in _SAMPLING if (v := getattr(self, name)) is not None}

    @property
    def overrides(self) -> dict[str, Any]:
        """Return what is given that changes the recipe, as JSON types."""
        named = ((f.name, getattr(self, f.name)) for f in fields(self) if f.name not in _ASIDE)
        given = {name: value for name, value in named if value is not None}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in given.items()}

    def planned(self, chains: int) -> int:
        """Return how many chains to plan where a recipe plans `chains`.

        >>> SolveOptions(reasoning_effort="low").planned(5)
        3
        """
        if self.chains is not None:
            return self.chains
        if self.reasoning_effort is None:
            return chains
        wanted = math.ceil(chains * EFFORTS[self.reasoning_effort])
        return min(max(1, wanted), MAX_CHAINS)


def _check_number(name: str, value: Any, least: float, most: float, *, whole: bool) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ProblemError(f"{name} = {value!r:.80} is not a number it can be")
    if not least <= value <= most:
        raise ProblemError(
            f"{name} = {value!r:.80}", f"give at least {least:g} and at most {most:g}"
        )


def _check_text(name: str, value: Any, most: int) -> None:
    if value is None:
        return
    fits = isinstance(value, str) and value.isascii() and value.isprintable()
    if not fits or not 0 < len(value) <= most:
        fix = f"give 1 to {most} printable ASCII characters"
        raise ProblemError(f"{name} = {value!r:.80}", fix)


def _check_id(value: Any) -> None:
    if value is not None and not (isinstance(value, str) and is_id(value)):
        fix = "give one like 20260314-150926-535-0123456789, or none"
        raise ProblemError(f"solve_id = {value!r:.80} is no id of a solve", fix)


def _stop_strings(given: Any) -> tuple[str, ...]:
    texts = tuple(given) if isinstance(given, list | tuple) else (given,)
    if len(texts) > MAX_STOP_STRINGS:
        fix = f"give at most {MAX_STOP_STRINGS}"
        raise ProblemError(f"stop_strings holds {len(texts)} texts", fix)
    for text in texts:
        if not isinstance(text, str) or not 0 < len(text) <= _CHARS:
            fix = f"give texts of 1 to {_CHARS} characters"
            raise ProblemError(f"stop_strings holds {text!r:.80}", fix)
    return texts
