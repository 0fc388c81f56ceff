"""Logistic regression, against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from deepseek_report.statistics.logistic import last_coefficient


@pytest.mark.parametrize("with_offset", [False, True])
def test_the_last_coefficient_and_its_interval_are_those_of_statsmodels(with_offset: bool) -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
    happened = rng.random(400) < 1 / (1 + np.exp(-design @ [0.3, 1.2, -0.7]))
    offset = rng.normal(size=400) if with_offset else None
    theirs = GLM(happened.astype(float), design, family=Binomial(), offset=offset).fit(tol=1e-14)
    ours = last_coefficient(happened, design, offset)
    assert ours.value == pytest.approx(theirs.params[-1], abs=1e-9)
    assert [ours.low, ours.high] == pytest.approx(theirs.conf_int()[-1].tolist(), abs=1e-8)


@pytest.mark.parametrize("happened", [np.arange(20) >= 10, np.zeros(20, dtype=bool)])
def test_separated_outcomes_have_no_coefficient(happened: np.ndarray) -> None:
    design = np.column_stack([np.ones(20), np.arange(20.0)])
    assert math.isnan(last_coefficient(happened, design).value)


def test_columns_that_say_the_same_have_no_coefficient() -> None:
    happened = np.arange(20) % 3 == 0
    assert math.isnan(last_coefficient(happened, np.ones((20, 2))).value)
