r"""Load the problems of an evaluation: id, question and reference of each row.

Columns are found by their usual names. A reference is read as data sets write it: behind
`####` (GSM8K), in the last `\boxed{}` of a solution (MATH), or as it stands (AIME). A row
that cannot be used is an error, or counted where the caller says so.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from votebox.cluster.datasets_files import Record, digest, records
from votebox.cluster.errors import BadUsage
from votebox.cluster.runs import DatasetFacts
from votebox.cluster.text import one_line
from votebox.plugins.arrowrows import to_plain

__all__ = ["Columns", "Dataset", "Item", "examples", "load_dataset", "read_reference"]

_EXAMPLE: Final = "example:"
_IDS: Final = ("id", "unique_id", "problem_id", "question_id", "task_id")
_QUESTIONS: Final = ("problem", "question", "prompt", "input", "query")
_ANSWERS: Final = (
    "answer",
    "final_answer",
    "expected_answer",
    "target",
    "reference",
    "ground_truth",
    "solution",
)
_ID_CHARS: Final = 200
_ANSWER_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class Columns:
    """Name the columns to read; None finds each by its usual names."""

    id: str | None = None
    question: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """Hold one problem; `row` counts the records of the file from 1."""

    id: str
    question: str
    reference: str | None
    row: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Hold the usable problems in their order, and what was wrong with those left out."""

    facts: DatasetFacts
    items: tuple[Item, ...]
    skipped: tuple[str, ...] = ()


def load_dataset(where: str, columns: Columns | None = None, *, skip_bad: bool = False) -> Dataset:
    """Load the problems of a file, a URI, or `example:NAME`.

    Without a column of ids a problem is called by its row; without one of answers no
    problem has a reference. `skip_bad` leaves out rows that cannot be used.

    Raises:
        BadUsage: the file cannot be read, lacks a column, holds an id twice or, without
            `skip_bad`, a row that cannot be used.
    """
    path = _example(where) if where.startswith(_EXAMPLE) else where
    found: list[Item] = []
    skipped: list[str] = []
    reader: _Reader | None = None
    for number, record in enumerate(records(path), 1):
        reader = reader or _Reader.of(where, record, columns or Columns())
        try:
            found.append(reader.item(record, number))
        except _BadRow as e:
            told = f"row {number}: {e}"
            if not skip_bad:
                fix = "mend it, or leave out such rows with --skip-bad"
                raise BadUsage(f"{where}, {told}", fix) from e
            skipped.append(told)
    if reader is None or not found:
        what = f"none of its {len(skipped)} rows can be used" if skipped else "it is empty"
        raise BadUsage(f"{where}: {what}", f"first: {skipped[0]}" if skipped else "")
    _check_ids(where, found)
    name = where if path != where else path.rsplit("/", 1)[-1]
    facts = DatasetFacts(name, where, digest(path), len(found), reader.columns)
    return Dataset(facts, tuple(found), tuple(skipped))


def examples() -> dict[str, str]:
    """Return the paths of the data sets in this package, by name."""
    folder = files("votebox.cluster") / "examples"
    found = (entry for entry in folder.iterdir() if entry.name.endswith((".jsonl", ".csv")))
    return {entry.name.rpartition(".")[0]: str(entry) for entry in sorted(found, key=str)}


def read_reference(value: Any) -> str | None:
    r"""Return the answer a cell states, None where it is empty.

    Raises ValueError saying why none can be read.

    >>> read_reference("Tom has 9 * 2 = 18 apples.\n#### 18")
    '18'
    >>> read_reference("so the area is $\\boxed{\\frac{3}{4}}$.")
    '\\frac{3}{4}'
    >>> read_reference(204.0)
    '204'
    """
    text = _cell(value)
    if text is None:
        return None
    if "####" in text:
        text = text.rpartition("####")[2].strip()
        if not text:
            raise ValueError("nothing stands behind ####")
    elif "\\boxed" in text or "\\fbox" in text:
        from votebox.plugins.builtin.boxed import boxed

        read = [reading for reading in boxed(text, "stop") if reading.complete]
        if not read:
            raise ValueError("its box cannot be read")
        text = read[-1].value.strip()
    if "\n" in text or len(text) > _ANSWER_CHARS:
        raise ValueError(f"{one_line(text, 60)!r} is no answer, and has none behind #### or boxed")
    return text


