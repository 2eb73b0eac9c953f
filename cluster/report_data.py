"""Pack what a report shows on demand into one block: a line a problem.

The first line is JSON and names the runs. Each further line is a problem with its rows,
votes, chains and texts, JSON in gzip in base64: the page unpacks a line when its problem is
opened, so thousands of them stay light. Texts come from the traces of a run, cut to what
keeps the page small, with their whole length told.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from votebox.cluster.evaluate_rows import EvalRow, dump_row
from votebox.cluster.markup import Html, tag
from votebox.cluster.report_facts import Asked, Entry, Family
from votebox.cluster.story import Ran, Said, happened, steps
from votebox.cluster.text import clean

if TYPE_CHECKING:
    from votebox.plugins import ChainRecord, Trace, TraceStore

__all__ = ["Texts", "data_block", "data_element", "json_line"]

_BUDGET: Final = 24_000_000
_LEAST, _MOST = 200, 6_000
_FIELD: Final = 4_000
_ESCAPES: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


class Texts:
    """Read the texts of chains from the traces of runs.

    `limit` is how many characters of a chain are shown; None shares a budget for the page
    among all traced chains, 0 reads no trace. `traces` counts those to read, `missing`
    those that could not be read, and `problem` says why the first of them could not.
    """

    def __init__(self, entries: Sequence[Entry], limit: int | None = None) -> None:
        rows = [row for entry in entries for row in entry.run.rows if row.traced]
        chains = sum(len(row.chains) for row in rows)
        shared = min(_MOST, max(_LEAST, _BUDGET // max(1, chains)))
        self.limit = shared if limit is None else limit
        self.traces = len(rows) if self.limit else 0
        self.missing, self.problem = 0, ""
        self._stores: dict[int, TraceStore] = {}

    def of(self, entry: Entry, row: EvalRow) -> Mapping[int, list[dict[str, Any]]]:
        """Return the steps of each chain of a row, by its index; empty without a trace."""
        if not row.traced or self.limit == 0:
            return {}
        trace = self._trace(entry, row.solve_id)
        if trace is None:
            return {}
        return {c.index: list(_told(c, self.limit)) for c in trace.verdict.chains}

    def _trace(self, entry: Entry, solve: str) -> "Trace | None":
        from votebox.plugins import TraceError, TraceStore
        from votebox.plugins.ids import is_id

        if not is_id(solve):  # it comes from a file, and would name one
            self._miss(f"{solve!r} is no id of a solve")
            return None
        try:
            if entry.number not in self._stores:
                self._stores[entry.number] = TraceStore(str(entry.run.traces))
            return self._stores[entry.number].read(solve)
        except TraceError as e:
            self._miss(str(e))
            return None

    def _miss(self, problem: str) -> None:
        self.missing += 1
        self.problem = self.problem or problem


def data_block(found: Iterable[Family], texts: Texts) -> Html:
    """Return the element that holds all data; nothing in it can end the element."""
    held = list(found)
    entries = sorted((e for family in held for e in family.entries), key=lambda e: e.number)
    lines = [json_line({"runs": [_run(entry) for entry in entries]})]
    for family in held:
        named = {entry.number: entry for entry in family.entries}
        lines += [_packed(_problem(asked, named, texts)) for asked in family.problems]
    return data_element(lines)


def data_element(lines: Iterable[str]) -> Html:
    """Return the element of lines that are JSON by `json_line`, or in base64."""
    return tag("script", Html("\n".join(lines)), type="application/json", id="data")


def json_line(value: dict[str, Any]) -> str:
    """Return JSON on one line that cannot end the element it stands in."""
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _packed(value: dict[str, Any]) -> str:
    return b64encode(gzip.compress(json_line(value).encode(), 6, mtime=0)).decode()


def _plain(value: Any) -> Any:
    """Clean all texts, put None where JSON has no number, and make text of what it has not."""
    if isinstance(value, str):
        # Most texts are plain, and to look at each of their characters takes most of the time.
        return value if value.isascii() and value.isprintable() else clean(value)
    if isinstance(value, float):
        return round(value, 6) if isfinite(value) else None
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, int | None) else clean(str(value))


def _run(entry: Entry) -> dict[str, Any]:
    head = asdict(entry.run.head)
    told = {"name": entry.name, "command": entry.command, "summary": entry.summary.to_json()}
    return {**head, **told}


def _problem(asked: Asked, entries: Mapping[int, Entry], texts: Texts) -> dict[str, Any]:
    return {
        "id": asked.id,
        "question": _cut(asked.question, _FIELD),
        "reference": None if asked.reference is None else _cut(asked.reference, _FIELD),
        "rows": [
            {"run": number, **_row(row, texts.of(entries[number], row))}
            for number, rows in asked.rows.items()
            for row in rows
        ],
    }


_ROW_LEAVES: Final = frozenset({"id", "question", "reference", "recipe_hash", "traced"})
_CHAIN_LEAVES: Final = frozenset({"right_sources", "readable"})


def _row(row: EvalRow, told: Mapping[int, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what a row says, without what says nothing; `votes` and `chains` are there."""
    found = json.loads(dump_row(row))  # much faster than dataclasses.asdict
    chains = [_chain(chain, told.get(chain["index"])) for chain in found["chains"]]
    votes = [_short(vote) for vote in found["votes"]]
    missing = {"untold": True} if row.traced and not told else {}
    return {**_short(found, _ROW_LEAVES), "votes": votes, "chains": chains, **missing}


