"""Count what steps ask of an engine themselves, beside the chains."""

from collections.abc import Callable, Sequence
from typing import Self

from votebox.plugins.nouns import Prompt, Usage
from votebox.plugins.ports import Delta, Engine, SampleStream

__all__ = ["MeteredEngine"]


class MeteredEngine:
    """Be `engine`, telling `spend` the usage of every batch."""

    def __init__(self, engine: Engine, spend: Callable[[Usage], None]) -> None:
        self._engine, self._spend = engine, spend

    @property
    def model(self) -> str:
        """Return the model's name."""
        return self._engine.model

    def sample(self, prompts: Sequence[Prompt]) -> SampleStream:
        """Start one chain per prompt."""
        return _MeteredStream(self._engine.sample(prompts), self._spend)


class _MeteredStream:
    def __init__(self, stream: SampleStream, spend: Callable[[Usage], None]) -> None:
        self._stream, self._spend = stream, spend

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Delta]:
        batch = await self._stream.__anext__()
        prompted, completed = (sum(d.prompt_tokens for d in batch), sum(d.tokens for d in batch))
        self._spend(Usage(prompt_tokens=prompted, completion_tokens=completed))
        return batch

    async def abort(self, chain: int) -> None:
        await self._stream.abort(chain)

    async def aclose(self) -> None:
        await self._stream.aclose()