class _BadRow(ValueError):
    """Say why a row cannot be used."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Make items of records; the fields name the columns."""

    id: str | None
    question: str
    answer: str | None

    @classmethod
    def of(cls, where: str, first: Record, given: Columns) -> "_Reader":
        """Find the columns in the first record."""
        question = _find(where, first, given.question, _QUESTIONS, "--question-column")
        if question is None:
            problem = f"{where} has no column {', '.join(_QUESTIONS[:-1])} or {_QUESTIONS[-1]}"
            raise BadUsage(problem, f"found: {_names(first)}; give --question-column NAME")
        left = {name: value for name, value in first.items() if name != question}
        answer = _find(where, left, given.answer, _ANSWERS, "--answer-column")
        return cls(_find(where, left, given.id, _IDS, "--id-column"), question, answer)

    @property
    def columns(self) -> dict[str, str | None]:
        """Return what was read, for the head of the run."""
        return {"id": self.id, "question": self.question, "answer": self.answer}

    def item(self, record: Record, number: int) -> Item:
        """Return the problem of a record; raise _BadRow where it is none."""
        late = None if self.answer else next((n for n in _ANSWERS if n in record), None)
        if late is not None and late != self.question:
            raise _BadRow(f"column {late} is not in the first row, which names them")
        try:
            name = f"row-{number}" if self.id is None else _cell(record.get(self.id))
            question = _cell(record.get(self.question))
            reference = None if self.answer is None else read_reference(record.get(self.answer))
        except ValueError as e:
            raise _BadRow(str(e)) from e
        if not name:
            raise _BadRow(f"column {self.id} is empty")
        if len(name) > _ID_CHARS or not name.isprintable():
            raise _BadRow(f"the id {one_line(name, 60)!r} is too long or not printable")
        if self.answer is not None and reference is None:
            raise _BadRow(f"column {self.answer} is empty")
        _check_question(question, self.question)
        return Item(name, question or "", reference, number)


def _check_question(question: str | None, column: str) -> None:
    from votebox.plugins import Problem, ProblemError, check_problem

    if question is None:
        raise _BadRow(f"column {column} is empty")
    try:
        check_problem(Problem(question))
    except ProblemError as e:
        raise _BadRow(str(e)) from e


def _find(
    where: str, record: Record, given: str | None, usual: Sequence[str], option: str
) -> str | None:
    """Return the column that is given or has one of the usual names, in whatever case."""
    if given is not None:
        if given not in record:
            problem = f"{where} has no column {given!r}, which {option} names"
            raise BadUsage(problem, f"found: {_names(record)}")
        return given
    known: dict[str, str] = {}
    for name in record:
        known.setdefault(name.casefold(), name)
    return next((known[name] for name in usual if name in known), None)


def _cell(value: Any) -> str | None:
    """Return a cell as text, None where it is empty; a list of one stands for that one."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, bool | dict | list | tuple | bytes):
        raise ValueError(f"{value!r:.60} is neither text nor a number")  # noqa: TRY004 - of a file
    text = str(value).strip()
    if to_plain(text) != text:
        raise ValueError(f"{text!a:.60} holds half of a character")
    return text or None


def _check_ids(where: str, items: Iterable[Item]) -> None:
    seen: dict[str, int] = {}
    for item in items:
        if item.id in seen:
            problem = f"{where}: rows {seen[item.id]} and {item.row} have the id {item.id!r}"
            raise BadUsage(problem, "make them differ, or name another column with --id-column")
        seen[item.id] = item.row


def _example(where: str) -> str:
    known, name = examples(), where.removeprefix(_EXAMPLE)
    if name not in known:
        raise BadUsage(f"there is no {where!r:.80}", f"known: {', '.join(known)}")
    return known[name]


def _names(record: Record) -> str:
    return one_line(", ".join(map(str, record)), 300)
