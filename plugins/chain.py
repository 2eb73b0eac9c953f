"""Run one chain: its rounds, each a walk over the recipe's per-chain nodes.

Every node of a round is a task that waits for its parents, so branches run side by side
and nothing waits for another chain. Replies are talk.py's affair. Knows nothing of the
vote: it reads candidates and ends.
"""

import asyncio
import logging
from asyncio import create_task
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Final

from votebox.plugins.boxes import end_session, run_with
from votebox.plugins.calls import call, call_async, expect, read
from votebox.plugins.chainlog import ChainLog
from votebox.plugins.context import SolveContext
from votebox.plugins.conversation import in_conversation
from votebox.plugins.errors import PromptTooLong
from votebox.plugins.events import (
    CandidateRead,
    ChainStarted,
    ProgramFinished,
    ProgramStarted,
)
from votebox.plugins.nouns import (
    Candidate,
    ChainView,
    Completion,
    Confidence,
    Evidence,
    Prompt,
    Reading,
    Turn,
)
from votebox.plugins.programs import Programs
from votebox.plugins.readers import edits_of, final_text
from votebox.plugins.recipe import Node, last_boxes
from votebox.plugins.seeds import derive_seed
from votebox.plugins.talk import Talk
from votebox.plugins.turns import next_turn, output_turn
from votebox.plugins.verdicts import ProgramRun
from votebox.sandbox import Execution, SandboxError

__all__ = ["Chain"]

_SKIPPED: Final = object()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Continue:
    """Carry the next user turn of a conversation that goes on."""

    text: str


