r"""Measure how long edits take: replies of 1 MB are parsed, and applied to a large file.

    uv run python benchmarks/edits/speed.py [--size 1000000] [--rounds 3]

Honest replies of each format (many blocks, prose between), then texts that repeat one
awkward line; the table shows the best round in seconds of processor, and by what the time grew when the
text was doubled: about 2 where the parser is linear. Ends with status 1 if a parser takes
longer than a second a megabyte.
"""

import argparse
import sys
import time
from collections.abc import Callable

from votebox.plugins.edits import FORMATS, apply, parse

BOUND_S_PER_MB = 1.0

HONEST = {
    "whole": "Some words about `file{n}.py` first.\n\nfile{n}.py\n```python\ndef f{n}(x):\n    return x + {n}\n```\n",
    "diff": "Words about it.\n\nfile{n}.py\n```python\n<<<<<<< SEARCH\n    return {n}\n=======\n    return {n} + 1\n>>>>>>> REPLACE\n```\n",
    "udiff": "```diff\n--- a/file{n}.py\n+++ b/file{n}.py\n@@ -1,2 +1,2 @@\n def f{n}(x):\n-    return {n}\n+    return {n} + 1\n```\n",
    "patch": "*** Update File: file{n}.py\n@@ def f{n}(x):\n-    return {n}\n+    return {n} + 1\n",
}
HONEST["diff-fenced"] = HONEST["diff"]

AWKWARD = [
    "\n", "```\n", "```python\n", "<source>\n", "</source>\n", "app.py\n", "`a.py` " * 20 + "\n", "<<<<<<< SEARCH\n", "=======\n",
    ">>>>>>> REPLACE\n", "<<<<<<< SEARCH\n=======\n", "<<<<<<< SEARCH\n>>>>>>> REPLACE\n", "--- a\n+++ b\n", "@@\n", "-a\n", "```diff\n--- a\n+++ b\n",
    "*** Update File: a\n", "*** Begin Patch\n", "@@ a\n+b\n", "a" * 999 + "\n", "\r", "*** End Patch\n", "a/" * 120 + "\n```\n", " " * 300 + "\n", "*" * 300 + "\n```\n",
]  # fmt: skip


def honest(name: str, size: int) -> str:
    """Return a reply of a format with as many blocks as fill `size` characters."""
    block = HONEST[name]
    return "".join(block.format(n=n) for n in range(size // len(block)))


def best_s(work: Callable[[], object], rounds: int) -> float:
    """Return the shortest time of some rounds, in seconds of processor."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def measured(name: str, text: str, rounds: int) -> tuple[float, float]:
    """Return the seconds a text takes to parse, and by what they grew from half of it."""
    half = text[: len(text) // 2]
    whole_s = best_s(lambda: parse(text, name), rounds)
    return whole_s, whole_s / max(best_s(lambda: parse(half, name), rounds), 1e-9)


def applied(ops: int, lines: int) -> float:
    """Return the seconds that `ops` blocks take on a file of `lines` lines."""
    text = "".join(f"line number {n} of the file\n" for n in range(lines))
    step = max(1, lines // ops)
    block = "f.txt\n<<<<<<< SEARCH\nline number {n} of the file\n=======\nchanged {n}\n>>>>>>> REPLACE\n"
    script = parse("".join(block.format(n=n) for n in range(0, lines, step)), "diff")
    begin = time.process_time()
    _, report = apply(script, {"f.txt": text})
    took = time.process_time() - begin
    if not report.ok:
        raise SystemExit(f"not applied: {report.failed[:1]}")
    return took


def main() -> int:
    """Print the tables; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure how long edits take.")
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    worst = 0.0
    print(
        f"replies of {given.size:,} characters\n\nformat        text                 seconds   doubled"
    )
    for name in FORMATS:
        rows = [("honest", honest(name, given.size))]
        rows += [(repr(p)[:20], p * (given.size // len(p))) for p in AWKWARD]
        found = [(words, *measured(name, text, given.rounds)) for words, text in rows]
        slowest = sorted(found[1:], key=lambda row: -row[1])[:3]
        for words, took, grew in [found[0], *slowest]:
            print(f"{name:12}  {words:20} {took:8.3f}  {grew:8.1f}")
            worst = max(worst, took)
    print(f"\n100 blocks on a file of 10,000 lines: {applied(100, 10_000):.3f} s")
    return int(worst > BOUND_S_PER_MB * max(1.0, given.size / 1e6))


if __name__ == "__main__":
    sys.exit(main())
