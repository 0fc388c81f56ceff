"""AUC, DeLong and average precision, against scikit-learn and the definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from deepseek_report.statistics import ranking
from deepseek_report.statistics.intervals import blaker


def sample(n: int = 120, seed: int = 0, digits: int | None = None):
    rng = np.random.default_rng(seed)
    truths = rng.random(n) < 0.35
    scores = rng.normal(size=n) + truths
    other = 0.5 * scores + rng.normal(size=n)
    return truths, (scores.round(digits) if digits is not None else scores), other


def slow_components(truths: np.ndarray, scores: np.ndarray):
    """DeLong's structural components by comparing every pair."""
    pairs = scores[truths][:, None] - scores[~truths][None, :]
    wins = (pairs > 0) + 0.5 * (pairs == 0)
    return wins.mean(axis=1), wins.mean(axis=0), wins.mean()


@pytest.mark.parametrize("digits", [None, 0])
def test_auc_and_its_variance_are_those_of_every_pair(digits: int | None) -> None:
    truths, scores, _ = sample(digits=digits)
    auc, influence = ranking.auc_influence(truths, scores)
    v10, v01, slow = slow_components(truths, scores)
    assert auc == pytest.approx(slow) == pytest.approx(roc_auc_score(truths, scores))
    variance = v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)
    assert influence @ influence == pytest.approx(variance)


def test_the_paired_variance_of_many_instances_is_delongs_with_covariances() -> None:
    truths, scores, other = sample(5000)
    both = [ranking.auc_influence(truths, ordered) for ordered in (scores, other)]
    gap, p_value = ranking.paired_difference(*both, truths)
    (a10, a01, a), (b10, b01, b) = (slow_components(truths, ordered) for ordered in (scores, other))
    variance = (a10 - b10).var(ddof=1) / len(a10) + (a01 - b01).var(ddof=1) / len(a01)
    student = stats.t.ppf(0.975, min(len(a10), len(a01)) - 1)
    assert gap.value == pytest.approx(a - b)
    assert gap.high - gap.low == pytest.approx(2 * student * math.sqrt(variance), rel=0.01)
    assert 0 < p_value < 1


def test_a_model_does_not_differ_from_itself() -> None:
    truths, scores, _ = sample()
    influence = ranking.auc_influence(truths, scores)
    gap, p_value = ranking.paired_difference(influence, influence, truths)
    assert (gap.value, gap.low, gap.high, p_value) == (0, 0, 0, 1)


def test_many_classes_give_the_macro_one_vs_rest_auc() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet([1, 1, 1], size=200)
    labels = np.array([rng.choice(3, p=row) for row in p])
    auc, influence = ranking.macro_auc(labels, p, 2)
    assert auc == pytest.approx(roc_auc_score(labels, p, multi_class="ovr", average="macro"))
    assert influence.shape == (200,)


def test_perfect_order_still_has_an_open_lower_end() -> None:
    estimate = ranking.auc_estimate(np.arange(30) >= 20, np.arange(30.0))
    assert estimate.value == estimate.high == 1
    assert estimate.low == blaker(10, 10)[0]


def test_one_class_has_no_auc() -> None:
    estimate = ranking.auc_estimate(np.ones(5, bool), np.arange(5.0))
    assert math.isnan(estimate.value)
    assert estimate.low is None


def test_delong_covers_the_truth_about_95_times_in_100() -> None:
    truth, rng, covered = 0.7602, np.random.default_rng(5), 0
    for _ in range(400):
        truths = np.arange(150) < 50
        estimate = ranking.auc_estimate(truths, rng.normal(size=150) + truths)
        covered += estimate.low <= truth <= estimate.high
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize(("apart", "few"), [(2.0, 9), (1.0, 5)])
def test_the_interval_of_an_area_holds_it_where_a_class_has_few_instances(
    apart: float, few: int
) -> None:
    truths, held = np.arange(200) < few, []
    truth = stats.norm.cdf(apart / math.sqrt(2))
    for seed in range(300):
        scores = np.random.default_rng(seed).normal(size=200) + apart * truths
        estimate = ranking.auc_estimate(truths, scores)
        held.append(estimate.low <= truth <= estimate.high)
    assert np.mean(held) > 0.95


def test_the_interval_of_an_area_of_many_instances_is_delongs() -> None:
    rng = np.random.default_rng(0)
    truths = np.arange(4000) < 2000
    scores = rng.normal(size=4000) + truths
    estimate, (_, influence) = (
        ranking.auc_estimate(truths, scores),
        ranking.auc_influence(truths, scores),
    )
    half = 1.96 * math.sqrt(influence @ influence)
    assert estimate.ends == pytest.approx((estimate.value - half, estimate.value + half), abs=1e-3)


@pytest.mark.parametrize("digits", [None, 0])
def test_weighted_average_precision_agrees_with_scikit_learn(digits: int | None) -> None:
    truths, scores, _ = sample(digits=digits)
    weights = np.random.default_rng(2).integers(0, 4, size=(6, len(truths))).astype(float)
    ours = ranking.average_precision_statistic(truths, scores)(weights)
    theirs = [average_precision_score(truths, scores, sample_weight=w) for w in weights]
    assert np.allclose(ours, theirs)


def test_thinning_keeps_both_ends() -> None:
    assert ranking.thin(5, 10).tolist() == [0, 1, 2, 3, 4]
    kept = ranking.thin(1000, 7)
    assert (len(kept), kept[0], kept[-1]) == (7, 0, 999)


def test_spearman_is_that_of_pandas_without_gaps() -> None:
    values = np.random.default_rng(0).integers(0, 9, (200, 5)).astype(float)
    expected = pd.DataFrame(values).corr(method="spearman").to_numpy()
    assert ranking.spearman(values) == pytest.approx(expected)


def test_spearman_with_gaps_is_pearson_of_the_ranks_where_both_are_known() -> None:
    values = np.random.default_rng(0).normal(size=(300, 3))
    values[np.random.default_rng(1).random((300, 3)) < 0.2] = np.nan
    expected = pd.DataFrame(values).rank().corr().to_numpy()
    assert ranking.spearman(values) == pytest.approx(expected)


def test_a_constant_column_is_correlated_with_nothing() -> None:
    values = np.column_stack([np.ones(50), np.arange(50)])
    assert ranking.spearman(values)[0, 1] == 0


def test_the_correlations_of_some_columns_are_those_of_all() -> None:
    values = np.random.default_rng(3).normal(size=(30, 5)).round(1)
    values[::7, 2] = np.nan
    values[:, 4] = 1.0
    np.testing.assert_allclose(
        ranking.spearman(values, [2, 4]), ranking.spearman(values)[[2, 4]], atol=1e-12
    )


@pytest.mark.parametrize("bins", [2, 16])
def test_quantiles_of_all_columns_are_to_the_bit_those_of_numpy(bins: int) -> None:
    random = np.random.default_rng(bins)
    values = random.normal(size=(47, 6))
    values[random.random(values.shape) < 0.2] = np.nan
    values[:, 2] = np.round(values[:, 2])
    values[3, 3] = np.inf
    values[:, 5] = np.nan
    shares = np.linspace(0, 1, bins + 1)
    known = [column[np.isfinite(column)] for column in values.T]
    expected = [np.quantile(column if len(column) else np.zeros(1), shares) for column in known]
    np.testing.assert_array_equal(ranking.column_quantiles(values, shares), np.array(expected).T)
