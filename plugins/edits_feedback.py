"""Word for a model what was wrong with its edits, so that it can send them again.

How often a model is told is the caller's to say; how much it is told at once, `limits`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from votebox.plugins.edits_nouns import ApplyReport, Diagnostic, OpReport, Window

__all__ = ["FeedbackLimits", "feedback"]

_FIXES: Final = {
    "no_match": "Copy the lines to replace from the file as it is, blanks and comments too.",
    "ambiguous": "Add lines around the change until the text stands in one place only.",
    "bad_path": "Use the path of a file you were shown.",
    "no_path": "Write the path of the file alone on the line above.",
    "no_file": "Use the path of a file you were shown.",
    "exists": "Change the file that is there.",
    "elided": "Write every line.",
    "emptied": "Send the file in full.",
    "cut_body": "Send the file again in a longer fence.",
    "no_context": "Add a line before or after that stays.",
    "duplicate": "Send each file once.",
}
_NO_EDIT: Final = (
    "Your reply holds no edit that could be read. Send the changes in the format asked for."
)


@dataclass(frozen=True, slots=True)
class FeedbackLimits:
    """Bound the text: failures told, and characters of each block shown."""

    failures: int = 8
    chars: int = 4000


def feedback(
    reports: ApplyReport | Sequence[ApplyReport], limits: FeedbackLimits | None = None
) -> str:
    """Return what to tell a model of one report, or of several that tried the same; "" if all is well.

    Failures that are the same in several reports are told once, the commonest first.
    """
    bounds = limits or FeedbackLimits()
    several = [reports] if isinstance(reports, ApplyReport) else list(reports)
    bad = [report for report in several if not report.ok]
    told: Counter[str] = Counter()
    for report in bad:
        told.update(list(dict.fromkeys(_failures(report, bounds))))
    if not bad:
        return ""
    parts = [
        (f"{text}\n({count} of {len(bad)} replies)" if count > 1 else text)
        for text, count in told.most_common(bounds.failures)
    ]
    if len(told) > bounds.failures:
        parts.append(f"{len(told) - bounds.failures} more failures are not shown.")
    head = "The edits were not applied; no file has changed."
    tail = _tail(bad[0]) if len(bad) == 1 else "Send all edits again, the good ones too."
    return "\n\n".join([head, *(parts or [_NO_EDIT]), tail])


def _failures(report: ApplyReport, limits: FeedbackLimits) -> list[str]:
    faults = [_fault(fault, limits) for fault in report.faults]
    return [*faults, *(_failure(failed, limits) for failed in report.failed)]


def _fault(fault: Diagnostic, limits: FeedbackLimits) -> str:
    if fault.kind == "no_edit":
        return _NO_EDIT
    head = f"{fault.kind}, at line {fault.line} of the reply: {fault.message}."
    if not fault.text:
        return head
    return f"{head} Read so far:\n{_shown(fault.text, limits)}\n>>> here it broke off"


def _failure(failed: OpReport, limits: FeedbackLimits) -> str:
    parts = [f"{failed.status}: {failed.message}. {_FIXES.get(failed.status, '')}".rstrip()]
    if failed.op.raw:
        parts.append(f"You sent:\n{_shown(failed.op.raw, limits)}")
    if failed.near is not None:
        parts.append(_near(failed.near, failed.path))
    if failed.found:
        parts.append(f"The new lines are in {failed.path} already; was this change made before?")
    return "\n".join(parts)


def _near(near: Window, path: str) -> str:
    lines = "\n".join(near.lines)
    place = f"lines {near.first} to {near.last}" if near.last > near.first else f"line {near.first}"
    return f"Most alike in {path} are {place}; from line {near.start} it reads:\n{lines}"


def _shown(text: str, limits: FeedbackLimits) -> str:
    if len(text) <= limits.chars:
        return text
    half = limits.chars // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def _tail(report: ApplyReport) -> str:
    good = [r for r in report.per_op if r.status == "applied"]
    before = [r for r in report.per_op if r.status == "already_applied"]
    parts = []
    if good:
        named = ", ".join(f"{r.path} (line {r.op.first} of the reply)" for r in good[:12])
        more = f" and {len(good) - 12} more" if len(good) > 12 else ""
        parts.append(f"These would have been applied, and must be sent again: {named}{more}.")
    if before:
        parts.append(f"{len(before)} change(s) are in the files already and need not be sent.")
    return " ".join(parts) or "Send all edits again."
