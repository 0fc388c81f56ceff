"""Bootstrap and permutation by counts, against slow rewrites and scipy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.split import Split
from deepseek_report.statistics import resampling
from deepseek_report.statistics.answer_errors import Tails, _with_errors, error_estimates
from deepseek_report.statistics.resampling import (
    Replicates,
    Resampling,
    Statistic,
    Studentized,
    bootstrap,
    bootstrap_rates,
    draw_weights,
    kurtosis,
    permutation_p_value,
    permuted_counts,
)


def mean_of(values: np.ndarray):
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_resamples_keep_the_size_of_every_stratum() -> None:
    strata = np.array([0] * 7 + [1] * 30 + [5])
    weights = np.concatenate(list(draw_weights(strata, 250, np.random.default_rng(0))))
    assert weights.shape == (250, 38)
    for stratum in (0, 1, 5):
        assert set(weights[:, strata == stratum].sum(axis=1)) == {float((strata == stratum).sum())}


def test_smaller_chunks_draw_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    strata = np.array([0, 1, 0, 1, 1, 0, 0])
    whole = np.concatenate(list(draw_weights(strata, 230, np.random.default_rng(3))))
    monkeypatch.setattr(resampling, "_MOST_WEIGHTS", 40)
    parts = list(draw_weights(strata, 230, np.random.default_rng(3)))
    assert max(map(len, parts)) == 5
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_jackknife_in_parts_leaves_out_the_same_and_holds_less(monkeypatch) -> None:
    values, sizes = np.random.default_rng(3).normal(size=(500, 2)), list[int]()

    def means(weights: np.ndarray) -> np.ndarray:
        sizes.append(weights.size)
        return weights @ values / weights.sum(axis=1, keepdims=True)

    def replicates() -> Replicates:
        return bootstrap(means, Resampling(500), 20, np.random.default_rng(0))

    whole = replicates()
    assert max(sizes) == 200 * 500
    sizes.clear()
    monkeypatch.setattr(resampling, "_MOST_OF_JACKKNIFE", 20_000)
    in_parts = replicates()
    assert max(sizes) == 20_000
    np.testing.assert_allclose(in_parts.jackknife, whole.jackknife, rtol=1e-12)
    assert len(in_parts.blocks) == len(in_parts.jackknife) == 200


def test_weights_have_the_mean_and_spread_of_draws_with_replacement() -> None:
    weights = next(draw_weights(np.zeros(400, int), 100, np.random.default_rng(1)))
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1, abs=0.02)


def test_bca_of_a_skewed_mean_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).exponential(size=80)
    ours = bootstrap(mean_of(values), Resampling(80), 8000, np.random.default_rng(0))
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=8000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    assert ours.method == "BCa"
    assert np.allclose(ours.interval(), theirs, atol=0.015)


def test_a_statistic_that_never_varies_has_no_width() -> None:
    constant = bootstrap(mean_of(np.full(20, 0.3)), Resampling(20), 100, np.random.default_rng(0))
    assert np.allclose(constant.interval(), 0.3)


def test_many_statistics_at_once_are_the_same_as_one_by_one() -> None:
    values = np.random.default_rng(4).normal(size=(60, 3))

    def interval(statistic: Statistic) -> tuple[Floats, Floats]:
        return bootstrap(statistic, Resampling(60), 300, np.random.default_rng(0)).interval()

    both = interval(lambda w: w @ values / w.sum(axis=1, keepdims=True))
    for k in range(3):
        single = interval(mean_of(values[:, k]))
        assert np.allclose([both[0][k], both[1][k]], single)


def test_resampled_rates_agree_with_resampled_instances() -> None:
    hits, trials = np.array([30, 90]), np.array([50, 100])
    labels = np.repeat([0, 1], trials)
    right = np.concatenate([np.arange(n) < x for x, n in zip(hits, trials, strict=True)])

    def balanced(weights: np.ndarray) -> np.ndarray:
        parts = [weights[:, labels == k] @ right[labels == k] / trials[k] for k in (0, 1)]
        return np.mean(parts, axis=0)

    slow = bootstrap(balanced, Resampling(150, strata=labels), 4000, np.random.default_rng(0))
    fast = bootstrap_rates(hits, trials, lambda r: r.mean(axis=1), 4000, np.random.default_rng(1))
    assert fast.value == pytest.approx(slow.value)
    assert np.allclose(fast.interval(), slow.interval(), atol=0.006)


def test_the_jackknife_of_rates_leaves_out_one_instance() -> None:
    counts, rng = (np.array([1, 3]), np.array([2, 4])), np.random.default_rng(0)
    resampled = bootstrap_rates(*counts, lambda r: r[:, 0] - r[:, 1], 100, rng)
    assert resampled.jackknife.tolist() == pytest.approx([-0.75, 0.5 - 2 / 3, 0.25, -0.5])
    assert resampled.blocks.tolist() == [1, 3, 1, 1]


def test_a_value_below_all_its_resamples_gets_the_basic_interval() -> None:
    noisy = Replicates(np.array(0.0), np.linspace(0.1, 0.3, 500), np.zeros(5), np.ones(5))
    assert noisy.method == "basic"
    low, high = noisy.interval(0.0, 1.0)
    assert low == 0.0
    assert high == pytest.approx(0.095, abs=0.001), "noise raises the value; it may be too low too"


def test_permuted_counts_are_those_of_shuffled_labels() -> None:
    sizes, rng = np.array([30, 50, 20]), np.random.default_rng(0)
    dealt = permuted_counts(sizes, 40, 4000, rng)
    assert set(dealt.sum(axis=1)) == {40}
    groups, success = np.repeat([0, 1, 2], sizes), np.arange(100) < 40
    slow = [np.bincount(groups[rng.permutation(100)[success]], minlength=3) for _ in range(4000)]
    assert np.allclose(dealt.mean(axis=0), np.mean(slow, axis=0), atol=0.2)
    assert np.allclose(dealt.std(axis=0), np.std(slow, axis=0), atol=0.12)


def test_a_permutation_p_value_is_never_zero() -> None:
    assert permutation_p_value(np.zeros(99), 1.0) == 0.01
    assert permutation_p_value(np.ones(99), 1.0) == 1.0


@pytest.mark.parametrize("n", [60])
def test_bca_of_a_mean_covers_the_truth_about_95_times_in_100(n: int) -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        values = rng.exponential(size=n)
        low, high = bootstrap(mean_of(values), Resampling(n), 300, rng).interval()
        covered += low <= 1 <= high
    assert 0.90 <= covered / 300 <= 0.98


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 2, 2), (1, 4, 2, 1), (5, 1)])
def test_so_many_rows_are_of_so_many_entities_whichever_they_are(sizes: tuple[int, ...]) -> None:
    units = np.repeat(np.arange(len(sizes)), sizes)
    drawn = Resampling.by(units, len(units))
    for n_units in range(1, len(sizes) + 1):
        rows = drawn.rows_surely_of(n_units)
        subsets = [
            min(len(set(units[list(some)])) for some in combinations(range(len(units)), size))
            for size in (rows - 1, rows)
            if size
        ]
        assert subsets[-1] == n_units
        assert rows == 1 or subsets[0] == n_units - 1


def test_rows_that_are_alike_in_an_entity_tell_as_much_as_fewer_independent_ones() -> None:
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 30, 40)
    units = np.repeat(np.arange(40), sizes)
    among = rng.random(len(units)) < 0.5
    effective = Resampling.by(units, len(units)).surely_independent(among)
    means = [rng.normal(size=40)[units][among].mean() for _ in range(20_000)]
    assert effective == pytest.approx(1 / np.var(means), rel=0.03)
    assert Resampling(len(units)).surely_independent(among) == among.sum()


def test_entities_are_the_same_across_parts_and_none_where_a_part_declares_none() -> None:
    def part(entities: list[int] | None) -> Split:
        own = None if entities is None else np.array(entities)
        return Split(np.zeros((2, 1)), np.zeros(2), np.arange(2), entities=own)

    assert Resampling.across([part([7, 3]), part([3, 9])]).n_units == 3
    assert Resampling.across([part([7, 3]), part(None)]).units is None
    assert Resampling.across([part([7, 3]), part([4, 9])]).units is None


RNG = np.random.default_rng


def test_of_normal_data_it_is_nearly_students_interval() -> None:
    values = RNG(0).normal(10, 2, 12)
    drawn = values[RNG(1).integers(0, 12, (20_000, 12))]
    error = stats.sem(values, ddof=0)
    made = Studentized(
        float(values.mean()), float(error), drawn.mean(axis=1), stats.sem(drawn, axis=1, ddof=0)
    )
    by_hand = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert made.interval(0.95) == pytest.approx(by_hand, abs=0.35)


def test_what_does_not_vary_in_a_resample_has_no_interval() -> None:
    draws = np.array([1.0, 1.1, 0.9])
    assert Studentized(1.0, 0.1, draws, np.ones(3)).is_defined
    assert not Studentized(1.0, 0.1, draws, np.array([1.0, 0.0, 1.0])).is_defined
    assert not Studentized(1.0, 0.0, draws, np.ones(3)).is_defined
    assert not Studentized(1.0, 0.1, np.array([1.0, np.nan, 1.0]), np.ones(3)).is_defined


def test_the_kurtosis_is_that_of_scipy() -> None:
    values = RNG(2).standard_t(5, 200)
    assert kurtosis(values) == pytest.approx(stats.kurtosis(values, fisher=False))
    assert np.isnan(kurtosis(np.ones(3)))


def test_the_standard_errors_of_the_logarithms_are_those_of_many_samples() -> None:
    def logs(seed: int) -> Floats:
        labels = RNG(seed).normal(size=400)
        values = labels + RNG([seed, 1]).normal(0.2, 0.5, 400)
        return _with_errors(np.ones((1, 400)), 1e5 * labels, 1e5 * values)[0]

    samples = np.stack([logs(seed) for seed in range(600)])
    spread = samples[:, :, 0].std(axis=0)
    np.testing.assert_allclose(samples[:, :, 1].mean(axis=0), spread, rtol=0.08)


def test_intervals_of_squared_errors_hold_the_truth_also_where_errors_are_skewed() -> None:
    skew, held = 0.7, []
    mse = (np.exp(skew**2) - 1) * np.exp(skew**2)
    for seed in range(150):
        values = RNG(seed).normal(size=300)
        noise = RNG([seed, 1]).lognormal(0, skew, 300) - np.exp(skew**2 / 2)
        made = error_estimates(values + noise, values, 200, seed)
        low, high = made["r2"].ends
        below, above = made["rmse"].ends
        held.append((below <= np.sqrt(mse) <= above, low <= 1 - mse / (1 + mse) <= high))
    assert np.mean(held, axis=0).min() > 0.9  # by BCa it was 0.89 and 0.90 of 2 000


def test_heavy_tails_are_told_and_widen_the_interval() -> None:
    labels = RNG(3).normal(size=500)
    light = Tails.of(labels, labels + RNG(4).uniform(-1, 1, 500))
    heavy = Tails.of(labels, labels + RNG(4).standard_t(3, 500))
    assert (light.are_heavy, heavy.are_heavy) == (False, True)
    assert light.level("rmse") < heavy.level("rmse")
