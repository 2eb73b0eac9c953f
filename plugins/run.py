"""Drive one solve: launch chains, ask the stop rule, keep the budget, reach the verdict."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from votebox.plugins.answers import Policy
from votebox.plugins.ballot import Ballot
from votebox.plugins.calls import call, expect
from votebox.plugins.chain import Chain, Ports, SolveContext
from votebox.plugins.chances import overtaken
from votebox.plugins.classes import Referee
from votebox.plugins.events import ChainFinished, Event, SolveStarted, VoteChanged
from votebox.plugins.metered import MeteredEngine, MeteredSandbox
from votebox.plugins.nouns import Usage
from votebox.plugins.recipe import Recipe
from votebox.plugins.registry import Registry
from votebox.plugins.sampler import Sampler
from votebox.plugins.verdicts import ChainRecord, StopReason, Verdict
from votebox.plugins.voting import Advice, Tally, VoteState

if TYPE_CHECKING:
    from votebox.plugins.solver import SolveOptions

__all__ = ["CUT_SHORT", "Run", "answered", "new_id"]

CUT_SHORT: Final = frozenset({"deadline", "budget"})
"""The reasons to end a solve after which unfinished chains are heard, too."""

_GRACE_S: Final = 5.0  # an engine that does not answer delays a verdict by this at most

_log = logging.getLogger(__name__)


class Run:
    """Hold one solve from its first chain to its verdict; owns its chains and streams.

    `events` None means nobody watches.
    """

    def __init__(
        self,
        recipe: Recipe,
        ports: Ports,
        options: "SolveOptions",
        registry: Registry,
        events: "asyncio.Queue[Event | None] | None",
        *,
        referee: Referee | None = None,
    ) -> None:
        self.recipe, self._registry, self._events = recipe, registry, events
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
            lowest_of_ended=self._lowest_of_ended,
        )

    async def verdict(self) -> Verdict:
        """Run to the verdict."""
        if self._deadline_s is not None and self._deadline_s <= 0:
            return self._conclude(Tally(), "deadline")
        models = tuple(dict.fromkeys(e.model for e in self._ports.engines.values()))
        self._emit(SolveStarted(self.recipe.name, self._planned, self._seed, models))
        why = await self._drive()
        await self.aclose(ended=why if why in CUT_SHORT else "aborted")
        self._raise_if_all_failed()
        # A chain cut off by the clock may have answered already; one cut off by the
        # stop rule must not move the vote that was decided without it.
        heard = self._chains if why in CUT_SHORT else self._ended
        return self._conclude(*await self._elect(heard, why))

    async def aclose(self, ended: str = "aborted") -> None:
        """End all chains still running, in the engine and in the sandbox; may be repeated."""
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
            self._launch(state, advice)
            cut_short = await self._wait()
            if cut_short is not None:
                return cut_short

    async def _settle(self) -> None:
        """Decide which answers of the chains that have ended are the same, while there is time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left()):
                await self._ballot.settle(self._ended)

    def _state(self) -> VoteState:
        """Take the vote of the chains that have ended, and return where it stands."""
        if self._counted != len(self._ended):
            self._tally = self._ballot.running(self._ended)
            self._counted = len(self._ended)
        ended = [chain.log.index for chain in self._ended]
        return self._ballot.state(self._tally, self._planned, ended, self._elapsed())

    def _launch(self, state: VoteState, advice: Advice) -> None:
        use, flying = self.recipe.dispatch, len(self._flying)
        wanted = expect(use.plugin, call(use.plugin, use.options, state, advice, flying), int)
        for _ in range(min(max(1, wanted), state.left) - flying):
            chain = Chain(self._context, len(self._chains))
            self._chains.append(chain)
            self._flying[asyncio.create_task(chain.run())] = chain

    async def _wait(self) -> StopReason | None:
        """Wait until a chain ends; return deadline or budget when that comes first."""
        broke = asyncio.create_task(self._broke.wait())
        try:
            done, _ = await asyncio.wait(
                {*self._flying, broke}, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            broke.cancel()
        for task in [task for task in self._flying if task in done]:
            chain = self._flying.pop(task)
            task.result()
            chain.log.place = len(self._ended)
            self._ended.append(chain)
            self._report(chain)
        if broke in done and len(self._ended) < self._planned:
            return "budget"
        return None if done else "deadline"

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
        answer, reason, stop_reason = answered(tally, why, records, self._ballot.policy)
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
            flip_chance=self._flip_chance(),
            tokens_saved=self._saved(records),
            id=new_id(self._started_at),
            started=self._started_at,
            planned=self._planned,
            rounds=self._context.rounds,
            ladder_s=step.below_s if step else None,
        )
        self._registry.observe("verdict_reached", problem=self._ports.problem, verdict=verdict)
        return verdict

    def _flip_chance(self) -> float | None:
        """Return the chance that all planned chains would have elected another answer."""
        state = self._state()
        v1, v2 = state.lead
        if v1 < 1 or state.chain_weight != 1 or v1 % 1 or v2 % 1:
            return None
        return overtaken(int(v1), int(v2), state.left) if state.left else 0.0

    def _saved(self, records: Sequence[ChainRecord]) -> int:
        """Return the completion tokens not spent, as far as the finished chains tell."""
        spent = sum(record.usage.completion_tokens for record in records)
        finished = [r.usage.completion_tokens for r in records if r.place is not None]
        if not finished:
            return 0
        return max(0, round(sum(finished) / len(finished) * self._planned) - spent)

    def _raise_if_all_failed(self) -> None:
        failed = [c.log.error for c in self._chains if c.log.error is not None]
        if failed and len(failed) == len(self._chains):
            raise failed[0]

    def _emit(self, event: Event) -> None:
        if self._events is not None:
            self._events.put_nowait(event)

    def _aside(self, usage: Usage) -> None:
        """Count what a step asked of an engine."""
        self._beside += usage
        self._spend(usage.total_tokens)

    def _lowest_of_ended(self) -> tuple[float, ...]:
        replies = (c for chain in self._ended for c in chain.log.completions[-1:])
        found = (reply.statistics for reply in replies)
        return tuple(s.lowest for s in found if s is not None and s.lowest is not None)

    def _spend(self, tokens: int) -> None:
        self._spent += tokens
        if self._max_tokens is not None and self._spent >= self._max_tokens:
            self._broke.set()


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


