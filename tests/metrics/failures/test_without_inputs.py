"""What leaving inputs out does, in worlds whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.reference_refits import WithoutInputs

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def advice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from worlds import advice as module

    return module


def context_of(advice: ModuleType, effect: float, leak: float):
    rng = np.random.default_rng(3)
    parts = [advice.people(n, effect, leak, rng) for n in (800, 800, 800)]
    return advice.context(*parts, 1)


def test_without_the_column_that_knows_the_label_the_score_falls_by_a_stated_amount(advice) -> None:
    table = WithoutInputs().measure(context_of(advice, 0.0, 3.0)).tables["refits"]
    (leak,) = table.to_dict("records")
    assert leak["inputs"] == "code"
    assert leak["score_change_high"] < -0.05


def test_nothing_is_fitted_for_a_model_whose_training_costs_as_little(advice: ModuleType) -> None:
    context = context_of(advice, 1.0, 0.0)
    cheap = replace(context, classifier=type("Cheap", (), {"name": "c", "module": None})())
    with pytest.raises(NotApplicableError):
        WithoutInputs().measure(cheap)


def test_what_was_not_asked_for_is_not_tried(advice: ModuleType) -> None:
    context = context_of(advice, 1.0, 0.0)
    data = replace(context.dataset, issues=())
    with pytest.raises(NotApplicableError):
        WithoutInputs().measure(replace(context, dataset=data))
