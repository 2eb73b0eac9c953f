"""Define what a trace holds, row by row: one `solve` row, then one `chain` row per chain.

`TraceRow` is the schema: its fields are the columns of the Parquet file, and the nouns
in them become structs of the same names. docs/traces.md documents each, and a test holds
it to this. How rows become Arrow is arrowrows.py's affair.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Literal

from votebox.plugins.arrowrows import arrow_type, field_types, from_plain, to_plain
from votebox.plugins.nouns import (
    Candidate,
    Completion,
    Confidence,
    Evidence,
    Message,
    Problem,
    Prompt,
    Usage,
)
from votebox.plugins.recipe import Recipe
from votebox.plugins.verdicts import ChainRecord, ModelCall, ProgramRun, Verdict
from votebox.plugins.voting import VoteClass
from votebox.sandbox import Execution

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "SCHEMA_VERSION",
    "PluginRow",
    "Trace",
    "TraceRow",
    "own_version",
    "plugin_rows",
    "read_table",
    "to_table",
    "trace_schema",
]

SCHEMA_VERSION: Final = 1
"""The version of the columns; a reader takes this one and those before it."""

_VERSION_KEY: Final = b"votebox.trace"


@dataclass(frozen=True, slots=True)
class CallRow:
    """Hold one reply of a model with what it was asked."""

    node: str
    round: int
    start_s: float
    end_s: float | None
    prompt: Prompt
    completion: Completion


@dataclass(frozen=True, slots=True)
class ProgramRow:
    """Hold one program with what it did."""

    node: str
    round: int
    start_s: float
    end_s: float
    code: str
    execution: Execution


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """Hold one candidate; `program` counts into its chain's programs."""

    chain: int
    source: str
    round: int
    answer: str
    weight: float
    parent: str
    text: str
    span: tuple[int, ...]
    complete: bool
    notes: tuple[str, ...]
    program: int | None
    confidence: Confidence | None


@dataclass(frozen=True, slots=True)
class VoteRow:
    """Hold one class of the vote."""

    answer: str
    weight: float
    members: tuple[CandidateRow, ...]


@dataclass(frozen=True, slots=True)
class PluginRow:
    """Name a plugin the recipe used, and the version of the distribution it came from."""

    use: str
    origin: str
    version: str


@dataclass(frozen=True, slots=True)
class TraceRow:
    """Hold one row; what does not belong to its kind is None."""

    kind: Literal["solve", "chain"]
    solve: str
    started: datetime | None = None
    problem_id: str = ""
    reference: str | None = None
    recipe: str = ""
    recipe_hash: str = ""
    seed: int = 0
    client_request: str | None = None
    planned: int = 0
    finished: int = 0
    flip_chance: float | None = None
    ladder_s: float | None = None
    tokens_saved: int = 0
    verdict: str | None = None
    confidence: float = 0.0
    stop_reason: str = ""
    stopped_by: str | None = None
    wall_s: float = 0.0
    rounds: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    aborted_tokens: int = 0
    executions: int = 0
    sandbox_s: float = 0.0
    chain: int | None = None
    answer: str | None = None
    model: str | None = None
    chain_seed: int | None = None
    label: str | None = None
    ended: str | None = None
    place: int | None = None
    error: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    calls: tuple[CallRow, ...] | None = None
    programs: tuple[ProgramRow, ...] | None = None
    candidates: tuple[CandidateRow, ...] | None = None
    question: str | None = None
    turns: tuple[Message, ...] | None = None
    system: str | None = None
    reason: str | None = None
    votes: tuple[VoteRow, ...] | None = None
    rejected: tuple[CandidateRow, ...] | None = None
    files: Mapping[str, str] | None = None
    metadata: str | None = None
    overrides: str | None = None
    recipe_toml: str | None = None
    plugins: tuple[PluginRow, ...] | None = None
    votebox: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """Hold a trace that was read: the solve in the nouns it was made of.

    `recipe_toml` is "" for a recipe that was made in Python; `votebox` is the version that
    solved.
    """

    verdict: Verdict
    problem: Problem
    recipe_toml: str = ""
    plugins: tuple[PluginRow, ...] = ()
    votebox: str = ""


def to_table(verdict: Verdict, problem: Problem, recipe: Recipe) -> "pa.Table":
    """Return the trace of a solve as an Arrow table of `trace_schema()`."""
    import pyarrow as pa

    rows = [to_plain(row) for row in _rows(verdict, problem, recipe)]
    return pa.Table.from_pylist(rows, schema=trace_schema())


