"""Whether the model is worth its complexity: the same numbers for plain predictors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.disclosure import WHOLE, Releases, Reveals
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.numbers import count
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Category, Direction, Measurement, Score
from deepseek_report.metrics.decisions import decide, threshold_for_share
from deepseek_report.metrics.number_baselines import compare_numbers
from deepseek_report.metrics.number_predictors import NumberPredictor
from deepseek_report.metrics.performance import (
    average_precision_and_brier,
    balanced_accuracy,
    require_both,
)
from deepseek_report.metrics.plugin import ModelMetric, Resamples
from deepseek_report.metrics.reference_predictors import (
    LABELS,
    Predictor,
    fit_predictor,
    limits_of,
)
from deepseek_report.statistics.intervals import rate
from deepseek_report.statistics.ranking import macro_auc, macro_auc_estimate, paired_difference

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_METRICS: dict[str, tuple[str, Direction]] = {
    "accuracy": ("accuracy", "higher"),
    "balanced_accuracy": ("balanced accuracy", "higher"),
    "roc_auc": ("ROC AUC", "higher"),
    "average_precision": ("average precision", "higher"),
    "brier_score": ("Brier score", "lower"),
}
#: What stands for each predictor where a number is predicted.
OF_NUMBERS: dict[Predictor, NumberPredictor] = {
    "majority": "mean",
    "logistic_regression": "ridge",
    "gradient_boosting": "gradient_boosting",
}


@dataclass(frozen=True)
class Baselines(ModelMetric):
    """The main numbers of plain predictors on the same rows, and the model's gain over each.

    predictors : where a number is predicted, the mean stands for the majority and ridge regression
    for logistic regression.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {"comparison": WHOLE}
    category: ClassVar[Category] = "performance"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"dataset", "predictions", "validation_predictions", "seed"}
    )
    predictors: tuple[Predictor, ...] = ("majority", "logistic_regression", "gradient_boosting")
    n_resamples: Resamples = 1000
    bounds: ClassVar[Bounds] = {"roc_auc_gain": (-1.0, 1.0), "mae_gain": (None, None)}

    def measure(self, context: MeasureContext) -> Measurement:
        if context.dataset.schema.target.is_number:
            kinds = tuple(OF_NUMBERS[kind] for kind in self.predictors)
            return compare_numbers(context, kinds, self.n_resamples)
        require_both(context.predictions.labels, "a comparison with baselines")
        estimates = {"model": self._summary(context, context.predictions)}
        scores: list[Score] = []
        for kind in self.predictors:
            found = reference_predictions(kind, context)
            estimates[kind] = self._summary(context, found)
            scores += _scores(kind, estimates[kind])
            scores.append(_gain(kind, context.predictions, found))
        return Measurement(
            tuple(scores),
            {"comparison": _comparison(estimates)},
            notes=(*_notes(context), *_limits(context, self.predictors)),
        )

    def _summary(self, context: MeasureContext, p: Predictions) -> dict[str, Estimate]:
        seed, k = context.seed, self.n_resamples
        ranked, brier = average_precision_and_brier(p.labels, p.probabilities, p.explained, k, seed)
        return {
            "accuracy": rate(int(p.correct.sum()), len(p)),
            "balanced_accuracy": balanced_accuracy(p.labels, p.decisions, k, seed),
            "roc_auc": macro_auc_estimate(p.labels, p.probabilities, p.explained),
            "average_precision": ranked,
            "brier_score": brier,
        }


def reference_predictions(kind: Predictor, context: MeasureContext) -> Predictions:
    """A baseline's predictions for the test part, deciding as often as the model does.

    With two classes its threshold is set on the validation part such that it decides for the
    explained class as often as the model does there; the majority always decides for its class.
    """
    data, model = context.dataset, context.predictions
    n_classes = len(data.schema.target.classes)
    train = data.train
    predict = fit_predictor(
        kind, data.schema.features, train.inputs, train.labels, n_classes, context.seed
    )
    probabilities = predict(data.test.inputs)
    threshold = None
    if n_classes == 2 and kind != "majority":
        validation = context.validation_predictions
        share = float(np.mean(validation.decisions == validation.explained))
        scores = predict(data.validation.inputs)[:, model.explained]
        threshold = threshold_for_share(scores, share)
    return Predictions(
        logits=np.log(np.clip(probabilities, 1e-12, 1.0)),
        probabilities=probabilities,
        labels=model.labels,
        instance_ids=model.instance_ids,
        decisions=decide(probabilities, threshold, model.explained),
        threshold=threshold,
        rule="as often as the model on the validation part",
        explained=model.explained,
    )


def _scores(kind: Predictor, found: Mapping[str, Estimate]) -> list[Score]:
    return [
        found[name].score(name, "performance", direction, predictor=kind)
        for name, (_, direction) in _METRICS.items()
    ]


def _gain(kind: Predictor, model: Predictions, other: Predictions) -> Score:
    gap, p_value = paired_difference(
        macro_auc(model.labels, model.probabilities, model.explained),
        macro_auc(other.labels, other.probabilities, other.explained),
    )
    return gap.score(
        "roc_auc_gain",
        "performance",
        "higher",
        predictor=kind,
        p_value=p_value,
        bounds=(-1.0, 1.0),
        reference="doi:10.2307/2531595",
        note=f"Model minus {LABELS[kind]}, on the same {gap.n} instances.",
    )


def _comparison(estimates: Mapping[str, Mapping[str, Estimate]]) -> pd.DataFrame:
    names = {"model": "the model"} | {str(kind): label for kind, label in LABELS.items()}
    rows = [
        {
            "predictor": predictor,
            "label": names[predictor],
            "metric": metric,
            "metric_label": _METRICS[metric][0],
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "n": one.n,
        }
        for predictor, found in estimates.items()
        for metric, one in found.items()
    ]
    table = pd.DataFrame(rows)
    return table.astype({"value": np.float64, "low": np.float64, "high": np.float64})


def _limits(context: MeasureContext, kinds: tuple[Predictor, ...]) -> tuple[str, ...]:
    """What the baselines do not look at."""
    schema = context.dataset.schema
    found = [limits_of(kind, schema.features, len(schema.target.classes)) for kind in kinds]
    return tuple(one for one in found if one)


def _notes(context: MeasureContext) -> tuple[str, ...]:
    trained = (
        f"The baselines were trained on the {count(len(context.dataset.train))} rows of the "
        "training part, with settings that were not tuned."
    )
    if len(context.dataset.schema.target.classes) != 2:
        return (trained, "Each baseline decides for its most probable class.")
    rule = (
        "Each baseline's threshold was set on the validation part so that it decides for the "
        "explained class as often as the model does; the majority always decides for its class."
    )
    return (trained, rule)
