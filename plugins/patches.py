"""Hold what came of one round of an editing task: a Patch, its diff, and its visible tests.

Between an edit script and a candidate: steps make a Patch, test it and submit it. Pure; no
disk, no model. The tests of a patch are read from the problem's files, which no edit may touch.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from votebox.plugins.edits_nouns import ApplyReport
from votebox.plugins.exercises import Task
from votebox.plugins.testfile import read_test_file
from votebox.plugins.testvector import TestVector

__all__ = ["Patch", "unified_diff", "visible_task"]

_NO_END: Final = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class Patch:
    """Hold one change of a problem's files, and what is known of it.

    `origin` are the problem's files, `base` those before this round, `files` those after it;
    each is text by relative path. `report` tells what came of the round's edits, `faults` why
    the change was not taken up although they fit: then `files` are `base`. `tests` are the
    results of the visible tests, None where none ran; `probes` what each probe showed, in order.
    """

    origin: Mapping[str, str]
    base: Mapping[str, str]
    files: Mapping[str, str]
    report: ApplyReport
    faults: tuple[str, ...] = ()
    tests: TestVector | None = None
    probes: tuple[str, ...] = ()

    @property
    def landed(self) -> bool:
        """Return whether the round's edits fitted and were taken up."""
        return self.report.ok and not self.faults

    @property
    def passed(self) -> int:
        """Return how many visible tests pass."""
        return len(self.tests.passed_ids) if self.tests else 0

    @property
    def ok(self) -> bool:
        """Return whether nothing is left to mend: landed, and every visible test passes."""
        return self.landed and (self.tests is None or self.tests.verdict == "passed")

    @property
    def changed(self) -> dict[str, str | None]:
        """Return the text of each changed file, None for a deleted one."""
        paths = dict.fromkeys((*self.origin, *self.files))
        return {p: self.files.get(p) for p in paths if self.origin.get(p) != self.files.get(p)}

    @property
    def diff(self) -> str:
        """Return the whole change as a unified diff, "" where nothing changed."""
        return unified_diff(self.origin, self.files)


def unified_diff(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    r"""Return the unified diff of two sets of files, as `git apply` takes it.

    >>> print(unified_diff({"a": "1\n"}, {"a": "2"}), end="")
    --- a/a
    +++ b/a
    @@ -1 +1 @@
    -1
    +2
    \ No newline at end of file
    """
    lines: list[str] = []
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        source = "/dev/null" if old is None else f"a/{path}"
        target = "/dev/null" if new is None else f"b/{path}"
        lines += difflib.unified_diff(_lines(old), _lines(new), source, target)
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_END}\n" for line in lines)


def _lines(text: str | None) -> list[str]:
    """Return the lines with their ends; a form feed ends none."""
    *whole, rest = (text or "").split("\n")
    return [*(f"{line}\n" for line in whole), *([rest] if rest else [])]


def visible_task(
    name: str, files: Mapping[str, str], given: Mapping[str, str] | None = None
) -> Task | None:
    """Return the tests among some files as a task of which all others are the solution.

    Tests are Python files named `test_*.py` or `*_test.py`, and those `given` beside the files,
    which win over files of their paths. None where there are none.

    Raises:
        ProblemError: one of them does not parse, declares no test or is written for pytest.
    """
    tests = {path: text for path, text in files.items() if _is_test(path)} | dict(given or {})
    if not tests:
        return None
    rest = {path: text for path, text in files.items() if path not in tests}
    read = tuple(read_test_file(f"{name}/{path}", text) for path, text in tests.items())
    return Task(name, "", rest, {}, tests, {}, read)


def _is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.endswith("_test.py") or (name.startswith("test_") and name.endswith(".py"))
