"""Solve one exercise of the editing benchmark by a recipe, and grade every change of it.

What models may know is decided here, in `problem_of`; grading comes after the solve, with the
original tests, and nothing of it goes back.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from votebox.cluster.edit_cases import Case, ChainCase, Change, Reply
from votebox.cluster.edit_reread import Reread, reread, writers
from votebox.cluster.errors import BadUsage
from votebox.plugins import (
    Candidate,
    Patch,
    Problem,
    Recipe,
    SandboxPort,
    SolveOptions,
    Tally,
    Task,
    TestLimits,
    TestVector,
    Verdict,
    run_tests,
)
from votebox.plugins.ballot import policy_of
from votebox.plugins.calls import call, expect
from votebox.plugins.testsplit import TestSplit, split_tests
from votebox.plugins.verdicts import ChainRecord

__all__ = [
    "SHARE",
    "Grades",
    "Procedure",
    "Rules",
    "Solves",
    "change_of",
    "check_editing",
    "check_sent",
    "problem_of",
    "sides",
    "solve_case",
]

type Procedure = Literal["published", "split"]
"""Which tests a try is told of: those that score, or a share of all that does not score."""

SHARE: Final = 0.4
"""The share of tests that are visible where they are split."""

_RULES: Final = (
    "Change {files} so that everything above is done. Keep the names of functions and classes that "
    "are there, because tests use them. Use nothing but Python's standard library."
)
_ERRORS: Final = ("SyntaxError", "IndentationError")


class Solves(Protocol):
    """Solve a problem: a Solver of this process, or one that asks an app."""

    async def solve(self, problem: Problem, recipe: Recipe, options: SolveOptions) -> Verdict:
        """Return the verdict with all chains."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Say how each exercise is solved and graded.

    `tries` is how many changes of a chain are tested, the first included; `limits` are those of
    grading.
    """

    recipe: Recipe
    tries: int = 2
    procedure: Procedure = "published"
    options: SolveOptions = SolveOptions()
    limits: TestLimits = TestLimits(180.0)

    @property
    def shows(self) -> bool:
        """Return whether a step of the recipe gets tests of which models or vote learn."""
        return self.tries > 1 or self.procedure == "split"


def check_editing(rules: Rules) -> None:
    """Refuse a recipe that edits no files, or shows no test where the rules need one shown."""
    recipe = rules.recipe
    steps = [node for node in recipe.nodes.values() if node.plugin and node.plugin.gives == "patch"]
    if not steps:
        fix = "take solo, architect-editor or architect-vote"
        raise BadUsage(f"recipe {recipe.name} edits no files", fix)
    if rules.shows and not any(node.name == "visible-tests" for node in steps):
        problem = f"recipe {recipe.name} runs no tests between its rounds"
        raise BadUsage(problem, "give --tries 1 --procedure published, or add step:visible-tests")


def check_sent(rules: Rules) -> None:
    """Refuse rules that an app cannot carry out: it is sent no test that scores."""
    if rules.procedure == "split":
        return
    if rules.tries > 1:
        problem = "an app is sent no test that scores, and --procedure published feeds those back"
        raise BadUsage(problem, "give --procedure split, or --tries 1")
    if any(getattr(node.options, "programs", ()) for node in rules.recipe.nodes.values()):
        problem = f"the probes of recipe {rules.recipe.name} run in the app, which does not tell"
        fix = "give --procedure split, or --local"
        raise BadUsage(f"{problem} what they showed, and --procedure published votes here", fix)


def sides(task: Task, procedure: Procedure) -> TestSplit:
    """Return the tests whose output may be seen, and in `hidden` those that score."""
    if procedure == "split":
        return split_tests(task, SHARE)
    several = len(task.test_files) > 1
    ids = tuple(
        f"{file.module}.{case.id}" if several else case.id
        for file in task.test_files
        for case in file.cases
    )
    return TestSplit(ids, ids, dict(task.tests))


def problem_of(task: Task, rules: Rules) -> Problem:
    """Return what models, steps and the vote get of an exercise.

    The published procedure gives the scoring tests to the steps of a second try, of which models
    see the output; with one try nobody gets any.
    """
    tests = {"tests": dict(sides(task, rules.procedure).files)} if rules.shows else {}
    wish = _RULES.format(files=" and ".join(task.files))
    return Problem(
        f"{task.instructions.rstrip()}\n\n{wish}",
        task.id,
        files={**task.files, **task.readonly},
        metadata={"readonly": tuple(task.readonly), "tries": rules.tries, **tests},
    )


async def solve_case(
    task: Task, repeat: int, rules: Rules, solver: Solves, sandbox: SandboxPort
) -> Case:
    """Solve an exercise and grade each change; raise what `solver` and the jail raise."""
    problem, split = problem_of(task, rules), sides(task, rules.procedure)
    rounds = rules.options.rounds or rules.recipe.rounds * rules.tries
    options = replace(rules.options, rounds=min(rounds, 64), keep_failed=True)
    verdict = await solver.solve(problem, rules.recipe, options)
    grades = Grades(task, sandbox, rules.limits)
    chains = [await _chain(record, problem, rules, grades) for record in verdict.chains]
    return Case(
        task.id,
        repeat,
        verdict.seed,
        task.digest,
        split.visible if rules.shows else (),
        split.hidden,
        verdict.planned,
        tuple(chains),
        voted(rules, verdict),
        round(verdict.wall_s, 3),
        verdict.id,
    )


class Grades:
    """Grade changes of one task in the jail; the same files are run once."""

    def __init__(self, task: Task, sandbox: SandboxPort, limits: TestLimits) -> None:
        self._task, self._sandbox, self._limits = task, sandbox, limits
        self._known: dict[tuple[str | None, ...], TestVector] = {}
        self._turns: dict[tuple[str | None, ...], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __call__(self, files: Mapping[str, str]) -> TestVector:
        """Return what the original tests say; only files of the solution count."""
        own = {path: files[path] for path in self._task.files if path in files}
        key = tuple(files.get(path) for path in self._task.files)
        async with self._turns[key]:
            if key not in self._known:
                self._known[key] = await run_tests(self._sandbox, self._task, own, self._limits)
        return self._known[key]


def voted(rules: Rules, verdict: Verdict) -> tuple[int, int] | None:
    """Return (chain, try) of the change that a vote elects which knows no scoring test.

    In the split procedure that is the solve's own. In the published one a second try has seen
    scoring tests, so the recipe's vote is taken anew over first tries, without tests.
    """
    if rules.procedure == "split":
        members = verdict.votes[0].members if verdict.votes and not verdict.abstained else ()
        return _place(verdict, members[0]) if members else None
    votes = [node for node in rules.recipe.nodes.values() if node.kind == "vote"]
    if len(votes) != 1:
        return None
    blind = [_blind(_changes(chain)[0]) for chain in verdict.chains if _changes(chain)]
    made = call(votes[0].plugin, votes[0].options, blind, policy_of(rules.recipe))
    leader = expect(votes[0].plugin, made, Tally).leader
    return (leader.members[0].chain, 1) if leader else None


def _changes(chain: ChainRecord) -> list[Candidate]:
    """Return the changes of a chain that landed, in order."""
    return [c for c in chain.candidates if c.evidence.patch is not None]


def _blind(candidate: Candidate) -> Candidate:
    patch: Patch | None = candidate.evidence.patch
    assert patch is not None  # noqa: S101 - _changes has no other
    return replace(
        candidate, evidence=replace(candidate.evidence, patch=replace(patch, tests=None))
    )


def _place(verdict: Verdict, member: Candidate) -> tuple[int, int]:
    chain = next(chain for chain in verdict.chains if chain.index == member.chain)
    rounds = [change.evidence.round for change in _changes(chain)]
    return member.chain, rounds.index(member.evidence.round) + 1


async def _chain(record: ChainRecord, problem: Problem, rules: Rules, grades: Grades) -> ChainCase:
    said = {
        (call.node, call.round): reply
        for call, reply in zip(record.calls, record.completions, strict=True)
    }
    read = await reread(rules.recipe, problem, said)
    patches = [(c.evidence.round, c.evidence.patch) for c in _changes(record)]
    vectors = await asyncio.gather(*(grades(patch.files) for _, patch in patches if patch))
    return ChainCase(
        record.index,
        record.ended,
        tuple(_replies(record, rules.recipe, read)),
        tuple(
            change_of(number, patch, vector)
            for (number, patch), vector in zip(patches, vectors, strict=True)
            if patch
        ),
        record.error,
    )


def change_of(number: int, patch: Patch, vector: TestVector) -> Change:
    """Return a change with what its tests came to."""
    return Change(
        number,
        patch.changed,
        vector.verdict,
        vector.outcome_by_id,
        round(vector.seconds, 3),
        vector.digest,
        _errors(vector),
    )


def _errors(vector: TestVector) -> tuple[str, ...]:
    """Return which of the errors that are counted apart ended a test."""
    last = [result.message.strip().rpartition("\n")[2] for result in vector.results]
    return tuple(name for name in _ERRORS if any(line.startswith(name) for line in last))


def _replies(record: ChainRecord, recipe: Recipe, read: Reread) -> Sequence[Reply]:
    ended, ends = record.end_s or 0.0, writers(recipe)
    replies = []
    for asked, reply in zip(record.calls, record.completions, strict=True):
        found = read.outcomes[asked.node, asked.round]
        end_s = ended if asked.end_s is None else asked.end_s
        replies.append(
            Reply(
                asked.node,
                recipe.nodes[asked.node].name,
                asked.round,
                reply.model,
                reply.text,
                reply.reasoning,
                reply.finish_reason,
                reply.usage.prompt_tokens,
                reply.usage.completion_tokens,
                round(max(0.0, end_s - asked.start_s), 3),
                found.outcome,
                found.fault,
                found.raised,
                asked.node not in ends,
                _lazy(reply.text),
                round(found.thinking, 4),
                reply.provider,
            )
        )
    return replies


def _lazy(text: str) -> int:
    """Return how many lines of a reply are comments that stand for code left out."""
    lines = (line.lstrip("+- \t") for line in text.split("\n"))
    return sum(line.startswith(("#", "//")) and "..." in line for line in lines)
