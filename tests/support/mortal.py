"""Serve the whole application around a replayed model, so that its parts can be killed.

Ray, Serve, nsjail, HTTP are real; the model multiplies: asked "What is A * B?" it writes a
program, and boxes the product once it has seen what that printed. A module of its own, not
a conftest: benchmarks serve it, too.
"""

import asyncio
import re
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from ray import cloudpickle, serve
from ray.serve import Application

from votebox.deployments.app import assemble
from votebox.deployments.app_args import AppArgs
from votebox.deployments.callers import Callers, own_name
from votebox.deployments.payload import pack_deltas, unpack_prompts
from votebox.plugins import Prompt, Recorded, ReplayEngine
from votebox.plugins.replaystream import ReplayStream

MODEL: Final = "replayed"
SLOW_S: Final = 100.0
"""Before each piece of a reply to a question that says "slowly"."""
_ASKED: Final = re.compile(r"What is (\d{1,6}) \* (\d{1,6})\?")
_PROGRAM: Final = (
    "I let it be computed.\n```python\nimport time\ntime.sleep({s})\nprint({a} * {b})\n```"
)


class ReplayedLLM:
    """Answer what EmbeddedLLM answers, each piece of 16 characters after `pause_s`."""

    def __init__(self, pause_s: float, program_s: float, look_s: float) -> None:
        self._engine = ReplayEngine(lambda prompt: reply(prompt, pause_s, program_s), model=MODEL)
        self._streams: dict[str, ReplayStream] = {}
        self._callers = Callers(look_s=look_s)

    async def sample(self, request: Any) -> AsyncGenerator[Any, None]:
        """Yield this replica's address, then batches of packed deltas."""
        stream_id, packed, caller = request
        stream = self._streams[stream_id] = self._engine.sample(unpack_prompts(packed))
        self._engine.sampled.clear()
        try:
            with self._callers.working_for(caller):
                yield own_name()
                async for batch in stream:
                    yield pack_deltas(batch)
        finally:
            del self._streams[stream_id]
            await stream.aclose()
            self._engine.aborted.clear()

    async def abort(self, stream_id: str, chains: Sequence[int]) -> None:
        """End chains of a stream."""
        if stream_id in self._streams:
            await asyncio.gather(*(self._streams[stream_id].abort(chain) for chain in chains))

    async def unfinished(self) -> int:
        """Return how many streams are open."""
        return len(self._streams)


def reply(prompt: Prompt, pause_s: float, program_s: float) -> Recorded:
    """Return what the model writes: a program first, the product after its output."""
    asked = next(m.content for m in prompt.messages if m.role == "user")
    found = _ASKED.search(asked)
    if found is None:
        return Recorded("I can only multiply.", pause_s=pause_s)
    a, b = int(found[1]), int(found[2])
    if "slowly" in asked:
        pause_s = SLOW_S
    if any(message.role == "assistant" for message in prompt.messages):
        text = f"The program has run, and by hand I find the same: \\boxed{{{a * b}}}"
    else:
        text = _PROGRAM.format(s=program_s, a=a, b=b)
    return Recorded(text, pause_s=pause_s, prompt_tokens=32)


def mortal_app(
    args: AppArgs,
    *,
    pause_s: float = 0.1,
    program_s: float = 0.3,
    look_s: float = 1.0,
    replicas: int = 1,
) -> Application:
    """Return the application; its callers are looked for every `look_s`."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]
    deployment = serve.deployment(ReplayedLLM).options(
        name="LLM:default",
        num_replicas=replicas,
        max_ongoing_requests=256,
        ray_actor_options={"num_cpus": 0.1},
        health_check_period_s=2,
        graceful_shutdown_timeout_s=1,
    )
    model = deployment.bind(pause_s, program_s, look_s)
    return assemble(args, {"default": (model, MODEL)}, {})
