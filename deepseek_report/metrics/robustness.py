"""How much decisions change when the inputs are a little wrong, recoded or missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.protocols import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.score import Category, Measurement, Score
from deepseek_report.metrics.decisions import decide
from deepseek_report.metrics.intervals import Estimate, rate
from deepseek_report.metrics.performance import SHARE, require_both
from deepseek_report.metrics.plugin import ModelMetric, Rows
from deepseek_report.metrics.ranking import macro_auc_estimate
from deepseek_report.metrics.reference_predictors import stratified_order

Floats = NDArray[np.float64]
Kind = Literal["noise", "swap", "missing"]
Perturb = Callable[[float, np.random.Generator], Floats]
Chance = Annotated[float, Field(gt=0, le=1)]
Noise = Annotated[float, Field(gt=0, le=10)]
#: Half the distance between the quartiles of a normal distribution with standard deviation 1.
_NORMAL_IQR = 1.3489795003921634


def robust_spread(values: Floats) -> float:
    """Distance between the quartiles over 1.349, the standard deviation where that is 0."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    return float((high - low) / _NORMAL_IQR or known.std())


def add_noise(
    schema: Schema, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
) -> Floats:
    """Normal noise on every number, kept within the training range and whole where that is whole.

    Parameters
    ----------
    level : standard deviation of the noise, in robust standard deviations of the feature.
    """
    noisy = inputs.copy()
    for j, feature in enumerate(schema.features):
        if feature.is_numeric and not np.all(np.isnan(train[:, j])):
            spread = robust_spread(train[:, j])
            moved = inputs[:, j] + level * spread * rng.standard_normal(len(inputs))
            noisy[:, j] = _possible(moved, inputs[:, j], train[:, j])
    return noisy


def _possible(moved: Floats, original: Floats, train: Floats) -> Floats:
    known = train[~np.isnan(train)]
    if np.all(known == np.round(known)):
        moved = np.round(moved)
    low = np.fmin(known.min(), original)
    return np.clip(moved, low, np.fmax(known.max(), original))


def swap_categories(
    schema: Schema, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
) -> Floats:
    """Each category is, with this chance, replaced by one drawn from the training rows."""
    swapped = inputs.copy()
    for j, feature in enumerate(schema.features):
        if not feature.is_numeric:
            hit = rng.random(len(inputs)) < level
            swapped[hit, j] = rng.choice(train[:, j], size=int(hit.sum()))
    return swapped


def drop_values(inputs: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Each value is, with this chance, made missing."""
    return np.where(rng.random(inputs.shape) < level, np.nan, inputs)


@dataclass(frozen=True)
class Robustness(ModelMetric):
    """How ranking and decisions hold up under noise, swapped categories and missing values."""

    category: ClassVar[Category] = "robustness"
    reads: ClassVar[frozenset[str]] = frozenset({"dataset", "predictions", "classifier", "seed"})
    noise: tuple[Noise, ...] = (0.1, 0.25, 0.5, 1.0)
    swaps: tuple[Chance, ...] = (0.1, 0.2)
    missing: tuple[Chance, ...] = (0.05, 0.2)
    declared_level: Noise = 0.25
    max_rows: Rows = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        data, p = context.dataset, context.predictions
        rng = np.random.default_rng(context.seed)
        rows = np.sort(stratified_order(p.labels, rng)[: self.max_rows])
        require_both(p.labels[rows], "robustness of the ranking")
        inputs = data.test.inputs[rows]
        plan = list(self._plan(data.schema.features))
        context.progress.start("perturbed inputs", len(plan))
        found, notes = [], []
        for kind, level in plan:
            perturbed = _perturb(kind, level, context, inputs, rng)
            probabilities = context.classifier.probabilities(perturbed)
            context.progress.advance()
            if not np.isfinite(probabilities).all():
                notes.append(f"The model gives no finite output with {_LABELS[kind]} at {level:g}.")
                continue
            found.append((kind, level, *_effect(context, rows, probabilities)))
        table = pd.DataFrame([_row(*one) for one in found], columns=list(_COLUMNS))
        notes += self._notes(len(rows))
        return Measurement(
            self._scores(found), {"perturbations": table.astype(_COLUMNS)}, notes=tuple(notes)
        )

    def _plan(self, features: tuple[Feature, ...]) -> Iterator[tuple[Kind, float]]:
        numeric = [one.is_numeric for one in features]
        if any(numeric):
            yield from (("noise", one) for one in sorted({*self.noise, self.declared_level}))
        if not all(numeric):
            yield from (("swap", one) for one in sorted(set(self.swaps)))
        yield from (("missing", one) for one in sorted(set(self.missing)))

    def _scores(self, found: list[tuple[Kind, float, Estimate, Estimate]]) -> tuple[Score, ...]:
        note = f"Noise of {self.declared_level:g} robust standard deviations on every number."
        for kind, level, auc, flipped in found:
            if kind == "noise" and level == self.declared_level:
                return (
                    auc.score(
                        "roc_auc_under_noise", "robustness", "higher", bounds=SHARE, note=note
                    ),
                    flipped.score(
                        "flipped_under_noise", "robustness", "lower", bounds=SHARE, note=note
                    ),
                )
        return ()

    def _notes(self, n: int) -> tuple[str, ...]:
        return (
            f"{n} test rows were perturbed; noise is in robust standard deviations of the training "
            "part (distance between the quartiles / 1.349) and stays within the training range.",
            "These are plain random errors; they do not show what a person could reach by choosing "
            "the worst change.",
        )


def _perturb(
    kind: Kind, level: float, context: MeasureContext, inputs: Floats, rng: np.random.Generator
) -> Floats:
    schema, train = context.dataset.schema, context.dataset.train.inputs
    if kind == "noise":
        return add_noise(schema, inputs, train, level, rng)
    if kind == "swap":
        return swap_categories(schema, inputs, train, level, rng)
    return drop_values(inputs, level, rng)


def _effect(
    context: MeasureContext, rows: NDArray[np.int64], probabilities: Floats
) -> tuple[Estimate, Estimate]:
    """ROC AUC on the perturbed inputs, and the share of decisions that changed."""
    p = context.predictions
    decisions = decide(probabilities, p.threshold, p.explained)
    flipped = int(np.count_nonzero(decisions != p.decisions[rows]))
    auc = macro_auc_estimate(p.labels[rows], probabilities, p.explained)
    return auc, rate(flipped, len(rows))


_LABELS: dict[Kind, str] = {
    "noise": "noise on numbers",
    "swap": "categories drawn anew",
    "missing": "values missing",
}
_COLUMNS: dict[str, type] = {
    "perturbation": str,
    "label": str,
    "level": float,
    "roc_auc": float,
    "low": float,
    "high": float,
    "flipped": float,
    "flipped_low": float,
    "flipped_high": float,
    "n": int,
}


def _row(kind: Kind, level: float, auc: Estimate, flipped: Estimate) -> tuple[object, ...]:
    return (
        kind,
        _LABELS[kind],
        level,
        auc.value,
        auc.low,
        auc.high,
        flipped.value,
        flipped.low,
        flipped.high,
        flipped.n,
    )
