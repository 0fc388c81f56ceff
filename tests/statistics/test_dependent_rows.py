"""Rows of entities: what counts as one observation, against slow rewrites and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepseek_report.artifacts.message import message
from deepseek_report.statistics.answer_errors import balanced_accuracy, error_estimates
from deepseek_report.statistics.excess import Excess, larger_mean_p_value, larger_share_p_value
from deepseek_report.statistics.gaps import RateTable
from deepseek_report.statistics.intervals import mean_interval, rate
from deepseek_report.statistics.logistic import GroupShifts, last_coefficient
from deepseek_report.statistics.paired import share_difference
from deepseek_report.statistics.ranking import auc_estimate, auc_influence
from deepseek_report.statistics.resampling import Resampling, bootstrap

PEOPLE, ROWS = 80, 5
ENTITIES = np.repeat(np.arange(PEOPLE) * 3, ROWS)
N = len(ENTITIES)
DRAWN = Resampling.by(ENTITIES, N)


def correlated(rng: np.random.Generator, entities: np.ndarray = ENTITIES) -> np.ndarray:
    """(row,) normal numbers of which nine tenths of the variance are the entity's."""
    own = rng.normal(size=int(entities.max()) + 1)[entities]
    return math.sqrt(0.9) * own + math.sqrt(0.1) * rng.normal(size=len(entities))


def test_rows_with_entities_of_their_own_are_independent_and_nothing_changes() -> None:
    rng = np.random.default_rng(0)
    alone = Resampling.by(rng.permutation(N) * 7, N)
    hits, values = rng.random(N) < 0.3, rng.normal(size=N)
    assert alone.units is None
    assert alone.n_units == N
    assert alone.rate(hits) == rate(int(hits.sum()), N)
    assert alone.mean(values, "").ends == mean_interval(values)[1:]
    assert auc_estimate(hits, values, alone) == auc_estimate(hits, values)
    drawn, plain = (
        bootstrap(lambda w: w @ values, of, 100, np.random.default_rng(1)).resamples
        for of in (alone, Resampling(N))
    )
    np.testing.assert_array_equal(drawn, plain)


def test_copies_of_every_row_tell_no_more_than_the_rows_themselves() -> None:
    rng = np.random.default_rng(1)
    hits, scores = rng.random(PEOPLE) < 0.4, rng.normal(size=PEOPLE)
    copied_hits, copied_scores = np.repeat(hits, ROWS), np.repeat(scores, ROWS)
    assert DRAWN.counts(copied_hits)[1] == pytest.approx(PEOPLE, rel=0.05)
    copied, plain = auc_estimate(copied_hits, copied_scores, DRAWN), auc_estimate(hits, scores)
    assert copied.value == pytest.approx(plain.value)
    assert copied.n == N
    assert copied.ends == pytest.approx(plain.ends, abs=0.01)
    ends, once = DRAWN.mean(copied_scores, "").ends, mean_interval(scores)[1:]
    assert ends == pytest.approx(once)


def test_where_all_rows_are_alike_as_many_count_as_there_are_entities() -> None:
    assert DRAWN.counts(np.zeros(N, bool)) == (0, PEOPLE)
    assert DRAWN.counts(np.ones(N, bool)) == (PEOPLE, PEOPLE)


def test_resamples_hold_whole_entities() -> None:
    for weights in DRAWN.weights(50, np.random.default_rng(2)):
        per_row = weights.reshape(len(weights), PEOPLE, ROWS)
        assert (per_row == per_row[:, :, :1]).all()
        assert (weights.sum(axis=1) == N).all()
    left_out = np.concatenate(list(DRAWN.left_out(np.random.default_rng(2)))).reshape(
        -1, PEOPLE, ROWS
    )
    assert (left_out.sum(axis=(1, 2)) == N - ROWS).all()


def test_halves_share_no_entity() -> None:
    first, second = DRAWN.halves(np.random.default_rng(3).permutation(N))
    assert sorted([*first, *second]) == list(range(N))
    assert not set(ENTITIES[first]) & set(ENTITIES[second])
    assert len(set(ENTITIES[first])) == PEOPLE // 2


def test_the_variance_of_an_area_is_that_of_obuchowski() -> None:
    """The slow rewrite adds structural components up within entities, as the paper does."""
    rng = np.random.default_rng(4)
    scores = correlated(rng)
    truths = scores + rng.normal(size=N) > 0
    above = (scores[truths][:, None] > scores[~truths]).astype(float)
    auc, v10, v01 = above.mean(), above.mean(axis=1), above.mean(axis=0)
    positives, negatives = ENTITIES[truths], ENTITIES[~truths]
    m, n, people = len(positives), len(negatives), np.unique(ENTITIES)
    s10 = np.array([(v10[positives == p] - auc).sum() for p in people])
    s01 = np.array([(v01[negatives == p] - auc).sum() for p in people])
    factor = PEOPLE / (PEOPLE - 1)
    variance = factor * ((s10**2).sum() / m**2 + (s01**2).sum() / n**2 + 2 * (s10 @ s01) / (m * n))
    each = DRAWN.influences(auc_influence(truths, scores)[1])
    assert each @ each == pytest.approx(variance, rel=0.02)


