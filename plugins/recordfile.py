"""Keep what ports answered, with its times, as JSON Lines: the format, read and written.

The first line is a header: `format` ("votebox-recording"), `version` (1), `kind` (engine or
sandbox) and `model`. Each further line is one call, in the order they started.

An engine's line: `messages`, `seed`, `sampling`, `start_s`, `deltas` (pairs of seconds and
the fields of a Delta that are not its defaults, `error` as `class`, `problem` and `fix`) and
`end_s`, set where whoever asked ended the reply. A sandbox's: `code`, `stdin`, `files` (a
digest), `session`, `start_s`, `took_s` and `execution`, null where the program was killed.
`start_s` counts from the start of the recording, all other times from the call.
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from votebox.plugins.errors import (
    ContextTooSmall,
    EngineError,
    EngineUnavailable,
    PromptTooLong,
    ProviderError,
)
from votebox.plugins.nouns import LogprobStats, Prompt, Sampling
from votebox.plugins.ports import Delta
from votebox.sandbox import Execution

__all__ = [
    "RecordedProgram",
    "Timed",
    "digest_of",
    "read_programs",
    "read_replies",
    "stdin_text",
    "write_programs",
    "write_replies",
]

_FORMAT: Final = "votebox-recording"
_VERSION: Final = 1
_DIGITS: Final = 6  # of times: microseconds
_ERROR_KINDS: Final = (
    EngineError,
    EngineUnavailable,
    PromptTooLong,
    ContextTooSmall,
    ProviderError,
)
_ERRORS: Final = {e.__name__: e for e in _ERROR_KINDS}
_DEFAULTS: Final = {f.name: f.default for f in fields(Delta) if f.default is not MISSING}


@dataclass(frozen=True, slots=True)
class Timed:
    """Hold one reply as it came: each delta with its seconds since the call.

    `end_s` is when whoever asked ended it, None where the reply came to its own end.
    """

    deltas: tuple[tuple[float, Delta], ...]
    end_s: float | None = None
    start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordedProgram:
    """Hold one program and what it did after `took_s`; `execution` None if it was killed.

    `files` is the digest of the files it was given, `session` the name of its interpreter.
    """

    code: str
    execution: Execution | None
    took_s: float
    stdin: str = ""
    files: str = ""
    session: str = ""
    start_s: float = 0.0


def digest_of(files: Mapping[str, str | bytes] | None) -> str:
    """Return a digest of files by name, "" for none."""
    if not files:
        return ""
    made = hashlib.sha256()
    for name, content in sorted(files.items()):
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        made.update(f"{len(name)}:{name}:{len(data)}:".encode("utf-8", "surrogatepass"))
        made.update(data)
    return made.hexdigest()


def stdin_text(stdin: str | bytes) -> str:
    """Return a program's input as text, whatever bytes it is made of."""
    return stdin if isinstance(stdin, str) else stdin.decode("utf-8", "surrogateescape")


def write_replies(path: Path, model: str, replies: Iterable[tuple[Prompt, Timed]]) -> None:
    """Write what an engine answered; raise OSError."""
    rows = (
        {
            "messages": [asdict(message) for message in prompt.messages],
            "seed": prompt.seed,
            "sampling": asdict(prompt.sampling) if prompt.sampling else None,
            "start_s": round(timed.start_s, _DIGITS),
            "deltas": [[round(at, _DIGITS), _delta_row(delta)] for at, delta in timed.deltas],
            "end_s": None if timed.end_s is None else round(timed.end_s, _DIGITS),
        }
        for prompt, timed in replies
    )
    _write(path, {"kind": "engine", "model": model}, rows)


def read_replies(path: Path) -> tuple[str, list[tuple[Prompt, Timed]]]:
    """Return the model and its replies; raise ValueError naming the line."""
    head, rows = _read(path, "engine")
    return str(head["model"]), [
        (_made(number, _prompt, row), _made(number, _timed, row)) for number, row in rows
    ]


def write_programs(path: Path, programs: Iterable[RecordedProgram]) -> None:
    """Write what a sandbox did; raise OSError."""
    _write(path, {"kind": "sandbox", "model": ""}, map(_program_row, programs))


