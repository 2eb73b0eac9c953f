"""Ask the models of one chain for replies, and look at them while they stream.

While a reply grows, guards may end it and programs that stand whole in it start early. In a
reply whose programs run inline (inline.py) the engine stops at each, and goes on with the
program's output in the text. Knows nothing of rounds, votes or extractors.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

from votebox.plugins.calls import call, read
from votebox.plugins.chainlog import ChainLog, GrowingReply
from votebox.plugins.context import SolveContext
from votebox.plugins.errors import PromptTooLong, ProviderError
from votebox.plugins.events import ChainText, ProviderFailed
from votebox.plugins.inline import InlinePrograms, inline_box
from votebox.plugins.nouns import Completion, Message, Prompt
from votebox.plugins.ports import Delta
from votebox.plugins.programs import Programs
from votebox.plugins.recipe import Node
from votebox.plugins.sampler import Reply
from votebox.plugins.seeds import derive_seed
from votebox.plugins.voting import ChainProgress
from votebox.sandbox import Execution

__all__ = ["Talk"]

_log = logging.getLogger(__name__)

_MOST_ASKED: Final = 16
"""How often a reply that still streams is searched for programs; then its end is awaited."""


class Talk:
    """Hold one chain's conversations, one for each of its model nodes.

    `execute(box, program)` runs an inline program. `guarded` is a guard's reason to end the
    chain, None as long as there is none.
    """

    def __init__(
        self,
        context: SolveContext,
        log: ChainLog,
        programs: Programs,
        execute: Callable[[Node, str], Awaitable[Execution]],
    ) -> None:
        self._c, self._log, self._programs, self._execute = context, log, programs, execute
        self._recipe = context.recipe
        self._transcripts: dict[str, tuple[Message, ...]] = {}
        self._open: set[Reply] = set()
        self.guarded: str | None = None
        self.inline: dict[str, InlinePrograms] = {}  # by sandbox node, of the last reply

    def continued(self, node: Node, text: str) -> Prompt:
        """Return the prompt that says `text` next in the node's conversation."""
        return Prompt((*self._transcripts.get(node.id, ()), Message("user", text)))

    async def reply(self, node: Node, given: Prompt, number: int) -> Completion:
        """Return the reply of node `node` to `given` in round `number`."""
        seed = given.seed
        if seed is None:
            seed = derive_seed(self._log.seed, node.id, number)
        prompt = replace(given, sampling=given.sampling or node.sampling, seed=seed)
        growing = self._log.start_call(node.id, number, prompt, self._c.samplers[node.name].model)
        box = inline_box(self._recipe, node.id)
        if box is None:
            finish = await self._stream(node, prompt, growing)
        else:
            code = self._recipe.nodes[box.after[0]]
            inline = self.inline[box.id] = InlinePrograms(code, box, self._execute)
            finish = await self._interleave(node, prompt, growing, inline)
        completion = self._log.end_call(finish, growing)
        said = (*prompt.messages, Message("assistant", completion.text))
        self._transcripts[node.id] = said
        return completion

    async def _interleave(
        self, node: Node, first: Prompt, growing: GrowingReply, inline: InlinePrograms
    ) -> str:
        """Write a reply and run its programs in turn; return why it ended."""
        asked = 0
        while True:
            prompt = inline.prompt(first, growing.text, growing.tokens)
            if prompt is None:
                return "length"
            if asked:
                prompt = replace(prompt, seed=derive_seed(first.seed, asked))
            asked += 1
            try:
                finish = await self._stream(node, prompt, growing)
            except PromptTooLong:
                if asked == 1:
                    raise
                return "length"  # the reply so far has filled the context
            if finish != "stop" or growing.aborted:
                return finish
            added = await inline.after(growing.text)
            if added is None:
                return finish
            if added:
                growing.insert(added)
                self._c.emit(ChainText(self._log.index, node.id, growing.call.round, added, 0))

    async def _stream(self, node: Node, prompt: Prompt, growing: GrowingReply) -> str:
        """Add what the engine answers to a reply; return why the engine ended it."""
        reply = self._c.samplers[node.name].start(prompt)
        self._open.add(reply)
        growing.ask()
        finish: str | None = None
        async for delta in self._told(node, reply):
            before = growing.total_tokens
            growing.add(delta)
            finish = delta.finish_reason
            if spent := growing.total_tokens - before:
                self._c.spend(spent)  # a prompt counts, too, before anything is written
            if delta.text or delta.tokens:
                number = growing.call.round
                self._c.emit(ChainText(self._log.index, node.id, number, delta.text, delta.tokens))
            if finish is None:
                await self._look(node, growing, reply)
        self._open.discard(reply)
        return finish or "stop"

    async def _told(self, node: Node, reply: Reply) -> AsyncIterator[Delta]:
        """Yield the deltas of a reply, and tell of providers that failed apart from them."""
        try:
            async for delta in reply.deltas():
                if delta.setback:
                    self._tell_of_provider(node, delta.provider, delta.setback, again=True)
                else:
                    yield delta
        except ProviderError as e:
            self._tell_of_provider(node, e.provider, e.problem, again=False)
            raise

    def _tell_of_provider(self, node: Node, provider: str, problem: str, *, again: bool) -> None:
        self._c.emit(ProviderFailed(self._log.index, node.id, provider, problem, again))

    async def abort(self) -> None:
        """End in the engine what this chain still has written: it has failed meanwhile."""
        while self._open:
            try:
                await self._open.pop().abort()
            except Exception:
                # The chain has its end; what an engine leaves behind is its own affair.
                _log.exception("recipe %s: a reply was not aborted", self._recipe.name)

    async def _look(self, node: Node, growing: GrowingReply, reply: Reply) -> None:
        """Ask the guards, and start programs whose blocks have closed."""
        if self._recipe.guards and not growing.aborted:
            progress = self._progress(growing)
            for guard in self._recipe.guards:
                reason = call(guard.plugin, guard.options, progress)
                if reason and not growing.aborted:
                    growing.aborted = True
                    self.guarded = str(reason)
                    await reply.abort()
        readers = [
            code
            for code in self._recipe.nodes.values()
            if code.kind == "code"
            and node.id in code.after
            and code.plugin
            and any(close in growing.window for close in code.plugin.closes)
        ]
        if readers and growing.asked < _MOST_ASKED:
            growing.asked += 1
            growing.window = ""  # what closed here is not asked about again
            for code in readers:
                await self._start_early(code, growing.text)

    def _progress(self, growing: GrowingReply) -> ChainProgress:
        return ChainProgress(
            self._log.index,
            growing.text,
            growing.tokens,
            self._c.clock() - growing.call.start_s,
            tuple(self._log.executions),
            growing.meter.running if growing.meter else None,
            self._c.lowest_of_ended(),
        )

    async def _start_early(self, code: Node, text: str) -> None:
        """Start the programs that stand whole in a reply that still streams."""
        boxes = [
            box
            for box in self._recipe.nodes.values()
            if box.kind == "sandbox" and code.id in box.after and box.options.turn != "inline"
        ]
        if boxes:
            readings = read(code.plugin, code.options, text, None)
            await self._programs.start_early(boxes, [r.value for r in readings if r.complete])
