"""How far two computations of one number may lie apart, by its type and its operations."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike


def rounding(operations: int, dtype: DTypeLike = np.float32) -> float:
    """2 γₙ: how far rounding moves two computations of a number apart, in units of its terms.

    A processor adds up in an order of its own, which changes with its instructions, the shape of
    the batch, the place of a row in it and the number of threads. Each operation on the way
    multiplies by 1 + δ with |δ| ≤ u, half the gap above 1 (2⁻²⁴ for float32, 2⁻⁵³ for float64); n
    of them by 1 + θ with |θ| ≤ γₙ = n u / (1 − n u), whatever their order. So a sum of terms lies
    within γₙ Σ|terms| of the exact one, and two such sums within twice that. Where terms cancel,
    the sum is smaller than Σ|terms|: a share of the result itself (rtol) is no tolerance for it.

    operations : roundings one after the other on the way to a term, and to add it: n of an inner
        product of n terms; what follows one upon the other is added, and where a function stands
        between (exp), times its condition.
    dtype : the coarsest type on the way.
    Returns : times Σ|terms|, or a bound of it, an absolute tolerance.

    Reference: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1,
    doi:10.1137/1.9780898718027.
    """
    u = float(np.finfo(dtype).eps) / 2
    return 2 * operations * u / (1 - operations * u)
