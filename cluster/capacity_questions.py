"""Say what questions cost: tokens, chains, programs, under a recipe's own stop rule.

Recorded votes, traces or the typical mix below are raced as `votebox whatif` does it, with
the recipe's rule and dispatcher themselves. What GPUs make of the tokens is capacity.py's
affair.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from votebox.cluster.capacity_costs import Costs
from votebox.cluster.statistics import bootstrap_mean
from votebox.plugins import Recipe, VoteState
from votebox.plugins.whatif import Experiment, Ints, Outcome, Trials, draw, full_vote
from votebox.plugins.whatif_race import simulate
from votebox.plugins.whatif_rules import Book

__all__ = ["TOKENS", "Demand", "Questions", "Range", "demand_of", "typical"]

TOKENS: Final = 18_700
"""Tokens of a chain in the mean of eleven open reasoning models on AIME 2024."""

_MIX: Final = (
    # leader's share, the second's, no answer, other classes, length relative, spread of lengths
    (0.172, 0.109, 0.215, 26, 1.80, 0.283),
    (0.399, 0.172, 0.070, 18, 1.67, 0.380),
    (0.653, 0.117, 0.031, 11, 1.29, 0.399),
    (0.817, 0.073, 0.027, 6, 1.16, 0.408),
    (0.907, 0.047, 0.006, 3, 0.92, 0.477),
    (0.953, 0.021, 0.006, 2, 0.82, 0.432),
    (0.980, 0.011, 0.004, 1, 0.57, 0.348),
    (0.997, 0.003, 0.000, 0, 0.49, 0.277),
    (1.000, 0.000, 0.000, 0, 0.60, 0.280),
    (1.000, 0.000, 0.000, 0, 0.69, 0.189),
)
"""Tenths of 330 (model, problem) pairs of the recorded votes of docs/whatif.md, by leader's share.

