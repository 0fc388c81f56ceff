"""Logistic regression of few columns, with standard errors."""

from __future__ import annotations

import math

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.intervals import Z95

_MOST_STEPS = 100
#: A step that changes no coefficient by more than this ends the search.
_SMALLEST_STEP = 1e-10
#: Where every outcome is fitted as closely as this, the outcomes are separated and no fit is best.
_SEPARATED = 1e-8


def last_coefficient(happened: Bools, design: Floats, offset: Floats | None = None) -> Estimate:
    """The last coefficient of a logistic regression, with Wald's 95 % interval.

    Parameters
    ----------
    happened : (row,) outcomes.
    design : (row, column), with a column of ones where there is to be an intercept.
    offset : (row,) log-odds that are added as they are.

    Returns
    -------
    The estimate; NaN where the likelihood has no single maximum, as with separated outcomes.

    Reference: McCullagh & Nelder 1989, doi:10.1201/9780203753736, section 2.5.

    >>> three_of_four = np.array([True, True, True, False])
    >>> round(last_coefficient(three_of_four, np.ones((4, 1))).value, 3)  # log(3)
    1.099
    """
    fitted = _fit(happened.astype(np.float64), design, 0.0 if offset is None else offset)
    if fitted is None:
        return Estimate(math.nan, None, None, len(happened), "")
    value, error = fitted
    method = message("interval_methods.wald_logistic")
    return Estimate(value, value - Z95 * error, value + Z95 * error, len(happened), method)


def _fit(outcomes: Floats, design: Floats, offset: Floats | float) -> tuple[float, float] | None:
    """Last coefficient and its standard error, by Newton's method."""
    coefficients = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ coefficients + offset, -500, 500)))
        if np.abs(outcomes - expected).max(initial=0.0) < _SEPARATED:
            return None
        information = design.T @ (design * (expected * (1 - expected))[:, None])
        try:
            covariance = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        step = covariance @ (design.T @ (outcomes - expected))
        coefficients += step
        if np.abs(step).max() < _SMALLEST_STEP:
            return float(coefficients[-1]), float(np.sqrt(covariance[-1, -1]))
    return None
