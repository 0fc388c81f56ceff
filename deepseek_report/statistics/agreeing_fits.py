"""How many decisions hang on the luck of a fit: equally good models that decide otherwise.

Both the rows and the fits are samples, of people and of what the training could have given, so an
interval allows for both: the variance over rows, and that over fits by the jackknife.

Reference: Marx, Calmon & Ustun 2020, arXiv:1909.06677 (ambiguity); Cooper, Lee, Choksi et al. 2024,
arXiv:2301.11562 (self-consistency); Efron & Stein 1981, doi:10.1214/aos/1176345462 (jackknife).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.statistics.resampling import Resampling

#: (fit, row) decisions -> (row,) numbers whose mean is estimated.
PerRow = Callable[[Ints], Floats]


def ambiguity_of(own: Ints) -> PerRow:
    """(fit, row) decisions -> (row,) 1 where at least one fit decides otherwise than `own` does.

    >>> ambiguity_of(np.array([0, 1]))(np.array([[0, 1], [1, 1]])).tolist()
    [1.0, 0.0]
    """
    return lambda decisions: np.asarray((decisions != own).any(axis=0), dtype=np.float64)


def self_consistency(decisions: Ints) -> Floats:
    """(fit, row) decisions -> (row,) share of the pairs of fits that decide alike.

    1 means that all fits agree; of two classes it is about 1/2 where each decides like a coin.

    >>> self_consistency(np.array([[0, 1], [1, 1], [1, 1]])).round(3).tolist()
    [0.333, 1.0]
    """
    fits = len(decisions)
    alike = np.zeros(decisions.shape[1])
    for level in np.unique(decisions):
        n = (decisions == level).sum(axis=0)
        alike += n * (n - 1)
    return np.asarray(alike / (fits * (fits - 1)))


def over_rows_and_fits(per_row: PerRow, decisions: Ints, rows: Resampling) -> Estimate:
    """The mean over rows with a 95 % interval for other rows and other fits.

    decisions : (fit, row) of at least three fits.
    """
    values, fits = per_row(decisions), len(decisions)
    units = rows.per_unit(values)
    of_rows = float(units.var(ddof=1) / len(units)) if len(units) > 1 else 0.0
    without = [float(per_row(np.delete(decisions, fit, axis=0)).mean()) for fit in range(fits)]
    of_fits = float((fits - 1) * np.var(without))
    value, variance = float(values.mean()), of_rows + of_fits
    half = _quantile(of_rows, len(units) - 1, of_fits, fits - 1) * np.sqrt(variance)
    return Estimate(
        value, max(value - half, 0.0), min(value + half, 1.0), rows.n, rows.describe(_METHOD)
    )


_METHOD: Message = message("interval_methods.rows_and_fits")


def _quantile(of_rows: float, n_rows: int, of_fits: float, n_fits: int) -> float:
    """Student's two-sided 95 % quantile for the sum of two variances (Satterthwaite)."""
    from scipy.special import stdtrit

    squares = of_rows**2 / max(n_rows, 1) + of_fits**2 / max(n_fits, 1)
    degrees = (of_rows + of_fits) ** 2 / squares if squares > 0 else 1.0
    return float(stdtrit(max(degrees, 1.0), 0.975))
