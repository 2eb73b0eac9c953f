"""Declare the ports of the solver: a model that samples, a box that runs code, a trace.

An Engine serves one model. One `sample` call carries a group of chains and gives one
stream of batches, because one stream per solve measured up to three times faster
through Ray Serve than one per chain. What an engine is made of (Ray Serve handle, vLLM
in this process, an HTTP endpoint, a recording) is not known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from votebox.plugins.errors import EngineError
from votebox.plugins.nouns import LogprobStats, Problem, Prompt
from votebox.plugins.verdicts import Verdict
from votebox.sandbox import Execution, Limits

if TYPE_CHECKING:
    from votebox.plugins.recipe import Recipe

__all__ = ["Delta", "Engine", "SampleStream", "SandboxPort", "TraceSink", "sampling_of"]


@dataclass(frozen=True, slots=True)
class Delta:
    """Carry what one chain produced since its last delta.

    `chain` is the position of its prompt in the sequence given to `sample`. `tokens`
    counts the completion tokens added, `prompt_tokens` is given once, in the chain's
    first delta. `finish_reason` (stop, length, abort) marks the last delta of a chain.
    `error` ends this chain alone, where the others of its group go on. `provider` names who
    answers behind an endpoint that tells. `setback` says what a provider's failure was that
    the engine asks again after; it is never text of the model.
    """

    chain: int
    text: str = ""
    tokens: int = 0
    prompt_tokens: int = 0
    reasoning: str = ""
    logprobs: LogprobStats | None = None
    finish_reason: str | None = None
    error: EngineError | None = None
    provider: str = ""
    setback: str = ""


class SampleStream(Protocol):
    """Give batches of deltas until every chain has ended, then stop.

    A chain's own deltas come in order. Errors of the engine are raised by
    `__anext__` as EngineError.
    """

    def __aiter__(self) -> Self:
        """Return the stream itself."""
        ...

    async def __anext__(self) -> Sequence[Delta]:
        """Return the next batch, never empty; raise StopAsyncIteration at the end."""
        ...

    async def abort(self, chain: int) -> None:
        """End one chain in the engine; its last delta has finish_reason abort.

        Unknown or ended chains are ignored.
        """
        ...

    async def aclose(self) -> None:
        """Abort every chain still running in the engine and release the stream."""
        ...


@runtime_checkable
class Engine(Protocol):
    """Sample replies from one model.

    An engine may have `sampling`, a mapping of fields of Sampling that go before the recipe's
    and after the caller's.
    """

    @property
    def model(self) -> str:
        """Return the model's name, as usage and traces show it."""
        ...

    def sample(self, prompts: Sequence[Prompt]) -> SampleStream:
        """Start one chain per prompt.

        Every prompt comes with `sampling` and `seed` set. `max_tokens` is cut to what
        the context leaves. Raises nothing itself: errors come from the stream
        (PromptTooLong, EngineUnavailable, EngineError).
        """
        ...


def sampling_of(engine: Engine) -> Mapping[str, Any]:
    """Return what an engine changes of a recipe's sampling, nothing where it does not say."""
    given: Mapping[str, Any] = getattr(engine, "sampling", {})
    return given


@runtime_checkable
class SandboxPort(Protocol):
    """Run one program of untrusted Python; `votebox.sandbox.Sandbox` is the real one."""

    async def run(
        self,
        code: str,
        limits: Limits = ...,
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str = "",
    ) -> Execution:
        """Return what the program did; raise SandboxError for what we did wrong.

        Cancelling the call kills the program.
        """
        ...


class TraceSink(Protocol):
    """Keep what a solve leaves behind; `votebox.plugins.TraceStore` is the real one."""

    def append(self, verdict: Verdict, problem: Problem, recipe: "Recipe") -> bool:
        """Return whether the trace is kept; called in a thread, and must not raise."""
        ...
