"""Rules that hold for every task, on a predicted number, in the words of numbers."""

from __future__ import annotations

import pytest

from deepseek_report.findings import (
    rules_bottlenecks,
    rules_calibration,
    rules_groups,
    rules_performance,
)
from deepseek_report.wording.of_results import words_of
from tests.worded import all_texts

POINTS = "\u00a0points"


def text_of(results, finding) -> str:
    return all_texts(words_of(results), finding)


@pytest.mark.parametrize(
    ("value", "predictor", "message", "severity", "text"),
    [
        (3.0, "ridge", "baseline_better", "info", "The model errs less than ridge regression."),
        (-3.0, "ridge", "baseline_worse", "high", "a paired difference of 3.0"),
        (-3.0, "gradient_boosting", "baseline_worse", "medium", "errs less than the model"),
        (0.1, "mean", "baseline_level", "medium", "is not shown to err less"),
    ],
)
def test_simpler_models_are_compared_by_their_errors(
    number, value, predictor, message, severity, text
):
    gain = number.score("mae_gain", value, value - 0.5, value + 0.5, predictor=predictor)
    number.measure("baselines", gain, number.score("mae", 9.0, predictor=predictor))
    number.measure("mae", number.score("mae", 12.0))
    results = number.results()
    (finding,) = rules_performance.baselines(results)
    assert (finding.message, finding.severity) == (message, severity)
    assert text in text_of(results, finding)
    assert f"12.0{POINTS}" in text_of(results, finding) or message == "baseline_worse"


def test_the_worst_slice_is_told_by_its_error_in_the_unit(number):
    row = {"slice": "size is over 3", "n": 90, "share": 0.2, "mae": 30.0, "low": 25.0}
    row |= {"high": 35.0, "rest_mae": 12.0, "mean_error": 8.0, "p_adjusted": 0.001}
    row["kind"] = "unexpected"
    number.measure("slices", number.score("slices_examined", 30), slices=[row])
    results = number.results()
    (finding,) = rules_bottlenecks.worst_slice(results)
    assert (finding.message, finding.severity) == ("worst_slice", "high")
    text = text_of(results, finding)
    assert "The model is furthest off where size is over 3." in text
    assert "predictions there are too high by 8.00 on average" in text


@pytest.mark.parametrize(("p", "kind"), [(0.01, "apart"), (0.4, "even")])
def test_gaps_between_groups_are_beyond_chance_or_not(number, p, kind):
    test = {"metric": "mae_gap", "attribute": "sex", "attribute_label": "Sex", "value": 5.0}
    test |= {"low": 1.0, "high": 9.0, "n": 200, "p_adjusted": p}
    test |= {"surest_highest": "men", "surest_lowest": "women"}
    test |= {"surest_gap": 5.0, "surest_low": 1.0, "surest_high": 9.0}
    too_few = test | {"value": float("nan"), "p_adjusted": float("nan")}
    number.measure("group_rates", tests=[too_few, test])
    results = number.results()
    (finding,) = rules_groups.error_gaps(results)
    assert finding.message == f"error_gaps_{kind}"
    assert "“men”" in text_of(results, finding)


def test_where_errors_are_tied_intervals_are_judged_by_the_level_that_is_asked_for(number):
    """Half a width of 2 holds 80 % as well as 90 %: 88 held of 100 once were more than promised."""
    levels = [{"level": level, "half_width": 2.0, "coverage": 0.85} for level in (0.8, 0.9)]
    number.measure(
        "prediction_intervals",
        number.score("prediction_interval_coverage", 0.85, 0.82, 0.88, p_value=0.001),
        number.score("prediction_interval_width", 4.0),
        coverage=levels,
        by_group=[],
    )
    results = number.results()
    (finding,) = rules_calibration.intervals(results)
    assert finding.message == "intervals_narrow"
    assert "made to hold 90\u00a0%" in text_of(results, finding)


def test_predictions_that_lean_and_that_noise_moves_are_told(number):
    number.measure("mae", number.score("mae", 10.0))
    number.measure("residuals", number.score("mean_error", 3.0, 2.0, 4.0))
    row = {"perturbation": "noise", "level": 0.25, "change": 6.0, "smooth": 2.0, "n": 600}
    row |= {"mae": 11.0, "low": 10.5, "high": 11.5, "before": 10.2, "lost": 0.8}
    row |= {"lost_low": 0.5, "lost_high": 1.1}
    number.measure(
        "robustness", number.score("change_under_noise", 6.0, 5.0, 7.0), perturbations=[row]
    )
    results = number.results()
    (leaning,) = rules_calibration.leaning(results)
    (moved,) = rules_bottlenecks.moved(results)
    assert (leaning.message, leaning.severity) == ("leaning", "medium")
    assert "too high on the whole" in text_of(results, leaning)
    assert (moved.message, moved.severity) == ("moved", "low")
    assert "60\u00a0%" in text_of(results, moved).replace("60.0", "60")
    assert "from 10.2 to 11.0, a rise of 0.80 (0.50–1.10)" in text_of(results, moved)
