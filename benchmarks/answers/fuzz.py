r"""Read awkward texts with every built-in reader: none raises, none is slow, all are linear.

    uv run python benchmarks/answers/fuzz.py [--texts 100000] [--seed 1]

First, seeded texts made of pieces that readers trip over (boxes, fences, tags, LaTeX,
Unicode, code, cut off anywhere, repeated) go through all `extract:` and `code:` readers
and through `canonical`, `key` and `equivalent`; the table shows the slowest call of each.
Then each piece is repeated to a reader's largest size and to half of it (100,000
characters; 2,000 for `canonical`, `key` and `equivalent`, which refuse longer texts): the
table shows the pieces that take longest, and how the time grew by the doubling, which is
about 2 where a reader is linear. Ends with status 1 on an exception or over the bound.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator

from votebox.plugins import Registry
from votebox.plugins.answers import canonical, equivalent, key

BOUND_S = 0.4
"""What no call may take, on a loaded machine too; an idle one needs about a third."""
LARGEST = {"canonical": 2000, "key": 2000, "equivalent": 2000}
"""The most characters a reader takes, 100,000 where none is named."""

PIECES = {
    "boxes": ["\\boxed{", "\\boxed{42}", "\\boxed 7", "\\fbox{", "\\framebox[2]{", "\\boxed{\\boxed{", "}", "{", "\\boxed{\\text{"],
    "fences": ["```python\n", "```\n", "```", "~~~\n", "````", "``` `", "- ```py\n", "> ```\n", "```{.python}\n", "\n```\n\n"],
    "tags": ["<think>", "</think>", "<answer>", "</answer>", "<code>", "</code>", "<|python_tag|>", "<|channel|>final<|message|>", '{"code": "', '"arguments": "{\\"code\\": \\"', "<parameter=code>", "\\n", '\\"'],
    "LaTeX": ["\\frac{1}{2}", "\\frac", "\\sqrt{", "\\sqrt[", "\\text{cm}", "\\text{", "\\left(", "\\right)", "\\begin{pmatrix}1&2\\\\3\\end{pmatrix}", "\\begin{array}{c}", "&", "\\\\", "\\pmod{", "\\overline{3}", "\\binom{4}{2}", "\\sin", "\\ln ", "\\log_2", "\\cup", "\\pm ", "\\infty", "\\in", "^\\circ", "\\phantom{", "\\color{red}", "$", "$$", "\\[", "\\(", "\\,", "\\!", "{,}", "\\\\,"],
    "numbers": ["1", "1,", "1,234,", "1 234 ", "0.", ".5", "1e9", "9" * 30, "9^", "9^{", "!", "1/", "1;", "1&", "(1,", "[1,2)\\cup", "x=1,", "x=", "=", "+1", "-", "**", "3 or ", "%", "1<"],
    "words": ["The answer is ", "answer: ", "Final answer:\n", "#### ", "**", "**42**", "is ", "because ", "yes", "x", "ab", "unknown", "at least ", "mod ", "base ", "thousand ", "cm ", "feet "],
    "Unicode": ["\u2212", "\u00bd", "\u00b2", "\u2082", "\u221a", "\u221a2", "\u00b1", "\u2264", "\uff14", "\u0664", "\u2460", "\u200b", "\ufeff", "\u202e", "\U0001d7d9", "e\u0301", "\U0001f600", "\u7b54\u6848\u662f", "\x00", "\x01", "\x02", "\ud800"],
    "blanks": [" ", "\n", "\t", "\r\n", "\r", "\n\n", "\u3000", "\x0b", "    ", ".", ". ", ", "],
    "code": ["x = 1\n", "print(x)\n", "x;", "@c\n", "def f():\n", "    return 1\n", "if x:\n    ", "for i in x: ", "try:\n", "import a\n", "from b import *\n", "lambda x: ", ">>> x\n", "In [1]: ", "%time x\n", "!ls\n", "# c\n", '"""', "'", '"', "f'{", "(", "[", "((", "x(", "-x", "not ", "x.", "x+", "[x for x in ", "\\", "&lt;", "match x:\n case "],
}  # fmt: skip
"""Pieces by what they are from; a text mixes them."""
EVERY = [piece for pieces in PIECES.values() for piece in pieces]

type Reader = Callable[[str], object]


def readers() -> dict[str, Reader]:
    """Return every built-in reader of a text, by name."""
    registry = Registry.load()
    found: dict[str, Reader] = {}
    for use, plugin in registry.plugins.items():
        if plugin.kind in ("extract", "code"):
            options = plugin.options() if plugin.options else None
            for reason in ("stop", "length"):
                found[f"{use} ({reason})"] = bound(plugin.thing, reason, options)
    policy = registry.get("policy:expr").thing(None)
    return found | {
        "canonical": canonical,
        "key": lambda text: key(text, policy),
        "equivalent": lambda text: equivalent(text, f"{text[:-1]}1"),
    }


def bound(thing: Callable[..., object], reason: str, options: object) -> Reader:
    """Return an extractor as a function of the text alone."""
    return lambda text: thing(text, reason, options)


def texts(source: random.Random) -> Iterator[str]:
    """Yield awkward texts without end: short ones, some long, some of one repeated run."""
    while True:
        count = source.choice([2, 4, 8, 16, 30])
        text = "".join(source.choice(EVERY) for _ in range(count))
        kind = source.random()
        if kind < 0.05:
            text *= source.choice([10, 100])
        elif kind < 0.3:
            text = f"\\boxed{{{text}}}"
        elif kind < 0.4:
            text = f"```python\n{text}\n```"
        elif kind < 0.5:
            text = f"<think>\n{text}\n</think>\n{source.choice(EVERY)}{source.choice(EVERY)}"
        yield text[: source.randint(0, len(text))] if source.random() < 0.3 else text


def seconds(reader: Reader, text: str) -> float:
    """Return the processor time a reader takes, which other processes do not lengthen."""
    started = time.process_time()
    reader(text)
    return time.process_time() - started


def sweep(known: dict[str, Reader], seed: int, count: int) -> dict[str, tuple[float, str]]:
    """Return of each reader its slowest call and that call's text.

    Raises:
        RuntimeError: a reader raised.
    """
    slowest = dict.fromkeys(known, (0.0, ""))
    made = texts(random.Random(seed))
    for _ in range(count):
        text = next(made)
        for name, reader in known.items():
            try:
                took = seconds(reader, text)
            except Exception as e:  # whatever it is, it is the finding
                raise RuntimeError(f"{name} raised {e!r} on {text!r}") from e
            slowest[name] = max(slowest[name], (took, text))
    return slowest


def growth(known: dict[str, Reader]) -> list[tuple[float, float, str, str]]:
    """Return (seconds at the largest size, growth by the last doubling, reader, piece)."""
    found = []
    for piece in EVERY:
        for name, reader in known.items():
            size = LARGEST.get(name, 100_000)
            text = (piece * (size // len(piece) + 1))[:size]
            half, whole = (
                min(seconds(reader, other) for other in (cut, f"{cut[:-1]} ", f" {cut[1:]}"))
                for cut in (text[: size // 2], text)
            )  # three texts, so that no cache answers
            found.append((whole, whole / max(half, 1e-9), name, piece))
    return sorted(found, reverse=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    known = readers()
    slowest = sweep(known, arguments.seed, arguments.texts)
    print(
        f"{arguments.texts:,} texts, seed {arguments.seed}\n{'reader':<32}{'slowest ms':>11}  text"
    )
    for name, (took, text) in slowest.items():
        print(f"{name:<32}{took * 1000:>11.1f}  {text[:60]!r}")
    grown = growth(known)
    print(f"\n{'reader':<32}{'largest ms':>10}{'growth':>8}  piece")
    for took, ratio, name, piece in grown[:20]:
        print(f"{name:<32}{took * 1000:>10.1f}{ratio:>8.1f}  {piece!r}")
    worst = max(grown[0][0], *(took for took, _ in slowest.values()))
    print(f"\nworst {worst:.3f} s, bound {BOUND_S} s of processor time")
    sys.exit(worst > BOUND_S)


if __name__ == "__main__":
    main()
