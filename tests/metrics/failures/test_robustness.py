"""Perturbations: what they change, and what they leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.message import message
from deepseek_report.data_kinds.base import add_noise, drop_values, robust_spread, swap_categories
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.robustness import Robustness
from deepseek_report.wording.words import wording
from tests.builders import Answers, logistic


def test_the_robust_spread_of_normal_numbers_is_their_standard_deviation() -> None:
    values = np.random.default_rng(0).normal(0, 3, 20_000)
    assert robust_spread(values) == pytest.approx(3, rel=0.03)
    assert robust_spread(np.array([0, 0, 0, 0, 8.0])) == pytest.approx(3.2)


def test_noise_touches_numbers_alone_and_stays_in_the_training_range(toy) -> None:
    data = toy().dataset
    train, inputs = data.train.inputs, data.test.inputs
    noisy = add_noise(data.schema, inputs, train, 1.0, np.random.default_rng(0))
    assert (noisy[:, 1] == inputs[:, 1]).all()
    assert (noisy[:, 0] == np.round(noisy[:, 0])).all()
    assert noisy[:, 0].max() <= max(train[:, 0].max(), inputs[:, 0].max())
    shift = noisy[:, 2] - inputs[:, 2]
    assert shift.std() == pytest.approx(robust_spread(train[:, 2]), rel=0.15)


def test_swaps_touch_categories_alone_at_about_their_chance(toy) -> None:
    data = toy(n=3000).dataset
    inputs = data.test.inputs
    swapped = swap_categories(data.schema, inputs, data.train.inputs, 0.3, np.random.default_rng(0))
    assert (swapped[:, [0, 2]] == inputs[:, [0, 2]]).all()
    assert np.mean(swapped[:, 1] != inputs[:, 1]) == pytest.approx(0.3 * 2 / 3, abs=0.03)


def test_dropped_values_are_missing_at_about_their_chance_where_the_data_lack_some() -> None:
    train = np.ones((10, 4))
    train[3, 1] = train[4, 2] = np.nan
    dropped = drop_values(np.ones((1000, 4)), train, 0.2, np.random.default_rng(0))
    assert np.isnan(dropped[:, 1:3]).mean() == pytest.approx(0.2, abs=0.03)
    assert not np.isnan(dropped[:, [0, 3]]).any()


@pytest.mark.parametrize("raises", [True, False])
def test_a_column_without_missing_values_is_not_blanked(toy, raises: bool) -> None:
    """Neither a model that cannot read a missing value nor one that can is asked about any."""
    context = toy()
    plain, seen = context.classifier.probabilities, []

    def strict(inputs: np.ndarray) -> np.ndarray:
        seen.append(np.isnan(inputs).any(axis=0))
        if raises and np.isnan(inputs).any():
            raise NotApplicableError(message("model_refusals.missing_values", model="LDA"))
        return plain(inputs)

    context.classifier.probabilities = strict
    measured = Robustness().measure(context)
    assert not np.any(seen)
    assert set(measured.tables["perturbations"]["perturbation"]) == {"noise", "swap"}
    notes = [wording().say(note) for note in measured.notes]
    assert notes[0] == "Not measured: values missing, since no column of the data lacks a value."


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stronger_perturbations_flip_more_decisions(toy, n_classes: int) -> None:
    context = with_gaps(toy(n_classes, n=1200))
    measured = Robustness(max_rows=900).measure(context)
    table = measured.tables["perturbations"]
    for _, rows in table.groupby("perturbation"):
        assert rows["flipped"].is_monotonic_increasing
    assert set(table["perturbation"]) == {"noise", "swap", "missing"}
    assert set(table["n"]) == {900}
    scores = {score.metric: score.value for score in measured.scores}
    declared = table.query("perturbation == 'noise' and level == 0.25").iloc[0]
    assert scores["roc_auc_under_noise"] == declared["roc_auc"]
    assert scores["flipped_under_noise"] == declared["flipped"]


def test_the_declared_level_is_always_looked_at(toy) -> None:
    measured = Robustness(noise=(1.0,), declared_level=0.33).measure(toy())
    assert {score.metric for score in measured.scores} == {
        "roc_auc_under_noise",
        "flipped_under_noise",
    }


def with_gaps(context: Any) -> Any:
    """The context with a training value that is missing, so that values are made missing."""
    train = context.dataset.train
    inputs = train.inputs.copy()
    inputs[0, 2] = np.nan
    dataset = replace(context.dataset, train=replace(train, inputs=inputs))
    return replace(context, dataset=dataset)


@pytest.mark.parametrize("raises", [True, False])
def test_a_model_that_cannot_take_missing_values_keeps_the_rest(toy, raises: bool) -> None:
    context = with_gaps(toy())
    plain = context.classifier.probabilities

    def fragile(inputs: np.ndarray) -> np.ndarray:
        lacks = np.isnan(inputs).any(axis=1)
        if raises and lacks.any():
            raise NotApplicableError(message("model_refusals.missing_values", model="LDA"))
        return np.where(lacks[:, None], np.nan, plain(inputs))

    context.classifier.probabilities = fragile
    measured = Robustness().measure(context)
    assert set(measured.tables["perturbations"]["perturbation"]) == {"noise", "swap"}
    assert {score.metric for score in measured.scores} == {
        "roc_auc_under_noise",
        "flipped_under_noise",
    }
    notes = [
        wording().say(note) for note in measured.notes if "Not measured" in wording().say(note)
    ]
    reason = "LDA cannot be asked" if raises else "the model gives no finite output at 0.05"
    assert len(notes) == 1
    assert reason in notes[0]


def test_a_linear_model_flips_as_many_decisions_as_a_smooth_one_as_sharp(toy) -> None:
    context = toy(n=4000)

    model = Answers(lambda rows: logistic(1.3 * rows[:, 2]))
    p = model.probabilities(context.dataset.test.inputs)
    decided = (p[:, 1] >= 0.45).astype(np.int64)
    own = replace(context.predictions, probabilities=p, decisions=decided)
    measured = Robustness(max_rows=4000).measure(
        replace(context, predictions=own, classifier=model)
    )
    noise = measured.tables["perturbations"].query("perturbation == 'noise' and level <= 0.5")
    assert noise["flipped"].to_numpy() == pytest.approx(noise["smooth"].to_numpy(), rel=0.15)


def test_what_noise_costs_is_paired_on_the_same_rows(toy) -> None:
    context = toy(n=1500)
    measured = Robustness(max_rows=300).measure(context)
    table = measured.tables["perturbations"]
    assert table["before"].nunique() == 1
    np.testing.assert_allclose(table["before"] - table["roc_auc"], table["lost"])
    widths = table["lost_high"] - table["lost_low"]
    assert (widths < table["high"] - table["low"]).all()
    least = Robustness(noise=(1e-9,), swaps=(1e-9,), missing=(1e-9,), declared_level=1e-9)
    unmoved = replace(least, max_rows=300).measure(context).tables["perturbations"]
    # Had all 1 500 rows been set against these 300, their score would differ by the sample alone.
    np.testing.assert_allclose(unmoved["lost"], 0, atol=1e-6)
