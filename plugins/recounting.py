"""Take the verdict of a trace again: readings, programs and vote, with the stored replies.

Each chain runs as it did (chain.py), but its models answer what they answered then. So
every rule that turns text into votes is tried anew, whether a plugin, the sandbox or
votebox changed since. Sampling, guards and stop rules are not: which chains are heard is
as it was.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from votebox.plugins.ballot import Ballot, policy_of
from votebox.plugins.boxes import end_session
from votebox.plugins.chain import Chain
from votebox.plugins.classes import Recalled
from votebox.plugins.conclusion import CUT_SHORT, answered
from votebox.plugins.context import Ports, SolveContext
from votebox.plugins.errors import EngineError, SandboxError, TraceError, VoteboxError
from votebox.plugins.judge import shared_judge
from votebox.plugins.loader import load_recipe
from votebox.plugins.nouns import Candidate, Prompt
from votebox.plugins.overrides import with_vote
from votebox.plugins.ports import SandboxPort
from votebox.plugins.recipe import Recipe
from votebox.plugins.registry import Registry
from votebox.plugins.replay import Recorded, ReplayEngine
from votebox.plugins.sampler import Sampler
from votebox.plugins.tracerow import Trace, own_version, plugin_rows
from votebox.plugins.verdicts import ChainRecord, Verdict
from votebox.plugins.voting import Tally, VoteClass
from votebox.sandbox import Execution, Limits

__all__ = ["ChainChange", "Recount", "recipe_of", "recount"]

_UNKNOWN: Final = "runs a program that has no stored result"
_GREAT: Final = 2**31  # characters of a delta: each stored reply comes in one


@dataclass(frozen=True, slots=True)
class ChainChange:
    """Say what a chain does otherwise than it did; each line is a sentence."""

    chain: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recount:
    """Hold a verdict taken again beside the one of the trace.

    `plugins` are sentences on plugins of another version than then, `recipe_changed` tells
    whether the recipe's hash is another now, as when a default has changed, `programs`
    counts those that were run. `unheard` tells that a step behind the vote asks a model:
    no trace holds what it replied, so `answer` and `votes` are those of the vote itself.
    """

    before: Verdict
    answer: str | None
    votes: tuple[VoteClass, ...]
    changes: tuple[ChainChange, ...] = ()
    plugins: tuple[str, ...] = ()
    recipe_changed: bool = False
    programs: int = 0
    unheard: bool = False

    @property
    def stands(self) -> bool | None:
        """Return whether the answer is that of the trace, None where nobody can tell."""
        return None if self.unheard else self.answer == self.before.answer

    @property
    def same_votes(self) -> bool:
        """Return whether every class has the weight and the chains it had.

        Of a vote that a step decided after, the readings are compared.
        """
        if self.unheard:
            return not self.changes
        return _counts(self.votes) == _counts(self.before.votes)


def recipe_of(trace: Trace, registry: Registry) -> Recipe:
    """Return the recipe of a trace: its own TOML, else the registered one of its hash.

    Raises:
        RecipeError: the TOML does not load here, as when a plugin is not installed.
        TraceError: the recipe was made in Python and none of its hash is registered.
    """
    if trace.recipe_toml:
        # The line break keeps text of a foreign trace from being taken for a path.
        return load_recipe(f"{trace.recipe_toml}\n", registry)
    known = registry.recipes.get(trace.verdict.recipe)
    if known is None or known.hash != trace.verdict.recipe_hash:
        what = f"recipe {trace.verdict.recipe!r} was made in Python, so the trace has no TOML of it"
        fix = "load recipes from TOML, or register it in a plugin"
        raise TraceError(trace.verdict.id, what, fix)
    return known


async def recount(trace: Trace, registry: Registry, sandbox: SandboxPort | None) -> Recount:
    """Take the verdict again; `sandbox` None uses the stored executions.

    Raises:
        RecipeError, TraceError: as `recipe_of`.
        ProblemError: the caller had named a vote that is not there any more.
        PluginError: the vote, or a step behind it, fails.
    """
    recipe = _voted(trace, recipe_of(trace, registry), registry)
    records = trace.verdict.chains
    voices = [_Voice(record, trace, recipe, registry, sandbox) for record in records]
    await asyncio.gather(*(voice.run() for voice in voices))
    # What exact rules leave undecided is as it was, so that a time-out then is none now.
    ballot = Ballot(recipe, Recalled(trace.verdict.votes, policy_of(recipe), shared_judge()))
    tally, unheard = await _final(ballot, _heard(voices, trace.verdict), recipe, trace, sandbox)
    seen = [replace(v.record, candidates=tuple(v.chain.log.candidates)) for v in voices]
    least = trace.verdict.overrides.get("min_confidence")
    answer, _, _ = answered(tally, trace.verdict.stop_reason, seen, ballot.policy, least)
    changes = (ChainChange(v.record.index, tuple(v.changes())) for v in voices)
    return Recount(
        before=trace.verdict,
        answer=answer,
        votes=tally.classes,
        changes=tuple(change for change in changes if change.lines),
        plugins=tuple(_other_versions(trace, recipe)),
        recipe_changed=recipe.hash != trace.verdict.recipe_hash,
        programs=sum(voice.box.ran for voice in voices),
        unheard=unheard,
    )


def _voted(trace: Trace, recipe: Recipe, registry: Registry) -> Recipe:
    """Return the recipe with the vote that the caller had named in place of its own."""
    vote = trace.verdict.overrides.get("vote")
    return recipe if vote is None else with_vote(recipe, vote, registry)


def _heard(voices: "Sequence[_Voice]", verdict: Verdict) -> list[Chain]:
    """Return the chains that had a vote, in the order the vote got them."""
    if verdict.stop_reason in CUT_SHORT:
        return [voice.chain for voice in voices]
    ended = [(v.record.place, v.chain) for v in voices if v.record.place is not None]
    return [chain for _, chain in sorted(ended, key=lambda pair: pair[0])]


async def _final(
    ballot: Ballot,
    heard: list[Chain],
    recipe: Recipe,
    trace: Trace,
    sandbox: SandboxPort | None,
) -> tuple[Tally, bool]:
    """Return the last tally, or the vote's own and True where a step behind it asks a model."""

    def nobody(prompt: Prompt) -> str:
        raise EngineError("recorded", "no trace holds what a step behind the vote was told")

    engine = ReplayEngine(nobody)
    ports = Ports(dict.fromkeys(recipe.roles, engine), sandbox, trace.problem)
    try:
        tally = await ballot.final(heard, ports)
    except VoteboxError:
        if not engine.sampled:
            raise
    if engine.sampled:  # whatever the step made of getting no reply is not the verdict
        return ballot.running(heard), True
    return tally, False


