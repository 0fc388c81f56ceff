"""Differences of predictors on the same rows, and of methods over seeds and data sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.stats import friedmanchisquare

from deepseek_report.comparisons.comparison import FEWEST_TO_CONCLUDE
from deepseek_report.statistics import paired
from deepseek_report.statistics.resampling import Resampling


def influences(values: np.ndarray) -> tuple[float, np.ndarray]:
    n = len(values)
    return float(values.mean()), (values - values.mean()) / np.sqrt(n * (n - 1))


@pytest.mark.parametrize("n", [12, 400])
def test_a_difference_of_means_is_that_of_the_paired_t_test(n: int) -> None:
    rng = np.random.default_rng(0)
    first, other = rng.normal(0.3, 1, n), rng.normal(0, 1, n)
    gap, p = paired.influence_difference(influences(first), influences(other))
    theirs = stats.ttest_rel(first, other)
    assert gap.value == pytest.approx((first - other).mean())
    assert gap.ends == pytest.approx(tuple(theirs.confidence_interval()))
    assert p == pytest.approx(theirs.pvalue)


def test_mcnemar_is_the_mid_p_of_the_binomial_test() -> None:
    exact = stats.binomtest(3, 14).pvalue
    assert paired.mcnemar(3, 11) == pytest.approx(exact - stats.binom.pmf(3, 14, 0.5))
    assert paired.mcnemar(11, 3) == paired.mcnemar(3, 11)
    assert paired.mcnemar(5, 5) <= 1


def test_the_interval_of_paired_shares_follows_from_the_exact_intervals_and_their_phi() -> None:
    both, first_only, other_only, neither = 20, 12, 2, 16
    first = np.repeat([True, True, False, False], [both, first_only, other_only, neither])
    other = np.repeat([True, False, True, False], [both, first_only, other_only, neither])
    gap, p = paired.share_difference(first, other)
    assert (round(gap.value, 4), round(gap.low, 4), round(gap.high, 4)) == (0.2, 0.0528, 0.335)
    assert (gap.low, gap.high) == pytest.approx((0.0562, 0.3292), abs=0.01)  # with Wilson's ends
    swapped, _ = paired.share_difference(other, first)
    assert (swapped.low, swapped.high) == pytest.approx((-gap.high, -gap.low))
    assert p < 0.05


def test_the_interval_of_paired_shares_covers_the_difference() -> None:
    rng = np.random.default_rng(4)
    common = rng.random((1000, 120))
    first = common + 0.3 * rng.random((1000, 120)) < 0.85
    other = common + 0.3 * rng.random((1000, 120)) < 0.75
    truth = first.mean() - other.mean()
    gaps = [paired.share_difference(*pair)[0] for pair in zip(first, other, strict=True)]
    held = np.mean([gap.low <= truth <= gap.high for gap in gaps])
    assert 0.93 <= held <= 0.99


def test_equal_predictors_do_not_differ() -> None:
    right = np.array([True, False, True])
    gap, p = paired.share_difference(right, right)
    assert (gap.value, p) == (0.0, 1.0)


def judged(rng: np.random.Generator, rows: np.ndarray, seeds: int, shift: float) -> paired.SeedRuns:
    noise = rng.normal(0, 0.5, (seeds, len(rows))) + rng.normal(0, 0.02, (seeds, 1))
    return paired.SeedRuns.of([influences(rows + shift + each) for each in noise])


def test_two_arms_of_one_method_differ_in_five_per_cent_of_studies() -> None:
    rng = np.random.default_rng(1)
    differs = [
        paired.method_gap(judged(rng, rows, 6, 0), judged(rng, rows, 6, 0)).p_value < 0.05
        for rows in rng.normal(0, 1, (400, 100))
    ]
    assert 0.02 <= np.mean(differs) <= 0.08


def test_a_difference_beyond_seeds_and_rows_is_found_and_of_no_use_within_the_region() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(0, 1, 500)
    gap = paired.method_gap(judged(rng, rows, 8, 0.3), judged(rng, rows, 8, 0))
    assert gap.p_value < 0.001
    assert gap.within(0.01) < 0.01
    assert gap.within(1.0) > 0.99
    assert gap.seeds_needed is not None
    assert gap.seeds_needed <= 8


def test_where_the_rows_alone_leave_it_open_no_number_of_seeds_is_named() -> None:
    rng = np.random.default_rng(3)
    first, other = rng.normal(0, 1, (2, 40))
    alike = [paired.SeedRuns.of([influences(rows)] * 5) for rows in (first, other)]
    assert paired.method_gap(*alike).seeds_needed is None


def test_one_seed_is_no_method() -> None:
    single = paired.SeedRuns.of([influences(np.arange(5.0))])
    with pytest.raises(ValueError, match="at least two seeds"):
        paired.method_gap(single, single)


DECISIONS = np.random.default_rng(1).integers(0, 3, (6, 40))


def test_self_consistency_is_the_share_of_pairs_of_fits_that_agree() -> None:
    pairs = list(combinations(range(6), 2))
    by_hand = np.mean([DECISIONS[a] == DECISIONS[b] for a, b in pairs], axis=0)
    np.testing.assert_allclose(paired.self_consistency(DECISIONS), by_hand)


def test_ambiguity_counts_rows_that_any_fit_decides_otherwise() -> None:
    own = DECISIONS[0]
    by_hand = [any(fit[row] != own[row] for fit in DECISIONS) for row in range(40)]
    np.testing.assert_array_equal(paired.ambiguity_of(own)(DECISIONS), by_hand)


def test_fits_that_all_agree_leave_no_doubt() -> None:
    alike = np.tile(DECISIONS[0], (6, 1))
    estimate = paired.over_rows_and_fits(paired.self_consistency, alike, Resampling(40))
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


@pytest.mark.parametrize("entities", [1, 4])
def test_intervals_hold_for_other_rows_and_other_fits(entities: int) -> None:
    """Each fit has a threshold of its own, each row (or entity of alike rows) a score."""
    rng = np.random.default_rng(entities)
    held = 0
    scores, thresholds = rng.normal(size=4_000), rng.normal(0, 0.2, 400)
    truth = paired.self_consistency((scores > thresholds[:, None]).astype(np.int64)).mean()
    for _ in range(200):
        drawn = rng.normal(size=300 // entities).repeat(entities)
        fits = rng.normal(0, 0.2, 10)
        rows = Resampling.by(np.arange(len(drawn)) // entities, len(drawn))
        decisions = (drawn > fits[:, None]).astype(np.int64)
        estimate = paired.over_rows_and_fits(paired.self_consistency, decisions, rows)
        assert estimate.ends is not None
        held += estimate.ends[0] <= truth <= estimate.ends[1]
    assert held / 200 >= 0.92


def slow_signed_rank(differences: list[float], region: float, draws: int) -> list[float]:
    """Gao's way to draw Dirichlet weights, and every pair looked at by itself."""
    rng = np.random.default_rng(9)
    values, counts = [0.0, *differences], [0, 0, 0]
    for _ in range(draws):
        gammas = [rng.gamma(0.5 if k == 0 else 1.0) for k in range(len(values))]
        shares = [0.0, 0.0, 0.0]
        for a, first in zip(gammas, values, strict=True):
            for b, other in zip(gammas, values, strict=True):
                mean = (first + other) / 2
                shares[0 if mean < -region else 2 if mean > region else 1] += a * b
        counts[shares.index(max(shares))] += 1
    return [count / draws for count in counts]


