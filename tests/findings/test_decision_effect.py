"""What the first screen says that the decisions do, against counts made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.conclusions import DecisionCosts
from deepseek_report.artifacts.predictions import ClassRates
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.decision_effect import decision_effect, expected_cost
from deepseek_report.wording.of_results import words_of
from tests.varied_run import VariedRun


def spoken_of(results: Results) -> str:
    spoken = " ".join(words_of(results).say(sentence) for sentence in decision_effect(results))
    return spoken.replace("\N{NO-BREAK SPACE}", " ")


def decided(run: VariedRun, refused_right: int, refused_wrong: int, missed: int) -> VariedRun:
    """The real rows with these decisions: class 1 is explained, and it is not the good one."""
    n = len(run.real.predictions)
    decisions, labels = np.zeros(n, np.int64), np.zeros(n, np.int64)
    decisions[: refused_right + refused_wrong] = 1
    labels[:refused_right] = 1
    labels[n - missed :] = 1
    return run.data(favourable=0).predictions(
        decisions=decisions, labels=labels, explained=1, threshold=0.3, rule="base_rate"
    )


def replace_rule(run: VariedRun, rule: str) -> VariedRun:
    """The predictions that were placed last, with another rule of the threshold."""
    replace(run.results().predictions, rule=rule).save(run.place("predictions/test"))
    return run


def test_how_many_are_decided_against_and_how_many_of_these_wrongly(run: VariedRun) -> None:
    n = len(run.real.predictions)
    results = decided(run, refused_right=n // 10, refused_wrong=n // 10, missed=n // 10).results()
    text = spoken_of(results)
    assert text.startswith(f"20 % of {n} cases")
    assert "50 % of these wrongly" in text
    assert "50 % are found" in text
    assert "right for 80 %, the model is for 80 %" in text


def test_a_threshold_that_nobody_declared_is_told_as_such(run: VariedRun) -> None:
    run.config["decision"] = {"rule": None, "threshold": None, "costs": None}
    assert "Threshold 30.0 %: nobody declared one" in spoken_of(decided(run, 9, 9, 9).results())
    run.config["decision"] = {"rule": "base_rate", "threshold": None, "costs": None}
    assert "nobody" not in spoken_of(decided(run, 9, 9, 9).results())


def test_declared_costs_are_told_beside_those_of_the_cheapest_answer_for_everyone(
    run: VariedRun,
) -> None:
    run.config["decision"] = {"costs": {"false_alarm": 1, "missed": 5}}
    n = len(run.real.predictions)
    results = decided(run, n // 10, n // 10, n // 10).results()
    # a tenth false alarms and a tenth missed: 0.1 + 0.5; refusing all: 0.8; accepting all: 1
    rates = results.predicted.about_explained
    assert expected_cost(DecisionCosts(1, 5), rates) == pytest.approx(6 * (n // 10) / n)
    assert "the cheapest answer for everyone costs 0.8" in spoken_of(
        replace_rule(decided(run, n // 10, n // 10, n // 10), "costs").results()
    )


def test_of_many_classes_how_often_the_model_is_right_is_told_once(run: VariedRun) -> None:
    run.data(classes=("a", "b", "c"), favourable=0)
    run.predictions()
    text = spoken_of(run.results())
    assert "get the right one of 3 classes. Always giving the same answer would be right" in text
    assert "the model is for" not in text


def test_what_cannot_be_counted_costs_nothing() -> None:
    nobody = ClassRates.of(np.zeros(4, bool), np.zeros(4, bool))
    assert expected_cost(DecisionCosts(1, 5), nobody) == 0


def test_a_number_is_told_by_its_error_and_that_of_the_mean(number: VariedRun) -> None:
    number.measure("mae", number.score("mae", 3.5, 3.0, 4.0))
    number.predictions()
    assert "off by 3.50 points on average." in spoken_of(number.results())
    rows = [
        {"predictor": name, "metric": "mae", "value": value, "low": 0.0, "high": 9.0, "n": 100}
        for name, value in (("model", 3.5), ("mean", 8.0))
    ]
    number.measure("baselines", comparison=rows)
    assert "on average, the same answer for everyone by 8.00 points." in spoken_of(number.results())


def test_nothing_is_said_without_predictions(run: VariedRun, score: Any) -> None:
    run.measure("roc_auc", score("roc_auc", 0.8, 0.7, 0.9))
    assert decision_effect(run.results()) == ()
