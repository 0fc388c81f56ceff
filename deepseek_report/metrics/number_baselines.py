"""Whether a model of a number is worth its complexity: the same errors for plain predictors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.numbers import count
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.metrics.errors import MEASURES, error_estimates
from deepseek_report.metrics.number_predictors import (
    LABELS,
    NumberPredictor,
    fit_number_predictor,
)
from deepseek_report.statistics.intervals import Z95, mean_interval

Floats = NDArray[np.float64]
_COMPARED = {"mae": "MAE", "rmse": "RMSE", "r2": "R²"}


def compare_numbers(
    context: MeasureContext, predictors: tuple[NumberPredictor, ...], n_resamples: int
) -> Measurement:
    """Errors of plain predictors on the same rows, and by how much the model errs less.

    The gain in mean absolute error is that predictor's minus the model's, paired by instance:
    above 0 the model is better.
    """
    data, model = context.dataset, context.predictions
    estimates = {"model": _summary(context, model.values, n_resamples)}
    scores: list[Score] = []
    unit = data.schema.target.unit or ""
    for kind in predictors:
        train, features = data.train, data.schema.features
        predict = fit_number_predictor(kind, features, train.inputs, train.labels, context.seed)
        values = predict(data.test.inputs)
        estimates[kind] = _summary(context, values, n_resamples)
        scores += [
            estimates[kind][name].score(
                name,
                "performance",
                MEASURES[name],
                predictor=kind,
                unit="" if name == "r2" else unit,
            )
            for name in _COMPARED
        ]
        scores.append(_gain(kind, model.errors, values - model.labels, unit))
    trained = (
        f"The baselines were trained on the {count(len(data.train))} rows of the training part, "
        "with settings that were not tuned beyond the penalty of the ridge."
    )
    return Measurement(tuple(scores), {"comparison": _comparison(estimates)}, notes=(trained,))


def _summary(context: MeasureContext, values: Floats, n_resamples: int) -> dict[str, Estimate]:
    labels = context.predictions.labels
    return error_estimates(labels, values, n_resamples, context.seed)


def paired_gain(own: Floats, theirs: Floats) -> tuple[Estimate, float]:
    """Mean of |their error| − |own error| over instances, its normal interval and p-value."""
    import math

    gains = np.abs(theirs) - np.abs(own)
    mean, low, high = (float(one) for one in mean_interval(gains))
    half = (high - low) / 2
    estimate = Estimate(mean, low, high, len(gains), "normal, of paired differences")
    if not half > 0:
        return estimate, 1.0 if mean == 0 else 0.0
    return estimate, math.erfc(abs(mean) * Z95 / half / math.sqrt(2))


def _gain(kind: NumberPredictor, own: Floats, theirs: Floats, unit: str) -> Score:
    gap, p_value = paired_gain(own, theirs)
    return gap.score(
        "mae_gain",
        "performance",
        "higher",
        predictor=kind,
        p_value=p_value,
        unit=unit,
        note=f"Absolute error of {LABELS[kind]} minus that of the model, on the same {gap.n} "
        "instances.",
    )


def _comparison(estimates: Mapping[str, Mapping[str, Estimate]]) -> pd.DataFrame:
    names = {"model": "the model"} | {str(kind): label for kind, label in LABELS.items()}
    return pd.DataFrame(
        [
            {
                "predictor": predictor,
                "label": names[predictor],
                "metric": metric,
                "metric_label": _COMPARED[metric],
                "value": found[metric].value,
                "low": found[metric].low,
                "high": found[metric].high,
                "n": found[metric].n,
            }
            for predictor, found in estimates.items()
            for metric in _COMPARED
        ]
    ).astype({"value": np.float64, "low": np.float64, "high": np.float64})
