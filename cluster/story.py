"""Put a trace in the order it is told in: what ended it, what decided it, chain by chain.

Facts and sentences for the terminal (telling.py) and the page (certificate.py) alike.
Pure; text of a model or a program passes through untouched, so who draws it cleans it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from votebox.plugins import ChainRecord, Completion, Message, ModelCall, Verdict, VoteClass
    from votebox.sandbox import Execution

__all__ = [
    "Outcome",
    "Program",
    "Ran",
    "Said",
    "asked",
    "deciding",
    "ending",
    "happened",
    "ran_by",
    "risk",
    "saving",
    "steps",
    "voted",
]

_ENDINGS: Final = {
    "deadline": "The deadline ended the solve",
    "budget": "The token budget ended the solve",
    "cancelled": "The caller ended the solve",
    "consensus": "The vote was decided early",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what a program did, and the chains in which it did just that."""

    execution: "Execution"
    chains: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Hold a program once, however many chains wrote it.

    `decided` tells whether a chain of the winner read the winning answer in its output.
    """

    code: str
    outcomes: tuple[Outcome, ...]
    decided: bool = False

    @property
    def chains(self) -> tuple[int, ...]:
        """Return the chains that ran it, in order, once each."""
        return tuple(sorted({chain for outcome in self.outcomes for chain in outcome.chains}))


@dataclass(frozen=True, slots=True)
class Said:
    """Hold one reply of a model; `call` None for a record that does not know it."""

    completion: "Completion"
    call: "ModelCall | None" = None


@dataclass(frozen=True, slots=True)
class Ran:
    """Hold one run of a program."""

    code: str
    execution: "Execution"


def ending(verdict: "Verdict") -> str:
    """Say in a sentence what ended the solve, and how many chains had ended by then."""
    ended = f"{verdict.finished} of {verdict.planned} chains had ended by themselves"
    if verdict.stop_reason == "consensus" and verdict.stopped_by:
        return f"The rule {verdict.stopped_by} stopped the solve when {ended}."
    if verdict.stop_reason in _ENDINGS:
        return f"{_ENDINGS[verdict.stop_reason]} when {ended}."
    if verdict.finished < verdict.planned:
        return f"The solve ended when {ended}."
    return f"No rule stopped the solve: all {verdict.planned} chains ended by themselves."


def risk(verdict: "Verdict") -> str:
    """Say how likely the whole vote would have elected another answer, "" without a vote."""
    chance, left = verdict.flip_chance, verdict.planned - verdict.finished
    if not verdict.votes:
        return ""
    if chance is None:
        return "The chance that all chains would have elected another answer is not known."
    if left <= 0:
        return "Every planned chain was heard, so no later vote could change the answer."
    share = "less than 0.01 %" if chance < 1e-4 else f"about {_percent(chance)}"
    return f"The chance that the other {left} would have elected another answer is {share}."


def saving(verdict: "Verdict") -> str:
    """Say what stopping saved, "" where nothing was."""
    saved, spent = verdict.tokens_saved, verdict.usage.completion_tokens
    if not saved:
        return ""
    share = saved / (saved + spent)
    tokens = "token" if saved == 1 else "tokens"
    return f"Stopping saved an estimated {saved:,} {tokens}, {share:.0%} of the full vote."


def voted(verdict: "Verdict") -> dict[int, int]:
    """Return which class, counted from 0, each chain voted for; the first where for many."""
    found: dict[int, int] = {}
    for number, vote in enumerate(verdict.votes):
        for chain in vote.chains:
            found.setdefault(chain, number)
    return found


def ran_by(chains: Iterable["ChainRecord"], answers: Iterable[str] = ()) -> tuple[Program, ...]:
    """Return the programs of some chains, each once, those that printed `answers` first.

    Programs are the same when they differ in nothing but space around them, outcomes when
    status and both outputs are. Printed numbers are compared by value.
    """
    wanted = frozenset(map(_value, answers))
    found: dict[str, dict[tuple[str, str, str], list[tuple[int, Execution]]]] = {}
    decided: set[str] = set()
    for chain in chains:
        read = [c.evidence.execution for c in chain.candidates if _value(c.answer) in wanted]
        for code, execution in zip(chain.programs, chain.executions, strict=False):
            outcome = (execution.status, execution.stdout, execution.stderr)
            same = found.setdefault(code.strip(), {}).setdefault(outcome, [])
            same.append((chain.index, execution))
            if execution in read:
                decided.add(code.strip())
    programs = [
        _program(code, runs.values(), decided=code in decided) for code, runs in found.items()
    ]
    return tuple(sorted(programs, key=lambda p: (not p.decided, -len(p.chains))))


def deciding(verdict: "Verdict") -> tuple[Program, ...]:
    """Return the programs of the chains that voted for the winner."""
    if not verdict.votes:
        return ()
    winner = verdict.votes[0]
    behind = frozenset(winner.chains)
    return ran_by((c for c in verdict.chains if c.index in behind), _ways(winner))


def steps(chain: "ChainRecord") -> tuple[Said | Ran, ...]:
    """Return replies and programs of a chain in the order they came."""
    calls: Sequence[ModelCall | None] = (*chain.calls, *[None] * len(chain.completions))
    timed: list[tuple[int, float, Said | Ran]] = [
        (call.round if call else 0, call.start_s if call else 0.0, Said(completion, call))
        for call, completion in zip(calls, chain.completions, strict=False)
    ]
    for number, (code, execution) in enumerate(zip(chain.programs, chain.executions, strict=False)):
        run = chain.runs[number] if number < len(chain.runs) else None
        timed.append((run.round if run else 0, run.start_s if run else 0.0, Ran(code, execution)))
    timed.sort(key=lambda item: item[:2])
    return tuple(step for _, _, step in timed)


def asked(call: "ModelCall") -> "tuple[Message, ...]":
    """Return what is new in a conversation: all that follows the model's last turn."""
    messages = call.prompt.messages
    turns = [n for n, message in enumerate(messages) if message.role == "assistant"]
    return messages[turns[-1] + 1 if turns else 0 :]


def happened(execution: "Execution") -> str:
    """Say in a sentence how a program ended."""
    words = {"ok": "It ended by itself", "error": "It failed", "timeout": "It ran out of time"}
    said = words.get(execution.status, f"It ended with status {execution.status}")
    memory = f", {execution.peak_memory_mib:.0f} MiB" if execution.peak_memory_mib else ""
    cut = "; its output was cut" if execution.truncated else ""
    return f"{said} after {execution.wall_s:.2f} s{memory}{cut}."


def _program(code: str, runs: Iterable[list[tuple[int, "Execution"]]], *, decided: bool) -> Program:
    outcomes = [Outcome(same[0][1], tuple(dict.fromkeys(n for n, _ in same))) for same in runs]
    return Program(code, tuple(outcomes), decided)


def _value(answer: str) -> "Fraction | str":
    from votebox.plugins.answers import canonical

    number = canonical(answer)
    return answer if number is None else number


def _ways(vote: "VoteClass") -> set[str]:
    """Return all ways in which the answer of a class was written."""
    return {vote.answer, *(member.answer for member in vote.members)}


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
