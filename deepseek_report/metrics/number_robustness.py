"""How much a predicted number moves when the inputs are a little wrong, recoded or missing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.statistics.intervals import mean_interval

Floats = NDArray[np.float64]
#: Perturbation, its label, its level, the mean absolute error under it, how far the number moves.
Found = tuple[str, str, float, Estimate, Estimate]


def effect_on_number(
    context: MeasureContext, rows: NDArray[np.int64], values: Floats
) -> tuple[Estimate, Estimate]:
    """Mean absolute error on the perturbed inputs, and mean absolute change of the prediction."""
    p = context.predictions
    return _mean(values - p.labels[rows]), _mean(values - p.values[rows])


def _mean(differences: Floats) -> Estimate:
    mean, low, high = (float(one) for one in mean_interval(np.abs(differences)))
    return Estimate(mean, max(low, 0.0), high, len(differences), "normal, of the mean")


def perturbation_table(found: Iterable[Found]) -> pd.DataFrame:
    """One row for each perturbation and level."""
    return pd.DataFrame(
        [
            {
                "perturbation": kind,
                "label": label,
                "level": level,
                "mae": error.value,
                "low": error.low,
                "high": error.high,
                "change": change.value,
                "change_low": change.low,
                "change_high": change.high,
                "n": error.n,
            }
            for kind, label, level, error, change in found
        ]
    )


def noise_scores(found: Iterable[Found], declared: float, unit: str) -> tuple[Score, ...]:
    """Error and change of the prediction under noise of the declared level."""
    note = f"Noise of {declared:g} robust standard deviations on every number."
    for kind, _, level, error, change in found:
        if kind == "noise" and level == declared:
            names = (("mae_under_noise", error), ("change_under_noise", change))
            return tuple(
                one.score(name, "robustness", "lower", unit=unit, bounds=(0.0, None), note=note)
                for name, one in names
            )
    return ()
