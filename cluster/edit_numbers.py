"""Sum up a run of the editing benchmark: four numbers kept apart, and what they cost.

Pure: cases in, numbers out. Published columns follow the formulas of aider 0.86.2's benchmark
and divide by completed cases; ours divide by all, so that an error is a failure.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from votebox.cluster.edit_cases import Case, ChainCase, Change, Reply
from votebox.cluster.edit_solve import Procedure
from votebox.cluster.statistics import Interval, wilson

__all__ = ["Numbers", "Price", "Published", "RoleNumbers", "Share", "number"]

type Price = tuple[float, float]
"""US dollars per million tokens: of prompts, of completions."""

_WELL: tuple[str, ...] = ("exact", "tolerated", "proposal")


@dataclass(frozen=True, slots=True)
class Share:
    """Hold a share of cases with Wilson's 95 % interval.

    Repeats and chains of one exercise are averaged first: `n` counts exercises, and alike
    answers to one exercise make nobody surer.
    """

    value: float
    n: int

    @property
    def interval(self) -> Interval:
        """Return the interval."""
        return wilson(self.value * self.n, self.n)


@dataclass(frozen=True, slots=True)
class RoleNumbers:
    """Sum up the replies of one role.

    `well_formed` is the share of cases in which every reply of the role was of use as it came,
    `exact` that of cases where none took any tolerance either. `direct` counts the replies of a
    role with an editor behind it that applied without one. Thinking and answer part the
    completion tokens by characters. `cost` is in US dollars, None without a price.
    """

    replies: int
    cases: int
    well_formed: Share
    exact: Share
    direct: int
    faults: Mapping[str, int]
    prompt_tokens: int
    thinking_tokens: int
    answer_tokens: int
    seconds: float
    cost: float | None

    @property
    def completion_tokens(self) -> int:
        """Return the tokens of all replies."""
        return self.thinking_tokens + self.answer_tokens


@dataclass(frozen=True, slots=True)
class Published:
    """Hold the columns of the published table, by its formulas; rates are percents."""

    pass_rates: tuple[float, ...]
    percent_cases_well_formed: float
    num_malformed_responses: int
    num_with_malformed_responses: int
    error_outputs: int
    lazy_comments: int
    syntax_errors: int
    indentation_errors: int
    exhausted_context_windows: int
    test_timeouts: int
    seconds_per_case: float
    total_cost: float | None
    user_asks: int = 0


@dataclass(frozen=True, slots=True)
class Numbers:
    """Hold what a run came to.

    `blind`, `after_feedback`, `voted` and `oracle` are docs/editing-benchmark.md's four; `oracle`
    is over the changes that `voted` chose from. `chains` is N, `skipped` the share of proposals
    whose edits applied without the editor, None without an editor.
    """

    cases: int
    completed: int
    exercises: int
    chains: int
    blind: Share
    after_feedback: Share | None
    voted: Share
    oracle: Share
    published: Published
    roles: Mapping[str, RoleNumbers]
    skipped: float | None
    wall_s: float
    errors: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers as JSON types, shares with their intervals."""
        plain = asdict(self)
        for name in ("blind", "after_feedback", "voted", "oracle"):
            plain[name] = _plain(getattr(self, name))
        for name, role in self.roles.items():
            for part in ("well_formed", "exact"):
                plain["roles"][name][part] = _plain(getattr(role, part))
        return plain


def _plain(share: Share | None) -> dict[str, float] | None:
    if share is None:
        return None
    low, high = share.interval.low, share.interval.high
    return {"value": share.value, "n": share.n, "low": low, "high": high}


def number(
    cases: Sequence[Case], tries: int, procedure: Procedure, prices: Mapping[str, Price]
) -> Numbers:
    """Return the numbers of some cases, of which errors count as failed.

    Prices are by model, or by role as "role:architect"; a model's own comes first.
    """
    done = [case for case in cases if case.error is None]
    last = 1 if procedure == "published" else tries
    roles = _roles(done, prices)
    proposals = [r for c in done for r in c.replies if r.proposes]
    direct = sum(r.outcome in ("exact", "tolerated") for r in proposals)
    return Numbers(
        len(cases),
        len(done),
        len({case.id for case in cases}),
        max((case.planned for case in done), default=1),
        _share(cases, lambda case: case.share(1)),
        _share(cases, lambda case: case.share(tries)) if tries > 1 else None,
        _share(cases, lambda case: float(case.won)),
        # A vote may elect a change that its chain went back on, which was there to choose, too.
        _share(cases, lambda case: float(case.won or case.share(last) > 0)),
        _published(done, tries, roles),
        roles,
        direct / len(proposals) if proposals else None,
        round(sum(case.wall_s for case in cases), 3),
        dict(Counter(case.error.type for case in cases if case.error is not None)),
    )


