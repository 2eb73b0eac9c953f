"""`votebox edit-bench`: the benchmark of code editing, and its ground."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from votebox.cluster.errors import Failed, translated
from votebox.cluster.result import write_json

if TYPE_CHECKING:
    from votebox.cluster.edit_bench import Baseline
    from votebox.plugins import Task, TestLimits

__all__ = ["EXERCISES", "check"]

EXERCISES: Final = Path(__file__).parent / "exercises"
"""The exercises that come with votebox."""


def check(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A folder of exercises instead of votebox's own."),
    ] = None,
    *,
    names: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="One of them; repeatable.")
    ] = None,
    total_s: Annotated[
        float, typer.Option(min=1.0, max=3600.0, help="Seconds for the tests of one exercise.")
    ] = 180.0,
    test_s: Annotated[
        float, typer.Option(min=0.1, max=3600.0, help="Seconds for one test.")
    ] = 10.0,
    workers: Annotated[int, typer.Option(min=1, max=128, help="Exercises at once.")] = 2,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> int:
    """Run the tests of every exercise on its untouched stub and on its reference.

    FOLDER is in exercism's layout, such as exercises/practice of its Python track. Exit
    code 1 when a reference fails or a stub passes.
    """
    import asyncio

    from votebox.plugins import SandboxError, TestLimits, VoteboxError, load_tasks

    try:
        tasks = load_tasks(folder or EXERCISES, tuple(names or ()))
        found = asyncio.run(_check(tasks, TestLimits(total_s, min(test_s, total_s)), workers))
    except SandboxError as e:
        raise Failed(str(e)) from e
    except VoteboxError as e:
        raise translated(e) from e
    if json:
        from votebox.cluster.edit_bench import baselines_to_json

        write_json(baselines_to_json(found), sys.stdout)
    else:
        _print(found)
    return 0 if all(one.sound for one in found) else 1


async def _check(
    tasks: "tuple[Task, ...]", limits: "TestLimits", workers: int
) -> "tuple[Baseline, ...]":
    from dataclasses import replace

    from votebox.cluster.edit_bench import baselines
    from votebox.sandbox import DEFAULT_CAPS, Sandbox

    asked = limits.program
    caps = replace(DEFAULT_CAPS, wall_s=asked.wall_s, cpu_s=asked.cpu_s)
    async with Sandbox(workers=workers, caps=caps, preload=()) as sandbox:
        return await baselines(sandbox, tasks, limits)


def _print(found: "tuple[Baseline, ...]") -> None:
    from rich.console import Console

    from votebox.cluster.edit_bench import baselines_table

    console = Console(highlight=False, markup=False, emoji=False)
    console.print(baselines_table(found))
