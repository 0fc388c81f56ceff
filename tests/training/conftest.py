from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split


def _part(seed: int, n: int) -> Split:
    """Two classes that a number and a category decide together."""
    rng = np.random.default_rng(seed)
    inputs = np.column_stack([rng.normal(0, 1, n), rng.integers(0, 3, n), rng.normal(0, 1, n)])
    labels = (inputs[:, 0] + (inputs[:, 1] == 2) > 0.5).astype(np.int64)
    return Split(inputs, labels, np.arange(n))


@pytest.fixture
def dataset() -> Dataset:
    levels = tuple(Category(str(i), str(i)) for i in range(3))
    features = (
        Feature("x", "X", "numeric"),
        Feature("c", "C", "categorical", categories=levels),
        Feature("noise", "Noise", "numeric"),
    )
    schema = Schema(features, Target("y", "Y", ("no", "yes"), 0))
    return Dataset(schema, _part(0, 256), _part(1, 128), _part(2, 128), {})
