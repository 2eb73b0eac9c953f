"""Judge what a thing returned: the type its hook promises, and what a solve relies on."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from votebox.plugins.nouns import Candidate, Prompt, Reading, Stripped
from votebox.plugins.plugin import Plugin
from votebox.plugins.testing_cases import Case
from votebox.plugins.voting import Advice, Tally, VoteState

__all__ = ["Fault", "faults", "relations"]

type Fault = tuple[str, str, str]
"""The rule that was broken, how, and the fix."""

_ROLES: Final = frozenset({"system", "user", "assistant"})


def faults(plugin: Plugin, thing: Any, case: Case, result: Any) -> Iterator[Fault]:
    """Yield what is wrong with the result of one call."""
    match plugin.kind:
        case "extract" | "code":
            yield from _readings(case.args[0], result)
        case "strip":
            yield from _typed(result, str, Stripped)
        case "prompt":
            yield from _prompt(case.args[2], result)
        case "policy":
            yield from _admitted(thing, result)
        case "vote":
            yield from _tally(plugin, case.args[0], result)
        case "stop":
            yield from _advice(case.args[0], result)
        case "dispatch":
            yield from _chains(case.args[0], result)
        case "guard" if result is not None:
            yield from _typed(result, str)
            if result == "":
                yield "value", "ends a chain for no reason: ''", "return a reason, or None"


def relations(plugin: Plugin, call: Callable[..., Any], case: Case, result: Any) -> Iterator[Fault]:
    """Yield what is wrong between the result and that of another call."""
    if plugin.kind != "vote" or not isinstance(result, Tally) or not result.classes:
        return
    given, policy = case.args
    last = max(c.chain for c in given)
    turned = [replace(c, chain=last - c.chain) for c in given]
    # A vote gets a chain's candidates in the order they were read: the sort is stable.
    again = call(sorted(turned, key=lambda c: c.chain), policy)
    if isinstance(again, Tally) and _weights(again) != _weights(result):
        problem = "counts otherwise when the chains are numbered the other way round"
        yield "vote-order", problem, "let a chain count the same whatever its number"


def _weights(tally: Tally) -> list[tuple[str, str]]:
    return sorted((c.answer, f"{c.weight:.9g}") for c in tally.classes)


def _typed(value: object, *kinds: type) -> Iterator[Fault]:
    if not isinstance(value, kinds):
        wanted = " or ".join(k.__name__ for k in kinds)
        yield "type", f"returned {type(value).__name__}", f"return {wanted}"


def _readings(text: str, result: Any) -> Iterator[Fault]:
    if not isinstance(result, list):
        yield from _typed(result, list)
        return
    for reading in result:
        if not isinstance(reading, Reading):
            yield "type", f"returned a list of {type(reading).__name__}", "return list[Reading]"
            return
        yield from _typed(reading.value, str)
        span: Any = reading.span
        if not _is_span(span, len(text)):
            problem = f"gave the span {span!r} in a text of {len(text)} characters"
            yield "span", problem, "give (start, end) offsets into the text"


def _is_span(span: Any, length: int) -> bool:
    if not isinstance(span, tuple) or len(span) != 2 or not all(type(n) is int for n in span):
        return False
    start, end = span
    return bool(0 <= start <= end <= length)


def _prompt(round_: int, result: Any) -> Iterator[Fault]:
    if result is None:
        if round_ == 0:
            yield "value", "asks nothing in round 0", "return a Prompt or a str"
    elif isinstance(result, Prompt):
        roles = {m.role for m in result.messages}
        if not result.messages or roles - _ROLES:
            problem = f"gave messages of roles {sorted(roles)}"
            yield "value", problem, "use system, user and assistant"
        if not all(isinstance(m.content, str) for m in result.messages):
            yield "type", "gave a message whose content is no text", "give str"
    else:
        yield from _typed(result, Prompt, str)


def _admitted(policy: Any, result: Any) -> Iterator[Fault]:
    for name in ("fallback", "late"):
        answer = getattr(policy, name, policy)
        if answer is not None and not isinstance(answer, str):
            problem = f"has no text or None as `{name}`"
            yield "type", problem, f"set {name} to an answer, or None to abstain"
    if result is None:
        return
    try:
        hash(result)
        order = policy.order(result)
        sorts = order <= order  # noqa: PLR0124 - nan is not equal to itself
    except Exception:  # foreign code: anything it raises says that it cannot be counted
        sorts = False
    if not sorts:
        problem = f"admits {result!r:.60}, which cannot be counted or sorted"
        yield "value", problem, "admit hashable values, and give each a key to sort by"


def _tally(plugin: Plugin, given: Sequence[Candidate], result: Any) -> Iterator[Fault]:
    if not isinstance(result, Tally):
        yield from _typed(result, Tally)
        return
    weights = [c.weight for c in result.classes]
    if not all(math.isfinite(w) and w > 0 for w in weights):
        yield "vote-weight", f"gave the weights {weights!r:.80}", "reject what is not above 0"
    elif weights != sorted(weights, reverse=True):
        yield "vote-order", f"gave the weights {weights!r:.80}", "sort classes, the winner first"
    answers = [c.answer for c in result.classes]
    if len(set(answers)) < len(answers) or not all(isinstance(a, str) for a in answers):
        yield "value", f"gave the answers {answers!r:.80}", "give each class one text of its own"
    known = set(map(id, given))
    members = [m for c in result.classes for m in c.members]
    if not all(id(m) in known for m in (*members, *result.rejected)):
        problem = "counts candidates that it was not given"
        yield "vote-members", problem, "put the Candidate values themselves into the classes"
    for each in result.classes:
        most = plugin.most * len(each.chains)
        if not each.members or each.weight > most * (1 + 1e-9):
            problem = f"gave {each.weight:g} to {each.answer!r:.40} of {len(each.chains)} chains"
            fix = f"keep to {plugin.most:g} a chain, or declare more with @declare(most=...)"
            yield "vote-weight", problem, fix


def _advice(state: VoteState, result: Any) -> Iterator[Fault]:
    if not isinstance(result, Advice):
        yield from _typed(result, Advice)
        return
    if type(result.stop) is not bool or type(result.need) is not int:
        yield "type", f"gave {result!r:.80}", "give stop as bool and need as int"
        return
    if not 0 <= result.need <= state.left:
        problem = f"needs {result.need} votes of {state.left} that are left"
        yield "value", problem, "give 0 to state.left"
    risk = result.risk
    if risk is not None and not 0 <= risk <= 1:
        yield "value", f"gave the risk {risk!r}", "give a probability, or None for no estimate"
    if state.left == 0 and not result.stop:
        yield "value", "goes on when no chain is left", "stop when state.left == 0"


def _chains(state: VoteState, result: Any) -> Iterator[Fault]:
    if type(result) is not int:
        yield from _typed(result if result is not True and result is not False else "", int)
    elif not 0 <= result <= state.left:
        problem = f"wants {result} chains in flight where {state.left} are left"
        yield "value", problem, "give 0 to state.left"
