"""Metrics of numbers and of several labels: against scikit-learn, and by what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as oracle

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.cases.case_choice import choose_cases
from deepseek_report.metrics.failures.part_performance import PartPerformance
from deepseek_report.metrics.failures.robustness import Robustness
from deepseek_report.metrics.failures.slices import Slices
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.performance import residuals
from deepseek_report.metrics.performance.baselines import Baselines
from deepseek_report.metrics.performance.classification_scores import LabelsTable, set_measures
from deepseek_report.statistics import answer_errors
from tests import builders
from tests.builders import NUMBER, Answers, dataset, table
from tests.worded import refused, say

RNG = np.random.default_rng


SIDES = (Attribute("side", "Side", ("left", "right")),)
SCHEMA = table("x", "z", target=NUMBER, attributes=SIDES)
#: Predicts twice the first feature: exact but for noise in the labels.
LINE = Answers(lambda rows: 2 * np.nan_to_num(rows[:, 0]), SCHEMA)


def split(n: int, seed: int, worse_right: float = 0.0) -> Split:
    rng = RNG(seed)
    inputs = rng.normal(10, 3, (n, 2))
    side = rng.integers(0, 2, n)
    noise = rng.normal(0, 1 + worse_right * side, n)
    return Split(inputs, 2 * inputs[:, 0] + noise, np.arange(n), {"side": side})


def context(n: int = 400, worse_right: float = 0.0) -> MeasureContext:
    data = dataset(SCHEMA, *(split(n, seed, worse_right) for seed in (1, 2, 3)))
    return builders.context(data, LINE, cases=Cases(np.arange(10), {}))


# --- errors ---------------------------------------------------------------------------------------


def test_errors_are_those_of_scikit_learn() -> None:
    rng = RNG(5)
    labels, values = rng.normal(size=101), rng.normal(size=101)
    estimates = {
        name: estimate.value
        for name, estimate in answer_errors.error_estimates(labels, values, 200, 0).items()
    }
    assert estimates == pytest.approx(
        {
            "mae": oracle.mean_absolute_error(labels, values),
            "rmse": oracle.root_mean_squared_error(labels, values),
            "r2": oracle.r2_score(labels, values),
            "median_absolute_error": oracle.median_absolute_error(labels, values),
        }
    )


def test_a_weight_of_two_is_the_same_as_the_instance_twice() -> None:
    rng = RNG(6)
    labels, values, times = rng.normal(size=30), rng.normal(size=30), rng.integers(0, 4, 30)
    weighted = answer_errors.weighted_errors(times[None].astype(float), labels, values)
    repeated = answer_errors.weighted_errors(
        np.ones((1, times.sum())), np.repeat(labels, times), np.repeat(values, times)
    )
    np.testing.assert_allclose(weighted, repeated)


def test_the_weighted_median_of_equal_weights_is_the_median() -> None:
    for n in (1, 2, 7, 8):
        values = RNG(n).normal(size=n)
        assert answer_errors.weighted_median(values, np.ones((1, n)))[0] == pytest.approx(
            np.median(values)
        )


def test_the_mean_of_the_test_labels_has_r_squared_of_zero() -> None:
    labels = RNG(7).normal(size=50)
    errors = answer_errors.weighted_errors(np.ones((1, 50)), labels, np.full(50, labels.mean()))
    assert errors[0, list(answer_errors.MEASURES).index("r2")] == pytest.approx(0.0)


def test_labels_that_do_not_vary_have_no_r_squared() -> None:
    errors = answer_errors.weighted_errors(np.ones((1, 5)), np.full(5, 3.0), np.arange(5.0))
    assert np.isnan(errors[0, 2])


def test_an_error_is_told_in_the_unit_of_the_target() -> None:
    score = residuals.MeanAbsoluteError(n_resamples=100).measure(context()).scores[0]
    assert (score.unit, score.direction, score.n) == ("€", "lower", 400)
    assert score.low < score.value < score.high
    assert score.value == pytest.approx(np.sqrt(2 / np.pi), abs=0.1)  # E|N(0, 1)|


# --- intervals ------------------------------------------------------------------------------------


def test_the_half_width_is_the_quantile_of_the_definition() -> None:
    errors = np.array([-3.0, 1.0, 2.0, -4.0])
    assert residuals.half_width(errors, 0.5) == 3.0  # the ⌈5 · 0.5⌉ = third smallest
    assert residuals.half_width(errors, 0.8) == 4.0
    assert residuals.half_width(errors, 0.9) == np.inf  # ⌈4.5⌉ = fifth of four


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_split_conformal_intervals_hold_what_they_say_whatever_the_errors(level: float) -> None:
    rng, n, held = RNG(8), 39, []
    for _ in range(4000):
        errors = rng.standard_t(2, n + 1) + 1.0  # heavy tails, and always too high
        held.append(abs(errors[-1]) <= residuals.half_width(errors[:-1], level))
    spread = 4 * np.sqrt(level * (1 - level) / len(held))
    assert level - spread <= np.mean(held) <= level + 1 / (n + 1) + spread


def test_the_coverage_is_measured_on_the_test_part_and_by_group() -> None:
    measured = residuals.PredictionIntervals().measure(context(worse_right=4.0))
    coverage, width = measured.scores
    assert 0.85 < coverage.value < 0.95
    half = residuals.half_width(context(worse_right=4.0).validation_predictions.errors, 0.9)
    assert width.value == pytest.approx(2 * half)
    by_level = measured.tables["by_group"].set_index("level")
    assert by_level.loc["left", "coverage"] > 0.97 > by_level.loc["right", "coverage"]
    assert by_level.loc["right", "p_adjusted"] < 0.001
    even = residuals.PredictionIntervals().measure(context()).tables["by_group"]
    assert (even["p_adjusted"] > 0.05).all()


def test_the_coverage_of_sound_intervals_is_seldom_called_off() -> None:
    rng = RNG(6)
    errors = rng.exponential(size=(2000, 400))
    p_values = [
        residuals.coverage_p_value(
            int((row[200:] <= residuals.half_width(row[:200], 0.9)).sum()), 200, 200, 0.9
        )
        for row in errors
    ]
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.06
    assert residuals.coverage_p_value(150, 200, 200, 0.9) < 0.01


def test_too_few_validation_rows_for_a_level_are_refused() -> None:
    small = context(n=8)
    with refused("more than 8 validation rows"):
        residuals.PredictionIntervals().measure(small)


# --- groups, parts --------------------------------------------------------------------------------


def test_a_group_that_is_predicted_worse_is_found_and_an_even_one_is_not() -> None:
    metric = GroupRates(n_resamples=300)
    apart = metric.measure(context(worse_right=2.0)).tables["tests"].set_index("metric")
    assert apart.loc["mae_gap", "p_adjusted"] < 0.02
    assert apart.loc["mae_gap", "widest_level"] == "right"
    even = metric.measure(context()).tables["tests"]
    assert (even["p_adjusted"] > 0.05).all()


def test_parts_of_numbers_are_compared_by_their_errors() -> None:
    worse = context(worse_right=2.0)
    schema = replace(SCHEMA, attributes=(replace(SIDES[0], kind="other"),))
    worse = replace(worse, dataset=replace(worse.dataset, schema=schema))
    measured = PartPerformance(n_resamples=300).measure(worse)
    right = worse.predictions.groups["side"] == 1
    table = measured.tables["parts"].set_index("level")
    errors = np.abs(worse.predictions.errors)
    assert table.loc["right", "mae"] == pytest.approx(errors[right].mean())
    assert table.loc["right", "n"] == right.sum()
    scores = {score.metric: score for score in measured.scores}
    assert set(scores) == {"mae_gap", "mean_error_gap"}
    gap = errors[right].mean() - errors[~right].mean()
    assert scores["mae_gap"].value == pytest.approx(gap)
    assert scores["mae_gap"].unit == "€"


def test_groups_of_numbers_that_are_too_small_have_no_gap_and_it_is_said() -> None:
    measured = GroupRates(min_cell=5000, n_resamples=100).measure(context())
    assert all(np.isnan(score.value) and "few" in say(score.note) for score in measured.scores)
    assert measured.tables["groups"]["too_few"].all()


def test_a_part_with_larger_errors_is_listed_first() -> None:
    measured = Slices(max_features=1).measure(context(worse_right=3.0))
    assert "right" in measured.tables["slices"]["slice"][0]
    assert measured.tables["slices"]["p_adjusted"][0] < 0.01


def test_residual_bins_hold_all_rows_and_the_largest_error_comes_first() -> None:
    measured = residuals.Residuals(bins=5, most=3).measure(context())
    assert measured.tables["bins"]["n"].sum() == 400
    sizes = measured.tables["largest"]["error"].abs()
    assert sizes.is_monotonic_decreasing
    assert sizes[0] == pytest.approx(np.abs(context().predictions.errors).max())


# --- simpler models, noise, cases -----------------------------------------------------------------


def test_the_gain_is_paired_by_instance() -> None:
    own, theirs = np.array([1.0, -2.0, 0.0]), np.array([-2.0, 3.0, 1.0])
    gain, p_value = answer_errors.paired_gain(own, theirs)
    assert gain.value == gain.low == gain.high == 1.0
    assert p_value == 0.0


def test_the_model_beats_the_mean_and_ridge_finds_a_line_as_well() -> None:
    measured = Baselines(n_resamples=100).measure(context())
    gain = {score.predictor: score for score in measured.scores if score.metric == "mae_gain"}
    assert gain["mean"].low > 1.0
    assert abs(gain["ridge"].value) < 0.05
    assert set(measured.tables["comparison"]["metric"]) == {"mae", "rmse", "r2"}


def test_noise_raises_the_error_and_moves_predictions() -> None:
    measured = Robustness().measure(context())
    noise = measured.tables["perturbations"].query("perturbation == 'noise'")
    assert noise["mae"].is_monotonic_increasing
    assert noise["change"].is_monotonic_increasing
    assert {score.metric for score in measured.scores} == {"mae_under_noise", "change_under_noise"}


def test_cases_of_numbers_are_chosen_by_their_errors() -> None:
    part = split(100, 11)
    predicted = builders.predictions(LINE.probabilities(part.inputs), part)
    cases = choose_cases(predicted, SCHEMA, part.inputs, 30, seed=2)
    errors = predicted.errors[cases.explained]
    assert errors[cases.roles["furthest_above"]] == predicted.errors.max()
    assert errors[cases.roles["furthest_below"]] == predicted.errors.min()
    assert {"typical_error", "group:side:left", "group:side:right"} <= set(cases.roles)
    assert len(cases.explained) == 30


# --- several labels -------------------------------------------------------------------------------


def test_measures_of_label_sets_are_those_of_scikit_learn() -> None:
    rng = RNG(12)
    true, decided = rng.random((80, 3)) < 0.4, rng.random((80, 3)) < 0.5
    measures = set_measures(np.ones((1, 80)), true, decided)[0]
    expected = [
        *oracle.f1_score(true, decided, average=None),
        oracle.f1_score(true, decided, average="micro"),
        oracle.f1_score(true, decided, average="macro"),
        oracle.hamming_loss(true, decided),
        oracle.accuracy_score(true, decided),
    ]
    np.testing.assert_allclose(measures, expected)


def test_every_label_has_a_row_and_the_reported_one_is_marked() -> None:
    rng, n = RNG(13), 200
    true = (rng.random((n, 3)) < 0.4).astype(np.int64)
    shares = np.clip(0.3 * true + rng.random((n, 3)) * 0.7, 0, 1)
    target = Target(
        "b", "b", ("without b", "with b"), 0, task="multi_label", labels=("a", "b", "c")
    )
    schema = replace(SCHEMA, target=replace(target, label_index=1))
    base = context(n)
    predicted = replace(base.predictions, all_labels=true, all_probabilities=shares)
    about = replace(
        base,
        dataset=replace(base.dataset, schema=schema),
        predictions=predicted,
        validation_predictions=predicted,
    )
    measured = LabelsTable(n_resamples=100).measure(about)
    table = measured.tables["labels"].set_index("label")
    assert table["reported"].to_dict() == {"a": False, "b": True, "c": False}
    for j, name in enumerate(("a", "b", "c")):
        expected = oracle.roc_auc_score(true[:, j], shares[:, j])
        assert table.loc[name, "roc_auc"] == pytest.approx(expected)
    assert {score.metric for score in measured.scores} == {
        "micro_f1",
        "macro_f1",
        "hamming_loss",
        "subset_accuracy",
    }
