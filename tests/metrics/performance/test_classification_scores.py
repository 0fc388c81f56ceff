"""Performance of the model and the choice of its threshold, against scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from deepseek_report.artifacts.conclusions import DecisionCosts
from deepseek_report.findings.rules_performance import TRAIN_TEST_GAP
from deepseek_report.metrics.performance import predicting
from deepseek_report.metrics.performance.classification_scores import (
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    BrierScore,
    ConfusionMatrix,
    Ranking,
    RankingCurves,
    RocAuc,
    TrainAndTest,
    precision_points,
    roc_points,
)
from deepseek_report.metrics.performance.threshold_sweep import ThresholdSweep
from deepseek_report.statistics.answer_errors import average_precision_and_brier, balanced_accuracy
from deepseek_report.statistics.intervals import rate
from deepseek_report.tasks.loss import decide, threshold_for_share
from tests.builders import Answers, logistic, value_of
from tests.worded import refused


@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_number_agrees_with_scikit_learn(toy, n_classes: int) -> None:
    context = toy(n_classes)
    p = context.predictions
    multi = {"multi_class": "ovr", "average": "macro"} if n_classes > 2 else {}
    inputs = p.probabilities if n_classes > 2 else p.scores
    one_hot = np.eye(n_classes)[p.labels] if n_classes > 2 else p.truths
    expected = {
        Accuracy(): sk.accuracy_score(p.labels, p.decisions),
        BalancedAccuracy(): sk.balanced_accuracy_score(p.labels, p.decisions),
        RocAuc(): sk.roc_auc_score(p.labels, inputs, **multi),
        AveragePrecision(): sk.average_precision_score(one_hot, inputs),
        BrierScore(): sk.brier_score_loss(p.labels, inputs, scale_by_half=n_classes == 2),
    }
    for metric, theirs in expected.items():
        score = metric.measure(context).scores[0]
        assert score.value == pytest.approx(theirs), score.metric
        assert score.low < score.value < score.high
        assert score.n == len(p)


def test_intervals_cover_the_truth_where_the_number_of_positives_is_left_to_chance() -> None:
    rng = np.random.default_rng(3)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        scores = 1 / (1 + np.exp(-rng.normal(-1.3, 1.1, n)))
        return (rng.random(n) < scores).astype(np.int64), np.stack([1 - scores, scores], axis=1)

    labels, probabilities = draw(200_000)
    truth = [
        sk.average_precision_score(labels, probabilities[:, 1]),
        np.mean((probabilities[:, 1] - labels) ** 2),
    ]
    covered = np.zeros(2)
    for seed in range(150):
        estimates = average_precision_and_brier(*draw(600), 1, 150, seed)
        covered += [
            estimate.low <= t <= estimate.high for estimate, t in zip(estimates, truth, strict=True)
        ]
    assert (covered / 150 >= 0.89).all(), covered / 150


@pytest.mark.parametrize("right", [(40, 12), (40, 0)])
def test_balanced_accuracy_of_a_class_without_variation_keeps_a_width(right) -> None:
    labels = np.repeat([0, 1], [40, 12])
    decisions = np.where(
        np.concatenate([np.arange(40), np.arange(12)]) < np.repeat(right, [40, 12]),
        labels,
        1 - labels,
    )
    estimate = balanced_accuracy(labels, decisions, 200, 0)
    assert estimate.value == pytest.approx(sk.balanced_accuracy_score(labels, decisions))
    assert estimate.high - estimate.low > 0.1
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_perfect_order_of_few_cases_is_not_known_to_be_perfect(n_classes: int) -> None:
    """Resamples of it do not vary, and once said 1 (1–1) of twenty cases."""
    labels = np.arange(20) % 5 % n_classes
    probabilities = np.eye(n_classes)[labels]
    ranked, brier = average_precision_and_brier(labels, probabilities, 1, 200, 0)
    rarest = int(np.bincount(labels).min())
    assert (ranked.value, ranked.low, ranked.high) == (1.0, rate(rarest, rarest).low, 1.0)
    assert (brier.value, brier.low, brier.high) == (0.0, 0.0, rate(0, 20).high)
    assert (ranked.n, brier.n) == (20, 20)


def test_the_same_seed_gives_the_same_interval(toy) -> None:
    first, again = (AveragePrecision(n_resamples=100).measure(toy()).scores[0] for _ in range(2))
    assert (first.low, first.high) == (again.low, again.high)


def test_confusion_counts_and_rates_agree_with_scikit_learn(toy) -> None:
    context = toy()
    p = context.predictions
    measured = ConfusionMatrix().measure(context)
    table = measured.tables["matrix"]
    counts = table["n"].to_numpy().reshape(2, 2)
    assert (counts == sk.confusion_matrix(p.labels, p.decisions)).all()
    assert value_of(measured, "true_positive_rate") == pytest.approx(
        sk.recall_score(p.labels, p.decisions)
    )
    assert value_of(measured, "precision") == pytest.approx(
        sk.precision_score(p.labels, p.decisions)
    )
    assert value_of(measured, "selection_rate") == pytest.approx(np.mean(p.decisions == 0))
    assert table.groupby("actual")["share"].sum().tolist() == pytest.approx([1, 1])


def test_the_roc_curve_runs_from_corner_to_corner_with_the_same_area(toy) -> None:
    context = toy(n=2000)
    measured = RocAuc().measure(context)
    curve = measured.tables["curve"]
    ends = curve.iloc[[0, -1]][["false_positive_rate", "true_positive_rate"]].to_numpy()
    assert ends.tolist() == [[0, 0], [1, 1]]
    assert len(curve) <= 200
    area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    assert area == pytest.approx(measured.scores[0].value, abs=2e-3)


def test_the_curves_of_a_rare_class_show_every_case_that_is_found() -> None:
    rng = np.random.default_rng(0)
    truths = np.arange(9600) < 74
    scores = rng.random(9600) + 0.9 * truths
    precise = precision_points(truths, scores)
    expected, recall, _ = sk.precision_recall_curve(truths, scores)
    for row in precise.itertuples():
        nearest = np.abs(recall - row.recall) + np.abs(expected - row.precision)
        assert nearest.min() < 1e-12
    assert len(precise) <= 200
    assert np.diff(precise["recall"]).max() < 0.03
    assert np.diff(roc_points(truths, scores)["true_positive_rate"]).max() < 0.03


def test_the_sweep_at_the_own_threshold_gives_todays_decisions(toy) -> None:
    context = toy()
    p = context.predictions
    sweep = ThresholdSweep().measure(context).tables["sweep"].set_index("threshold")
    today = sweep.loc[0.45]
    assert len(sweep) == 99
    assert today["accuracy"] == pytest.approx(p.correct.mean())
    assert today["selection_rate"] == pytest.approx(np.mean(p.decisions == 0))
    assert today["balanced_accuracy"] == pytest.approx(
        sk.balanced_accuracy_score(p.labels, p.decisions)
    )


def test_a_sweep_of_many_classes_is_refused_with_the_reason(toy) -> None:
    with refused("two classes"):
        ThresholdSweep().measure(toy(3))


def test_one_class_is_refused_with_the_reason(toy) -> None:
    context = toy()
    labels = np.zeros_like(context.predictions.labels)
    context = replace(context, predictions=replace(context.predictions, labels=labels))
    for metric in (RocAuc(), AveragePrecision(), BalancedAccuracy()):
        with refused("one class"):
            metric.measure(context)


@pytest.mark.parametrize("explained", [0, 1])
def test_decisions_follow_the_threshold_of_the_explained_class(explained: int) -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    decided = decide(p, 0.4, explained)
    assert ((decided == explained) == (p[:, explained] >= 0.4)).all()
    assert decide(p, None, explained).tolist() == [0, 0, 1]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_threshold_for_a_share_decides_for_that_share(share: float) -> None:
    scores = np.random.default_rng(0).random(50)
    assert np.mean(scores >= threshold_for_share(scores, share)) == pytest.approx(share)


# --- Gain, lift and precision ---------------------------------------------------------------------


def of_scores(toy, truths: np.ndarray, scores: np.ndarray, seed: int = 0):
    """The tables of a metric of these truths and scores alone."""
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
    precision, recall, _ = sk.precision_recall_curve(truths, scores)
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


# --- Rows that the model was trained on, beside test rows -----------------------------------------


def row(context: Any, metric: str = "roc_auc") -> Any:
    table = TrainAndTest().measure(context).tables["measures"].set_index("metric")
    return table.loc[metric]


def test_both_parts_are_measured_as_scikit_learn_does(toy) -> None:
    context = toy()
    train = context.dataset.train
    known = predicting.predict_alike(context.classifier, train, context.predictions)
    assert (known.decisions == (known.scores >= context.predictions.threshold)).all()
    area = row(context)
    assert area["train"] == pytest.approx(sk.roc_auc_score(known.truths, known.scores))
    p = context.predictions
    assert area["test"] == pytest.approx(sk.roc_auc_score(p.truths, p.scores))
    recall = row(context, "true_positive_rate")
    assert recall["train"] == pytest.approx(sk.recall_score(train.labels, known.decisions))
    assert recall["gap"] == pytest.approx(recall["train"] - recall["test"])
    majority = max(np.mean(p.labels), 1 - np.mean(p.labels))
    assert row(context, "accuracy")["constant"] == pytest.approx(majority)


def test_the_model_is_asked_about_no_more_rows_than_it_says(toy) -> None:
    context = toy(n=600)
    before = context.classifier.calls
    measured = TrainAndTest(rows=100).measure(context)
    assert measured.tables["measures"].loc[0, "n_train"] == 100
    assert context.classifier.calls - before == 100


def test_a_model_that_learnt_nothing_by_heart_is_said_to_have_in_few_worlds(toy) -> None:
    worlds = [row(toy(n=150, seed=seed)) for seed in range(60)]
    assert sum(world["gap_low"] > TRAIN_TEST_GAP[0] for world in worlds) <= 3
    missed = [world["gap_low"] > 0 or world["gap_high"] < 0 for world in worlds]
    assert np.mean(missed) <= 0.13


def test_a_model_that_knows_its_rows_is_found_out(toy) -> None:
    context = toy()
    train = context.dataset.train
    known = dict(zip(map(bytes, train.inputs), train.labels, strict=True))

    def chances(inputs: np.ndarray) -> np.ndarray:
        """Rows that it has seen by their label, and others by chance."""
        return logistic(6 * (np.array([known.get(bytes(row), 0.5) for row in inputs]) - 0.5))

    model = Answers(chances, context.dataset.schema)
    test = predicting.predict_alike(model, context.dataset.test, context.predictions)
    test = replace(test, probabilities=context.predictions.probabilities)
    area = row(replace(context, classifier=model, predictions=test))
    assert area["train"] == 1
    assert area["gap_low"] > TRAIN_TEST_GAP[1]


def test_of_several_classes_the_area_and_the_accuracy_are_set_beside_each_other(toy) -> None:
    table = TrainAndTest().measure(toy(3)).tables["measures"]
    assert table["metric"].tolist() == ["roc_auc", "accuracy"]


# --- The rules of the threshold, against a search over every cut ----------------------------------


ORACLES = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "f1": lambda truths, decided: sk.f1_score(truths, decided, zero_division=0),
}


def sample(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truths = generator.random(60) < 0.3
    truths[:2] = [True, False]
    return np.clip(generator.normal(0.3 + 0.2 * truths, 0.15), 0.01, 0.99).round(2), truths


@pytest.mark.parametrize("rule", sorted(ORACLES))
@pytest.mark.parametrize("seed", range(4))
def test_no_other_cut_is_better(rule: str, seed: int) -> None:
    scores, truths = sample(seed)
    score = ORACLES[rule]
    best = max(score(truths, scores >= cut) for cut in [*scores, 1.01])
    chosen = predicting.choose_threshold(rule, scores, truths)
    assert score(truths, scores >= chosen) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("costs", [DecisionCosts(1, 5), DecisionCosts(4, 1), DecisionCosts(1, 1)])
@pytest.mark.parametrize("seed", range(4))
def test_no_other_cut_costs_less(costs: DecisionCosts, seed: int) -> None:
    scores, truths = sample(seed)

    def cost(cut: float) -> float:
        decided = scores >= cut
        return costs.of(int((decided & ~truths).sum()), int((truths & ~decided).sum()))

    chosen = predicting.choose_threshold("costs", scores, truths, costs)
    assert cost(chosen) == min(cost(cut) for cut in [*scores, 1.01])


def test_costs_of_one_kind_choose_the_threshold_of_theory_for_true_probabilities() -> None:
    generator = np.random.default_rng(1)
    scores = generator.random(200_000)
    truths = generator.random(200_000) < scores
    chosen = predicting.choose_threshold("costs", scores, truths, DecisionCosts(1, 4))
    assert chosen == pytest.approx(1 / (1 + 4), abs=0.02)  # Elkan 2001: c_fp / (c_fp + c_fn)


def test_base_rate_decides_as_often_as_the_class_occurs() -> None:
    scores = np.linspace(0.05, 0.95, 50)
    truths = np.arange(50) % 5 == 0
    assert (
        scores >= predicting.choose_threshold("base_rate", scores, truths)
    ).sum() == truths.sum()


def test_a_threshold_is_a_probability_between_two_scores() -> None:
    scores, truths = sample(3)
    for rule in set(predicting.RULES) - {"declared", "costs"}:
        chosen = predicting.choose_threshold(rule, scores, truths)
        assert 0 < chosen < 1
        assert chosen not in scores


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.13, 0.5, 0.77])
def test_the_threshold_behind_decisions_gives_them_all(seed: int, threshold: float) -> None:
    scores, _ = sample(seed)
    for decided in (scores >= threshold, scores > threshold):
        np.testing.assert_array_equal(scores >= predicting.threshold_of(decided, scores), decided)


def test_decisions_that_no_threshold_gives_get_the_one_that_gives_most_of_them() -> None:
    scores = np.linspace(0.05, 0.95, 19)
    decided = scores > 0.7
    decided[3] = True
    assert ((scores >= predicting.threshold_of(decided, scores)) != decided).sum() == 1