def read_table(table: "pa.Table") -> Trace:
    """Return the trace in a table; the inverse of `to_table`.

    Raises:
        ValueError, TypeError, KeyError: it is no trace, or one of a newer version.
    """
    version = int((table.schema.metadata or {}).get(_VERSION_KEY, b"0"))
    if not 0 < version <= SCHEMA_VERSION:
        newer = version > SCHEMA_VERSION
        raise ValueError("a newer votebox wrote it" if newer else "it is no trace of votebox")
    rows: list[TraceRow] = [from_plain(TraceRow, row) for row in table.to_pylist()]
    solves = [row for row in rows if row.kind == "solve"]
    if len(solves) != 1:
        raise ValueError(f"it holds {len(solves)} solves, not one")
    return _trace(solves[0], [row for row in rows if row.kind == "chain"])


@cache
def trace_schema() -> "pa.Schema":
    """Return the Arrow schema of a trace."""
    import pyarrow as pa

    columns = ((name, arrow_type(hint)) for name, hint in field_types(TraceRow).items())
    return pa.schema(columns, {_VERSION_KEY: str(SCHEMA_VERSION).encode()})


def _rows(verdict: Verdict, problem: Problem, recipe: Recipe) -> Iterator[TraceRow]:
    ran = {chain.index: chain.executions for chain in verdict.chains}

    def rowed(candidates: Iterable[Candidate]) -> tuple[CandidateRow, ...]:
        return tuple(_candidate_row(c, ran.get(c.chain, ())) for c in candidates)

    common: dict[str, Any] = {
        "solve": verdict.id,
        "started": verdict.started,
        "problem_id": verdict.problem_id,
        "reference": problem.reference,
        "recipe": verdict.recipe,
        "recipe_hash": verdict.recipe_hash,
        "seed": verdict.seed,
        "client_request": verdict.client_request,
        "planned": verdict.planned,
        "finished": verdict.finished,
        "flip_chance": verdict.flip_chance,
        "ladder_s": verdict.ladder_s,
        "tokens_saved": verdict.tokens_saved,
        "verdict": verdict.answer,
        "confidence": verdict.confidence,
        "stop_reason": verdict.stop_reason,
        "stopped_by": verdict.stopped_by,
        "wall_s": verdict.wall_s,
    }
    yield TraceRow(
        kind="solve",
        **common,
        **_spent(verdict.usage),
        rounds=verdict.rounds,
        question=problem.text,
        turns=problem.turns,
        system=problem.system,
        reason=verdict.reason,
        votes=tuple(VoteRow(v.answer, v.weight, rowed(v.members)) for v in verdict.votes),
        rejected=rowed(verdict.rejected),
        files=problem.files,
        metadata=json.dumps(dict(problem.metadata), default=str),
        overrides=json.dumps(dict(verdict.overrides)),
        recipe_toml=recipe.source,
        plugins=plugin_rows(recipe),
        votebox=own_version(),
    )
    voted = {m.chain: vote.answer for vote in reversed(verdict.votes) for m in vote.members}
    for chain in verdict.chains:
        yield TraceRow(
            kind="chain",
            **common,
            **_spent(chain.usage),
            rounds=chain.rounds,
            chain=chain.index,
            answer=voted.get(chain.index),
            model=chain.completions[0].model if chain.completions else None,
            chain_seed=chain.seed,
            label=chain.label,
            ended=chain.ended,
            place=chain.place,
            error=chain.error,
            start_s=chain.start_s,
            end_s=chain.end_s,
            calls=_calls(chain),
            programs=_programs(chain),
            candidates=rowed(chain.candidates),
        )


def _spent(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "tokens": usage.completion_tokens,
        "aborted_tokens": usage.aborted_tokens,
        "executions": usage.executions,
        "sandbox_s": usage.sandbox_s,
    }


def _calls(chain: ChainRecord) -> tuple[CallRow, ...]:
    """Join replies with their calls, which a record made elsewhere may lack."""
    calls = (*chain.calls, *repeat(ModelCall("", 0, Prompt(())), len(chain.completions)))
    return tuple(
        CallRow(call.node, call.round, call.start_s, call.end_s, call.prompt, completion)
        for call, completion in zip(calls, chain.completions, strict=False)
    )


def _programs(chain: ChainRecord) -> tuple[ProgramRow, ...]:
    runs = (*chain.runs, *repeat(ProgramRun("", 0), len(chain.programs)))
    return tuple(
        ProgramRow(run.node, run.round, run.start_s, run.end_s, code, execution)
        for run, code, execution in zip(runs, chain.programs, chain.executions, strict=False)
    )


