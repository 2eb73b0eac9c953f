"""Read recorded votes from a table and group them into experiments.

A table has a row for each recorded chain: `problem_id`, `answer` (null where none was
read), `tokens`; `reference` where the right answer is known, `model` where there are
several, `chain` for its number, and optionally `label` (its prompt), `weight` or
`confidence`, and `aborted`. Parquet files, folders of them, Arrow IPC, CSV and JSON Lines
are read through pyarrow, which is imported here alone and only when it is needed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from votebox.plugins.answers import Key, Policy, key, show
from votebox.plugins.errors import TableError
from votebox.plugins.whatif import Experiment, Ints

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Grouping", "Row", "group", "read_table"]

_REQUIRED: Final = ("problem_id", "answer", "tokens")
_OPTIONAL: Final = ("reference", "chain", "weight", "confidence", "label", "aborted")
_TEXTS: Final = ("problem_id", "answer", "reference", "model", "label")
_READERS: Final = (".parquet", ".arrow", ".feather", ".ipc", ".csv", ".jsonl", ".ndjson")
_LARGEST: Final = 2**53
"""Past this many tokens a count is no count."""


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one recorded chain. `answer` None: none was read; `tokens` None: not counted."""

    group: str
    problem: str
    answer: str | None
    tokens: int | None
    reference: str | None = None
    chain: int = 0
    weight: float = 1.0
    label: str = ""
    aborted: bool = False


@dataclass(frozen=True, slots=True)
class Grouping:
    """Hold the experiments of a table and what had to be decided about it, in sentences.

    `labels` are the prompts by the number experiments use.
    """

    experiments: tuple[Experiment, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...]


def read_table(
    path: Path,
    *,
    by: str | None = None,
    columns: Mapping[str, str] | None = None,
    weighted: bool = False,
) -> list[Row]:
    """Read the chains of a table.

    `by` names the column whose values are asked the same problems, `model` where the
    table has one. `columns` maps a name this module uses to the table's own. `weighted`
    wants a `weight` or else a `confidence`.

    Raises:
        TableError: it cannot be read, lacks a column or holds a value that does not fit.
    """
    table = _load(path)
    names = dict(columns or {})
    for name, source in names.items():
        if name not in (*_REQUIRED, *_OPTIONAL):
            known = ", ".join((*_REQUIRED, *_OPTIONAL))
            raise TableError(str(path), f"no column is called {name!r} here", f"known: {known}")
        _need(path, table, {name: source})
    _need(path, table, {name: names.get(name, name) for name in _REQUIRED})
    chosen = by or ("model" if "model" in table.column_names else None)
    if chosen is not None:
        _need(path, table, {"by": chosen})
    voices = [n for n in ("weight", "confidence") if names.get(n, n) in table.column_names]
    if weighted and not voices:
        problem = "has no column weight or confidence, which a weighted vote needs"
        raise TableError(str(path), problem, _found(table))
    read = _Columns(path, table, names)
    return [
        Row(*cells)
        for cells in zip(
            [text or "" for text in read.of(chosen or "", _text)],
            [_name(path, n, text) for n, text in enumerate(read.of("problem_id", _text))],
            read.of("answer", _text),
            read.of("tokens", _whole),
            read.of("reference", _text),
            [n or 0 for n in read.of("chain", _whole)],
            read.of(voices[0], _number) if weighted else [1.0] * table.num_rows,
            [text or "" for text in read.of("label", _text)],
            [bool(flag) for flag in read.of("aborted", _flag)],
            strict=True,
        )
    ]


def group(rows: Sequence[Row], policy: Policy, *, weighted: bool = False) -> Grouping:
    """Group rows into experiments, the answers of each into classes under `policy`.

    Raises:
        TableError: nothing is left to simulate.
    """
    notes: list[str] = []
    kept = [row for row in rows if not row.aborted]
    _note(notes, len(rows) - len(kept), "chains were aborted when recorded and are left out")
    rows = kept
    known = [row.tokens for row in rows if row.tokens]
    if not known:
        raise TableError("the table", "has no chain with a token count", "record tokens")
    _note(
        notes,
        sum(not row.tokens for row in rows),
        "chains lack a token count; each is given the mean of its experiment",
    )
    labels = tuple(sorted({row.label for row in rows}))
    read = _Reader(policy)
    tables: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        tables.setdefault((row.group, row.problem), []).append(row)
    _note(
        notes,
        sum(len(t) - len({(r.chain, r.label) for r in t}) for t in tables.values())
        if any(row.chain for row in rows)
        else 0,
        "chains repeat the number of another of their experiment; each counts",
    )
    mean = round(sum(known) / len(known))
    made = [
        _experiment(names, tables[names], read, labels, mean, weighted=weighted)
        for names in sorted(tables)
    ]
    unknown = sum(e.reference is None for e in made)
    _note(notes, unknown, "experiments have no readable reference and no accuracy")
    return Grouping(tuple(made), labels, tuple(notes))


