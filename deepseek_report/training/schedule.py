"""The learning rate at every step, as a function of the step alone."""

from __future__ import annotations

import math
from typing import Literal


def learning_rate(
    step: int,
    total: int,
    peak: float,
    schedule: Literal["cosine", "linear", "constant"],
    warmup: float,
) -> float:
    """The learning rate of one optimiser step.

    It rises linearly to `peak` over the first `warmup · total` steps; then it stays (constant),
    falls to 0 in a line (linear), or along half a cosine wave (cosine).

    Parameters
    ----------
    step : 0 … total − 1. warmup : share in [0, 1).

    Returns
    -------
    A rate in (0, peak].

    Reference: Loshchilov & Hutter 2017, SGDR, doi 10.48550/arXiv.1608.03983 (cosine).
    """
    rising = round(warmup * total)
    if step < rising:
        return peak * (step + 1) / rising
    if schedule == "constant":
        return peak
    done = (step - rising) / max(total - rising, 1)
    left = 1 - done if schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return peak * left
