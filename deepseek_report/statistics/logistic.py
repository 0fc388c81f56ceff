"""Logistic regression of few columns, with standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.intervals import Z95
from deepseek_report.statistics.resampling import Resampling

_MOST_STEPS = 100
#: A step that changes no coefficient by more than this ends the search.
_SMALLEST_STEP = 1e-10
#: Where every outcome is fitted as closely as this, the outcomes are separated and no fit is best.
_SEPARATED = 1e-8


def last_coefficient(
    happened: Bools,
    design: Floats,
    offset: Floats | None = None,
    resampling: Resampling | None = None,
) -> Estimate:
    """The last coefficient of a logistic regression, with Wald's 95 % interval.

    happened : (row,) outcomes.
    design : (row, column), with a column of ones where there is to be an intercept.
    offset : (row,) log-odds that are added as they are.
    resampling : what the rows are of; the covariance of dependent rows is the sandwich of scores
        that are added up within entities, and Student's quantile takes the place of Wald's.

    Returns the estimate; NaN where the likelihood has no single maximum, as with separated
    outcomes.

    Reference: McCullagh & Nelder 1989, doi:10.1201/9780203753736, section 2.5; Liang & Zeger 1986,
    doi:10.1093/biomet/73.1.13.

    >>> three_of_four = np.array([True, True, True, False])
    >>> round(last_coefficient(three_of_four, np.ones((4, 1))).value, 3)  # log(3)
    1.099
    """
    fitted = fit_logistic(happened, design, offset)
    if fitted is None:
        return Estimate(math.nan, None, None, len(happened), "")
    drawn = resampling or Resampling(len(happened))
    value, method = float(fitted.coefficients[-1]), message("interval_methods.wald_logistic")
    if drawn.units is None:
        half = Z95 * float(np.sqrt(fitted.covariance[-1, -1]))
    else:
        start = 0.0 if offset is None else offset
        expected = 1 / (1 + np.exp(-np.clip(design @ fitted.coefficients + start, -500, 500)))
        each = drawn.influences((design @ fitted.covariance)[:, -1] * (happened - expected))
        half = drawn.critical * math.sqrt(float(each @ each))
    return Estimate(value, value - half, value + half, len(happened), drawn.describe(method))


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients (column,) of a logistic regression, and their covariance (column, column)."""

    coefficients: Floats
    covariance: Floats


def fit_logistic(
    happened: Bools, design: Floats, offset: Floats | None = None
) -> LogisticFit | None:
    """Maximum likelihood by Newton's method; None where the likelihood has no single maximum.

    Parameters: see `last_coefficient`.
    """
    outcomes, start = happened.astype(np.float64), 0.0 if offset is None else offset
    coefficients = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ coefficients + start, -500, 500)))
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
            return LogisticFit(coefficients, np.asarray(covariance, np.float64))
    return None


def log_odds(chances: Floats) -> Floats:
    """(instance,) log-odds of probabilities, which are kept 1e-9 away from 0 and 1.

    >>> log_odds(np.array([0.5])).tolist()
    [0.0]
    """
    clipped = np.clip(chances, 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped))


def recalibrated(happened: Bools, chances: Floats) -> Floats:
    """(instance,) the probabilities after a shift and a stretch of their log-odds that fit best.

    Two numbers are fitted, so that what is left is about parts of the data, not about the whole.
    Where no fit is best (outcomes that are separated, or stated to be certain), nothing is changed.

    happened, chances : (instance,) outcomes, and the probability stated of each.

    Reference: Cox 1958, doi:10.1093/biomet/45.3-4.562.
    """
    stated = log_odds(chances)
    fitted = fit_logistic(happened, np.column_stack([np.ones(len(stated)), stated]))
    if fitted is None:
        return chances
    shift, stretch = fitted.coefficients
    return np.asarray(1 / (1 + np.exp(-np.clip(shift + stretch * stated, -500, 500))))