class Chain:
    """Run one chain and keep its record; `run` once, then read `record()`.

    `attempt` counts those before it that died under the same index.
    """

    def __init__(self, context: SolveContext, index: int, attempt: int = 0) -> None:
        self._c, self.attempt = context, attempt
        self._recipe = context.recipe
        self.log = ChainLog(index, derive_seed(context.seed, index), context.clock)
        self._programs = Programs(lambda box, code: create_task(self._execute(box, code)))
        self._talk = Talk(context, self.log, self._programs, self._execute)
        self._session = ""  # of its inline programs, once there is one

    async def run(self) -> None:
        """Run the rounds until the chain has answered, has nothing to say, or fails.

        A failure of a plugin, an engine or the sandbox ends this chain and is kept in
        its log; only cancellation is raised.
        """
        try:
            self.log.ended = await self._rounds()
        except* PromptTooLong as group:
            if self.log.turns:
                self.log.ended = "length"  # the conversation has filled the context
            else:
                self._fail(group)
        except* Exception as group:
            self._fail(group)
        finally:
            await self._programs.drop()
            await self._end_session()
            if self.log.ended != "aborted":  # else the whole stream is closed at once
                await self._talk.abort()
            self.log.end_s = self._c.clock()

    def values(self, node: str) -> list[Any]:
        """Return what `node` gave in each finished round, in order."""
        return [turn.values[node] for turn in self.log.turns if node in turn.values]

    def _fail(self, group: BaseExceptionGroup[Exception]) -> None:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        self.log.ended = "error"
        self.log.error = first if isinstance(first, Exception) else None

    async def _rounds(self) -> str:
        for number in range(self._c.rounds):
            before = len(self.log.candidates)
            values = await self._round(number)
            spoke = any(isinstance(value, Completion) for value in values.values())
            if not spoke:
                break
            self.log.turns.append(Turn(number, values))
            if self._talk.guarded:
                return self._talk.guarded
            new = self.log.candidates[before:]
            if any(c.source in self._recipe.answered_by for c in new):
                return "answered"
        replies = self.log.turns[-1].completions if self.log.turns else ()
        cut = replies and all(reply.finish_reason == "length" for reply in replies)
        return "length" if cut else "finished"

    async def _round(self, number: int) -> dict[str, Any]:
        tasks: dict[str, asyncio.Task[Any]] = {}

        async def one(node: Node) -> Any:
            inputs = {parent: await tasks[parent] for parent in node.after}
            inputs = {k: v for k, v in inputs.items() if v is not _SKIPPED}
            resumed = number > 0 and node.plugin is not None and node.plugin.resumes
            if node.after and not inputs and not resumed:
                return _SKIPPED
            return await self._steps[node.kind](self, node, inputs, number)

        async with asyncio.TaskGroup() as group:
            for name in self._recipe.per_chain:
                tasks[name] = group.create_task(one(self._recipe.nodes[name]))
        await self._programs.drop()
        results = ((name, task.result()) for name, task in tasks.items())
        return {name: value for name, value in results if value is not _SKIPPED}

    async def _prompt(self, node: Node, inputs: Mapping[str, Any], number: int) -> Any:
        view = self._view(inputs)
        if node.after or number == 0:
            made = call(node.plugin, node.options, self._c.ports.problem, view, number)
            prompt = Prompt.of(made) if isinstance(made, str) else made
        else:
            prompt = self._continued(node, view, number)
        if prompt is None:
            return _SKIPPED
        if not isinstance(prompt, _Continue):
            expect(node.plugin, prompt, Prompt)
        if isinstance(prompt, Prompt) and not self.log.label:
            self.log.label = prompt.label or node.name
        return prompt

    def _continued(self, node: Node, view: ChainView, number: int) -> Any:
        made = call(node.plugin, node.options, self._c.ports.problem, view, number)
        if isinstance(made, Prompt):
            return made
        last = self.log.turns[-1].values
        boxes = last_boxes(self._recipe, last)
        parts = [output_turn(last[box.id], box.options, box.limits) for box in boxes]
        text = next_turn("\n".join(parts), made)
        return None if text is None else _Continue(text)

    def _view(self, inputs: Mapping[str, Any], extra: tuple[Turn, ...] = ()) -> ChainView:
        turns = (*self.log.turns, *extra)
        return ChainView(self.log.index, self._c.planned, self.log.seed, turns, inputs)

    async def _model(self, node: Node, inputs: Mapping[str, Any], number: int) -> Any:
        if self._talk.guarded:
            return _SKIPPED  # the chain is to end
        given = next(iter(inputs.values()))
        first = number == 0 and not self.log.completions and not self.log.growing
        if first and not self.attempt:
            self._c.emit(ChainStarted(self.log.index, self.log.label))
        if isinstance(given, _Continue):
            given = self._talk.continued(node, given.text)
        else:
            given = in_conversation(given, self._c.ports.problem)
        return await self._talk.reply(node, given, number)

    async def _execute(self, node: Node, program: str) -> Execution:
        self._c.emit(ProgramStarted(self.log.index, program))
        start_s, number = self._c.clock(), len(self.log.turns)
        execution = await self._run_program(node, program)
        self.log.runs.append(ProgramRun(node.id, number, start_s, self._c.clock()))
        self.log.programs.append(program)
        self.log.executions.append(execution)
        self._c.emit(ProgramFinished(self.log.index, execution))
        self._c.observe(
            "program_finished",
            problem=self._c.ports.problem,
            chain=self.log.index,
            execution=execution,
        )
        return execution

    async def _run_program(self, node: Node, program: str) -> Execution:
        sandbox = self._c.ports.sandbox
        assert sandbox is not None  # noqa: S101 - the solver refused the recipe otherwise
        given: dict[str, Any] = {"limits": node.limits}
        if node.options.turn == "inline" and node.options.session:
            self._session = given["session"] = self._session or f"chain-{token_hex(8)}"
        try:
            return await run_with(sandbox, program, given)
        except asyncio.CancelledError as e:
            if _is_cancelled():
                raise
            raise SandboxError("the sandbox gave up the program, which nobody cancelled") from e

    async def _end_session(self) -> None:
        """Give the interpreter back, where the sandbox can; it would end by itself later."""
        session, self._session = self._session, ""
        if not session:
            return
        try:
            await end_session(self._c.ports.sandbox, session)
        except SandboxError:
            pass
        except Exception:
            # Whatever a sandbox raises here, the chain has its answer.
            _log.exception("a session of recipe %s was not ended", self._recipe.name)

    async def _sandbox(self, node: Node, inputs: Mapping[str, Any], number: int) -> Any:
        readings: tuple[Reading, ...] = next(iter(inputs.values()))
        if node.options.turn == "inline":
            inline = self._talk.inline.pop(node.id, None)
            return () if inline is None else await inline.rest(readings)
        programs = [reading.value for reading in readings]
        if not programs and node.options.when_no_code == "next-prompt":
            nudge = self._nudge(number)
            programs = [f"print({nudge!r})"] if nudge else []
        return await self._programs.run(node, programs)

    def _nudge(self, number: int) -> str | None:
        """Return what the recipe's first prompt would say next, had no program run."""
        roots = (n for n in self._recipe.nodes.values() if n.kind == "prompt" and not n.after)
        root = next(roots)
        view = self._view({}, (Turn(number, {}),))
        made = call(root.plugin, root.options, self._c.ports.problem, view, number + 1)
        return made if isinstance(made, str) else None

    async def _code(self, node: Node, inputs: Mapping[str, Any], _number: int) -> Any:
        completion: Completion = next(iter(inputs.values()))
        reason = completion.finish_reason or "stop"
        return tuple(read(node.plugin, node.options, completion.text, reason))

    async def _strip(self, node: Node, inputs: Mapping[str, Any], _number: int) -> Any:
        return final_text(node, next(iter(inputs.values())))

    async def _edit(self, node: Node, inputs: Mapping[str, Any], _number: int) -> Any:
        return edits_of(node, next(iter(inputs.values())))

    async def _extract(self, node: Node, inputs: Mapping[str, Any], number: int) -> Any:
        found: list[Candidate] = []
        for parent, value in inputs.items():
            for item in value if isinstance(value, tuple) else (value,):
                text, reason, execution = _readable(item)
                sure = self._confidence(item)
                for reading in read(node.plugin, node.options, text, reason):
                    evidence = _evidence(reading, text, parent, number, execution)
                    found.append(
                        Candidate(reading.value, node.id, self.log.index, 1.0, evidence, sure)
                    )
        self._keep(found)
        return tuple(found)

    def _keep(self, found: Sequence[Candidate]) -> None:
        self.log.candidates.extend(found)
        for candidate in found:
            self._c.emit(CandidateRead(self.log.index, candidate.source, candidate.answer))

    def _confidence(self, item: Completion | Execution) -> Confidence | None:
        """Return the confidence of the reply an answer comes from, if it was measured."""
        replies = self.log.completions
        reply = item if isinstance(item, Completion) else replies[-1] if replies else None
        return reply.statistics if reply else None

    async def _step(self, node: Node, inputs: Mapping[str, Any], _number: int) -> Any:
        seen = {
            name: Prompt.of(value.text) if isinstance(value, _Continue) else value
            for name, value in inputs.items()
        }
        ports = replace(self._c.ports, chain=self._view(seen))
        value = await call_async(node.plugin, node.options, seen, ports)
        if node.plugin is not None and node.plugin.gives == "candidates":
            value = tuple(replace(c, chain=self.log.index, source=node.id) for c in value)
            self._keep(value)
        return _SKIPPED if value is None else value

    _steps: Final[dict[str, Callable[..., Awaitable[Any]]]] = {
        "prompt": _prompt,
        "model": _model,
        "code": _code,
        "strip": _strip,
        "edit": _edit,
        "sandbox": _sandbox,
        "extract": _extract,
        "step": _step,
    }


def _is_cancelled() -> bool:
    """Return whether somebody cancels the task that asks."""
    us = asyncio.current_task()
    return us is None or us.cancelling() > 0


def _readable(item: Completion | Execution) -> tuple[str, str, Execution | None]:
    """Return the text an extractor reads, its finish reason, and the execution if any."""
    if isinstance(item, Execution):
        return item.stdout, "stop" if item.ok else item.status, item
    return item.text, item.finish_reason or "stop", None


def _evidence(
    reading: Reading, text: str, parent: str, number: int, execution: Execution | None
) -> Evidence:
    start, end = reading.span
    return Evidence(
        text[start:end],
        reading.span,
        reading.complete,
        parent,
        number,
        execution,
        reading.notes,
    )