Spread is the standard deviation of a question's lengths in parts of their mean.
"""

_RECORDED: Final = 400  # chains of a typical question, of which trials are drawn
_ORDERS: Final = 200
_CELLS: Final = 2**18  # chains of all trials together, some seconds of one core


@dataclass(frozen=True, slots=True)
class Range:
    """Hold a number with the bounds it may be between."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """Hold questions with recorded chains, and what else was recorded of them.

    `programs` is of a whole chain, `program_s` the wall seconds of one, None: not recorded.
    `prompt_tokens` are of a chain's first prompt. `origin` says where all of it is from.
    """

    experiments: tuple[Experiment, ...]
    origin: str
    programs: float | None = None
    program_s: float | None = None
    prompt_tokens: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def mean_tokens(self) -> float:
        """Return the mean length of a chain, each question counting alike."""
        return float(np.mean([e.tokens.mean() for e in self.experiments]))

    def scaled(self, tokens: float) -> "Questions":
        """Return the same questions with lengths of another mean."""
        factor = tokens / self.mean_tokens
        return self._with(lambda lengths: np.maximum(1, np.rint(lengths * factor)))

    def cut(self, most: int) -> "Questions":
        """Return the same questions with no chain longer than `most` tokens."""
        return self._with(lambda lengths: np.minimum(lengths, most))

    def _with(self, change: Callable[[Ints], Any]) -> "Questions":
        made = (replace(e, tokens=change(e.tokens).astype(np.int64)) for e in self.experiments)
        return replace(self, experiments=tuple(made))


@dataclass(frozen=True, slots=True)
class Demand:
    """Hold what one question costs under a recipe's rules, in the mean.

    Lengths are tokens that are sampled: `tokens` of a whole chain, `spent` of a question with
    the chains it ends early, `full` of one that ends all. `context` is what a chain in flight
    holds in the cache, its prompt included. `steps` are the tokens decoded one after the other
    until the answer: mean, median, 95th percentile. `programs` are of a whole chain. The recipe
    ends a solve after `deadline_s`.
    """

    chains: int
    tokens: float
    context: float
    prompt_tokens: float
    spent: Range
    full: float
    steps: tuple[float, float, float]
    programs: float
    program_s: float
    alone: float
    deadline_s: float | None = None

    @property
    def saved(self) -> float:
        """Return the share of tokens that stopping early saves."""
        return 1 - self.spent.value / self.full

    @property
    def worth(self) -> float:
        """Return how many whole chains a question costs."""
        return self.spent.value / self.tokens

    @property
    def in_flight(self) -> float:
        """Return the chains a question has in flight, in the mean over its time."""
        return self.spent.value / self.steps[0]

    @property
    def streams(self) -> float:
        """Return the streams a question has open: one for its first chains, one for each alone."""
        return 1 + max(0.0, self.in_flight - 1) * self.alone


def typical(tokens: float = TOKENS, seed: int = 0) -> Questions:
    """Return ten questions from hard to easy, as recorded ones are mixed."""
    source = np.random.default_rng(seed)
    made = tuple(_typical(number, row, source) for number, row in enumerate(_MIX))
    origin = "typical of recorded votes on AIME 2024"
    return Questions(made, origin).scaled(tokens)


def _typical(
    number: int, row: tuple[float, float, float, int, float, float], source: np.random.Generator
) -> Experiment:
    lead, second, none, others, length, spread = row
    votes = np.repeat([0, 1, -1], np.rint(np.array([lead, second, none]) * _RECORDED).astype(int))
    rest = 2 + np.arange(_RECORDED - len(votes)) % max(1, others)
    votes = source.permutation(np.concatenate([votes, rest])[:_RECORDED]).astype(np.int64)
    sigma = math.sqrt(math.log1p(spread * spread))  # of a lognormal with that spread
    lengths = source.lognormal(math.log(length) - sigma * sigma / 2, sigma, _RECORDED)
    tokens = np.rint(lengths * TOKENS).astype(np.int64)
    ranks = np.arange(int(votes.max()) + 1)
    return Experiment("", str(number), votes, tokens, ranks)


def demand_of(questions: Questions, recipe: Recipe, costs: Costs) -> Demand:
    """Return what a question costs when `recipe` decides which chains run and to what end.

    What was not recorded of programs and prompts is of `costs`. Votes are counted one a chain.

    Raises:
        PluginError: the rule or the dispatcher failed.
    """
    trials = _trials(questions.experiments, recipe.chains)
    book = Book(recipe.stop, recipe.dispatch)
    outcome = simulate(trials, book)
    lengths = np.concatenate([e.tokens for e in questions.experiments]).astype(float)
    mean, prompt = questions.mean_tokens, _told(questions.prompt_tokens, costs.prompt_tokens)
    # A look at a moment finds long chains more often, and each of them half done.
    context = prompt + float((lengths**2).mean() / (2 * lengths.mean()))
    programs = _told(questions.programs, costs.programs)
    spent = _spent(outcome, trials)
    begun = book.wanted(VoteState(recipe.chains, 0), 0)
    return Demand(
        recipe.chains,
        mean,
        context,
        prompt,
        spent,
        float(full_vote(trials).tokens.mean()),
        _steps(outcome),
        programs,
        _told(questions.program_s, costs.program_s),
        alone=_alone(begun * mean / spent.value, programs if recipe.rounds > 1 else 0.0),
        deadline_s=recipe.budget.deadline_s,
    )


def _alone(together: float, programs: float) -> float:
    """Return the share of chains' time in streams of their own.

    A share `together` of all chains starts in one stream; after each program a chain goes on
    in one of its own.
    """
    return 1 - min(1.0, together) / (1 + programs)


def _told(recorded: float | None, assumed: float) -> float:
    return assumed if recorded is None else recorded


def _trials(experiments: Sequence[Experiment], chains: int) -> Trials:
    orders = max(2, min(_ORDERS, _CELLS // (len(experiments) * chains)))
    return draw(experiments, chains, orders, seed=0)


def _spent(outcome: Outcome, trials: Trials) -> Range:
    by_problem: dict[str, list[float]] = {}
    for tokens, which in zip(outcome.tokens.tolist(), trials.experiment.tolist(), strict=True):
        by_problem.setdefault(trials.experiments[which].problem, []).append(tokens)
    found = bootstrap_mean(list(by_problem.values()))
    return Range(float(outcome.tokens.mean()), found.low, found.high)


def _steps(outcome: Outcome) -> tuple[float, float, float]:
    steps: Ints = outcome.makespan
    return float(steps.mean()), float(np.median(steps)), float(np.percentile(steps, 95))