def _chain(chain: dict[str, Any], told: list[dict[str, Any]] | None) -> dict[str, Any]:
    kept = _short(chain, _CHAIN_LEAVES)
    return {**kept, "steps": told} if told else kept


def _short(found: dict[str, Any], leave: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Leave out what is empty; 0 and False say something in three of the fields."""
    return {
        name: _cut(item, _FIELD) if isinstance(item, str) else item
        for name, item in found.items()
        if name not in leave and (item or name in _KEPT) and item is not None
    }


_KEPT: Final = frozenset({"index", "correct", "repeat"})


def _told(chain: "ChainRecord", limit: int) -> Iterator[dict[str, Any]]:
    """Yield replies and programs of a chain, its texts cut to `limit` characters together."""
    found = [_step(step) for step in steps(chain)]
    texts = [(step, name) for step in found for name in _TEXTS if step.get(name)]
    shares = _shares([len(step[name]) for step, name in texts], limit)
    for (step, name), share in zip(texts, shares, strict=True):
        step[name] = _cut(step[name], share)
    yield from ({name: item for name, item in step.items() if item} for step in found)


_TEXTS: Final = ("reasoning", "text", "code", "stdout", "stderr")


def _step(step: Said | Ran) -> dict[str, Any]:
    if isinstance(step, Ran):
        ran = step.execution
        return {
            "ran": happened(ran),
            "failed": not ran.ok,
            "code": step.code,
            "stdout": ran.stdout.rstrip(),
            "stderr": ran.stderr.rstrip(),
        }
    said = step.completion
    tokens = f"{said.usage.completion_tokens:,} tokens"
    how = f"Reply of {said.model or 'the model'}, {tokens}, ended by {said.finish_reason or 'nothing'}"
    return {"said": how, "reasoning": said.reasoning or "", "text": said.text}


def _shares(lengths: Sequence[int], whole: int) -> list[int]:
    """Share `whole` among texts: short ones stay whole, long ones get the same."""
    shares, left = [0] * len(lengths), whole
    for done, place in enumerate(sorted(range(len(lengths)), key=lengths.__getitem__)):
        shares[place] = min(lengths[place], left // (len(lengths) - done))
        left -= shares[place]
    return shares


def _cut(text: str, limit: int) -> str | dict[str, Any]:
    """Return a text, or its start, its end and its length where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    end = limit // 2
    return {"start": text[: limit - end], "end": text[len(text) - end :], "length": len(text)}
