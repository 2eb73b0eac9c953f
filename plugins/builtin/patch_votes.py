"""Elect a change of files among those of several chains, by rules in a written order.

    tests       more visible tests passed
    behaviour   the larger cluster of changes whose probes show the same
    same-code   the larger group of changes with one syntax tree (Agentless, Xia et al. 2024)
    small-diff  the smaller diff

What is still level goes to the lower chain. `vote:patches` follows a recipe's own order; each
rule is also a vote of its own. A chain's word is the last change it submitted.
"""

import ast
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any, Final, Literal

from votebox.plugins import Candidate, Patch, Register, Tally, VoteClass, declare, hookimpl
from votebox.plugins.builtin.votes import last_words

type _Rule = Literal["tests", "behaviour", "same-code", "small-diff"]


@dataclass(frozen=True, slots=True)
class PatchOptions:
    """Set the order of the rules, and whether a change that fails a visible test may win."""

    order: tuple[_Rule, ...] = ("tests", "behaviour", "same-code", "small-diff")
    failing: bool = False


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """Set whether a change that fails a visible test may win."""

    failing: bool = False


@dataclass(frozen=True, slots=True)
class _Change:
    """Hold one candidate, its patch, and the text of its normalised syntax."""

    candidate: Candidate
    patch: Patch
    code: str

    @property
    def same(self) -> tuple[Any, ...]:
        """Return what is equal for changes of one class: code, tests passed, behaviour."""
        return self.code, self.patch.passed, self.patch.probes


@declare(most=inf)
def patches(candidates: Sequence[Candidate], policy: Any, options: PatchOptions) -> Tally:
    """Elect by the rules of `order`, each deciding where those before it leave a tie."""
    return elect(candidates, options.order, failing=options.failing)


@declare(most=inf)
@dataclass(frozen=True, slots=True)
class ByRule:
    """Elect by one rule."""

    rule: _Rule

    def __call__(self, candidates: Sequence[Candidate], policy: Any, options: RuleOptions) -> Tally:
        """Elect; ties go to the lower chain."""
        return elect(candidates, (self.rule,), failing=options.failing)


def elect(candidates: Sequence[Candidate], order: Sequence[_Rule], *, failing: bool) -> Tally:
    """Return the classes of equal changes, the elected first; weight is the number of chains."""
    changes, rejected = [], []
    for candidate in last_words(candidates, ()):
        patch = candidate.evidence.patch
        if patch is None or not patch.landed or not (failing or patch.ok):
            rejected.append(candidate)
        else:
            changes.append(_Change(candidate, patch, normalised(patch)))
    ranks = [_RULES[name](changes) for name in order]
    places = sorted(range(len(changes)), key=lambda at: tuple(-rank[at] for rank in ranks))
    classes: dict[tuple[Any, ...], list[Candidate]] = {}
    for at in places:  # sorting is stable, and changes stand in order of chain
        classes.setdefault(changes[at].same, []).append(changes[at].candidate)
    return Tally(
        tuple(VoteClass(m[0].answer, float(len(m)), tuple(m)) for m in classes.values()),
        tuple(rejected),
    )


def normalised(patch: Patch) -> str:
    """Return the changed files without what does not matter: layout, comments, docstrings.

    A file that is no Python, or does not parse, is taken as it is.
    """
    return repr([(path, _code(path, text)) for path, text in sorted(patch.changed.items())])


def _code(path: str, text: str | None) -> str | None:
    if text is None or not path.endswith(".py"):
        return text
    try:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = [s for n, s in enumerate(node.body) if n or not _is_text(s)] or [
                    ast.Pass()
                ]
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text


def _is_text(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _tests(changes: Sequence[_Change]) -> list[int]:
    return [change.patch.passed for change in changes]


def _behaviour(changes: Sequence[_Change]) -> list[int]:
    """Return the size of each change's cluster, among those that pass as many tests."""
    keys = [(change.patch.passed, change.patch.probes) for change in changes]
    sizes = Counter(keys)
    return [sizes[key] if key[1] else 0 for key in keys]


def _same_code(changes: Sequence[_Change]) -> list[int]:
    sizes = Counter(change.same for change in changes)
    return [sizes[change.same] for change in changes]


def _small_diff(changes: Sequence[_Change]) -> list[int]:
    """Return minus the number of changed lines."""
    return [-_changed_lines(change.candidate.answer) for change in changes]


def _changed_lines(diff: str) -> int:
    """Count the lines of a unified diff that come or go, its two lines of names per file too."""
    return sum(line.startswith(("+", "-")) for line in diff.split("\n"))


_RULES: Final[Mapping[_Rule, Callable[[Sequence[_Change]], list[int]]]] = MappingProxyType(
    {
        "tests": _tests,
        "behaviour": _behaviour,
        "same-code": _same_code,
        "small-diff": _small_diff,
    }
)


@hookimpl
def register_votes(register: Register) -> None:
    """Register the votes over changes."""
    register("vote:patches", patches, options=PatchOptions)
    for rule in _RULES:
        register(f"vote:patch-{rule}", ByRule(rule), options=RuleOptions)
