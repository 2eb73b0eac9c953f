"""Rows of editing benchmarks: what one model, or one pair of models, reached over exercises.

The names of the published tables are kept (aider's leaderboards, a YAML list of mappings), so
that their files are read here and ours there. What they do not measure stands beside it under
names of ours, each of which may be missing. A field nobody knows is kept and written back.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from votebox.cluster.edit_rows_yaml import parse_rows
from votebox.cluster.errors import BadUsage
from votebox.cluster.statistics import Interval, wilson

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["EditRow", "read_rows", "row_to_plain", "rows_to_yaml", "write_rows"]

_MOST_BYTES: Final = 2 * 2**20
_TEXT_CHARS: Final = 20_000
_DATES: Final = frozenset({"date", "released"})

type _Text = Annotated[str, Field(max_length=_TEXT_CHARS)]
type _Count = Annotated[int, Field(ge=0, le=10**15)]
type _Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
type _Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRow:
    """Hold one row; None is what its maker did not measure, which is not 0.

    Percents are 0 to 100, costs US dollars, times seconds. `pass_rate_1` and `_2` count the
    cases solved by try 1 and 2, the second after one look at the output of the tests that
    score, of the `test_cases` that came to an end.

    Ours count all `total_tests` cases, one that failed to end as not solved: `blind` is the
    first candidate, `after_feedback` the second try, `voted` the choice of `voted_n` candidates
    without a look at a test that scores, `oracle` any of them right. A reply is exact where it
    applied as written, well formed where tolerance was needed at most; the architect's numbers
    are those of the only model where there is no editor. `editor_skipped` counts the tries in
    which the architect's own edits applied. `intervals` bounds numbers of this row by
    their names, in percent, where Wilson's interval would not do, as with repeats.
    """

    model: _Text
    dirname: _Text | None = None
    test_cases: _Count | None = None
    total_tests: _Count | None = None
    released: _Text | None = None
    edit_format: _Text | None = None
    commit_hash: _Text | None = None
    editor_model: _Text | None = None
    editor_edit_format: _Text | None = None
    reasoning_effort: _Text | None = None
    pass_rate_1: _Percent | None = None
    pass_rate_2: _Percent | None = None
    pass_num_1: _Count | None = None
    pass_num_2: _Count | None = None
    percent_cases_well_formed: _Percent | None = None
    error_outputs: _Count | None = None
    num_malformed_responses: _Count | None = None
    num_with_malformed_responses: _Count | None = None
    user_asks: _Count | None = None
    lazy_comments: _Count | None = None
    syntax_errors: _Count | None = None
    indentation_errors: _Count | None = None
    exhausted_context_windows: _Count | None = None
    test_timeouts: _Count | None = None
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    command: _Text | None = None
    date: _Text | None = None
    versions: _Text | None = None
    seconds_per_case: _Amount | None = None
    total_cost: _Amount | None = None

    kind: Literal["solo", "architect+editor"] | None = None
    repeats: _Count | None = None
    blind: _Percent | None = None
    after_feedback: _Percent | None = None
    voted: _Percent | None = None
    voted_n: _Count | None = None
    oracle: _Percent | None = None
    intervals: Mapping[str, tuple[_Percent, _Percent]] = field(default_factory=dict)
    well_formed_architect: _Percent | None = None
    exact_architect: _Percent | None = None
    well_formed_editor: _Percent | None = None
    exact_editor: _Percent | None = None
    editor_skipped: _Count | None = None
    architect_prompt_tokens: _Count | None = None
    architect_thinking_tokens: _Count | None = None
    architect_answer_tokens: _Count | None = None
    editor_prompt_tokens: _Count | None = None
    editor_completion_tokens: _Count | None = None
    architect_cost: _Amount | None = None
    editor_cost: _Amount | None = None
    architect_seconds_per_case: _Amount | None = None
    editor_seconds_per_case: _Amount | None = None
    wall_seconds_per_case: _Amount | None = None
    provider: _Text | None = None
    editor_provider: _Text | None = None
    cases: _Text | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the file that are none of these, as YAML's plain values."""

    @property
    def paired(self) -> bool:
        """Tell whether a second model wrote the edits; published rows say so by their editor."""
        if self.kind is not None:
            return self.kind == "architect+editor"
        return bool(self.editor_model or self.editor_edit_format or self.edit_format == "architect")

    def interval(self, name: str) -> Interval | None:
        """Return the 95 % interval of a percent of this row, in percent.

        The one the row gives, else Wilson's over the cases its number counts; None where the
        number or the count is not known.
        """
        if name in self.intervals:
            return Interval(*self.intervals[name])
        value, cases = getattr(self, name), self.test_cases
        if not name.startswith(("pass_rate_", "percent_")):
            cases = self.total_tests if self.total_tests is not None else cases
        if value is None or not cases:
            return None
        found = wilson(value / 100 * cases, cases)
        return Interval(100 * found.low, 100 * found.high)


