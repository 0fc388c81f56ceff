"""What leaving inputs out does, in worlds whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import advice

from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.reference_refits import WithoutInputs


def context_of(effect: float, leak: float):
    rng = np.random.default_rng(3)
    parts = [advice.people(n, effect, leak, rng) for n in (800, 800, 800)]
    return advice.context(*parts, 1)


def test_without_the_column_that_knows_the_label_the_score_falls_by_a_stated_amount() -> None:
    table = WithoutInputs().measure(context_of(0.0, 3.0)).tables["refits"]
    (leak,) = table.to_dict("records")
    assert leak["inputs"] == "code"
    assert leak["score_change_high"] < -0.05


def test_nothing_is_fitted_for_a_model_whose_training_costs_as_little() -> None:
    context = context_of(1.0, 0.0)
    cheap = replace(context, classifier=type("Cheap", (), {"name": "c", "module": None})())
    with pytest.raises(NotApplicableError):
        WithoutInputs().measure(cheap)


def test_what_was_not_asked_for_is_not_tried() -> None:
    context = context_of(1.0, 0.0)
    data = replace(context.dataset, issues=())
    with pytest.raises(NotApplicableError):
        WithoutInputs().measure(replace(context, dataset=data))