def answered(
    tally: Tally, why: StopReason, records: Sequence[ChainRecord], policy: Policy
) -> tuple[str | None, str, StopReason]:
    """Return the answer, its reason in words, and why the solve ended."""
    leader = tally.leader
    if leader is not None:
        cast = sum(c.weight for c in tally.classes)
        return leader.answer, f"{leader.weight:g} of {cast:g} votes", why
    unheard = not any(record.candidates for record in records)
    answer = policy.late if why == "deadline" and unheard else None
    answer = policy.fallback if answer is None else answer
    reason = _nobody(why, heard=not unheard)
    if answer is not None:
        return answer, f"{reason}; the policy answers {answer}", why
    if why in CUT_SHORT:
        return None, reason, why
    cut = bool(records) and all(record.ended == "length" for record in records)
    return None, reason, "truncated" if cut else "abstained"


def new_id(started: datetime) -> str:
    """Return the id of a solve: its time in UTC, and a random end that keeps ids apart.

    >>> new_id(datetime(2026, 3, 14, 15, 9, 26, 535_897, UTC))[:20]
    '20260314-150926-535-'
    """
    milliseconds = started.microsecond // 1000
    return f"{started:%Y%m%d-%H%M%S}-{milliseconds:03d}-{secrets.token_hex(5)}"


def _nobody(why: StopReason, *, heard: bool) -> str:
    """Say why nobody voted."""
    if heard:
        return "the policy admits none of the answers read"
    if why == "deadline":
        return "the deadline passed before a chain answered"
    if why == "budget":
        return "the token budget ran out before a chain answered"
    return "no chain gave a readable answer"
