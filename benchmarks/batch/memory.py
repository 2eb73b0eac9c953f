"""Measure the memory of a batch from 1,000 to 20,000 rows, over the replay engine.

    uv run python benchmarks/batch/memory.py --rows 1000 5000 20000

Each number of rows has a process of its own; what it needs at most is read from the kernel.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUPPORT = Path(__file__).parents[2] / "tests/support"


def one(rows: int, concurrency: int) -> None:
    """Run one batch here and print what it took."""
    sys.path.insert(0, str(SUPPORT))
    import batches

    with tempfile.TemporaryDirectory(prefix="batch-memory-") as folder:
        given = Path(folder) / "in.jsonl"
        with given.open("w") as stream:
            for n in range(rows):
                stream.write(json.dumps({"id": f"q{n}", "question": f"{n} + {n}", "answer": 2 * n}))
                stream.write("\n")
        began = time.perf_counter()
        tally = batches.run(given, Path(folder) / "out", part_rows=256, concurrency=concurrency)
        seconds = time.perf_counter() - began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"rows": tally.rows, "right": tally.correct, "s": seconds, "peak_mib": peak_mib}
    print(json.dumps(told), flush=True)


def main() -> None:
    """Print one row of a table for each number of rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 5000, 20000])
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--one", type=int)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.concurrency)
        return
    print("| rows | right | rows/s | peak, MiB |\n|---|---|---|---|")
    for rows in args.rows:
        command = [sys.executable, __file__, "--one", str(rows)]
        done = subprocess.run(
            [*command, "--concurrency", str(args.concurrency)],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        rate = found["rows"] / found["s"]
        print(
            f"| {rows:,} | {found['right']:,} | {rate:,.0f} | {found['peak_mib']:.0f} |", flush=True
        )


if __name__ == "__main__":
    main()