def test_probabilities_are_those_of_a_slow_sum() -> None:
    differences = [0.02, -0.01, 0.03, 0.004, 0.05, -0.02]
    fast = paired.signed_rank(np.array(differences), 0.01)
    slow = slow_signed_rank(differences, 0.01, 1500)
    assert [fast.less, fast.alike, fast.more] == pytest.approx(slow, abs=0.045)
    assert fast.less + fast.alike + fast.more == pytest.approx(1)
    turned = paired.signed_rank(-np.array(differences), 0.01)
    assert (turned.less, turned.more) == pytest.approx((fast.more, fast.less), abs=0.02)


def test_mean_ranks_give_the_statistic_of_friedman() -> None:
    values = np.random.default_rng(0).normal(size=(9, 4))
    ranks = paired.mean_ranks(values, higher_is_better=True)
    statistic = 12 * 9 / (4 * 5) * ((ranks - 2.5) ** 2).sum()
    assert statistic == pytest.approx(friedmanchisquare(*values.T).statistic)
    assert paired.mean_ranks(values, higher_is_better=False) == pytest.approx(5 - ranks)


@pytest.mark.parametrize(("methods", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_quantiles_of_demsar(methods: int, quantile: float) -> None:
    plain = quantile * np.sqrt(methods * (methods + 1) / (6 * 20))
    assert paired.critical_difference(methods, 20) == pytest.approx(plain, rel=1e-3)


def test_two_equal_methods_are_seldom_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """In at most 6 % of studies, of 300 with two standard errors; with no region at all."""
    monkeypatch.setattr(paired, "_DRAWS", 2000)
    rng = np.random.default_rng(5)
    apart = [
        max(posterior.less, posterior.more) >= 0.99
        for _ in range(300)
        for posterior in [paired.signed_rank(rng.normal(size=FEWEST_TO_CONCLUDE), 0.0)]
    ]
    assert np.mean(apart) <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / 300)