class _Cut(EngineError):
    """End a chain where the solve had ended it."""


class _Voice:
    """Run one chain of a trace again."""

    def __init__(
        self,
        record: ChainRecord,
        trace: Trace,
        recipe: Recipe,
        registry: Registry,
        sandbox: SandboxPort | None,
    ) -> None:
        self.record = record
        self.missing: str | None = None
        self._replies: defaultdict[int | None, deque[int]] = defaultdict(deque)
        for number, call in enumerate(record.calls):
            self._replies[call.prompt.seed].append(number)
        engine = ReplayEngine(self._reply, piece_chars=_GREAT)
        self.box = _StoredBox(record, sandbox)
        self.chain = Chain(
            SolveContext(
                recipe=recipe,
                ports=Ports(dict.fromkeys(recipe.roles, engine), self.box, trace.problem),
                samplers=dict.fromkeys(recipe.roles, Sampler(engine)),
                planned=trace.verdict.planned,
                rounds=trace.verdict.rounds or recipe.rounds,
                seed=trace.verdict.seed,
                emit=lambda event: None,
                spend=lambda tokens: None,
                observe=lambda hook, **values: None,
                clock=lambda: 0.0,
            ),
            record.index,
        )

    async def run(self) -> None:
        """Run the chain; its confidence, which only a model can tell, is as it was."""
        await self.chain.run()
        known = {c.evidence.round: c.confidence for c in self.record.candidates}
        log = self.chain.log
        log.candidates = [
            replace(c, confidence=c.confidence or known.get(c.evidence.round))
            for c in log.candidates
            if self._was_heard(c)
        ]
        if self.record.aborted:
            del log.turns[self.record.rounds :]

    def _was_heard(self, candidate: Candidate) -> bool:
        """Return whether the chain came to this reading before the solve ended it.

        The end may fall between a reply and its reading, so in the round that was cut off
        only a node that had read something then is heard again.
        """
        number = candidate.evidence.round
        if not self.record.aborted or number < self.record.rounds:
            return True
        read = {(c.source, c.evidence.round) for c in self.record.candidates}
        return (candidate.source, number) in read

    def _reply(self, prompt: Prompt) -> Recorded:
        """Return what the model replied to the prompt of this seed; raise when it did not."""
        if prompt.messages[-1].role == "assistant":
            return self._rest(prompt.messages[-1].content)
        waiting = self._replies[prompt.seed]
        if not waiting:
            self.missing = f"round {len(self.chain.log.turns)} asks a model, which it did not"
            raise _Cut("recorded", "has no reply stored")
        number = waiting.popleft()
        if self.record.calls[number].end_s is None:
            raise _Cut("recorded", "was cut off here")
        said = self.record.completions[number]
        return Recorded(
            said.text,
            said.reasoning,
            said.finish_reason or "stop",
            said.usage.completion_tokens,
            said.usage.prompt_tokens,
        )

    def _rest(self, begun: str) -> Recorded:
        """Return how a reply goes on behind a program in it."""
        for call, said in zip(self.record.calls, self.record.completions, strict=True):
            if said.text.startswith(begun):
                if call.end_s is None and said.text == begun:
                    raise _Cut("recorded", "was cut off here")
                return Recorded(said.text[len(begun) :], "", said.finish_reason or "stop")
        self.missing = "a program in a reply gives another output, behind which nobody wrote"
        raise _Cut("recorded", "has no such reply stored")

    def changes(self) -> list[str]:
        """Say what the chain does otherwise."""
        lines = list(self.box.changes)
        before = [_read(c) for c in self.record.candidates]
        after = [_read(c) for c in self.chain.log.candidates]
        lines += [f"no longer reads {said}" for said in before if said not in after]
        lines += [f"now reads {said}" for said in after if said not in before]
        error = self.chain.log.error
        ended_itself = self.record.ended in ("answered", "finished", "length")
        if self.missing and ended_itself:
            lines.append(self.missing)
        elif error is not None and not isinstance(error, _Cut) and self.record.error is None:
            lines.append(f"now fails: {error}")
        return lines


