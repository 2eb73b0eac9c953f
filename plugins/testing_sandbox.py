"""Run the real sandbox for tests, which come with an event loop each or with none."""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future

from votebox.sandbox import Execution, Limits, Sandbox

__all__ = ["SandboxThread"]


class SandboxThread:
    """Hold a sandbox on an event loop of its own, so that any loop, or none, may use it.

    `run` is the solver's port, `run_now` the same for a test that does not wait.
    """

    def __init__(self, workers: int = 2) -> None:
        self._loop = asyncio.new_event_loop()
        self._sandbox = Sandbox(workers)
        self._thread = threading.Thread(target=self._loop.run_forever, name="votebox-sandbox")
        self._thread.start()

    async def run(
        self,
        code: str,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str = "",
    ) -> Execution:
        """Return what the program did; raises what Sandbox.run raises."""
        return await asyncio.wrap_future(self._submit(code, limits, session, files, stdin))

    def run_now(self, code: str, limits: Limits = Limits(), stdin: str = "") -> Execution:  # noqa: B008 - frozen
        """Wait for the program and return what it did."""
        return self._submit(code, limits, None, None, stdin).result()

    def _submit(
        self,
        code: str,
        limits: Limits,
        session: str | None,
        files: Mapping[str, str | bytes] | None,
        stdin: str,
    ) -> "Future[Execution]":
        work = self._sandbox.run(code, limits, session, files, stdin)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Kill what runs and end the thread."""
        asyncio.run_coroutine_threadsafe(self._sandbox.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
