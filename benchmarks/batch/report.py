"""Make runs of an evaluation and time the report on them, part by part.

    uv run python benchmarks/batch/report.py --runs 8 --problems 2000
    uv run python benchmarks/batch/report.py --runs 8 --problems 250 --traces

The rows are made up: chains that are right by chance, as `tests/support/reported.py` has them.
With `--traces` every row has a trace, all of them links to one that a replayed solve left.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

SUPPORT = Path(__file__).parents[2] / "tests/support"


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Print the wall and processor seconds of the block."""
    wall, used = time.perf_counter(), time.process_time()
    yield
    wall, used = time.perf_counter() - wall, time.process_time() - used
    print(f"| {name} | {wall:.2f} | {used:.2f} |", flush=True)


def make(folder: Path, runs: int, problems: int, chains: int, *, traces: bool) -> list[Path]:
    """Write the runs; return their folders."""
    import reported
    from solved import solved

    from votebox.plugins import TraceStore

    made = []
    for number in range(runs):
        run = reported.run(f"run-{number}", problems, 0.5 + number / 40, number, chains=chains)
        if traces:
            run = replace(run, rows=tuple(replace(row, traced=True) for row in run.rows))
        made.append(reported.write(folder / f"run-{number}", run))
        if traces:
            kept = made[-1] / "traces"
            kept.mkdir(exist_ok=True)
            verdict = asyncio.run(solved(TraceStore(str(kept))))
            for row in run.rows:
                os.link(kept / f"{verdict.id}.parquet", kept / f"{row.solve_id}.parquet")
    return made


def main() -> None:
    """Print the seconds of each part of a report, and its size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--chains", type=int, default=8)
    parser.add_argument("--traces", action="store_true")
    args = parser.parse_args()
    sys.path.insert(0, str(SUPPORT))
    from votebox.cluster.report import report_page
    from votebox.cluster.report_data import Texts
    from votebox.cluster.report_facts import families
    from votebox.cluster.runs import load_run

    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        places = make(Path(folder), args.runs, args.problems, args.chains, traces=args.traces)
        print("| part | s | processor s |\n|---|---|---|")
        with timed("read the runs"):
            runs = [load_run(place) for place in places]
        with timed("sum up and compare"):
            found = families(runs)
        texts = Texts([entry for family in found for entry in family.entries])
        with timed("write the page"):
            page = report_page(found, texts)
    size = len(page.encode()) / 1e6
    print(f"{args.runs} runs of {args.problems} problems, {size:.1f} MB, {texts.missing} missing")


if __name__ == "__main__":
    main()