def _candidate_row(candidate: Candidate, ran: Sequence[Execution]) -> CandidateRow:
    found = candidate.evidence
    program = ran.index(found.execution) if found.execution in ran else None
    return CandidateRow(
        candidate.chain,
        candidate.source,
        found.round,
        candidate.answer,
        candidate.weight,
        found.parent,
        found.text,
        found.span,
        found.complete,
        found.notes,
        program,
        candidate.confidence,
    )


def plugin_rows(recipe: Recipe) -> tuple[PluginRow, ...]:
    """Return the plugins a recipe uses, each once."""
    uses = (recipe.policy, recipe.stop, recipe.dispatch, *recipe.guards)
    found = [node.plugin for node in recipe.nodes.values() if node.plugin is not None]
    every = {plugin.use: plugin for plugin in (*found, *(use.plugin for use in uses))}
    return tuple(
        PluginRow(p.use, p.origin, p.version or own_version())  # a built-in is of our version
        for p in every.values()
    )


@cache
def own_version() -> str:
    """Return the version of votebox that runs."""
    from importlib.metadata import version

    return version("votebox")


def _trace(solve: TraceRow, chains: Sequence[TraceRow]) -> Trace:
    records = tuple(_record(row) for row in chains)
    ran = {record.index: record.executions for record in records}

    def read(rows: tuple[CandidateRow, ...] | None) -> tuple[Candidate, ...]:
        return tuple(_candidate(row, ran.get(row.chain, ())) for row in rows or ())

    verdict = Verdict(
        answer=solve.verdict,
        reason=solve.reason or "",
        stop_reason=solve.stop_reason,  # type: ignore[arg-type]  # as it was written
        stopped_by=solve.stopped_by,
        votes=tuple(VoteClass(v.answer, v.weight, read(v.members)) for v in solve.votes or ()),
        confidence=solve.confidence,
        usage=_usage(solve),
        chains=records,
        rejected=read(solve.rejected),
        recipe=solve.recipe,
        recipe_hash=solve.recipe_hash,
        seed=solve.seed,
        wall_s=solve.wall_s,
        problem_id=solve.problem_id,
        id=solve.solve,
        started=solve.started,
        planned=solve.planned,
        finished=solve.finished,
        flip_chance=solve.flip_chance,
        ladder_s=solve.ladder_s,
        tokens_saved=solve.tokens_saved,
        client_request=solve.client_request or "",
        overrides=json.loads(solve.overrides or "{}"),
        rounds=solve.rounds,
        traced=True,
    )
    problem = Problem(
        solve.question or "",
        solve.problem_id,
        solve.files or {},
        solve.reference,
        json.loads(solve.metadata or "{}"),
        solve.turns or (),
        solve.system or "",
    )
    return Trace(
        verdict, problem, solve.recipe_toml or "", solve.plugins or (), solve.votebox or ""
    )


def _record(row: TraceRow) -> ChainRecord:
    calls, programs = row.calls or (), row.programs or ()
    ran = tuple(p.execution for p in programs)
    return ChainRecord(
        index=row.chain or 0,
        seed=row.chain_seed or 0,
        label=row.label or "",
        ended=row.ended or "",
        rounds=row.rounds,
        usage=_usage(row),
        completions=tuple(c.completion for c in calls),
        programs=tuple(p.code for p in programs),
        executions=ran,
        candidates=tuple(_candidate(c, ran) for c in row.candidates or ()),
        error=row.error,
        calls=tuple(ModelCall(c.node, c.round, c.prompt, c.start_s, c.end_s) for c in calls),
        runs=tuple(ProgramRun(p.node, p.round, p.start_s, p.end_s) for p in programs),
        start_s=row.start_s or 0.0,
        end_s=row.end_s,
        place=row.place,
    )


def _usage(row: TraceRow) -> Usage:
    return Usage(row.prompt_tokens, row.tokens, row.aborted_tokens, row.executions, row.sandbox_s)


def _candidate(row: CandidateRow, ran: Sequence[Execution]) -> Candidate:
    execution = ran[row.program] if row.program is not None and row.program < len(ran) else None
    start, end = row.span
    evidence = Evidence(
        row.text, (start, end), row.complete, row.parent, row.round, execution, row.notes
    )
    return Candidate(row.answer, row.source, row.chain, row.weight, evidence, row.confidence)
