"""Conclusions come back from their file as they were concluded."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.artifacts.conclusions import Conclusions, Verdict
from deepseek_report.artifacts.finding import Finding

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
