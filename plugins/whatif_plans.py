"""Say in text what to simulate, and run it: what crosses to another process is small.

A Plan names a stop rule and a dispatcher as a user writes them. Every process reads them
with a registry of its own; a plugin is never pickled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from votebox.plugins.answers import Policy
from votebox.plugins.builtin.dispatch import BatchGreedyOptions
from votebox.plugins.errors import ProblemError
from votebox.plugins.registry import Registry
from votebox.plugins.uses import use_of
from votebox.plugins.whatif import Experiment, Outcome, Trials, draw, full_vote
from votebox.plugins.whatif_ballots import Ballots
from votebox.plugins.whatif_batch import share_budget
from votebox.plugins.whatif_race import simulate
from votebox.plugins.whatif_rules import Book

__all__ = ["FULL", "SEQUENTIAL", "Plan", "Simulator", "Study", "policy_of"]

SEQUENTIAL: Final = "sequential"
"""The dispatcher that is none: one chain after another."""

_COUNTED: Final = ("majority", "weighted")
"""Votes that are sums over chains and need no plugin to be called."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Name a way to spend chains: a rule and a dispatcher, or all of `chains` at once."""

    stop: str
    dispatch: str
    chains: int | None = None


FULL: Final = Plan("never", "all")
"""The full vote, that all others are compared with."""


@dataclass(frozen=True, slots=True)
class Study:
    """Hold what all plans have in common.

    Of each experiment `orders` random orders of at most `chains` chains are drawn by
    `seed`. `vote` and `policy` name plugins; `ballots` has the vote plugin called where
    sums would do. `most` is the largest weight a chain can cast, None for what the vote
    declares.
    """

    chains: int = 40
    orders: int = 200
    seed: int = 0
    vote: str = "majority"
    policy: str = "rational"
    most: float | None = None

    @property
    def counted(self) -> bool:
        """Return whether votes are summed up without calling the plugin."""
        return self.vote in _COUNTED

    @property
    def weighted(self) -> bool:
        """Return whether the sums are of weights."""
        return self.vote == "weighted"


class Simulator:
    """Run the plans of one study; keeps what their rules said, since plans ask it again."""

    def __init__(self, study: Study, registry: Registry) -> None:
        """Read vote and policy; raise ProblemError naming one that is none."""
        self.study, self._registry = study, registry
        self._vote = use_of("vote", study.vote, registry)
        self.policy = policy_of(study.policy, registry)
        self._books: dict[Plan, tuple[Book, BatchGreedyOptions | None]] = {}

    def check(self, plans: Sequence[Plan]) -> None:
        """Raise ProblemError naming a rule or dispatcher that is none."""
        for plan in plans:
            self._book(plan)

    def slow(self, plans: Sequence[Plan]) -> tuple[str, ...]:
        """Return, in sentences, what takes long and why."""
        called = f"vote:{self._vote.plugin.name} is called for each chain of each trial that ends"
        found = [] if self.study.counted else [f"{called}, which is slow: lower --orders"]
        uses = (use for plan in plans for use in self._book(plan)[0].uses)
        names = dict.fromkeys(use.plugin.use for use in uses if use.plugin.looks_at != "lead")
        why = "is asked about each course of votes, not once for each lead"
        return (*found, *(f"{name} {why}" for name in names))

    def run(self, plans: Sequence[Plan], experiments: Sequence[Experiment]) -> list[Outcome]:
        """Return what becomes of the trials of `experiments` under each plan.

        Raises:
            PluginError: a plugin failed; it is named.
            ProblemError: a plan does not fit the trials.
        """
        trials = self._draw(experiments)
        return [self._run(plan, trials) for plan in plans]

    def _run(self, plan: Plan, trials: Trials) -> Outcome:
        if plan == FULL:
            return full_vote(trials)
        if plan.chains is not None:
            return full_vote(trials.first(plan.chains))
        book, budget = self._book(plan)
        return simulate(trials, book) if budget is None else share_budget(trials, budget, book)

    def _draw(self, experiments: Sequence[Experiment]) -> Trials:
        study = self.study
        trials = draw(experiments, study.chains, study.orders, study.seed)
        poll = None if study.counted else Ballots(self._vote, self.policy)
        most = self._vote.plugin.most if study.most is None else study.most
        weights = trials.weights
        heaviest = 1.0 if weights is None else float(weights.max(initial=0.0))
        if study.counted and not heaviest <= most:
            problem = f"a chain weighs {heaviest:g}, more than the most, {most:g}"
            raise ProblemError(problem, "give the largest weight a chain can cast")
        return replace(trials, most=most, poll=poll)

    def _book(self, plan: Plan) -> tuple[Book, BatchGreedyOptions | None]:
        if plan not in self._books:
            self._books[plan] = _book(plan, self._registry)
        return self._books[plan]


def policy_of(text: str, registry: Registry) -> Policy:
    """Return the policy that `text` names; raise ProblemError when there is none."""
    use = use_of("policy", text, registry)
    policy: Policy = use.plugin.made(use.options)
    return policy


def _book(plan: Plan, registry: Registry) -> tuple[Book, BatchGreedyOptions | None]:
    """Return the rules of a plan; a dispatcher that shares a budget is none of one solve."""
    stop = use_of("stop", plan.stop, registry)
    if plan.dispatch == SEQUENTIAL:
        return Book(stop), None
    dispatch = use_of("dispatch", plan.dispatch, registry)
    if not isinstance(dispatch.options, BatchGreedyOptions):
        return Book(stop, dispatch), None
    if dispatch.options.average < dispatch.options.first:
        problem = f"dispatch {plan.dispatch!r} cannot average less than its first chains"
        raise ProblemError(problem, f"give {dispatch.options.first} or more")
    return Book(stop), dispatch.options