_NAMES: Final = tuple(each.name for each in fields(EditRow) if each.name != "more")


def read_rows(path: Path) -> tuple[EditRow, ...]:
    """Return the rows of a YAML file, in its order.

    Raises:
        BadUsage: the file is no list of rows, is larger than 2 MiB, or a field of it is
            wrong; it names the file, the row, the field and the fix.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as e:
        raise BadUsage(f"rows {str(path)!r} cannot be read: {e.strerror}", "check the path") from e
    if len(content) > _MOST_BYTES:
        raise BadUsage(f"rows {str(path)!r} hold more than 2 MiB", "split the file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise BadUsage(f"rows {str(path)!r} are no UTF-8: {e.reason}", "save it as UTF-8") from e
    return tuple(
        _row(raw, f"{path}, row {number} (line {line})")
        for number, (line, raw) in enumerate(parse_rows(text, str(path), _NAMES), 1)
    )


def _row(raw: Mapping[str, Any], where: str) -> EditRow:
    from pydantic import ValidationError

    known = {name: value for name, value in raw.items() if name in _NAMES}
    more = {name: value for name, value in raw.items() if name not in _NAMES}
    if "model" not in known:
        raise BadUsage(f"{where} has no field 'model'", "name the model of each row")
    try:
        return _adapter().validate_python({**known, "more": more})
    except ValidationError as e:
        first = e.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        value = str(first["input"])[:80]
        problem = f"{where}, field {name!r}: {value!r} is refused: {first['msg']}"
        raise BadUsage(problem, f"mend {name!r} or take it out") from e


@cache  # building it takes longer than a hundred rows
def _adapter() -> "TypeAdapter[EditRow]":
    from pydantic import TypeAdapter

    return TypeAdapter(EditRow)


def write_rows(path: Path, rows: Sequence[EditRow]) -> None:
    """Write rows as YAML that `read_rows` gives back; fields that are None are left out.

    Raises:
        BadUsage: the file cannot be written.
    """
    try:
        path.write_text(rows_to_yaml(rows), "utf-8", newline="\n")
    except OSError as e:
        fix = "give a file in a folder you can write"
        raise BadUsage(f"rows {str(path)!r} cannot be written: {e.strerror}", fix) from e


def rows_to_yaml(rows: Sequence[EditRow]) -> str:
    """Return rows as YAML, their fields in the order of EditRow, then those it does not know."""
    import yaml

    plain = [row_to_plain(row) for row in rows]
    # Wide, because a command on several lines cannot be copied from the file. All but ASCII is
    # escaped: PyYAML 6.0.3 writes the line break U+0085 in single quotes and reads it as a space.
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=False, width=math.inf))


def row_to_plain(row: EditRow) -> dict[str, Any]:
    """Return a row as YAML's plain values, without what is not known; days are dates again."""
    known = {name: getattr(row, name) for name in _NAMES}
    known["intervals"] = {name: list(pair) for name, pair in row.intervals.items()}
    found = {name: value for name, value in known.items() if value not in (None, {})}
    return {**{name: _day(name, value) for name, value in found.items()}, **row.more}


def _day(name: str, value: Any) -> Any:
    """Return a day as the date which published files have it as, other text as it is."""
    if name in _DATES:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            return value
        return day if day.isoformat() == value else value
    return value
