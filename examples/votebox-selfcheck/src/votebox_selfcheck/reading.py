"""Read what a chain says of itself: checks, corrections, scratch work and its answer."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from votebox.plugins import Completion, Reading

__all__ = ["Correction", "Corrections", "answer_of", "asserts", "without_scratch"]

_ANSWER = "ANSWER:"
_CHECK = "CHECK:"
_CORRECTION = "CORRECTION:"
_MOST_LINES = 64
_MOST_CHARS = 400
_PASSED = "selfcheck: every check holds"


def asserts(text: str, finish_reason: str | None, options: None) -> list[Reading]:
    """Return one program that asserts every `CHECK:` line of a finished reply.

    `answer` in a check is the answer the chain gave, corrected, as text that Python reads. A line
    that is no expression fails the program, since a check nobody can run confirms nothing.
    """
    checks = list(_behind(_CHECK, text))
    answer = answer_of(text)
    if finish_reason is None or not checks or answer is None:
        return []
    answer = Corrections().applied(text, answer)
    head = f"import ast\ntry:\n    answer = ast.literal_eval({answer!r})\n"
    program = [head + f"except Exception:\n    answer = {answer!r}"]
    program += [f"assert {c}" if _is_expression(c) else "assert False" for c, _ in checks]
    program.append(f"print({_PASSED!r})")
    first, last = checks[0], checks[-1]
    return [Reading("\n".join(program), (first[1], last[1] + len(last[0])))]


def passed(stdout: str) -> bool:
    """Return whether a program of `asserts` got to its end."""
    return stdout.strip().endswith(_PASSED)


def answer_of(text: str) -> str | None:
    """Return what stands behind the last `ANSWER:`, None where there is nothing."""
    found = [said for said, _ in _behind(_ANSWER, text) if said]
    return found[-1] if found else None


def without_scratch(completion: Completion, options: None) -> str:
    """Return the reply without what stands between <scratch> and </scratch>.

    Scratch work that was never closed goes to the end of the reply.
    """
    kept = []
    for number, part in enumerate(completion.text.split("<scratch>")):
        kept.append(part if number == 0 else part.partition("</scratch>")[2])
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class Correction:
    """Replace one answer by another."""

    old: str
    new: str


class Corrections:
    """Read lines such as `CORRECTION: 41 -> 42`, and apply them in order."""

    def parse(self, text: str) -> tuple[Correction, ...]:
        """Return the corrections of a reply; a line without both sides is none."""
        found = []
        for said, _ in _behind(_CORRECTION, text):
            old, arrow, new = said.partition("->")
            if arrow and old.strip() and new.strip():
                found.append(Correction(old.strip(), new.strip()))
        return tuple(found)

    def applied(self, text: str, answer: str) -> str:
        """Return `answer` as the corrections of `text` leave it."""
        for correction in self.parse(text):
            answer = correction.new if answer == correction.old else answer
        return answer


def _behind(mark: str, text: str) -> Iterator[tuple[str, int]]:
    """Yield what lines say behind `mark` and where, of the last lines that have it."""
    lines: list[tuple[str, int]] = []
    at = 0
    for line in text.splitlines(keepends=True):
        if line.startswith(mark) and len(line) <= _MOST_CHARS:
            lines.append((line.removeprefix(mark).strip(), at))
        at += len(line)
    yield from lines[-_MOST_LINES:]


def _is_expression(source: str) -> bool:
    try:
        ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return "\n" not in source and not source.lstrip().startswith("#")
