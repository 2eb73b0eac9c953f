"""`votebox report`: runs of an evaluation as one page to look at and share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from votebox.cluster.errors import BadUsage
from votebox.cluster.text import one_line

__all__ = ["report"]

_MOST: Final = 32
_MANY: Final = 100
"""More traces than this take a while, so people are told."""


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Folders of `votebox eval` or `votebox edit-bench run`, or files of rows; up to 32.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")
    ] = Path("report.html"),
    texts: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Characters shown of a chain; 0 reads no traces. Default: what keeps the page light.",
        ),
    ] = None,
    references: Annotated[
        list[str] | None,
        typer.Option(
            "--reference", metavar="NAME=PERCENT", help="A score to draw as a line; repeatable."
        ),
    ] = None,
) -> None:
    """Write one page about runs: accuracy, tokens, ties, calibration, every problem.

    The page needs no network and nothing beside it. Runs over the same dataset are
    compared; each problem unfolds to its votes, chains and programs.

    Of the editing benchmark it takes runs, rows in the published YAML, and example:qwq,
    which is seven published rows: `votebox report example:qwq runs/mine`.
    """
    if len(runs) > _MOST:
        raise BadUsage(f"{len(runs)} runs are too many for one page", f"name up to {_MOST}")
    if len({run.resolve() for run in runs}) < len(runs):
        raise BadUsage("a run is named twice", "name each folder once")
    if _of_edits(runs):
        _write(output, _edit_page(runs, references or ()))
    else:
        if references:
            fix = "give rows of the editing benchmark with it, such as example:qwq"
            raise BadUsage("--reference draws no line among runs of `votebox eval`", fix)
        _write(output, _page(runs, texts))
    typer.echo(str(output))


def _of_edits(runs: Sequence[Path]) -> bool:
    """Tell whether all that is named is of the editing benchmark; refuse a mixture."""
    from votebox.cluster.edit_report_sources import holds_rows

    kinds = {holds_rows(run): run for run in runs}
    if len(kinds) > 1:
        problem = (
            f"{str(kinds[True])!r} is of the editing benchmark and {str(kinds[False])!r} is not"
        )
        raise BadUsage(problem, "write a page for each kind")
    return True in kinds


def _edit_page(runs: Sequence[Path], said: Sequence[str]) -> str:
    from votebox.cluster.edit_report import edit_report_page
    from votebox.cluster.edit_report_facts import board
    from votebox.cluster.edit_report_sources import read_references, read_sources

    given = read_references(said)
    sources, prose = read_sources(runs)
    return edit_report_page(board(sources, (*prose, *given)))


def _page(runs: Sequence[Path], texts: int | None) -> str:
    """Return the page of evaluations; say on stderr what takes long or cannot be read."""
    from votebox.cluster.report import report_page
    from votebox.cluster.report_data import Texts
    from votebox.cluster.report_facts import families
    from votebox.cluster.runs import load_run

    found = families([load_run(run) for run in runs])
    told = Texts([entry for family in found for entry in family.entries], texts)
    if told.traces > _MANY:
        typer.echo(f"votebox: reading {told.traces:,} traces; --texts 0 leaves them out", err=True)
    page = report_page(found, told)
    if told.missing:
        typer.echo(
            f"votebox: {told.missing:,} traces could not be read, the first: "
            f"{one_line(told.problem)}",
            err=True,
        )
    return page


def _write(output: Path, page: str) -> None:
    from votebox.cluster.result import write_file

    try:
        write_file(output, page)
    except OSError as e:
        fix = "give a file in a folder you can write"
        raise BadUsage(f"--output {str(output)!r} cannot be written: {e.strerror}", fix) from e
