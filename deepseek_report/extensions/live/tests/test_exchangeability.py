"""Whether values go on like earlier ones: p-values, capital, and how often it errs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from deepseek_report.extensions.live import exchangeability
from deepseek_report.extensions.live.drift_watch import drift_verdicts
from deepseek_report.extensions.live.exchangeability import Bets, Monitor, StabilityIndex


def alarms(reference, batches, seed: int, alpha: float = 0.05, pilot=None) -> int:
    """The batch, from 1, with which the p-value falls below the level; 0 where it never does."""
    monitor = Monitor.of(reference, (seed,), pilot)
    for number, batch in enumerate(batches, start=1):
        monitor.batch(batch)
        if monitor.p_value < alpha:
            return number
    return 0


@pytest.mark.parametrize(
    "reference",
    [np.arange(50.0), np.repeat([0.0, 1.0, 2.0], [30, 15, 5]), np.array([1.0, np.nan, 2.0] * 9)],
    ids=["numbers", "categories", "missing"],
)
def test_every_bet_is_fair(reference: np.ndarray) -> None:
    bets = Bets.on(reference)
    grid = (np.arange(20_000) + 0.5) / 20_000
    densities = bets.densities(grid)
    assert densities.min() >= 0
    assert densities.mean(axis=0) == pytest.approx(1, abs=2e-3)
    assert bets.weights.sum() == pytest.approx(1)


def test_capital_is_the_weighted_sum_over_starts_that_it_says_it_is() -> None:
    """A slow rewrite of the recursion, from the definition."""
    rng = np.random.default_rng(5)
    reference, batches = rng.normal(size=40), [rng.normal(size=3) + 1 for _ in range(4)]
    monitor = Monitor.of(reference, (3,))
    twin, points = np.random.default_rng((3,)), reference.tolist()

    def part(value: float) -> tuple[int, int]:
        """Values that are ties: those that lie above and on the same points."""
        return sum(value > point for point in points), sum(value == point for point in points)

    seen = [part(value) for value in points]
    ranks: list[list[float]] = []
    for batch in batches:
        ranks.append([])
        for value in batch.tolist():
            own = part(value)
            alike = seen.count(own) + 1
            above = sum(other > own for other in seen)
            ranks[-1].append((above + twin.random() * alike) / (len(seen) + 1))
            seen.append(own)
    highest = 1.0
    bets = monitor.bets
    for number in range(1, len(batches) + 1):
        for until in range(1, len(batches[number - 1]) + 1):
            capital = 1 / (number + 1)  # what has not entered yet
            for start in range(1, number + 1):
                stakes = bets.weights / (start * (start + 1))
                for k in range(start, number + 1):
                    for p in ranks[k - 1][: until if k == number else None]:
                        stakes = stakes * bets.densities(np.array([p]))[0]
                capital += stakes.sum()
            highest = max(highest, capital)
    for batch in batches:
        monitor.batch(batch)
    assert monitor.highest == pytest.approx(highest)


def test_nothing_that_stays_as_it_was_is_called_drift_more_often_than_stated() -> None:
    """150 streams of 12 batches, of numbers and of categories, at the level of 0.2."""
    rng, false = np.random.default_rng(0), 0
    for seed in range(150):
        if seed % 2:
            draws = rng.normal(size=(14, 30))
        else:
            draws = rng.choice(3, (14, 30), p=[0.7, 0.2, 0.1]).astype(float)
        false += alarms(draws[0], list(draws[1:-1]), seed, 0.2, draws[-1]) > 0
    assert false <= 0.2 * 150


@pytest.mark.parametrize(
    ("change", "within"),
    [
        (lambda x, rng: x + 0.7, 4),
        (lambda x, rng: 2.5 * x, 4),
        (lambda x, rng: np.where(rng.random(len(x)) < 0.2, np.nan, x), 3),
    ],
    ids=["shift", "spread", "missing"],
)
def test_a_change_from_the_11th_batch_on_is_found_soon(change, within) -> None:
    rng, late = np.random.default_rng(1), 0
    for seed in range(20):
        reference = rng.normal(size=500)
        batches = [rng.normal(size=50) for _ in range(10)]
        batches += [change(rng.normal(size=50), rng) for _ in range(within)]
        first = alarms(reference, batches, seed, 0.002)
        assert first == 0 or first > 10
        late += first == 0
    assert late <= 2


def test_a_value_that_was_always_the_same_and_changes_is_found() -> None:
    assert alarms(np.zeros(100), [np.zeros(20), np.ones(20)], 0) == 2


@pytest.mark.parametrize("n", [7, 5000], ids=["every value a point", "values between points"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.normal(size=n),
        lambda rng, n: rng.choice(4, n, p=[0.6, 0.3, 0.08, 0.02]).astype(float),
        lambda rng, n: rng.geometric(0.002, n).astype(float),
        lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    ],
    ids=["numbers", "categories", "counts", "missing"],
)
def test_ranks_are_uniform_and_independent_whatever_the_distribution(draw, n, monkeypatch) -> None:
    """Over many references: each rank has 8 like shares, and so has each pair of ranks 4 × 4."""
    from scipy.stats import chisquare

    monkeypatch.setattr(exchangeability, "MOST_POINTS", 16)
    rng, ranks = np.random.default_rng(4), list[np.ndarray]()
    for seed in range(400):
        monitor = Monitor.of(draw(rng, n), (seed,))
        ranks.append(monitor._conformal(exchangeability._ranked(draw(rng, 6))))
    p = np.array(ranks)
    for k in range(6):
        assert chisquare(np.histogram(p[:, k], 8, (0, 1))[0]).pvalue > 1e-4
        pairs = np.histogram2d(p[:, k], p[:, k - 1], 4, [(0, 1), (0, 1)])[0]
        assert chisquare(pairs.ravel()).pvalue > 1e-4


def test_ranks_are_the_same_however_a_stream_is_cut_into_batches() -> None:
    rng = np.random.default_rng(6)
    reference, values = rng.normal(size=3000), rng.normal(size=1000)
    whole, pieces = Monitor.of(reference, (1,)), Monitor.of(reference, (1,))
    ranks = [
        np.concatenate([monitor._conformal(part) for part in np.split(values, cuts)])
        for monitor, cuts in ((whole, [500]), (pieces, [1, 2, 7, 100, 101, 640]))
    ]
    np.testing.assert_allclose(*ranks, rtol=1e-12)
    np.testing.assert_array_equal(whole.counts, pieces.counts)


def test_a_monitor_holds_as_much_after_many_values_as_before() -> None:
    rng = np.random.default_rng(7)
    monitor = Monitor.of(rng.normal(size=20_000), (1,), rng.normal(size=100))
    sizes = [monitor.points.size, monitor.counts.size, len(pickle.dumps(monitor))]
    for _ in range(200):
        monitor.batch(rng.normal(size=500))
    assert monitor.counts.sum() == 120_000
    assert sizes[0] <= exchangeability.MOST_POINTS + 1
    assert [monitor.points.size, monitor.counts.size] == sizes[:2]
    assert len(pickle.dumps(monitor)) <= sizes[2] + 1000


def test_the_stability_index_is_0_for_the_same_shares_and_stated_by_its_formula() -> None:
    halves = np.repeat([0.0, 1.0], 5000)
    assert StabilityIndex.of(halves, False)(halves)[0] == pytest.approx(0)
    index, _ = StabilityIndex.of(halves, False)(np.repeat([0.0, 1.0], [2500, 7500]))
    assert index == pytest.approx(0.25 * np.log(0.75 / 0.25), abs=1e-3)


@pytest.mark.parametrize("ordered", [True, False])
def test_chance_exceeds_its_bound_of_the_index_about_as_often_as_stated(ordered: bool) -> None:
    rng = np.random.default_rng(2)

    def sample(n: int) -> np.ndarray:
        return rng.normal(size=n) if ordered else rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]) * 1.0

    pairs = [StabilityIndex.of(sample(2000), ordered)(sample(100)) for _ in range(400)]
    beyond = np.mean([index > chance for index, chance in pairs])
    assert 0.02 <= beyond <= 0.09


def test_a_p_value_is_corrected_for_all_watched_quantities() -> None:
    alone, *_ = drift_verdicts([0.02], 4)
    among, *_ = drift_verdicts([0.02, 0.9, 0.9], 4)
    assert (alone.since, among.since) == (4, None)
    assert among.p_adjusted == 0.06


def test_what_was_found_once_stays_found_and_keeps_its_batch() -> None:
    first = drift_verdicts([0.001, 0.5], 3)
    later = drift_verdicts([0.001, 0.001], 7, first)
    assert [verdict.since for verdict in later] == [3, 7]