def _share(cases: Iterable[Case], value: Callable[[Case], float]) -> Share:
    """Return the mean over exercises of the mean over their repeats."""
    by_exercise: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        by_exercise[case.id].append(value(case))
    means = [sum(values) / len(values) for values in by_exercise.values()]
    return Share(sum(means) / len(means) if means else 0.0, len(means))


def _roles(cases: Sequence[Case], prices: Mapping[str, Price]) -> dict[str, RoleNumbers]:
    names = dict.fromkeys(reply.role for case in cases for reply in case.replies)
    return {name: _role(name, cases, prices) for name in names}


def _role(name: str, cases: Sequence[Case], prices: Mapping[str, Price]) -> RoleNumbers:
    spoke = [case for case in cases if any(reply.role == name for reply in case.replies)]
    replies = [r for case in spoke for r in case.replies if r.role == name]
    tokens = sum(reply.completion_tokens for reply in replies)
    thinking = round(sum(r.completion_tokens * r.thinking for r in replies))
    return RoleNumbers(
        len(replies),
        len(spoke),
        _share(spoke, lambda case: float(_all(case, name, _WELL))),
        _share(spoke, lambda case: float(_all(case, name, ("exact", "proposal")))),
        sum(r.proposes and r.outcome in ("exact", "tolerated") for r in replies),
        dict(Counter(reply.fault for reply in replies if reply.fault)),
        sum(reply.prompt_tokens for reply in replies),
        thinking,
        tokens - thinking,
        round(sum(reply.seconds for reply in replies), 3),
        _cost(replies, prices),
    )


def _all(case: Case, role: str, outcomes: Sequence[str]) -> bool:
    return all(reply.outcome in outcomes for reply in case.replies if reply.role == role)


def _cost(replies: Iterable[Reply], prices: Mapping[str, Price]) -> float | None:
    """Return US dollars, None where the price of a model is not known."""
    cost = 0.0
    for reply in replies:
        price = prices.get(reply.model, prices.get(f"role:{reply.role}"))
        if price is None:
            return None
        per_prompt, per_completion = price
        cost += reply.prompt_tokens * per_prompt + reply.completion_tokens * per_completion
    return cost / 1e6


def _published(cases: Sequence[Case], tries: int, roles: Mapping[str, RoleNumbers]) -> Published:
    """Return the published columns of completed cases."""
    n = max(1, len(cases))
    replies = [reply for case in cases for reply in case.replies]
    changes = [change for case in cases for change in _changes(case)]
    malformed = [sum(reply.raised for reply in case.replies) for case in cases]
    costs = [role.cost for role in roles.values()]
    lost = sum(_lost(chain) for case in cases for chain in case.chains)
    failed = sum(chain.error is not None for case in cases for chain in case.chains)
    return Published(
        tuple(_percent(sum(c.share(k) for c in cases), n) for k in range(1, tries + 1)),
        _percent(n - sum(map(bool, malformed)), n),
        sum(malformed),
        sum(map(bool, malformed)),
        sum(malformed) + lost + failed,
        sum(reply.lazy for reply in replies),
        sum("SyntaxError" in change.errors for change in changes),
        sum("IndentationError" in change.errors for change in changes),
        lost,
        sum(change.verdict == "timeout" for change in changes),
        round(sum(reply.seconds for reply in replies) / n, 3),
        None if None in costs else round(sum(c for c in costs if c is not None), 6),
    )


def _lost(chain: ChainCase) -> int:
    """Return how often a context was full: replies cut off, and a prompt that no longer fitted."""
    cut = [reply.finish_reason == "length" for reply in chain.replies]
    return sum(cut) + (chain.ended == "length" and not any(cut[-1:]))


def _changes(case: Case) -> list[Change]:
    return [change for chain in case.chains for change in chain.changes]


def _percent(k: float, n: int) -> float:
    return round(100 * k / n, 1)
