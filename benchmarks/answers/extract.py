r"""Measure how many replies per second are read and canonicalised on one core.

    uv run python benchmarks/answers/extract.py [--rounds 7]

Four kinds of reply, each text different from all others so that no cache answers: short
ones that box an integer, short ones that state it in words, short ones that box LaTeX, and
texts of 35 kB in the manner of a reasoning model, box last. A round reads every text once
with `extract:answer` and `canonical`; the table shows the best and the median round.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from fractions import Fraction

from votebox.plugins import Candidate, Evidence
from votebox.plugins.answers import Policy, canonical
from votebox.plugins.builtin.answer import answer
from votebox.plugins.builtin.policies import Expr, Rational
from votebox.plugins.builtin.votes import VoteOptions, majority

CLASSES = 20

type Reply = tuple[str, Fraction]

STEPS = (
    "Okay, so I need to find the value of $n$ such that $\\frac{{n}}{{2}} + {k} = {m}$. ",
    "Wait, let me check that again: {k} * 2 = {m}, hmm, and $x^{{2}} - {k}x + {m} = 0$.\n\n",
    "Alternatively, maybe the sum over $\\sum_{{i=1}}^{{{k}}} a_i$ is what is asked for here.\n",
    "So if I take \\(a = {k}\\) and \\(b = {m}\\), the answer is not obvious. Let me think.\n\n",
    "That means each of the {k} cases gives {m}, which is **not** possible. But then again: ",
)
"""Sentences of a reasoning text; k and m are numbers that change."""


def boxed(n: int) -> Reply:
    """Return a short reply with a boxed integer."""
    return f"6 * {n} is {6 * n}, so the sum is\n\\[\n\\boxed{{{7 * n}}}\n\\]", Fraction(7 * n)


def stated(n: int) -> Reply:
    """Return a short reply with the answer in words."""
    return f"She sells {n} and keeps {n + 3}. The final answer is {7 * n}.", Fraction(7 * n)


def latex(n: int) -> Reply:
    """Return a short reply whose box holds LaTeX."""
    value = f"x = \\dfrac{{{n}}}{{3}}\\text{{ cm}}^2"
    return f"Therefore $\\boxed{{{value}}}$.", Fraction(n, 3)


def reasoning(n: int, size: int = 35_000) -> Reply:
    """Return a text of `size` characters that thinks, then boxes."""
    parts, length, k = ["<think>\n"], 0, n
    while length < size:
        k += 1
        parts.append(STEPS[k % len(STEPS)].format(k=k, m=k * 2))
        length += len(parts[-1])
    thought = "".join(parts)[:size]
    return f"{thought}\n</think>\n\n**Final Answer**\n\\boxed{{{n}}}", Fraction(n)


def read(replies: list[Reply]) -> None:
    """Read every reply once.

    Raises:
        ValueError: a reply was not read as what it says.
    """
    for text, value in replies:
        readings = answer(text, "stop")
        if not readings or canonical(readings[0].value) != value:
            raise ValueError(f"read {readings}, not {value}: {text[-80:]!r}")


def measure(make: Callable[[int], Reply], count: int, rounds: int) -> list[float]:
    """Return the replies per second of each round, all texts of all rounds being different."""
    rates = []
    for number in range(rounds):
        replies = [make(10_000 + number * count + index) for index in range(count)]
        started = time.perf_counter()
        read(replies)
        rates.append(count / (time.perf_counter() - started))
    return rates


def vote(policy: Policy, answers: list[str], rounds: int) -> list[float]:
    """Return the milliseconds of each round of a vote over `answers`, a chain each."""
    candidates = [
        Candidate(text, "boxed", chain, Evidence(text, (0, len(text)), complete=True))
        for chain, text in enumerate(answers)
    ]
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        tally = majority(candidates, policy, VoteOptions())
        times.append((time.perf_counter() - started) * 1000)
        if len(tally.classes) != CLASSES:
            raise ValueError(f"{len(tally.classes)} classes, not {CLASSES}")
    return times


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(f"{'replies':<24}{'best /s':>10}{'median /s':>12}")
    for name, make, count in (
        ("short, boxed integer", boxed, 5000),
        ("short, stated integer", stated, 5000),
        ("short, boxed LaTeX", latex, 5000),
        ("35 kB, boxed integer", reasoning, 200),
    ):
        rates = measure(make, count, rounds)
        print(f"{name:<24}{max(rates):>10,.0f}{statistics.median(rates):>12,.0f}")
    print(f"\n{'vote over 1,000':<24}{'best ms':>10}{'median ms':>12}")
    for name, policy, form in (
        ("integers", Rational(), "{}"),
        ("fractions", Rational(), "\\frac{{{}}}{{7}}"),
        ("expressions", Expr(), "{}\\sqrt{{2}}"),
    ):
        answers = [form.format(n % CLASSES + 1) for n in range(1000)]
        times = vote(policy, answers, rounds)
        print(f"{name:<24}{min(times):>10.2f}{statistics.median(times):>12.2f}")


if __name__ == "__main__":
    main()
