"""Slices and label suspects, against brute force and planted failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.failures import label_suspects
from deepseek_report.metrics.failures.conditions import Condition, feature_conditions
from deepseek_report.metrics.failures.label_suspects import (
    LabelSuspects,
    class_thresholds,
    confidently_another,
)
from deepseek_report.metrics.failures.slices import Slices, measure_slices
from deepseek_report.statistics.excess import more_errors_p_value
from tests.worded import refused, say

AMOUNT = Feature("amount", "loan amount", "numeric", unit="€")


def with_errors(context, wrong: np.ndarray):
    """The same context with decisions that are wrong exactly there."""
    p = context.predictions
    decisions = np.where(wrong, 1 - p.labels, p.labels)
    return replace(context, predictions=replace(p, decisions=decisions))


def test_numeric_conditions_split_at_the_training_quartiles_and_can_be_read() -> None:
    values = np.array([10.0, 20.0, 30.0, 40.0, np.nan])
    conditions = list(feature_conditions(AMOUNT, values, np.arange(0.0, 41.0)))
    assert [condition.text for condition in conditions] == [
        "loan amount is up to €\u00a010",
        "loan amount is over €\u00a010, up to €\u00a020",
        "loan amount is over €\u00a020, up to €\u00a030",
        "loan amount is over €\u00a030",
        "loan amount is missing",
    ]
    assert (np.sum([condition.holds for condition in conditions], axis=0) == 1).all()


def test_categories_and_constant_numbers_have_one_condition_each() -> None:
    colour = Feature("c", "colour", "categorical", categories=(Category("0", "red"),))
    assert [
        condition.text for condition in feature_conditions(colour, np.zeros(3), np.zeros(3))
    ] == [
        "colour is “red”",
        "colour is missing",
    ]
    constant = list(feature_conditions(AMOUNT, np.full(4, 7.0), np.full(9, 7.0)))
    assert constant[0].text == "loan amount is known"
    assert constant[0].holds.all()


def test_counts_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    conditions = [Condition(name, name, rng.random(80) < 0.4) for name in "aabbc"]
    wrong = rng.random(80) < 0.3
    slices = measure_slices(conditions, wrong.astype(float), True, (0, 0))
    pairs = list(zip(slices.first, slices.second, strict=True))
    assert (0, 1) not in pairs
    assert len(pairs) == 5 + 8
    for (a, b), size, errors in zip(pairs, slices.inside.sizes, slices.inside.sums, strict=True):
        inside = conditions[a].holds & conditions[b].holds
        assert (size, errors) == (inside.sum(), (inside & wrong).sum())


def test_the_p_value_is_fishers_one_sided() -> None:
    ours = more_errors_p_value(np.array([12]), np.array([30]), 25, 120)
    theirs = stats.fisher_exact([[12, 18], [13, 77]], alternative="greater").pvalue
    assert ours[0] == pytest.approx(theirs)


def test_a_planted_slice_is_found_first_with_its_counts(toy) -> None:
    context = toy(n=1500)
    inputs = context.dataset.test.inputs
    rng = np.random.default_rng(0)
    quarter = np.quantile(context.dataset.train.inputs[:, 0], 0.75, method="lower")
    planted = (inputs[:, 1] == 1) & (inputs[:, 0] > quarter)
    wrong = np.where(planted, rng.random(1500) < 0.7, rng.random(1500) < 0.1)
    table = Slices().measure(with_errors(context, wrong)).tables["slices"]
    worst = table.iloc[0]
    assert worst["slice"] == f"loan amount is over €\u00a0{quarter:.0f} and colour is “green”"
    assert worst["n"] == planted.sum()
    assert worst["errors"] == (wrong & planted).sum()
    assert worst["rest_error_rate"] == pytest.approx(wrong[~planted].mean())
    assert worst["p_adjusted"] < 1e-6
    assert worst["low"] < worst["error_rate"] < worst["high"]


def test_a_slice_no_worse_than_its_parent_is_not_listed(toy) -> None:
    context = toy(n=1500)
    parent = context.dataset.test.inputs[:, 1] == 1
    wrong = parent & (np.arange(1500) % 2 == 0)
    table = Slices().measure(with_errors(context, wrong)).tables["slices"]
    assert table.iloc[0]["slice"] == "colour is “green”"
    assert (
        table["features"].str.contains("colour") & (table["slice"] != "colour is “green”")
    ).sum() <= 1


def test_random_errors_seldom_give_a_slice_beyond_chance(toy) -> None:
    context = toy(n=800)
    alarms = 0
    for seed in range(20):
        wrong = np.random.default_rng(seed).random(800) < 0.2
        table = Slices().measure(with_errors(context, wrong)).tables["slices"]
        alarms += bool((table["p_adjusted"] < 0.05).any())
    assert alarms <= 3


def test_slices_of_single_features_only(toy) -> None:
    table = Slices(max_features=1).measure(toy()).tables["slices"]
    assert not table["slice"].str.contains(" and ").any()


def test_too_small_a_test_part_is_refused_with_the_reason(toy) -> None:
    with refused("no feature splits"):
        Slices(min_size=5000).measure(toy())


def test_thresholds_are_the_mean_confidence_in_each_label() -> None:
    labels = np.array([0, 0, 1])
    p = np.array([[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.4, 0.6, 0.0]])
    assert class_thresholds(labels, p).tolist() == pytest.approx([0.8, 0.6, 2.0])


def test_only_a_confident_other_class_makes_a_doubt() -> None:
    thresholds = np.array([0.8, 0.6])
    p = np.array([[0.3, 0.7], [0.45, 0.55], [0.9, 0.1]])
    assert confidently_another(np.zeros(3, int), p, thresholds).tolist() == [True, False, False]


def with_flipped_labels() -> MeasureContext:
    """400 training rows of two classes, and 300 test rows of which the first 20 are mislabelled."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 2))
    truth = (x[:, 0] > 0).astype(np.int64)
    labels = truth.copy()
    labels[600:620] = 1 - labels[600:620]
    score = 1 / (1 + np.exp(-6 * x[:, 0]))
    p = np.column_stack([1 - score, score])
    schema = Schema(
        (Feature("a", "a", "numeric"), Feature("b", "b", "numeric")),
        Target("y", "y", ("no", "yes"), favourable=0),
    )
    parts = [slice(0, 400), slice(400, 600), slice(600, 900)]
    splits = [Split(x[s], labels[s], np.arange(900)[s]) for s in parts]

    def predictions(s: slice) -> Predictions:
        return Predictions(
            np.log(p[s]), p[s], labels[s], np.arange(900)[s], truth[s], 0.5, "declared"
        )

    return MeasureContext(
        Dataset(schema, *splits, card={}),
        predictions(parts[2]),
        predictions(parts[1]),
        Cases(np.arange(3), {}),
        classifier=None,
        seed=0,
        background=x[:5],
    )


def test_flipped_labels_are_among_the_suspects() -> None:
    measured = LabelSuspects().measure(with_flipped_labels())
    suspects = measured.tables["suspects"]
    assert set(suspects["instance_id"]) <= set(range(600, 620))
    assert len(suspects) >= 12
    assert measured.scores[0].value == pytest.approx(len(suspects) / 300)
    assert set(suspects["label"]) <= {"no", "yes"}


def test_of_many_training_rows_some_are_searched_and_the_report_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = LabelSuspects().measure(with_flipped_labels())
    monkeypatch.setattr(label_suspects, "MOST_SEARCHED", 200)
    part = LabelSuspects().measure(with_flipped_labels())
    note = say(part.notes[1])
    assert len(part.notes) == len(whole.notes) + 1
    assert "200 of the 400 training rows" in note
    ids = set(part.tables["suspects"]["instance_id"])
    assert ids <= set(range(600, 620))
    assert len(ids ^ set(whole.tables["suspects"]["instance_id"])) <= 3
