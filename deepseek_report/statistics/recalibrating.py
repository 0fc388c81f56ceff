"""What probabilities would be if they were calibrated on the whole, and whether they are."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.statistics.logistic import fit_logistic


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
