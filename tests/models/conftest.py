from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split


def _categories(count: int) -> tuple[Category, ...]:
    return tuple(Category(str(i), f"level {i}") for i in range(count))


@pytest.fixture
def schema() -> Schema:
    features = (
        Feature("amount", "Amount", "numeric", unit="€"),
        Feature("late", "Late", "ordinal", categories=_categories(4)),
        Feature("age", "Age", "numeric", unit="years"),
        Feature("region", "Region", "categorical", categories=_categories(5)),
        Feature("constant", "Constant", "numeric"),
    )
    return Schema(features, Target("risk", "Risk", ("low", "middle", "high"), 0, 2))


@pytest.fixture
def train(schema: Schema) -> Split:
    """300 rows; `amount` has gaps and a heavy tail, region 4 is never met."""
    rng = np.random.default_rng(0)
    n = 300
    amount = rng.lognormal(5, 2, n)
    amount[::10] = np.nan
    late = rng.integers(0, 4, n).astype(float)
    region = rng.integers(0, 4, n).astype(float)
    inputs = np.column_stack([amount, late, rng.normal(40, 9, n), region, np.full(n, 3.0)])
    return Split(inputs, rng.integers(0, 3, n), np.arange(n))
