r"""Measure how many pairs of answers a second are decided, and how.

    uv run python benchmarks/answers/judge.py [--pairs 400] [--at-once 2]

Three kinds of pair that exact rules decide (`equivalent`), three that go to the judge; all
differ from one another so that no cache answers, and half of each kind are equal but for the
last. The judge's pairs are asked `--at-once` at a time; its start is told apart. The last
kind hangs: its rate is that of the time-out.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Iterable

from votebox.plugins import Judge
from votebox.plugins.answers import equivalent

type Pair = tuple[str, str]

HANGS = 4


def rational(n: int) -> Pair:
    """Return a fraction and a decimal."""
    return f"\\frac{{{n}}}{{8}}", f"{(n + n % 2) / 8}"


def radical(n: int) -> Pair:
    """Return two ways to write a number with a root."""
    return f"\\frac{{{n}}}{{\\sqrt{{2}}}}", f"\\frac{{{n + n % 2}\\sqrt{{2}}}}{{2}}"


def tuples(n: int) -> Pair:
    """Return two points."""
    return f"({n}, \\frac{{1}}{{2}}, x)", f"({n + n % 2}, 0.5, x)"


def logarithm(n: int) -> Pair:
    """Return two constants that only values tell apart."""
    return f"\\ln {n + 2}^2", f"2\\ln {n + 2 + n % 2}"


def formula(n: int) -> Pair:
    """Return two formulas in a variable."""
    return f"\\frac{{x^2-{n * n}}}{{x-{n}}}", f"x+{n + n % 2}"


def relation(n: int) -> Pair:
    """Return a relation and an interval, which math-verify compares."""
    return f"{n} < x < {n + 5}", f"({n}, {n + 5 + n % 2})"


def endless(n: int) -> Pair:
    """Return a pair that no comparison comes to an end with."""
    return f"\\int_0^{{{n}}} e^{{x^3\\sin x}} dx", f"{n}\\ln x"


EXACT = (rational, radical, tuples)
JUDGED = (logarithm, formula, relation)


def exact(kind: Callable[[int], Pair], count: int) -> float:
    """Return the seconds `equivalent` takes for `count` pairs.

    Raises:
        SystemExit: it is wrong, or leaves one undecided.
    """
    pairs = [kind(n) for n in range(1, count + 1)]
    started = time.perf_counter()
    said = [equivalent(*pair) for pair in pairs]
    spent = time.perf_counter() - started
    _check(kind.__name__, said, [n % 2 == 0 for n in range(1, count + 1)])
    return spent


async def judged(judge: Judge, kind: Callable[[int], Pair], count: int) -> float:
    """Return the seconds the judge takes for `count` pairs.

    Raises:
        SystemExit: it is wrong.
    """
    pairs = [kind(n) for n in range(1, count + 1)]
    started = time.perf_counter()
    said = await asyncio.gather(*(judge.same(*pair) for pair in pairs))
    spent = time.perf_counter() - started
    right = [None if kind is endless else n % 2 == 0 for n in range(1, count + 1)]
    _check(kind.__name__, said, right)
    return spent


def _check(name: str, said: Iterable[bool | None], right: Iterable[bool | None]) -> None:
    wrong = sum(s is not r for s, r in zip(said, right, strict=True))
    if wrong:
        raise SystemExit(f"{wrong} pairs of {name} are decided wrong")


async def main() -> None:
    """Print a row for each kind of pair."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pairs", type=int, default=400)
    options.add_argument("--at-once", type=int, default=None)
    given = options.parse_args()
    print(f"{'pairs':10} {'decided by':11} {'a second':>9}")
    for kind in EXACT:
        print(f"{kind.__name__:10} {'equivalent':11} {given.pairs / exact(kind, given.pairs):9.0f}")
    judge = Judge(concurrency=given.at_once)
    started = time.perf_counter()
    await judge.same(r"\sin x", r"\cos x")
    begun = time.perf_counter() - started
    for kind in JUDGED:
        print(
            f"{kind.__name__:10} {'judge':11} {given.pairs / await judged(judge, kind, given.pairs):9.1f}"
        )
    print(f"{'endless':10} {'nobody':11} {HANGS / await judged(judge, endless, HANGS):9.1f}")
    print(f"\nthe judge started in {begun:.1f} s")
    await judge.aclose()


if __name__ == "__main__":
    asyncio.run(main())
