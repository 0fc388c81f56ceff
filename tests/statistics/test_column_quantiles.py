from __future__ import annotations

import numpy as np
import pytest

from deepseek_report.statistics.ranking import column_quantiles


@pytest.mark.parametrize("bins", [2, 16])
def test_quantiles_of_all_columns_are_to_the_bit_those_of_numpy(bins: int) -> None:
    random = np.random.default_rng(bins)
    values = random.normal(size=(47, 6))
    values[random.random(values.shape) < 0.2] = np.nan
    values[:, 2] = np.round(values[:, 2])
    values[3, 3] = np.inf
    values[:, 5] = np.nan
    shares = np.linspace(0, 1, bins + 1)
    known = [column[np.isfinite(column)] for column in values.T]
    expected = [np.quantile(column if len(column) else np.zeros(1), shares) for column in known]
    np.testing.assert_array_equal(column_quantiles(values, shares), np.array(expected).T)
