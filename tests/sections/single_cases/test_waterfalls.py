"""From the base to the output of a case, toward the class that was decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.findings.listed_reasons import base_of
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import compact_list
from deepseek_report.sections.single_cases.explained_cases import (
    explained_cases,
    waterfall,
    waterfall_data,
)


def test_steps_lead_from_the_base_to_the_output_of_the_decided_class(full: Results) -> None:
    draft = Draft("cases", full)
    for case in explained_cases(full):
        drawn = waterfall(draft, "shap", case)
        assert drawn is not None
        decided = full.predictions.decisions[case.position]
        assert drawn.about == full.schema.target.classes[decided]
        assert drawn.end == pytest.approx(
            full.predictions.probabilities[case.position, decided], abs=1e-5
        )
        shown = float(drawn.values[list(drawn.order)].sum())
        assert drawn.base + shown + drawn.rest[1] + drawn.gap == pytest.approx(drawn.end)
        assert drawn.rest[0] + len(drawn.order) == len(full.schema.features)


def test_log_odds_of_the_other_class_are_turned_around(full: Results) -> None:
    draft = Draft("cases", full)
    for case in explained_cases(full)[:20]:
        drawn = waterfall(draft, "integrated_gradients", case)
        assert drawn is not None
        share = 1 / (1 + np.exp(-drawn.end))
        decided = full.predictions.decisions[case.position]
        stated = full.predictions.probabilities[case.position, decided]
        assert share == pytest.approx(stated, abs=1e-4)


@pytest.mark.parametrize(
    ("base", "shown"), [(-0.12, None), (1.3, None), (np.nan, None), (0.4, 0.4)]
)
def test_a_base_that_no_probability_can_have_is_not_told(
    full: Results, base: float, shown: float | None
) -> None:
    explanation = full.explanations["shap"].of_case(0)
    assert explanation.output_space == "probability"
    moved = replace(explanation, base_values=np.array([base], dtype=np.float32))
    assert base_of(moved) == (None if shown is None else pytest.approx(shown))


def test_a_method_that_gives_an_order_alone_has_no_waterfall(full: Results) -> None:
    draft = Draft("cases", full)
    assert waterfall_data(draft, "attention_rollout", explained_cases(full)[0]) is None


def test_what_is_within_its_sampling_error_is_not_drawn_by_itself(full: Results) -> None:
    draft, explanation = Draft("cases", full), full.explanations["shap"]
    case = explained_cases(full)[0]
    drawn: Any = waterfall(draft, "shap", case)
    errors = explanation.standard_error
    assert errors is not None
    for player in drawn.order:
        assert abs(drawn.values[player]) > 1.9 * errors[case.place, player]


def test_numbers_are_stored_with_few_digits_and_none_for_what_is_none() -> None:
    stored = compact_list(np.array([[0.123456789, np.nan], [4.0, 1e9]]))
    assert stored == [[0.12346, None], [4, 1_000_000_000]]
