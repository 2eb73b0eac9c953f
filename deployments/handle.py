"""Reach model and sandbox replicas through Ray Serve handles, as the solver's two ports.

Two rules hold for every call made here. It starts in an empty context: a call that
inherits the request id of the solve waits for ever under routers that match by that id.
And it is cancelled by hand, always: with an empty context Serve no longer does it, and a
response that is dropped keeps its replica working.
"""

import asyncio
import contextvars
import hashlib
import pickle
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve._private.common import RequestMetadata
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle

from votebox.deployments.callers import own_name
from votebox.deployments.payload import pack_prompts, unpack_deltas
from votebox.deployments.streams import QueueStream
from votebox.plugins import (
    EngineDied,
    EngineError,
    EngineUnavailable,
    Execution,
    Limits,
    Prompt,
    SandboxError,
    VoteboxError,
)
from votebox.sandbox import SandboxBusy, SandboxDied

__all__ = ["ServeEngine", "ServeSandbox", "detached"]

_REMEMBERED: Final = 10_000  # sessions
_RETRY_AFTER_S: Final = 1.0
_STARTED_AGAIN: Final = "it is started again by Ray Serve; try again in a minute"
_SEE_STATUS: Final = "`serve status` says why"


def detached[T](call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a leaf call in an empty context; whoever calls this must end it."""
    return asyncio.get_running_loop().create_task(call, context=contextvars.Context())


class ServeEngine:
    """Sample from a deployment that has the `sample` and `abort` of EmbeddedLLM.

    `model` is the name its usage is shown under. Where replicas are chosen by session
    (app.AFFINITY) all chains of a question, and what follows in them, go to one replica,
    which holds their beginning in its prefix cache.
    """

    def __init__(self, handle: DeploymentHandle[Any], model: str) -> None:
        self._handle = handle.options(stream=True)
        self._streams: weakref.WeakSet[QueueStream] = weakref.WeakSet()
        self.model = model

    @property
    def running(self) -> int:
        """Return how many chains it samples now."""
        return sum(stream.running for stream in self._streams)

    def sample(self, prompts: Sequence[Prompt]) -> QueueStream:
        """Start one chain per prompt on one replica and return their stream."""
        handle = self._handle.options(session_id=_question(prompts)) if prompts else self._handle
        call = _Call(handle, self.model, prompts)
        self._streams.add(call.stream)
        return call.stream


def _question(prompts: Sequence[Prompt]) -> str:
    """Return an id of what the first prompt begins with, up to the user's first turn."""
    digest = hashlib.blake2b(digest_size=12)
    for message in prompts[0].messages:
        digest.update(f"{message.role}\0{message.content}\0".encode())
        if message.role == "user":
            break
    return digest.hexdigest()


class _Call:
    """Hold one `sample` call: its response, the replica it runs on, its stream."""

    def __init__(
        self, handle: DeploymentHandle[Any], model: str, prompts: Sequence[Prompt]
    ) -> None:
        self._handle, self._model = handle, model
        self._id = uuid.uuid4().hex
        self._replica = ""
        self._unwanted: list[int] = []  # chains aborted before the replica was known
        pump = detached(self._pump(pack_prompts(prompts))) if prompts else None
        self.stream = QueueStream(len(prompts), self._abort, pump.cancel if pump else None)

    async def _pump(self, packed: list[tuple[Any, ...]]) -> None:
        response: Any = None
        try:
            response = self._handle.sample.remote((self._id, packed, own_name()))
            self._replica = await anext(response)
            self._abort(self._unwanted)
            async for batch in response:
                self.stream.put(unpack_deltas(batch))
            self.stream.fail(EngineError(self._model, "its stream ended before the reply did"))
        except Exception as e:
            # Serve and Ray raise many kinds; a reader must learn of each.
            self.stream.fail(_engine_error(self._model, e))
        finally:
            if response is not None:
                response.cancel()

    def _abort(self, chains: Sequence[int]) -> None:
        if not self._replica:
            self._unwanted.extend(chains)
        elif chains:
            _tell(self._replica, "abort", self._id, list(chains))


def _tell(replica: str, method: str, *args: Any) -> None:
    """Call a method of one given replica, without waiting.

    A Serve handle chooses the replica itself, so this goes to the actor by its name, in
    the way `ray.llm` broadcasts to replicas. A replica that is gone has nothing to abort.
    """
    call_id = f"votebox-{uuid.uuid4()}"
    metadata = RequestMetadata(request_id=call_id, internal_request_id=call_id, call_method=method)
    try:
        actor = ray.get_actor(replica, namespace="serve")
    except ValueError:
        return
    actor.handle_request.remote(pickle.dumps(metadata), *args)


class ServeSandbox:
    """Run programs on the Jails deployment, as Sandbox does."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle
        self._known: OrderedDict[str, None] = OrderedDict()  # sessions that had a program

    async def run(
        self,
        code: str,
        limits: Limits | None = None,
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = "",
        *,
        collect: Collection[str] = (),
        echo: bool = False,
    ) -> Execution:
        """Return what the program did; cancelling kills it on its replica.

        A program whose replica died is run once more on another: it left nothing behind. One
        of a session is not, because what it built on is gone.

        Raises:
            SandboxBusy: no replica takes more programs for now.
            SandboxDied: the replica died, and with it the program.
        SandboxError: the replica failed.
        """
        more: tuple[Any, ...] = (tuple(collect), echo) if collect or echo else ()
        call = ("run", session, code, limits, session, dict(files) if files else None, stdin, *more)
        try:
            try:
                execution: Execution = await detached(self._call(*call))
            except RayActorError:
                if session is not None:
                    raise
                execution = await detached(self._call(*call))
        except (RayError, RayServeException) as e:
            raise _sandbox_error(e) from e
        return self._remember(session, execution) if session is not None else execution

    async def end_session(self, session: str) -> bool:
        """End a session; return whether there was one."""
        self._known.pop(session, None)
        try:
            ended: bool = await detached(self._call("end_session", session, session))
        except (RayError, RayServeException) as e:
            raise _sandbox_error(e) from e
        return ended

    async def _call(self, method: str, session: str | None, *args: Any) -> Any:
        handle: Any = self._handle
        if session is not None:
            handle = handle.options(session_id=session)
        response: Any = getattr(handle, method).remote(*args)
        try:
            return await response
        finally:
            response.cancel()

    def _remember(self, session: str, execution: Execution) -> Execution:
        """Tell of an interpreter that was lost with its replica, which is new to the next."""
        if execution.session == "new" and session in self._known:
            execution = replace(execution, session="restarted")
        self._known[session] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return execution


def _own_error(error: Exception) -> VoteboxError | None:
    """Return the error of ours that a replica raised, without Ray's wrapping."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    return cause if isinstance(cause, VoteboxError) else None


def _engine_error(model: str, error: Exception) -> EngineError:
    found = _own_error(error)
    if isinstance(found, EngineError):
        return found
    if isinstance(error, BackPressureError):
        problem: EngineError = EngineUnavailable(model, "its queue is full", "try again later")
    elif isinstance(error, RayActorError):
        problem = EngineDied(model, "its replica died", _STARTED_AGAIN)
    elif isinstance(error, DeploymentUnavailableError):
        problem = EngineUnavailable(model, "it cannot be started", _SEE_STATUS)
    else:
        problem = EngineError(model, f"its replica failed: {_brief(error)}")
    problem.__cause__ = error
    return problem


def _sandbox_error(error: Exception) -> SandboxError:
    found = _own_error(error)
    if isinstance(found, SandboxError):
        return found
    if isinstance(error, BackPressureError):
        return SandboxBusy(_RETRY_AFTER_S)
    if isinstance(error, RayActorError):
        return SandboxDied("a sandbox replica died", _STARTED_AGAIN)
    return SandboxError("a sandbox replica failed", _brief(error))


def _brief(error: Exception) -> str:
    cause = error.cause if isinstance(error, RayTaskError) else error
    lines = str(cause).strip().splitlines() or [""]
    return f"{type(cause).__name__}: {lines[-1]}"
