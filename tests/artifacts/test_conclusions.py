"""Conclusions and their estimates come back as they were, with the digits that they support."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from deepseek_report.artifacts.conclusions import Conclusions, Verdict
from deepseek_report.artifacts.estimate import Estimate, restored
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.rounding import number
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import load_json, save_json

ESTIMATE = {"value": 0.5, "low": None, "high": 0.7, "n": 30}


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    conclusions = Conclusions(
        findings=(
            Finding("a", "high", "impact_below", {"ratio": ESTIMATE}, ("measures/x",), "bias"),
            Finding("b", "info", "even", limits=("few",)),
        ),
        verdicts=(
            Verdict("roc_auc", "at_least", 0.75, "not met", value=0.6, low=0.5, high=0.7, n=30),
            Verdict("deletion", "at_most", 0.1, "not measured", reason="no explainer is chosen"),
        ),
        leading="shap",
    )
    conclusions.save(tmp_path)
    assert Conclusions.load(tmp_path) == conclusions


def test_a_finding_read_back_tells_the_same_estimates(tmp_path):
    rate = Estimate(0.2, 0.1, 0.3, 40, "Wilson")
    finding = Finding("a", "low", "a", {"rate": rate, "pairs": [{"gap": rate, "name": "x"}]})
    save_json(tmp_path / "finding.json", finding)
    assert Finding.from_json(load_json(tmp_path / "finding.json")).values == finding.values


def test_what_is_undefined_stays_undefined_on_its_way_through_json(tmp_path):
    save_json(tmp_path / "one.json", Estimate(math.nan, None, math.inf))
    back = restored(load_json(tmp_path / "one.json"))
    assert not back.is_defined
    assert back.ends is None


def test_an_estimate_and_its_score_hold_the_same():
    rate = Estimate(0.2, 0.1, 0.3, 40, "Wilson")
    assert Estimate.of_score(rate.score("accuracy", "performance", "higher")) == rate
    bare = Score("mae", "performance", 1.5, 40, "lower", low=math.nan, high=math.nan)
    assert Estimate.of_score(bare).ends is None


def test_a_difference_seen_from_the_other_side_turns_its_interval():
    assert Estimate(-0.1, -0.3, 0.05, 9).negated() == Estimate(0.1, -0.05, 0.3, 9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0003, "0.0003"), (0.00001, "0.00001"), (0.000456, "0.00046"), (0.00412, "0.004")],
)
def test_a_small_number_keeps_its_first_digits(value: float, expected: str) -> None:
    assert number(value) == expected
