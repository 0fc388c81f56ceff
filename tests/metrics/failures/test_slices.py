"""Slices and label suspects, in worlds with planted failures and without any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Category, Feature
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.failures import doubtful_rows as label_suspects
from deepseek_report.metrics.failures.conditions import feature_conditions, joined
from deepseek_report.metrics.failures.doubtful_rows import (
    LabelSuspects,
    class_thresholds,
    confidently_another,
)
from deepseek_report.metrics.failures.slices import Cut, Slices, search
from deepseek_report.statistics.excess import Excess
from deepseek_report.statistics.intervals import wilson
from tests import builders
from tests.builders import dataset, table
from tests.worded import refused, say

AMOUNT = Feature("amount", "loan amount", "numeric", unit="€")


def with_flips(context: MeasureContext, inside: np.ndarray, share: float, seed: int = 0):
    """The same context with calibrated labels, of which a share is flipped in one part."""
    p, rng = context.predictions, np.random.default_rng(seed)
    labels = (rng.random(len(p)) < p.scores).astype(np.int64)
    flipped = inside & (rng.random(len(p)) < share)
    labels = np.where(flipped, 1 - labels, labels)
    return replace(context, predictions=replace(p, labels=labels))


def unexpected(context: MeasureContext, **settings: int) -> pd.DataFrame:
    """The slices that lose more than expected, beyond chance."""
    table = Slices(**settings).measure(context).tables["slices"]
    return table[(table["kind"] == "unexpected") & (table["p_adjusted"] < 0.05)]


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
    ] == ["colour is “red”", "colour is missing"]
    constant = list(feature_conditions(AMOUNT, np.full(4, 7.0), np.full(9, 7.0)))
    assert constant[0].text == "loan amount is known"
    assert constant[0].holds.all()


def test_what_one_part_brings_about_is_found_once() -> None:
    rng = np.random.default_rng(0)
    matrix = (rng.random((2000, 4)) < 0.4).astype(float)
    matrix[:, 1] = np.where(rng.random(2000) < 0.9, matrix[:, 0], matrix[:, 1])
    chances = np.full(2000, 0.2)
    wrong = rng.random(2000) < np.where(matrix[:, 0] > 0, 0.4, 0.2)
    excess = Excess.of_events(wrong, chances, np.ones(2000))
    cut = Cut(matrix, *joined(list("abcd"), pairs=True))
    chosen = search(cut, excess, least=50, most=5)
    assert (cut.first[chosen[0]], cut.second[chosen[0]]) == (0, 0)
    assert not any(1 in (cut.first[k], cut.second[k]) for k in chosen)


def test_a_part_of_two_conditions_is_found_by_both() -> None:
    rng = np.random.default_rng(2)
    matrix = (rng.random((3000, 4)) < 0.4).astype(float)
    both = (matrix[:, 0] > 0) & (matrix[:, 3] > 0)
    wrong = rng.random(3000) < np.where(both, 0.45, 0.2)
    excess = Excess.of_events(wrong, np.full(3000, 0.2), np.ones(3000))
    cut = Cut(matrix, *joined(list("abcd"), pairs=True))
    best = search(cut, excess, least=50, most=5)[0]
    assert (cut.first[best], cut.second[best]) == (0, 3)


def test_conditions_on_one_feature_are_not_joined() -> None:
    first, second = joined(list("aab"), pairs=True)
    assert (0, 1) not in set(zip(first.tolist(), second.tolist(), strict=True))


def test_a_planted_slice_is_found_and_its_numbers_are_from_the_other_half(toy) -> None:
    context = toy(n=3000)
    inside = context.dataset.test.inputs[:, 1] == 0
    context = with_flips(context, inside, 0.8)
    worst = unexpected(context).iloc[0]
    assert worst["slice"] == "colour is “red”"
    assert worst["n"] == pytest.approx(inside.sum() / 2, abs=40)
    assert worst["share"] == inside.mean()
    assert not worst["whole"]
    wrong = (~context.predictions.correct)[inside].mean()
    assert worst["low"] < wrong < worst["high"]
    assert worst["error_rate"] > worst["expected_error_rate"]
    assert worst["surplus_low"] > 0


def test_the_rate_of_a_found_slice_is_that_of_fresh_rows_on_average(toy) -> None:
    context = toy(n=1500)
    inside = context.dataset.test.inputs[:, 1] == 1
    gaps = []
    for seed in range(30):
        planted = with_flips(context, inside, 0.35, seed)
        p = planted.predictions
        truth = np.where(inside, 0.65 * p.scores + 0.35 * (1 - p.scores), p.scores)
        expected = np.where(p.decisions == 1, 1 - truth, truth)
        for _, row in unexpected(planted).iterrows():
            if row["slice"] == "colour is “green”":
                gaps.append(row["error_rate"] - expected[inside].mean())
    assert len(gaps) >= 20
    assert abs(np.mean(gaps)) < 2.5 * np.std(gaps) / np.sqrt(len(gaps)) + 0.005


def test_perfect_probabilities_seldom_give_a_slice_that_is_unexpected(toy) -> None:
    context = toy(n=800)
    nowhere = np.zeros(800, bool)
    alarms = sum(not unexpected(with_flips(context, nowhere, 0, seed)).empty for seed in range(40))
    assert alarms <= 5


def test_what_is_too_small_for_a_half_is_found_in_all_cases_with_intervals_for_all_slices(
    toy,
) -> None:
    context = toy(n=1500)
    test = context.dataset.test.inputs
    inside = (test[:, 1] == 2) & (test[:, 0] > np.quantile(test[:, 0], 0.75))
    wider = []
    for seed in range(15):
        planted = with_flips(context, inside, 0.3, seed)
        table = unexpected(planted)
        for row in table[table["n"] == inside.sum()].to_dict("records"):
            low, high = wilson(row["error_rate"] * row["n"], row["n"])
            wider.append(row["low"] < low and row["high"] > high and row["whole"])
    assert wider
    assert all(wider)


def test_cases_near_the_threshold_are_listed_apart(toy) -> None:
    context = with_flips(toy(n=3000), np.zeros(3000, bool), 0)
    table = Slices().measure(context).tables["slices"]
    errors = table[(table["kind"] == "errors") & (table["p_adjusted"] < 0.05)]
    assert len(errors)
    beyond = (errors["error_rate"] - errors["expected_error_rate"]).abs()
    assert (beyond < errors["error_rate"] - errors["rest_error_rate"]).all()


def test_what_merely_has_many_errors_is_counted_apart_from_what_nobody_expects(toy) -> None:
    measured = Slices().measure(with_flips(toy(n=3000), np.zeros(3000, bool), 0))
    table, text = measured.tables["slices"], say(measured.notes[0])
    sure = table["p_adjusted"] < 0.05
    errors = table["kind"] == "errors"
    assert (sure & errors).any()
    assert f"Of the {(~errors).sum()} that stood out by an unexpected loss" in text
    assert f"{(sure & ~errors).sum()} do so beyond chance" in text
    assert f"{errors.sum()} more are listed for more wrong decisions than elsewhere" in text
    assert f"{(sure & errors).sum()} of them beyond chance" in text


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
    parts = [slice(0, 400), slice(400, 600), slice(600, 900)]
    splits = [Split(x[s], labels[s], np.arange(900)[s]) for s in parts]
    decided = [{"decisions": truth[s]} for s in parts]
    made = [builders.predictions(score[s], split, **more) for s, split, more in
            zip(parts, splits, decided, strict=True)]  # fmt: skip
    return builders.context(
        dataset(table("a", "b"), *splits), predictions=made[2], validation_predictions=made[1],
        cases=Cases(np.arange(3), {}), background=x[:5],
    )  # fmt: skip


def test_flipped_labels_are_among_the_suspects() -> None:
    measured = LabelSuspects().measure(with_flipped_labels())
    suspects = measured.tables["suspects"]
    assert set(suspects["instance_id"]) <= set(range(600, 620))
    assert len(suspects) >= 12
    assert measured.scores[0].value == pytest.approx(len(suspects) / 300)
    assert set(suspects["label"]) <= {"no", "yes"}


def test_of_many_training_rows_some_are_searched_and_the_report_says_how_many(monkeypatch) -> None:
    whole = LabelSuspects().measure(with_flipped_labels())
    monkeypatch.setattr(label_suspects, "MOST_SEARCHED", 200)
    part = LabelSuspects().measure(with_flipped_labels())
    note = say(part.notes[1])
    assert len(part.notes) == len(whole.notes) + 1
    assert "200 of the 400 training rows" in note
    ids = set(part.tables["suspects"]["instance_id"])
    assert ids <= set(range(600, 620))
    assert len(ids ^ set(whole.tables["suspects"]["instance_id"])) <= 3
