"""Whoever was refused is asked about again with each protected attribute exchanged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.metrics.cases.cases import deciding_rows
from tests.builders import TARGET, Answers, context, dataset

AGES = np.linspace(18, 80, 200)
SCHEMA = Schema(
    (Feature("age", "Age", "numeric", sensitive=True), Feature("late", "Late", "numeric")), TARGET
)


@pytest.mark.parametrize(
    ("accepts", "age", "turns"),
    [
        (lambda age, late: age >= 76, 30.0, [76.0]),  # the end of a band alone
        (lambda age, late: (age >= 60) & (age <= 62), 30.0, [61.0]),
        (lambda age, late: age < 20, 79.0, [19.0]),
        (lambda age, late: age >= 60, 30.0, [60.0, 72.0]),
        (lambda age, late: (age >= 60) & (late < 1), 30.0, []),  # something else decides as well
        (lambda age, late: late < 1, 30.0, []),
        (lambda age, late: np.isnan(age) | (age < 76), 77.0, [25.0, 41.0, 57.0]),
    ],
)
def test_an_age_that_turns_a_decision_is_found_wherever_it_lies_in_a_band(
    accepts: Callable[[Floats, Floats], Floats], age: float, turns: list[float]
) -> None:
    model = Answers(lambda rows: np.where(accepts(rows[:, 0], rows[:, 1]), 0.1, 0.9))
    rows = np.column_stack([AGES, np.arange(len(AGES)) % 3])
    part = Split(rows, np.arange(len(AGES)) % 2, np.arange(len(AGES)))
    entries = deciding_rows(context(dataset(SCHEMA, part), model), np.array([[age, 2.0]]))
    assert [row.feature for row in entries] == ["age"] * len(turns)
    assert [row.to_value for row in entries] == pytest.approx(turns, abs=2)
    assert [row.probability_after for row in entries] == pytest.approx([0.1] * len(turns))
