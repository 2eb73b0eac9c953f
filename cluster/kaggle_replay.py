"""Stand in for a competition's gateway: replay a CSV through `predict`, with the score."""

import csv
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from votebox.cluster.errors import BadUsage
from votebox.cluster.kaggle import integer

__all__ = ["Question", "Score", "read_questions", "replay_questions"]

_TEXTS: Final = ("question", "problem")
_MOST_CELL_CHARS: Final = 2**24


@dataclass(frozen=True, slots=True)
class Question:
    """Hold a question of a competition; `answer` None means that it is not known."""

    id: str
    text: str
    answer: int | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Tell of one answered question, and of all so far."""

    question: Question
    answer: int
    right: int
    graded: int
    asked: int


def read_questions(path: Path) -> list[Question]:
    """Read id, question (or problem) and, where there is one, answer from a CSV.

    Raises:
        BadUsage: the file cannot be read, lacks a column, or ids are empty or stand twice.
    """
    csv.field_size_limit(_MOST_CELL_CHARS)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise BadUsage(f"{str(path)!r} cannot be read: {e}", "give a CSV in UTF-8") from e
    if not rows:
        raise BadUsage(f"{str(path)!r} holds no question", "give a CSV with a header and rows")
    text = next((name for name in _TEXTS if name in rows[0]), None)
    if text is None or "id" not in rows[0]:
        found = ", ".join(str(name) for name in rows[0])
        problem = f"{str(path)!r} has the columns {found}"
        raise BadUsage(problem, "it needs id and question (or problem)")
    questions = [
        Question(row["id"] or "", row[text] or "", integer(row.get("answer") or "")) for row in rows
    ]
    _check_ids(path, questions)
    return questions


def _check_ids(path: Path, questions: list[Question]) -> None:
    """Refuse ids that do not tell questions apart: answers are kept by id."""
    seen: set[str] = set()
    for number, one in enumerate(questions, 1):
        if not one.id or one.id in seen:
            what = f"the id {one.id!r:.60} a second time" if one.id else "no id"
            raise BadUsage(
                f"{str(path)!r}, row {number} has {what}", "give each row one of its own"
            )
        seen.add(one.id)


def replay_questions(
    questions: list[Question], predict: Callable[[Any, Any], Any], frame: Any = None
) -> Iterator[Score]:
    """Ask each question as the gateway does, one at a time; yield the score after each.

    `frame` is polars or pandas; None passes plain values, and the reply is still a frame.

    Raises:
        BadUsage: the reply is no frame of one row with id and an integer answer.
    """
    right = graded = 0
    for asked, one in enumerate(questions, 1):
        given: tuple[Any, Any] = (one.id, one.text)
        if frame is not None:
            given = (frame.DataFrame({"id": [one.id]}), frame.DataFrame({"question": [one.text]}))
        answer = _answer(predict(*given), one.id)
        graded += one.answer is not None
        right += answer == one.answer
        yield Score(one, answer, right, graded, asked)


def _answer(reply: Any, name: str) -> int:
    """Return the answer of a reply, checked as the gateway checks it."""
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        if list(reply["id"]) == [name] and len(reply["answer"]) == 1:
            return int(list(reply["answer"])[0])  # noqa: RUF015 - a series of either library
    problem = f"predict gave {str(reply)[:200]!r} for question {name!r}"
    raise BadUsage(problem, "return a frame of one row with id and answer")
