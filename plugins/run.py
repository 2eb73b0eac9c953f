"""Drive one solve: launch chains, ask the stop rule, keep the budget, reach the verdict."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from votebox.plugins.ballot import Ballot
from votebox.plugins.calls import call, expect
from votebox.plugins.chain import Chain
from votebox.plugins.chainpool import ChainShare
from votebox.plugins.classes import Referee
from votebox.plugins.conclusion import CUT_SHORT, answered, flip_chance, tokens_saved
from votebox.plugins.context import Ports, SolveContext
from votebox.plugins.errors import EngineDied
from votebox.plugins.events import (
    ChainFinished,
    ChainRestarted,
    Event,
    SolveStarted,
    VoteChanged,
)
from votebox.plugins.ids import new_id
from votebox.plugins.metered import MeteredEngine, MeteredSandbox
from votebox.plugins.nouns import Usage
from votebox.plugins.options import SolveOptions
from votebox.plugins.recipe import Recipe
from votebox.plugins.registry import Registry
from votebox.plugins.sampler import Sampler
from votebox.plugins.verdicts import StopReason, Verdict
from votebox.plugins.voting import Advice, Tally, VoteState
from votebox.sandbox import SandboxDied

__all__ = ["Run"]

_GRACE_S: Final = 5.0  # an engine that does not answer delays a verdict by this at most

_DEATHS: Final = (EngineDied, SandboxDied)
"""Errors that say nothing of a chain itself: it may do better on what takes their place."""

_log = logging.getLogger(__name__)


class Run:
    """Hold one solve from its first chain to its verdict; owns its chains and streams.

    `events` None means nobody watches. Beyond the first chains of its `share` it asks that
    for each, None asks nobody.
    """

    def __init__(
        self,
        recipe: Recipe,
        ports: Ports,
        options: SolveOptions,
        registry: Registry,
        events: "asyncio.Queue[Event | None] | None",
        *,
        referee: Referee | None = None,
        share: ChainShare | None = None,
    ) -> None:
        self.recipe, self._registry, self._events = recipe, registry, events
        self._options, self._share = options, share
        self._metered = {role: MeteredEngine(e, self._aside) for role, e in ports.engines.items()}
        most_s, box = recipe.budget.max_sandbox_s, ports.sandbox
        self._box = None if box is None else MeteredSandbox(box, most_s)
        self._ports = replace(ports, engines=self._metered, sandbox=self._box)
        self._beside = Usage()
        self._tally, self._counted = Tally(), 0
        self._seed = options.seed if options.seed is not None else secrets.randbits(31)
        self._planned = recipe.chains
        self._clock = asyncio.get_running_loop().time
        self._started, self._started_at = self._clock(), datetime.now(UTC)
        self._deadline_s = recipe.budget.deadline_s
        self._max_tokens = recipe.budget.max_total_tokens
        self._spent = 0
        self._broke = asyncio.Event()
        self._ballot = Ballot(recipe, referee)
        by_engine = {id(e): Sampler(e) for e in ports.engines.values()}
        self._samplers = {role: by_engine[id(e)] for role, e in ports.engines.items()}
        self._chains: list[Chain] = []
        self._ended: list[Chain] = []
        self._lowest: tuple[float, ...] = ()  # guards read it at every delta
        self._flying: dict[asyncio.Task[None], Chain] = {}
        self._context = SolveContext(
            recipe=recipe,
            ports=self._ports,
            samplers=self._samplers,
            planned=self._planned,
            rounds=recipe.rounds,
            seed=self._seed,
            emit=self._emit,
            spend=self._spend,
            observe=registry.observe,
            clock=lambda: self._clock() - self._started,
            lowest_of_ended=lambda: self._lowest,
        )

    async def verdict(self) -> Verdict:
        """Run to the verdict."""
        if self._deadline_s is not None and self._deadline_s <= 0:
            return self._conclude(Tally(), "deadline")
        models = tuple(dict.fromkeys(e.model for e in self._ports.engines.values()))
        self._emit(SolveStarted(self.recipe.name, self._planned, self._seed, models))
        why = await self._drive()
        self._leave()
        await self._end_chains(why if why in CUT_SHORT else "aborted")
        self._raise_if_all_failed()
        # A chain cut off by the clock may have answered already; one cut off by the
        # stop rule must not move the vote that was decided without it.
        heard = self._chains if why in CUT_SHORT else self._ended
        return self._conclude(*await self._elect(heard, why))

    async def aclose(self) -> None:
        """End chains and steps still running, and what they started; may be repeated."""
        self._leave()
        await self._end_chains("aborted")
        await self._shut()

    async def _end_chains(self, ended: str) -> None:
        flying, self._flying = self._flying, {}
        for task in flying:
            task.cancel()
        closing = (sampler.aclose() for sampler in set(self._samplers.values()))
        await _gone(self.recipe.name, *flying, *closing)
        for chain in flying.values():
            chain.log.ended = ended
            self._report(chain)

    async def _elect(self, heard: Sequence[Chain], why: StopReason) -> tuple[Tally, StopReason]:
        """Take the vote and the steps behind it, as far as time and tokens are left.

        Where they are not, the vote itself stands. Past the end a step may still finish
        that asks nothing of a model or the sandbox.
        """
        over = why in CUT_SHORT or self._broke.is_set()
        if over:
            await self._shut()
        final = asyncio.create_task(self._ballot.final(heard, self._ports))
        broke = asyncio.create_task(self._broke.wait())
        try:
            left_s = 0 if over else self._left()
            await asyncio.wait({final, broke}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if final.done():
                return final.result(), why
        finally:
            final.cancel()
            broke.cancel()
            await _gone(self.recipe.name, final)
            await self._shut()
        cut: StopReason = "budget" if self._broke.is_set() else "deadline"
        return self._ballot.running(heard), why if why in CUT_SHORT else cut

    async def _shut(self) -> None:
        """End what steps have left running; let them start nothing more."""
        if self._box is not None:
            self._box.close()
        closing = (engine.aclose() for engine in self._metered.values())
        await _gone(self.recipe.name, *closing)

    async def _drive(self) -> StopReason:
        while True:
            await self._settle()
            state = self._state()
            rule = self.recipe.stop
            advice = expect(rule.plugin, call(rule.plugin, rule.options, state), Advice)
            if self._ended:
                votes = tuple((c.answer, c.weight) for c in self._tally.classes)
                self._emit(VoteChanged(votes, state.finished, state.planned, advice.need))
            if state.left <= 0:
                return "exhausted"
            if advice.stop:
                return "consensus"
            cut_short = await self._grant(state)
            if cut_short is not None:
                return cut_short
            self._launch(state, advice)
            cut_short = await self._wait()
            if cut_short is not None:
                return cut_short

    async def _settle(self) -> None:
        """Decide which answers of the chains that have ended are the same, within the budget."""
        settling = asyncio.create_task(self._ballot.settle(self._ended))
        try:
            if await self._first_of(settling):
                settling.result()
        finally:
            if settling.cancel():
                await _gone(self.recipe.name, settling)

    def _state(self) -> VoteState:
        """Take the vote of the chains that have ended, and return where it stands."""
        if self._counted != len(self._ended):
            self._tally = self._ballot.running(self._ended)
            self._counted = len(self._ended)
        ended = [chain.log.index for chain in self._ended]
        return self._ballot.state(self._tally, self._planned, ended, self._elapsed())

    async def _grant(self, state: VoteState) -> StopReason | None:
        """Wait for the share to grant the next chain; return what comes first otherwise.

        The first chains are its own, and while one runs the dispatcher starts no other.
        """
        if self._share is None or self._flying or not self._ended:
            return None
        asking = asyncio.create_task(self._share.more(*state.lead, state.finished))
        try:
            if await self._first_of(asking):
                return None if asking.result() else "budget"
        finally:
            if asking.cancel():
                await _gone(self.recipe.name, asking)
        return "budget" if self._broke.is_set() else "deadline"

    def _leave(self) -> None:
        if self._share is not None:
            self._share.leave()

    def _launch(self, state: VoteState, advice: Advice) -> None:
        use, flying = self.recipe.dispatch, len(self._flying)
        wanted = expect(use.plugin, call(use.plugin, use.options, state, advice, flying), int)
        for _ in range(min(max(1, wanted), state.left) - flying):
            chain = Chain(self._context, len(self._chains))
            self._chains.append(chain)
            self._flying[asyncio.create_task(chain.run())] = chain

    def _start_again(self, chain: Chain) -> bool:
        """Put a new chain in the place of one that lost what it ran on, where the recipe allows.

        What the lost one took is counted beside the records; its texts are kept by nobody.
        """
        log = chain.log
        if not isinstance(log.error, _DEATHS) or chain.attempt >= self.recipe.restarts:
            return False
        log.ended = "aborted"
        self._beside += log.record().usage
        self._emit(ChainRestarted(log.index, str(log.error)))
        again = self._chains[log.index] = Chain(self._context, log.index, chain.attempt + 1)
        self._flying[asyncio.create_task(again.run())] = again
        return True

    async def _wait(self) -> StopReason | None:
        """Wait until a chain ends; return deadline or budget when that comes first."""
        done = await self._first_of(*self._flying)
        for task in [task for task in self._flying if task in done]:
            chain = self._flying.pop(task)
            task.result()
            if self._start_again(chain):
                continue
            chain.log.place = len(self._ended)
            self._ended.append(chain)
            self._lowest += _lowest_of(chain)
            self._report(chain)
        if self._broke.is_set() and len(self._ended) < self._planned:
            return "budget"
        return None if done else "deadline"

    async def _first_of[T](self, *tasks: asyncio.Task[T]) -> set[asyncio.Task[T]]:
        """Wait until one of `tasks` is done, or time or tokens are up; return those done."""
        broke = asyncio.create_task(self._broke.wait())
        try:
            done, _ = await asyncio.wait(
                {*tasks, broke}, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            broke.cancel()
        return {task for task in tasks if task in done}

    def _left(self) -> float | None:
        """Return the seconds until the deadline, None where there is none."""
        if self._deadline_s is None:
            return None
        return max(0.0, self._started + self._deadline_s - self._clock())

    def _elapsed(self) -> float:
        """Return the part of the deadline that is over."""
        if not self._deadline_s:
            return 0.0 if self._deadline_s is None else 1.0
        return (self._clock() - self._started) / self._deadline_s

    def _report(self, chain: Chain) -> None:
        record = chain.log.record()
        self._emit(ChainFinished(record.index, record.ended, record.usage.completion_tokens))
        self._registry.observe("chain_finished", problem=self._ports.problem, chain=record)

    def _conclude(self, tally: Tally, why: StopReason) -> Verdict:
        records = tuple(chain.log.record() for chain in self._chains)
        step = self.recipe.step(self._deadline_s)
        given = self._options
        answer, reason, stop_reason = answered(
            tally, why, records, self._ballot.policy, given.min_confidence
        )
        if self._ballot.undecided:
            reason += f"; {self._ballot.undecided} pairs of answers undecided"
        verdict = Verdict(
            answer=answer,
            reason=reason,
            stop_reason=stop_reason,
            stopped_by=str(self.recipe.stop) if why == "consensus" else None,
            votes=tally.classes,
            confidence=tally.share,
            usage=sum((record.usage for record in records), self._beside),
            chains=records,
            rejected=tally.rejected,
            recipe=self.recipe.name,
            recipe_hash=self.recipe.hash,
            seed=self._seed,
            wall_s=self._clock() - self._started,
            problem_id=self._ports.problem.id,
            finished=len(self._ended),
            flip_chance=flip_chance(self._state()),
            tokens_saved=tokens_saved(records, self._planned),
            id=given.solve_id or new_id(self._started_at),
            started=self._started_at,
            planned=self._planned,
            rounds=self._context.rounds,
            ladder_s=step.below_s if step else None,
            client_request=given.client_request or "",
            overrides=given.overrides,
        )
        self._registry.observe("verdict_reached", problem=self._ports.problem, verdict=verdict)
        return verdict

    def _raise_if_all_failed(self) -> None:
        failed = [c.log.error for c in self._chains if c.log.error is not None]
        if self._options.keep_failed and any(c.log.candidates for c in self._chains):
            return
        if failed and len(failed) == len(self._chains):
            raise failed[0]

    def _emit(self, event: Event) -> None:
        if self._events is not None:
            self._events.put_nowait(event)

    def _aside(self, usage: Usage) -> None:
        """Count what a step asked of an engine."""
        self._beside += usage
        self._spend(usage.total_tokens)

    def _spend(self, tokens: int) -> None:
        self._spent += tokens
        if self._max_tokens is not None and self._spent >= self._max_tokens:
            self._broke.set()


def _lowest_of(chain: Chain) -> tuple[float, ...]:
    """Return the lowest group confidence of a chain's last reply, where it was measured."""
    found = (reply.statistics for reply in chain.log.completions[-1:])
    return tuple(s.lowest for s in found if s is not None and s.lowest is not None)


async def _gone(recipe: str, *ending: Awaitable[object]) -> None:
    """Wait until all have ended, however they do, but not for ever: the answer is there."""
    tasks = [asyncio.ensure_future(each) for each in ending]
    if tasks:
        late = (await asyncio.wait(tasks, timeout=_GRACE_S))[1]
        if late:
            _log.warning("recipe %s: %d parts still run after %g s", recipe, len(late), _GRACE_S)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # looked at: their chains, or the caller, know of it
