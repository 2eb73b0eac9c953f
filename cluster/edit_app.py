"""Have an app solve exercises of the editing benchmark, and read its verdict as a solver's.

An app gets what models, steps and the vote may know of an exercise (edit_solve.problem_of) and
nothing else: grading is done here. Nor is its word taken for a change: changes are what the
replies come to when the recipe's own nodes read them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from votebox.cluster.client import solve_over_http
from votebox.cluster.edit_reread import Reread, reread
from votebox.cluster.errors import BadUsage, Failed
from votebox.plugins import (
    Candidate,
    Completion,
    Evidence,
    Patch,
    Problem,
    Prompt,
    Recipe,
    SolveOptions,
    Usage,
    Verdict,
)
from votebox.plugins.verdicts import ChainRecord, ModelCall, StopReason
from votebox.plugins.voting import VoteClass

__all__ = ["AppSolver", "read_verdict", "request_of"]


class _Read(BaseModel):
    """Read the fields named here; an app may tell more."""

    model_config = ConfigDict(frozen=True)


class _Reply(_Read):
    node: str
    round: int
    text: str
    reasoning: str | None
    finish_reason: str | None
    model: str
    provider: str = ""
    prompt_tokens: int
    completion_tokens: int
    start_s: float
    end_s: float | None


class _Candidate(_Read):
    answer: str
    round: int


class _Chain(_Read):
    index: int
    seed: int
    label: str
    ended: str
    rounds: int
    error: str | None
    end_s: float | None
    completions: list[_Reply]
    candidates: list[_Candidate]


class _Vote(_Read):
    answer: str
    weight: float
    chains: list[int]
    members: list[str]


class _Told(_Read):
    answer: str | None
    reason: str
    stop_reason: StopReason
    confidence: float
    votes: list[_Vote]
    chains: list[_Chain]
    recipe_hash: str
    seed: int
    wall_s: float
    planned: int
    id: str


_TOLD: Final = TypeAdapter(_Told)


class AppSolver:
    """Solve in the app at `url`, `at_once` connections at most.

    As of evaluate_asking.AppAsker: ending this process ends its solves.
    """

    def __init__(self, url: str, at_once: int, *, trace: bool) -> None:
        self._url, self._trace = url, trace
        self._threads = ThreadPoolExecutor(at_once, "votebox-edit-bench")

    async def solve(self, problem: Problem, recipe: Recipe, options: SolveOptions) -> Verdict:
        """Return the verdict as far as a benchmark reads it; raise BadUsage or Failed."""
        request = request_of(problem, recipe, options)
        if not self._trace:
            request["trace"] = False
        loop = asyncio.get_running_loop()
        told = await loop.run_in_executor(
            self._threads, solve_over_http, self._url, request, _unseen
        )
        return await read_verdict(told, problem, recipe)


def request_of(problem: Problem, recipe: Recipe, options: SolveOptions) -> dict[str, Any]:
    """Return the body that asks an app for what a solver in this process would be asked."""
    return {
        "question": problem.text,
        "id": problem.id,
        "recipe": recipe.name,
        "files": dict(problem.files),
        "seed": options.seed,
        "keep_failed": options.keep_failed,
        **{n: list(v) if isinstance(v, tuple) else v for n, v in problem.metadata.items()},
        **options.overrides,
    }


async def read_verdict(told: Mapping[str, Any], problem: Problem, recipe: Recipe) -> Verdict:
    """Return an app's verdict with the changes that its replies come to.

    Raises:
        BadUsage: the app solved by another recipe of that name.
        Failed: it is none, or tells of other changes than its replies hold.
    """
    try:
        found = _TOLD.validate_python(told)
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        fix = "run the same version of votebox on both sides"
        raise Failed(f"the app's verdict has a strange {where}: {first['msg']}", fix) from e
    if found.recipe_hash != recipe.hash:
        problem_ = f"the app has another recipe {recipe.name} ({found.recipe_hash:.20})"
        raise BadUsage(problem_, f"the one here is {recipe.hash}: take the same version")
    chains = tuple([await _chain(chain, problem, recipe) for chain in found.chains])
    return Verdict(
        found.answer,
        found.reason,
        found.stop_reason,
        None,
        tuple(_vote(vote, chains) for vote in found.votes),
        found.confidence,
        Usage(),
        chains,
        recipe=recipe.name,
        recipe_hash=found.recipe_hash,
        seed=found.seed,
        wall_s=found.wall_s,
        problem_id=problem.id,
        planned=found.planned,
        id=found.id,
    )


async def _chain(chain: _Chain, problem: Problem, recipe: Recipe) -> ChainRecord:
    models = {node.id for node in recipe.nodes.values() if node.kind == "model"}
    strange = next((reply.node for reply in chain.completions if reply.node not in models), None)
    if strange is not None:
        raise Failed(f"the app tells of a reply of {strange!r:.80}, no model of {recipe.name}")
    replies = [_completion(reply) for reply in chain.completions]
    calls = [
        ModelCall(reply.node, reply.round, Prompt(()), reply.start_s, reply.end_s)
        for reply in chain.completions
    ]
    said = {(call.node, call.round): reply for call, reply in zip(calls, replies, strict=True)}
    return ChainRecord(
        chain.index,
        chain.seed,
        chain.label,
        chain.ended,
        chain.rounds,
        completions=tuple(replies),
        candidates=_changes(chain, await reread(recipe, problem, said)),
        error=chain.error,
        calls=tuple(calls),
        end_s=chain.end_s,
    )


def _completion(reply: _Reply) -> Completion:
    return Completion(
        reply.text,
        reply.reasoning or "",
        reply.finish_reason,
        Usage(reply.prompt_tokens, reply.completion_tokens),
        model=reply.model,
        provider=reply.provider,
    )


def _changes(chain: _Chain, read: Reread) -> tuple[Candidate, ...]:
    """Return the changes that a chain put to the vote; they have to be those its replies give."""
    landed: dict[int, Patch] = {number: patch for number, patch in read.landed if patch.changed}
    given = [(candidate.round, candidate.answer) for candidate in chain.candidates]
    if given != [(number, landed[number].diff) for number, _ in given if number in landed]:
        problem = f"chain {chain.index} of the app has changes that its replies do not give"
        raise Failed(problem, "run the same version of votebox on both sides")
    return tuple(
        Candidate(answer, "", chain.index, evidence=Evidence(answer, round=n, patch=landed[n]))
        for n, answer in given
    )


def _vote(vote: _Vote, chains: Sequence[ChainRecord]) -> VoteClass:
    """Return a class of the vote with the last change that each of its chains has in it."""
    members = []
    for index in vote.chains:
        own = (c for chain in chains if chain.index == index for c in reversed(chain.candidates))
        members += [candidate for candidate in own if candidate.answer in vote.members][:1]
    return VoteClass(vote.answer, vote.weight, tuple(members))


def _unseen(event: Mapping[str, Any]) -> None:
    """Take an event of a solve that nobody watches."""