def read_programs(path: Path) -> list[RecordedProgram]:
    """Return the programs; raise ValueError naming the line."""
    return [_made(number, _program, row) for number, row in _read(path, "sandbox")[1]]


def _write(path: Path, head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="ascii") as file:
        for row in ({"format": _FORMAT, "version": _VERSION, **head}, *rows):
            file.write(json.dumps(row) + "\n")


def _read(path: Path, kind: str) -> tuple[Mapping[str, Any], Iterator[tuple[int, Any]]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise ValueError(f"recording {str(path)!r} cannot be read: {e}") from e
    head = _made(1, json.loads, lines[0]) if lines else None
    if not isinstance(head, Mapping) or head.get("format") != _FORMAT or "model" not in head:
        raise ValueError(f"{str(path)!r} is no recording: its first line is not its header")
    if head.get("version") != _VERSION:
        raise ValueError(f"version {head.get('version')!r} of a recording; read is {_VERSION}")
    if head.get("kind") != kind:
        raise ValueError(f"{str(path)!r} records {head.get('kind')!r}, not {kind!r}")
    return head, ((n, _made(n, json.loads, line)) for n, line in enumerate(lines[1:], 2))


def _made(number: int, read: Any, given: Any) -> Any:
    """Return what `read` makes of a line; raise ValueError naming it."""
    try:
        return read(given)
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as e:
        raise ValueError(f"line {number} is no recording: {type(e).__name__}: {e}") from e


def _delta_row(delta: Delta) -> dict[str, Any]:
    kept = {name: getattr(delta, name) for name in _DEFAULTS}
    row = {name: value for name, value in kept.items() if value != _DEFAULTS[name]}
    if delta.logprobs is not None:
        row["logprobs"] = asdict(delta.logprobs)
    if (error := delta.error) is not None:
        known = type(error).__name__ if type(error).__name__ in _ERRORS else "EngineError"
        row["error"] = {"class": known, "problem": error.problem, "fix": error.fix}
    return row


def _prompt(row: Mapping[str, Any]) -> Prompt:
    sampling = row["sampling"]
    if sampling is not None:
        sampling = Sampling(**{**sampling, "stop": tuple(sampling["stop"])})
    return Prompt(tuple(row["messages"]), sampling, row["seed"])


def _timed(row: Mapping[str, Any]) -> Timed:
    deltas = tuple((_seconds(at), _delta(given)) for at, given in row["deltas"])
    end_s = row["end_s"]
    return Timed(deltas, None if end_s is None else _seconds(end_s), _seconds(row["start_s"]))


def _seconds(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise ValueError(f"{given!r:.80} are no seconds")
    return float(given)


def _delta(row: Mapping[str, Any]) -> Delta:
    given = dict(row)
    for name, default in _DEFAULTS.items():
        if default is not None and type(given.get(name, default)) is not type(default):
            raise ValueError(f"{name} = {given[name]!r:.80}")
    if "logprobs" in given:
        stats = given["logprobs"]
        given["logprobs"] = LogprobStats(**{**stats, "confidences": tuple(stats["confidences"])})
    if "error" in given:
        error = given["error"]
        given["error"] = _ERRORS[error["class"]]("recording", error["problem"], error["fix"])
    return Delta(0, **given)


def _program_row(program: RecordedProgram) -> dict[str, Any]:
    ran = program.execution
    row = {f.name: getattr(program, f.name) for f in fields(program)}
    row |= {name: round(row[name], _DIGITS) for name in ("start_s", "took_s")}
    if ran is not None:
        files = {name: base64.b64encode(data).decode() for name, data in ran.files.items()}
        row["execution"] = {**asdict(replace(ran, files={})), "files": files}
    return row


def _program(row: Mapping[str, Any]) -> RecordedProgram:
    ran, times = row["execution"], {n: _seconds(row[n]) for n in ("start_s", "took_s")}
    if not isinstance(row["code"], str):
        raise TypeError(f"code = {row['code']!r:.80}")
    if ran is not None:
        files = {name: base64.b64decode(data) for name, data in ran["files"].items()}
        ran = Execution(**{**ran, "files": files})
    return RecordedProgram(**{**row, **times, "execution": ran})
