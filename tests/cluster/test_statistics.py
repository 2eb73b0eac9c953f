"""Hold the estimates to values by hand, to enumeration and to identities."""

import itertools
import math
import random

import pytest

from votebox.cluster.statistics import (
    bootstrap_mean,
    brier,
    ece,
    majority_at_k,
    mcnemar_exact,
    pass_at_k,
    quantile,
    reliability,
    wilson,
)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(8, 10, 0.490, 0.943), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (81, 263, 0.255, 0.366)],
)
def test_wilson_gives_the_values_of_the_tables(k: int, n: int, low: float, high: float) -> None:
    found = wilson(k, n)
    assert found.low == pytest.approx(low, abs=0.0006)
    assert found.high == pytest.approx(high, abs=0.0006)


@pytest.mark.parametrize(("k", "n"), [(3, 17), (8, 10), (50, 1000)])
def test_the_ends_of_wilson_are_where_the_score_test_just_rejects(k: int, n: int) -> None:
    for end in (wilson(k, n).low, wilson(k, n).high):
        assert abs(k / n - end) == pytest.approx(1.96 * math.sqrt(end * (1 - end) / n))


def test_wilson_of_nothing_is_everything_and_of_impossible_counts_an_error() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="k = 11"):
        wilson(11, 10)


def test_the_bootstrap_comes_near_the_standard_error_of_a_mean() -> None:
    rng = random.Random(7)  # noqa: S311 - statistics, not secrets
    values = [rng.gauss(5, 2) for _ in range(400)]
    mean = sum(values) / 400
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / 400 / 400)
    found = bootstrap_mean([[v] for v in values], seed=1, draws=3000)
    assert found.low == pytest.approx(mean - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(mean + 1.96 * error, abs=0.15 * error)


def test_repeats_of_one_problem_do_not_narrow_the_bootstrap() -> None:
    once = [[float(n % 3 == 0)] for n in range(60)]
    many = [values * 8 for values in once]
    apart = [[value] for values in many for value in values]
    narrow, wide = bootstrap_mean(apart, draws=1000), bootstrap_mean(many, draws=1000)
    same = bootstrap_mean(once, draws=1000)
    assert (wide.low, wide.high) == pytest.approx((same.low, same.high))
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


def slow_bootstrap(clusters: list[list[float]], draws: int) -> tuple[float, float]:
    """Redraw clusters one by one, as the bootstrap is defined."""
    rng, means = random.Random(5), []  # noqa: S311 - statistics, not secrets
    for _ in range(draws):
        drawn = [value for values in rng.choices(clusters, k=len(clusters)) for value in values]
        means.append(math.fsum(drawn) / len(drawn))
    return quantile(means, 0.025), quantile(means, 0.975)


@pytest.mark.parametrize("kinds", [2, 9, 60])
def test_the_bootstrap_is_that_of_clusters_drawn_one_by_one(kinds: int) -> None:
    rng = random.Random(kinds)  # noqa: S311 - statistics, not secrets
    some = [[rng.uniform(-1, 1) for _ in range(rng.randint(1, 4))] for _ in range(kinds)]
    clusters = [some[n * n % kinds] for n in range(60)]
    low, high = slow_bootstrap(clusters, 4000)
    found = bootstrap_mean(clusters, draws=20_000)
    assert found.low == pytest.approx(low, abs=0.09 * (high - low))  # atoms, of few kinds
    assert found.high == pytest.approx(high, abs=0.09 * (high - low))  # atoms, of few kinds
    assert found == bootstrap_mean(clusters[::-1], draws=20_000)


def test_the_bootstrap_is_the_same_for_the_same_seed_alone() -> None:
    values = [[math.sqrt(n)] for n in range(40)]
    assert bootstrap_mean(values, 3) == bootstrap_mean(values, 3)
    assert bootstrap_mean(values, 3) != bootstrap_mean(values, 4)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (3, 9), (9, 3), (5, 5), (0, 12), (40, 61)])
def test_mcnemar_is_the_sum_of_the_binomials_no_likelier_than_what_was_seen(b: int, c: int) -> None:
    n = b + c
    masses = [math.comb(n, i) / 2**n for i in range(n + 1)]
    expected = sum(mass for mass in masses if mass <= masses[b] * (1 + 1e-9))
    assert mcnemar_exact(b, c) == pytest.approx(expected)


def test_mcnemar_stands_thousands_of_pairs() -> None:
    assert mcnemar_exact(3000, 3000) == 1.0
    assert 0 < mcnemar_exact(4800, 5200) < 1e-4


@pytest.mark.parametrize("n", [1, 4, 7])
def test_pass_at_k_is_what_enumeration_gives(n: int) -> None:
    for c, k in itertools.product(range(n + 1), range(1, n + 1)):
        draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(
    ("counts", "right", "blank"),
    [
        ([3, 1], {0}, 0),
        ([2, 2, 2], {1}, 1),
        ([1, 4, 2], {0}, 2),
        ([3, 3, 1, 1], {0, 2}, 1),
        ([], set(), 3),
        ([5], {0}, 0),
    ],
)
def test_majority_at_k_is_what_enumeration_gives(
    counts: list[int], right: set[int], blank: int
) -> None:
    votes = [place for place, count in enumerate(counts) for _ in range(count)]
    chains = [*votes, *[None] * blank]
    for k in range(1, len(chains) + 1):
        won = []
        for draw in itertools.combinations(chains, k):
            held = [draw.count(place) for place in range(len(counts))]
            most = max(held, default=0)
            leaders = [p for p, count in enumerate(held) if count == most and most]
            won.append(len(right.intersection(leaders)) / len(leaders) if leaders else 0)
        assert majority_at_k(counts, right, blank, k) == pytest.approx(sum(won) / len(won))


def test_quantiles_lie_between_neighbours() -> None:
    assert quantile([10, 20, 30, 40, 50], 0.95) == pytest.approx(48)
    assert quantile([7], 0.5) == 7
    with pytest.raises(ValueError, match="at least one"):
        quantile([], 0.5)


def test_a_confidence_on_the_edge_of_a_bin_belongs_below() -> None:
    table = reliability([0.0, 0.1, 0.2, 0.21, 1.0], [0, 1, 0, 1, 1], bins=10)
    assert [found.count for found in table] == [2, 1, 1, 0, 0, 0, 0, 0, 0, 1]
    assert table[0].accuracy == 0.5
    assert table[3].confidence is None


def test_calibration_errors_by_hand() -> None:
    said, came = [0.9, 0.9, 0.6, 0.6], [1, 1, 1, 0]
    assert ece(said, came) == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)
    assert brier(said, came) == pytest.approx((0.01 + 0.01 + 0.16 + 0.36) / 4)
    assert ece([], []) is None
    with pytest.raises(ValueError, match=r"confidence = 1\.5"):
        reliability([1.5], [1])


def test_a_thousand_chains_overflow_nothing() -> None:
    assert majority_at_k([900, 400], {0}, 100, 700) == pytest.approx(1)
    assert majority_at_k([640, 640], {0}, 0, 640) == pytest.approx(0.5)
    assert pass_at_k(1400, 3, 700) == pytest.approx(7 / 8, abs=0.001)