class _StoredBox:
    """Run the programs of one chain again, or answer with what they did.

    A program that was not run then runs now only in a chain that the solve did not cut
    off: there it may be what the end of the solve came before.
    """

    def __init__(self, record: ChainRecord, sandbox: SandboxPort | None) -> None:
        self.changes: list[str] = []
        self.ran = 0
        self._sandbox, self._cut = sandbox, record.aborted
        self._stored: defaultdict[str, deque[Execution]] = defaultdict(deque)
        for code, execution in zip(record.programs, record.executions, strict=False):
            self._stored[code].append(execution)

    async def run(
        self,
        code: str,
        limits: Limits | None = None,
        session: str | None = None,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str = "",
    ) -> Execution:
        """Return what the program does now, or did then."""
        kept = self._stored.get(code)
        before = None if not kept else kept.popleft() if len(kept) > 1 else kept[0]
        if before is None and self._cut:
            raise _Cut("recorded", "was cut off while its program ran")
        if self._sandbox is None:
            if before is None:
                self.changes.append(_UNKNOWN)
                raise SandboxError("a program was not run then, and is not run now")
            return before
        after = await self._sandbox.run(code, limits=limits or Limits(), session=session)
        self.ran += 1
        if before is None:
            self.changes.append(_UNKNOWN)
        elif after.status != before.status:
            self.changes.append(f"a program ended {before.status} and now ends {after.status}")
        elif after.stdout != before.stdout:
            self.changes.append("a program now prints something else")
        return after

    async def end_session(self, session: str) -> bool:
        """End a session of the sandbox, where there is one."""
        return await end_session(self._sandbox, session)


def _read(candidate: Candidate) -> str:
    return f"{candidate.answer} ({candidate.source}, round {candidate.evidence.round})"


def _counts(votes: Sequence[VoteClass]) -> list[tuple[str, float, tuple[int, ...]]]:
    return [(vote.answer, vote.weight, vote.chains) for vote in votes]


def _other_versions(trace: Trace, recipe: Recipe) -> list[str]:
    now = {row.use: row for row in plugin_rows(recipe)}
    lines = []
    if trace.votebox != own_version():
        lines.append(f"votebox was {trace.votebox} and is {own_version()}")
    for was in trace.plugins:
        found = now.get(was.use)
        if found is None:
            continue
        if found.origin != was.origin:
            lines.append(f"{was.use} was of {was.origin} and is of {found.origin}")
        elif found.version != was.version and not was.origin.startswith("builtin."):
            lines.append(f"{was.use} of {was.origin} was {was.version} and is {found.version}")
    return lines
