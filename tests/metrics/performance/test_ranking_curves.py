"""Gain, lift and precision, against counting and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from deepseek_report.metrics.performance.classification_scores import Ranking, RankingCurves
from tests.worded import refused


def of_scores(toy, truths: np.ndarray, scores: np.ndarray, seed: int = 0):
    """The tables of a metric of these truths and scores alone."""
    from dataclasses import replace

    context = toy(2, n=len(truths), seed=seed)
    p = replace(
        context.predictions,
        labels=truths.astype(np.int64),
        probabilities=np.column_stack([1 - scores, scores]),
    )
    return RankingCurves(n_resamples=200).measure(replace(context, predictions=p, seed=seed)).tables


def test_gain_and_lift_are_those_of_counting_the_highest_scores(toy) -> None:
    rng = np.random.default_rng(0)
    truths = rng.random(1000) < 0.3
    scores = rng.random(1000) * 0.5 + 0.4 * truths
    gain = of_scores(toy, truths, scores)["gain"].set_index("depth")
    for depth in (0.05, 0.1, 0.5):
        first = np.argsort(-scores)[: round(1000 * depth)]
        assert gain.loc[depth, "gain"] == pytest.approx(truths[first].sum() / truths.sum())
        lift = truths[first].mean() / truths.mean()
        assert gain.loc[depth, "lift"] == pytest.approx(lift)
    assert gain.loc[1.0, "gain"] == pytest.approx(1)
    assert (gain["gain_low"] <= gain["gain"]).all()
    assert (gain["gain"] <= gain["gain_high"]).all()


def test_precision_is_that_of_scikit_learn_where_so_much_is_found(toy) -> None:
    rng = np.random.default_rng(1)
    truths = rng.random(800) < 0.4
    scores = rng.random(800) * 0.5 + 0.3 * truths
    ours = of_scores(toy, truths, scores)["precision_recall"]
    precision, recall, _ = precision_recall_curve(truths, scores)
    theirs = [precision[recall >= share - 1e-9].max() for share in ours["recall"]]
    assert ours["precision"].to_numpy() == pytest.approx(theirs, abs=0.05)
    assert ours["precision"].iloc[-1] == pytest.approx(precision[recall == 1].max())


def test_of_equal_scores_a_part_is_taken_in_proportion_whatever_their_order() -> None:
    truths = np.array([True, True, False, False])
    tied = Ranking.of(truths, np.full(4, 0.5))
    hits, taken = tied.totals(np.ones((1, 4)))
    assert hits.tolist() == taken.tolist() == [[0.0, 1.0]]


def test_a_ranking_by_chance_is_seldom_said_to_find_more_at_a_tenth_of_the_cases(toy) -> None:
    alarms = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        table = of_scores(toy, rng.random(400) < 0.3, rng.random(400), seed)["gain"]
        alarms += table.set_index("depth").loc[0.1, "lift_low"] > 1
    assert alarms <= 5  # of 50; a two-sided 95 % interval is above chance in one on average


def test_the_interval_holds_the_gain_of_the_population(toy) -> None:
    """Scores of the class are Beta(2, 1), of the others uniform; a quarter is of the class."""
    many = np.random.default_rng(9)
    truths = np.arange(400_000) % 4 == 0
    scores = np.where(truths, many.beta(2, 1, 400_000), many.random(400_000))
    true = truths[scores >= np.quantile(scores, 0.8)].sum() / truths.sum()
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        own = rng.random(500) < 0.25
        drawn = np.where(own, rng.beta(2, 1, 500), rng.random(500))
        row = of_scores(toy, own, drawn, seed)["gain"].set_index("depth").loc[0.2]
        held.append(row["gain_low"] <= true <= row["gain_high"])
    assert np.mean(held) >= 0.88


def test_many_classes_are_told_of_one_and_one_class_alone_is_refused(toy) -> None:
    measured = RankingCurves().measure(toy(3))
    assert len(measured.tables["gain"]) == 15
    with refused("one class"):
        of_scores(toy, np.zeros(50, bool), np.linspace(0, 1, 50))
