"""Measure what importing votebox costs a plugin, beside what it cannot do without.

    uv run python benchmarks/startup/imports.py [--repeat 20]

Each line is a new interpreter, the ways by turns; printed are the medians of wall and
processor milliseconds, less those of an interpreter that imports nothing.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

WAYS = {
    "nothing": "pass",
    "pydantic": "import pydantic; pydantic.BaseModel",
    "votebox.plugins": "import votebox.plugins",
    "a small plugin": "from votebox.plugins import Reading, Register, hookimpl",
    "the whole contract": "from votebox.plugins import *",
    "Registry.load()": "from votebox.plugins import Registry; Registry.load()",
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=20)
    repeat = parser.parse_args().repeat
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for number in range(repeat + 1):
        for way, code in WAYS.items():
            spent = spend(code)
            if number:  # the first run only compiles
                taken[way].append(spent)
    bare = medians(taken["nothing"])
    print(f"{'import':<20} wall, ms  processor, ms")
    for way, spent_each in taken.items():
        less = (0.0, 0.0) if way == "nothing" else bare
        wall, processor = (s - b for s, b in zip(medians(spent_each), less, strict=True))
        print(f"{way:<20} {wall:8.0f} {processor:14.0f}")


def medians(spent: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the median of each column."""
    wall, processor = zip(*spent, strict=True)
    return statistics.median(wall), statistics.median(processor)


def spend(code: str) -> tuple[float, float]:
    """Return the wall and processor milliseconds of an interpreter that runs `code`."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1000 * wall, 1000 * processor


if __name__ == "__main__":
    main()
