"""Measure votebox-mini on its own held-out problems.

    uv run python benchmarks/mini/evaluate.py --model deployments/mini

Prints the table of the model card, then one line of JSON with the same numbers.
"""

import argparse
import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from chains import Chain, Sampler
from problems import Problem, families, make_problem
from samples import SETTINGS, Setting

from votebox.plugins.builtin.texts import MODULO_SENTENCE

__all__ = ["Score", "main", "measure", "plurality", "wilson"]

CONFIDENCE_Z: Final = 1.96
MODULUS: Final = 1000


@dataclass(frozen=True, slots=True)
class Score:
    """Count right answers among trials."""

    right: int
    trials: int

    @property
    def share(self) -> float:
        """Share of right answers."""
        return self.right / self.trials if self.trials else 0.0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.trials + other.trials)

    def __str__(self) -> str:
        low, high = wilson(self)
        return f"{100 * self.share:.0f} ({100 * low:.0f}-{100 * high:.0f})"


def wilson(score: Score) -> tuple[float, float]:
    """Give the 95 % Wilson interval of a share (E. B. Wilson, 1927)."""
    n, z = max(score.trials, 1), CONFIDENCE_Z
    center = score.share + z * z / (2 * n)
    spread = z * math.sqrt(score.share * (1 - score.share) / n + z * z / (4 * n * n))
    low, high = (center - spread) / (1 + z * z / n), (center + spread) / (1 + z * z / n)
    return max(0.0, low), min(1.0, high)


def plurality(answers: Sequence[int | None]) -> int | None:
    """Elect the answer most chains gave; a tie goes to the one given first."""
    counts = Counter(answer for answer in answers if answer is not None)
    return counts.most_common(1)[0][0] if counts else None


def _questions(problems: Sequence[Problem], setting: Setting) -> tuple[list[str], list[int]]:
    """Word the problems in a setting, with the answers it expects."""
    if not setting.modulo:
        return [p.text for p in problems], [p.answer for p in problems]
    texts = [f"{problem.text}\n{MODULO_SENTENCE}" for problem in problems]
    return texts, [problem.answer % MODULUS for problem in problems]


def _problems(seed: int, per_family: int) -> list[Problem]:
    rng = random.Random(f"evaluation:{seed}")
    return [
        make_problem(rng, name, evaluation=True) for name in families() for _ in range(per_family)
    ]


def measure(
    sampler: Sampler, problems: Sequence[Problem], setting: Setting, *, votes: int, seed: int
) -> dict[str, dict[str, Score]]:
    """Score each family: greedy, one chain at temperature 1, by habit, and the vote."""
    torch.manual_seed(seed)
    texts, answers = _questions(problems, setting)
    greedy = sampler.solve(texts, setting, temperature=0.0)
    repeated = [text for text in texts for _ in range(votes)]
    chains = sampler.solve(repeated, setting, temperature=1.0)
    scores: dict[str, dict[str, Score]] = {}
    for number, (problem, answer) in enumerate(zip(problems, answers, strict=True)):
        mine = chains[number * votes : (number + 1) * votes]
        found = scores.setdefault(problem.family, {})
        for name, score in _score(greedy[number], mine, answer).items():
            found[name] = found.get(name, Score(0, 0)) + score
    return scores


def _score(greedy: Chain, chains: Sequence[Chain], answer: int) -> dict[str, Score]:
    """Score one problem."""
    right = [chain.answer == answer for chain in chains]
    scores = {
        "greedy": Score(int(greedy.answer == answer), 1),
        "chain": Score(sum(right), len(right)),
        "vote": Score(int(plurality([chain.answer for chain in chains]) == answer), 1),
    }
    for habit in ("program", "direct"):
        picked = [ok for ok, chain in zip(right, chains, strict=True) if chain.habit == habit]
        scores[habit] = Score(sum(picked), len(picked))
    return scores


def _overall(scores: dict[str, dict[str, Score]]) -> dict[str, Score]:
    total: dict[str, Score] = {}
    for found in scores.values():
        for name, score in found.items():
            total[name] = total.get(name, Score(0, 0)) + score
    return total


def _table(scores: dict[str, dict[str, Score]], votes: int) -> str:
    """Write the table of the model card, in percent with 95 % Wilson intervals."""
    lines = [
        f"| family | greedy | one chain | with program | direct | vote of {votes} |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in [*sorted(scores.items()), ("**overall**", _overall(scores))]:
        cells = [str(found[key]) for key in ("greedy", "chain", "program", "direct", "vote")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _as_json(scores: dict[str, dict[str, Score]]) -> str:
    rows = {**scores, "overall": _overall(scores)}
    return json.dumps(
        {
            family: {name: [score.right, score.trials] for name, score in found.items()}
            for family, found in rows.items()
        }
    )


def main(argv: list[str] | None = None) -> None:
    """Measure a model folder and print the table and the JSON."""
    by_name = {setting.name: setting for setting in SETTINGS}
    parser = argparse.ArgumentParser(description="Measure votebox-mini.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--setting", choices=sorted(by_name), default="solve")
    parser.add_argument("--per-family", type=int, default=4)
    parser.add_argument("--votes", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print so many chains first")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    sampler, setting = Sampler(arguments.model), by_name[arguments.setting]
    problems = _problems(arguments.seed, arguments.per_family)
    for chain in sampler.solve(
        [problem.text for problem in problems[: arguments.show]], setting, temperature=1.0
    ):
        print([message["content"] for message in chain.messages if message["role"] != "system"])
    scores = measure(sampler, problems, setting, votes=arguments.votes, seed=arguments.seed)
    print(_table(scores, arguments.votes))
    print(_as_json(scores))


if __name__ == "__main__":
    main()