class _Reader:
    """Read answers under a policy, each different text once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._known: dict[str, Key | None] = {}

    def __call__(self, text: str | None) -> Key | None:
        if text is None:
            return None
        if text not in self._known:
            self._known[text] = key(text, self.policy)
        return self._known[text]


def _experiment(
    names: tuple[str, str],
    rows: Sequence[Row],
    read: _Reader,
    labels: Sequence[str],
    mean: int,
    *,
    weighted: bool,
) -> Experiment:
    rows = sorted(rows, key=lambda row: row.chain)
    references = {row.reference for row in rows if row.reference is not None}
    if len({read(text) for text in references}) > 1:
        listed = ", ".join(sorted(map(repr, references)))
        problem = f"{names[1]!r} has references that differ: {listed:.200}"
        raise TableError("the table", problem, "give one reference to a problem")
    reference = read(min(references)) if references else None
    keys = [read(row.answer) if _counts(row.weight) else None for row in rows]
    classes = list(dict.fromkeys(k for k in (*keys, reference) if k is not None))
    place = {value: number for number, value in enumerate(classes)}
    fallback = read.policy.fallback
    counted = [row.tokens for row in rows if row.tokens]
    filler = round(sum(counted) / len(counted)) if counted else mean
    return Experiment(
        *names,
        votes=np.array([-1 if k is None else place[k] for k in keys], dtype=np.int64),
        tokens=np.array([row.tokens or filler for row in rows], dtype=np.int64),
        ranks=_ranks(classes, read.policy.order),
        reference=None if reference is None else place[reference],
        nobody_right=reference is not None and fallback == show(reference),
        weights=np.array([row.weight for row in rows]) if weighted else None,
        labels=np.array([labels.index(row.label) for row in rows], dtype=np.int64),
    )


def _ranks(classes: Sequence[Key], order: Callable[[Any], Any]) -> Ints:
    """Return the place of each class in the policy's order; equals share a place."""
    keys = [order(value) for value in classes]
    different: list[Any] = []
    for one in sorted(keys):
        if not different or different[-1] != one:
            different.append(one)
    return np.array([different.index(one) for one in keys], dtype=np.int64)


def _counts(weight: float) -> bool:
    return bool(np.isfinite(weight)) and weight > 0


def _note(notes: list[str], number: int, text: str) -> None:
    if number:
        notes.append(f"{number:,} {text}")


def _load(path: Path) -> "pa.Table":
    try:
        import pyarrow as pa
    except ImportError as e:
        fix = "pip install pyarrow (it comes with the extra cpu or gpu)"
        raise TableError(str(path), "cannot be read without pyarrow", fix) from e
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.parquet") if file.is_file())
        if not files:
            problem = "is a folder without Parquet files"
            raise TableError(str(path), problem, "name the folder that holds *.parquet")
    else:
        files = [path]
    try:
        tables = [_load_one(file) for file in files]
        return pa.concat_tables(tables, promote_options="permissive")
    except OSError as e:
        raise TableError(str(path), f"cannot be read: {e.strerror or e}", "check the path") from e
    except pa.ArrowException as e:
        problem = f"cannot be read as {files[0].suffix[1:]}: {e}"
        raise TableError(str(path), problem, "check the file") from e


def _load_one(file: Path) -> "pa.Table":
    suffix = file.suffix.lower()
    if suffix not in _READERS:
        raise TableError(str(file), f"has no known ending {suffix!r}", f"use {' '.join(_READERS)}")
    if suffix == ".parquet":
        import pyarrow.parquet

        with file.open("rb") as stream:
            return pyarrow.parquet.read_table(stream)
    if suffix == ".csv":
        from pyarrow import csv, string

        texts = csv.ConvertOptions(
            column_types=dict.fromkeys(_TEXTS, string()), strings_can_be_null=True
        )
        return csv.read_csv(file, convert_options=texts)
    if suffix in (".jsonl", ".ndjson"):
        from pyarrow import json

        return json.read_json(file)
    from pyarrow import ipc

    with file.open("rb") as stream:
        return ipc.open_file(stream).read_all()


def _need(path: Path, table: "pa.Table", wanted: Mapping[str, str]) -> None:
    missing = [source for source in wanted.values() if source not in table.column_names]
    if missing:
        problem = f"has no column {', '.join(missing)}"
        raise TableError(str(path), problem, f"{_found(table)}; rename with --column NAME=FOUND")


def _found(table: "pa.Table") -> str:
    return f"found: {', '.join(table.column_names) or 'none'}"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Convert the columns of a table; an error names the row."""

    path: Path
    table: "pa.Table"
    names: Mapping[str, str]

    def of[T](self, name: str, convert: Callable[[Any], T]) -> list[T]:
        source = self.names.get(name, name)
        if source not in self.table.column_names:
            return [convert(None)] * self.table.num_rows
        cells: list[T] = []
        for number, value in enumerate(self.table.column(source).to_pylist()):
            try:
                cells.append(convert(value))
            except (TypeError, ValueError, OverflowError) as e:
                problem = f"row {number + 1}, column {source}: {value!r:.80} {e}"
                raise TableError(str(self.path), problem, "mend it") from e
        return cells


def _name(path: Path, number: int, text: str | None) -> str:
    if text is None:
        raise TableError(str(path), f"row {number + 1} has no problem_id", "name its problem")
    return text


def _text(value: Any) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN, as pandas writes a null
        return None
    if not isinstance(value, (str, int, float)):
        raise TypeError("is neither text nor a number")
    return str(value).strip() or None


def _number(value: Any) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("is not a number")
    return float(value)


def _whole(value: Any) -> int | None:
    number = _number(value)
    if np.isnan(number):
        return None
    if number % 1 or not 0 <= number <= _LARGEST:
        raise ValueError("is not a count")
    return int(number)


def _flag(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise TypeError("is neither true nor false")
    return bool(value)
