"""Make one file of a batch's parts, in the order of the input."""

from typing import TYPE_CHECKING

from votebox.cluster.batch_files import write_atomically, write_tables
from votebox.cluster.batch_folder import BatchFolder
from votebox.cluster.batch_run import BatchPlan, output_schema
from votebox.cluster.errors import BadUsage
from votebox.plugins.errors import TraceError
from votebox.plugins.traces import file_system

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

__all__ = ["check_absent", "merge"]


def check_absent(out: str) -> None:
    """Refuse to overwrite a file; raise BadUsage naming it."""
    from pyarrow.fs import FileType

    system, path = _place(out)
    if system.get_file_info(path).type != FileType.NotFound:
        raise BadUsage(f"{out!r} is there already", "remove it or give another name")


def merge(folder: BatchFolder, plan: BatchPlan, out: str, kind: str) -> None:
    """Write the parts of a complete batch as one file, and remove their folder."""
    system, path = _place(out)
    schema = output_schema(plan.source.schema, plan.columns)
    with write_atomically(system, path) as stream:
        write_tables(folder.tables(range(plan.parts), schema), schema, kind, stream)
    folder.remove()


def _place(out: str) -> "tuple[FileSystem, str]":
    try:
        return file_system(out)
    except TraceError as e:
        raise BadUsage(f"{out!r} is no place that can be written to: {e.problem}", e.fix) from e
