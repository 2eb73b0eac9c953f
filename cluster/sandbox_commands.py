"""`votebox sandbox`: run a program in the sandbox, and measure it here."""

import sys
import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from votebox.cluster.errors import BadUsage, translated
from votebox.cluster.result import write_json
from votebox.cluster.text import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from votebox.sandbox import Execution, Limits, Sandbox

__all__ = ["bench", "run"]

_MOST_BYTES: Final = 4 * 2**20
_MOST_FILE_BYTES: Final = 64 * 2**20  # what the scratch space of a program holds
_PROGRAM: Final = "import math, numpy as np, sympy as sp\nprint(1)\n"


class Backend(StrEnum):
    """How programs are isolated."""

    AUTO = "auto"
    FORK = "fork"
    ONCE = "once"


_Backend = Annotated[Backend, typer.Option(help="auto; fork: a warm server; once: a jail each.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def run(
    file: Annotated[str, typer.Argument(help="The Python file; - reads it from stdin.")],
    *,
    wall_s: Annotated[float | None, typer.Option(help="Seconds it may take.")] = None,
    memory_mib: Annotated[int | None, typer.Option(help="MiB it may hold.")] = None,
    put: Annotated[
        list[Path] | None, typer.Option("--file", help="A file to put beside it; repeatable.")
    ] = None,
    collect: Annotated[
        list[str] | None, typer.Option(help="A file to bring back here; repeatable.")
    ] = None,
    echo: Annotated[bool, typer.Option("--echo", help="Print a bare last expression.")] = False,
    backend: _Backend = Backend.AUTO,
    json: _Json = False,
) -> int:
    """Run a Python file in the sandbox; its output goes where it would go.

    With --json the whole Execution is one JSON object on stdout, files as text. Exit code:
    the program's own, or 1 with one line on stderr when something else ended it.
    """
    code = _read(file)
    files = {path.name: _bytes(path, _MOST_FILE_BYTES) for path in put or ()}
    targets = {name: _target(name) for name in collect or ()}

    async def go(box: "Sandbox") -> "Execution":
        limits = _limits(wall_s, memory_mib)
        return await box.run(code, limits, files=files, collect=tuple(targets), echo=echo)

    execution = _with_sandbox(go, backend)
    for name, content in execution.files.items():
        targets[name].write_bytes(content)
    for name in targets.keys() - execution.files.keys():
        typer.echo(f"votebox: the program left no file {name!r}", err=True)
    if json:
        found: dict[str, Any] = asdict(execution)
        found["files"] = {k: v.decode("utf-8", "replace") for k, v in execution.files.items()}
        write_json(found, sys.stdout)
    else:
        sys.stdout.write(_shown(execution.stdout, sys.stdout.isatty()))
        sys.stderr.write(_shown(execution.stderr, sys.stderr.isatty()))
    if execution.status in ("ok", "error"):
        return execution.exit_code or 0
    why = f" by signal {execution.signal}" if execution.signal is not None else ""
    typer.echo(
        f"votebox: {execution.status}{why} after {execution.wall_s:.2f} s,"
        f" {execution.peak_memory_mib:.0f} MiB ({execution.isolation})",
        err=True,
    )
    return 1


def bench(
    *,
    programs: Annotated[int, typer.Option(min=1, max=100_000, help="Programs to run.")] = 100,
    workers: Annotated[int, typer.Option(min=1, max=128, help="Programs at once.")] = 2,
    backend: _Backend = Backend.AUTO,
    json: _Json = False,
) -> None:
    """Measure the sandbox on this machine: start, time of a program, programs a second.

    The program imports math, numpy and sympy and prints 1. For a comparison with other
    ways to run programs see benchmarks/sandbox.
    """
    import asyncio
    import statistics

    async def go(box: "Sandbox") -> dict[str, Any]:
        started = time.perf_counter() - began
        alone = [await _timed(box) for _ in range(min(programs, 50))]
        many = time.perf_counter()
        await asyncio.gather(*(_timed(box) for _ in range(programs)))
        rate = programs / (time.perf_counter() - many)
        return {
            "isolation": box.isolation,
            "start_s": round(started, 3),
            "median_ms": round(1000 * statistics.median(alone), 2),
            "p95_ms": round(1000 * sorted(alone)[int(0.95 * (len(alone) - 1))], 2),
            "programs_per_s": round(rate, 1),
            "workers": workers,
        }

    began = time.perf_counter()
    found = _with_sandbox(go, backend, workers)
    if json:
        write_json(found, sys.stdout)
        return
    typer.echo(f"isolation  {found['isolation']}")
    typer.echo(f"start      {found['start_s']:.2f} s")
    typer.echo(f"a program  {found['median_ms']:.1f} ms median, {found['p95_ms']:.1f} ms p95")
    typer.echo(f"rate       {found['programs_per_s']:.0f} programs/s, {workers} at once")


async def _timed(box: "Sandbox") -> float:
    from votebox.sandbox import SandboxError

    began = time.perf_counter()
    execution = await box.run(_PROGRAM)
    if not execution.ok:
        raise SandboxError("the program failed", f"{execution.status}: {execution.stderr}")
    return time.perf_counter() - began


def _with_sandbox[T](
    go: "Callable[[Sandbox], Awaitable[T]]", backend: Backend, workers: int = 1
) -> T:
    import asyncio

    from votebox.sandbox import LimitError, Sandbox, SandboxError

    async def inside() -> T:
        async with Sandbox(workers=workers, backend=backend.value) as box:
            return await go(box)

    try:
        return asyncio.run(inside())
    except LimitError as e:
        raise BadUsage(str(e)) from e
    except SandboxError as e:
        raise translated(e) from e


def _limits(wall_s: float | None, memory_mib: int | None) -> "Limits":
    from votebox.sandbox import Limits

    given = {"wall_s": wall_s, "cpu_s": wall_s, "memory_mib": memory_mib}
    return Limits(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def _read(file: str) -> str:
    if file == "-":
        data = _at_most(_MOST_BYTES, file, sys.stdin.buffer)
    else:
        data = _bytes(Path(file), _MOST_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadUsage(f"{file} is not UTF-8 text", "convert it") from e


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as source:
            return _at_most(most, str(path), source)
    except OSError as e:
        raise BadUsage(f"cannot read {path}: {e.strerror}") from e


def _at_most(most: int, name: str, source: BinaryIO) -> bytes:
    """Return what a file holds; one that never ends is refused as one that is too large."""
    data = source.read(most + 1)
    if len(data) > most:
        raise BadUsage(f"{name} has more than {most // 2**20} MiB", "give less")
    return data


def _target(name: str) -> Path:
    """Return where a file brought back goes: beside us, under its last name, never over one."""
    target = Path(Path(name).name or "_")
    if target.exists():
        raise BadUsage(f"--collect {name}: {target} exists here", "move it away first")
    return target


def _shown(text: str, terminal: bool) -> str:  # noqa: FBT001 - private
    """Return a program's output; a terminal gets no control sequences of its making."""
    return clean(text) if terminal else text
