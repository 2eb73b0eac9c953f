"""Make the example data sets of cluster/examples: the same bytes on every machine.

    uv run python benchmarks/mini/examples.py [FOLDER]

All problems are of the generator's evaluation side, which votebox-mini was not trained on.
"""

import csv
import io
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

from problems import Problem, make_problem

FOLDER: Final = Path(__file__).parents[2] / "cluster" / "examples"
SEED: Final = 20260314


def distinct(seed: int, count: int) -> Iterator[Problem]:
    """Draw `count` problems of which no two have the same text."""
    rng, seen = random.Random(seed), set[str]()
    while len(seen) < count:
        problem = make_problem(rng, evaluation=True)
        if problem.text not in seen:
            seen.add(problem.text)
            yield problem


def arithmetic(count: int = 200) -> str:
    """Give plain answers, as most data sets have them."""
    rows = (
        {"id": f"arithmetic-{n:03}", "problem": p.text, "answer": str(p.answer)}
        for n, p in enumerate(distinct(SEED, count))
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def gsm_like(count: int = 100) -> str:
    """Give solutions that end in a line of ####, as GSM8K has them."""
    rows = (
        {"question": p.text, "answer": f"{p.think}\n#### {p.answer}"}
        for p in distinct(SEED + 1, count)
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def aime_like(count: int = 30) -> str:
    """Give whole numbers from 0 to 999 in a CSV, as AIME has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("ID", "Problem", "Answer"))
    fitting = (p for p in distinct(SEED + 2, 20 * count) if 0 <= p.answer <= 999)
    for number, problem in zip(range(count), fitting, strict=False):
        writer.writerow((f"sample-{number + 1}", problem.text, f"{problem.answer:03}"))
    return text.getvalue()


def write(folder: Path) -> None:
    """Write all data sets into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "arithmetic.jsonl").write_text(arithmetic(), "utf-8")
    (folder / "gsm-like.jsonl").write_text(gsm_like(), "utf-8")
    (folder / "aime-like.csv").write_text(aime_like(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