def test_the_error_of_a_coefficient_is_the_sandwich_of_statsmodels() -> None:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    rng = np.random.default_rng(5)
    x = correlated(rng)
    happened = x + correlated(rng) > 0
    design = np.column_stack([np.ones(N), x])
    theirs = GLM(happened.astype(float), design, family=Binomial()).fit(
        cov_type="cluster", cov_kwds={"groups": ENTITIES}
    )
    ours = last_coefficient(happened, design, None, DRAWN)
    half = DRAWN.critical * theirs.bse[1]
    assert ours.value == pytest.approx(theirs.params[1], rel=1e-6)
    assert ours.high - ours.value == pytest.approx(half, rel=0.01)


def test_effective_counts_are_those_of_rao_and_scott() -> None:
    rng = np.random.default_rng(6)
    hits = correlated(rng) > 0.5
    p = hits.mean()
    residuals = np.array([(hits[e == ENTITIES] - p).sum() for e in np.unique(ENTITIES)])
    variance = PEOPLE / (PEOPLE - 1) * (residuals**2).sum() / N**2
    effect = variance / (p * (1 - p) / N)
    x, n = DRAWN.counts(hits)
    assert n == pytest.approx(N / effect * (1.96 / DRAWN.critical) ** 2, abs=1)
    assert x / n == pytest.approx(p, abs=0.5 / n)


@pytest.mark.parametrize("sizes", [(2,), (3,), (10,), (1, 2, 6, 15)], ids=str)
def test_intervals_hold_and_tests_keep_their_level_where_rows_go_together(
    sizes: tuple[int, ...],
) -> None:
    rng = np.random.default_rng(7)
    trials, alarms = 120, {"shares": 0, "means": 0, "shifts": 0, "excess": 0}
    held = dict.fromkeys(("rate", "mean", "area", "balanced"), 0)
    entities = np.repeat(np.arange(200), rng.choice(sizes, 200))
    drawn = Resampling.by(entities, len(entities))
    inside = (rng.random(200) < 0.3)[entities]
    for _ in range(trials):
        scores, hidden = correlated(rng, entities), correlated(rng, entities)
        truths = scores + hidden > 0
        stated = np.full(len(truths), 0.5)
        share, mean = drawn.rate(hidden > 0), drawn.mean(hidden**2, "")
        area = auc_estimate(truths, scores, drawn)
        right = balanced_accuracy(truths.astype(int), (scores > 0).astype(int), 100, 0, drawn)
        held["rate"] += share.low <= 0.5 <= share.high
        held["mean"] += mean.low <= 1 <= mean.high
        held["area"] += area.low <= 5 / 6 <= area.high
        held["balanced"] += right.low <= 0.75 <= right.high
        alarms["shares"] += larger_share_p_value(hidden > 0, inside, drawn) < 0.05
        alarms["means"] += larger_mean_p_value(hidden, inside, resampling=drawn) < 0.05
        shifts = GroupShifts.of(hidden > 0, stated, [inside], 100, 0, drawn)
        alarms["shifts"] += float(shifts.p_values()[0]) < 0.05
        excess = Excess.of_events(hidden > 0, stated, np.ones(len(stated)), drawn)
        alarms["excess"] += excess.p_value(inside) < 0.05
    assert min(held.values()) >= 0.89 * trials, held
    assert max(alarms.values()) <= 0.11 * trials, alarms


def test_gaps_of_groups_are_tested_by_effective_counts_and_told_of_all_rows() -> None:
    rng = np.random.default_rng(8)
    codes = (np.arange(PEOPLE) % 2).repeat(ROWS)
    everyone = np.ones(N, bool)
    table = RateTable.of(correlated(rng) > 0, everyone, codes, 2, DRAWN)
    assert table.n() == N
    assert table.trials.sum() < N / 2
    assert table.take(np.array([True, False])).n() == N // 2


def test_a_paired_difference_of_copies_is_no_surer_than_that_of_the_rows() -> None:
    rng = np.random.default_rng(9)
    first, other = rng.random(PEOPLE) < 0.6, rng.random(PEOPLE) < 0.5
    copies = share_difference(np.repeat(first, ROWS), np.repeat(other, ROWS), DRAWN)
    assert copies[1] == pytest.approx(share_difference(first, other)[1], abs=0.05)
    same = share_difference(np.ones(N, bool), np.ones(N, bool), DRAWN)
    assert same[1] == 1.0
    assert same[0].low < 0 < same[0].high


def test_errors_of_numbers_vary_by_entity() -> None:
    rng = np.random.default_rng(10)
    labels = rng.normal(size=N)
    values = labels + correlated(rng)
    wide, narrow = (error_estimates(labels, values, 200, 0, of)["mae"] for of in (DRAWN, None))
    assert wide.value == narrow.value
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_the_method_tells_rows_and_entities() -> None:
    method = DRAWN.describe(message("interval_methods.blaker"))
    assert method.values["rows"] == N
    assert method.values["entities"] == PEOPLE
