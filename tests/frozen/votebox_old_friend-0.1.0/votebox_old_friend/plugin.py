"""Use every hook and the nouns of votebox 0.1 as a plugin of that time would."""

from dataclasses import dataclass, replace
from pathlib import Path

from votebox.plugins import (
    Advice,
    Candidate,
    Evidence,
    Prompt,
    Reading,
    Tally,
    VoteClass,
    declare,
    hookimpl,
)
from votebox.plugins.answers import canonical, equivalent, key, show

SEEN = []


@dataclass(frozen=True, slots=True)
class MarkerOptions:
    """Name the mark an answer stands behind."""

    marker: str = "=>"


def ask(problem, chain, round, options):
    """Ask in turns of two wordings; say nothing later."""
    if round > 0 or chain.turns:
        return None
    assert chain.index < chain.planned and isinstance(chain.seed, int)
    label = ("plain", "kind")[chain.index % 2]
    return Prompt.of(problem.text, system="Answer behind =>.", label=label)


@declare(closes=("</py>",))
def code(text, finish_reason, options):
    """Read programs between <py> and </py>."""
    parts = text.split("<py>")[1:]
    return [Reading(part.split("</py>")[0], complete="</py>" in part) for part in parts]


def marked(text, finish_reason, options):
    """Read what stands behind the last mark."""
    _, mark, said = text.rpartition(options.marker)
    if not mark:
        return []
    return [Reading(said.strip(), (len(text) - len(said), len(text)), finish_reason == "stop")]


def strip(completion, options):
    """Leave out what stands before a line of dashes."""
    return completion.text.rpartition("----\n")[2]


class Edit:
    """Read one edit a line."""

    def parse(self, text):
        return tuple(line for line in text.splitlines() if line.startswith("+"))


class Even:
    """Admit even integers."""

    fallback = "0"
    late = None

    def __init__(self, options=None):
        pass

    def admit(self, canonical):
        return canonical if canonical.denominator == 1 and canonical % 2 == 0 else None

    def order(self, value):
        return value


@declare(most=1.0)
def elect(candidates, policy, options):
    """Elect the answer of most chains."""
    classes, rejected = {}, []
    for candidate in {c.chain: c for c in candidates}.values():
        value = key(candidate.answer, policy)
        if value is None:
            rejected.append(candidate)
        else:
            classes.setdefault(value, []).append(candidate)
    ordered = sorted(classes, key=lambda v: (len(classes[v]), policy.order(v)), reverse=True)
    elected = (VoteClass(show(v), float(len(classes[v])), tuple(classes[v])) for v in ordered)
    return Tally(tuple(elected), tuple(rejected))


@declare(looks_at="lead")
def five(state, options):
    """Stop at five votes."""
    v1, _ = state.lead
    need = max(0, 5 - int(v1))
    return Advice(state.left == 0 or need == 0, min(need, state.left), None)


@declare(looks_at="lead")
def half(state, advice, in_flight, options):
    """Keep half of what is needed in flight, and no more than are left."""
    return min(max(1, advice.need // 2), state.left)


def long_winded(progress, options):
    """End a chain of more than a thousand characters."""
    return "long" if len(progress.text) > 1000 or progress.tokens > 1000 else None


@declare(takes=("completion", "executions", "edits"), gives="candidates")
async def combine(inputs, ports, options):
    """Read a program's output where there is one, else the edits."""
    found = []
    for value in inputs.values():
        for item in value if isinstance(value, tuple) else ():
            text = item if isinstance(item, str) else item.stdout
            number = text.strip().lstrip("+").strip()
            if canonical(number) is not None:
                found.append(Candidate(number, "", 0, 1.0, Evidence(text=number)))
    return tuple(found)


@declare(takes=("tally",), gives="tally")
async def first_only(inputs, ports, options):
    """Keep the answers equal to the first."""
    (tally,) = inputs.values()
    first = tally.leader
    same = [c for c in tally.classes if first and equivalent(c.answer, first.answer)]
    assert len(ports.chains) > 0 and ports.problem.text
    return replace(tally, classes=tuple(same))


@hookimpl
def register_prompts(register):
    register("old-ask", ask)


@hookimpl
def register_extractors(register):
    register("code:old-code", code)
    register("extract:old-marked", marked, options=MarkerOptions)
    register("strip:old-strip", strip)
    register("edit:old-edit", Edit())


@hookimpl
def register_votes(register):
    register("policy:old-even", Even)
    register("vote:old-elect", elect)


@hookimpl
def register_stops(register):
    register("stop:old-five", five)
    register("dispatch:old-half", half)
    register("guard:old-long", long_winded)


@hookimpl
def register_steps(register):
    register("step:old-combine", combine)
    register("select:old-first", first_only)


@hookimpl
def register_recipes(register):
    register(Path(__file__).with_name("old-friend.toml"))


@hookimpl
def chain_finished(problem, chain):
    SEEN.append(("chain", chain.index, chain.ended))


@hookimpl
def program_finished(problem, chain, execution):
    SEEN.append(("program", chain, execution.status, execution.stdout))


@hookimpl
def verdict_reached(problem, verdict):
    SEEN.append(("verdict", verdict.answer, verdict.stop_reason))
