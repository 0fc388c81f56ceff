"""The section on explanations says which explainers were recommended, for how much, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deepseek_report.artifacts.message import message
from deepseek_report.sections.explanations import ExplanationsSection


def test_what_was_recommended_is_said_with_its_reason_and_its_plan(run: Any) -> None:
    why = message("recommendation.shap.trees", background=64)
    reason = message("recommendation.taken", why=why, rows=200)
    explain = {"evaluations": 5000, "reasons": {"shap": reason.to_json()}}
    results = run.explanation("shap").results()
    results = replace(results, config={**results.config, "explain": explain})
    chosen = ExplanationsSection().content(results).values["chosen"]
    assert chosen["evaluations"] == 5000
    assert chosen["reasons"] == [
        "SHAP: exact: the values follow from the trees and 64 background rows (200 evaluations)."
    ]


def test_nothing_is_said_of_a_choice_that_a_person_made(run: Any) -> None:
    results = run.explanation("shap").results()
    assert ExplanationsSection().content(results).values["chosen"] == {}
