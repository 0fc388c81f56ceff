"""How much decisions change when the inputs are a little wrong, recoded or missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import Releases, Reveals, TableRelease
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.disturbances import Disturbance, Levels
from deepseek_report.metrics.decisions import decide
from deepseek_report.metrics.number_robustness import (
    effect_on_number,
    noise_scores,
    perturbation_table,
)
from deepseek_report.metrics.performance import SHARE, require_both
from deepseek_report.metrics.plugin import ModelMetric, Rows
from deepseek_report.metrics.reference_predictors import stratified_order
from deepseek_report.statistics.intervals import Estimate, rate
from deepseek_report.statistics.ranking import macro_auc_estimate

Floats = NDArray[np.float64]
Chance = Annotated[float, Field(gt=0, le=1)]
Noise = Annotated[float, Field(gt=0, le=10)]


@dataclass(frozen=True)
class Robustness(ModelMetric):
    """How ranking and decisions hold up under noise, swapped categories and missing values.

    Of texts words are masked with the chances of `swaps`, and dropped with those of `missing`; in
    images and series there is noise alone.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {"perturbations": TableRelease(counts=("n",))}
    bounds: ClassVar[Bounds] = {
        "roc_auc_under_noise": SHARE,
        "flipped_under_noise": SHARE,
        "roc_auc_under_masking": SHARE,
        "flipped_under_masking": SHARE,
        "mae_under_noise": (0.0, None),
        "change_under_noise": (0.0, None),
    }

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
        is_number = data.schema.target.is_number
        rows = np.sort(_order(p.labels, is_number, rng)[: self.max_rows])
        if not is_number:
            require_both(p.labels[rows], "robustness of the ranking")
        inputs = data.test.inputs[rows]
        plan = list(self._plan(data.schema))
        context.progress.start("perturbed inputs", len(plan))
        found: list[tuple[str, float, Estimate, Estimate]] = []
        notes: list[str] = []
        for kind, level in plan:
            perturbed = _perturb(kind, level, context, inputs, rng)
            outputs = context.classifier.probabilities(perturbed)
            context.progress.advance()
            if not np.isfinite(outputs).all():
                what = f"{_label(kind, data.schema)} at {level:g}"
                notes.append(f"The model gives no finite output with {what}.")
                continue
            effect = (
                effect_on_number(context, rows, outputs[:, 0])
                if is_number
                else _effect(context, rows, outputs)
            )
            found.append((kind, level, *effect))
        notes += _about(len(rows), data.schema)
        if is_number:
            told = [
                (kind, _label(kind, data.schema), level, value, moved)
                for kind, level, value, moved in found
            ]
            unit = data.schema.target.unit or ""
            scores = noise_scores(told, self.declared_level, unit)
            return Measurement(
                scores, {"perturbations": perturbation_table(told)}, notes=tuple(notes)
            )
        table = pd.DataFrame([_row(data.schema, *one) for one in found], columns=list(_COLUMNS))
        return Measurement(
            self._scores(found, data.schema),
            {"perturbations": table.astype(_COLUMNS)},
            notes=tuple(notes),
        )

    def _plan(self, schema: Schema) -> Iterator[tuple[str, float]]:
        levels: dict[Levels, set[float]] = {
            "noise": {*self.noise, self.declared_level},
            "swaps": set(self.swaps),
            "missing": set(self.missing),
        }
        for disturbance in kind_of(schema).disturbances():
            yield from ((disturbance.name, level) for level in sorted(levels[disturbance.levels]))

    def _scores(
        self, found: list[tuple[str, float, Estimate, Estimate]], schema: Schema
    ) -> tuple[Score, ...]:
        data, level_words = kind_of(schema), f"{self.declared_level:g} robust standard deviations"
        noise = f"Noise of {level_words} on all {data.words.place[1]}."
        for kind, level, auc, flipped in found:
            if kind == "noise" and level == self.declared_level:
                return _pair("noise", auc, flipped, noise)
            if kind == "mask":
                text = f"Each {data.noun} masked with a chance of {level:g}."
                return _pair("masking", auc, flipped, text)
        return ()


def _order(labels: NDArray[Any], is_number: bool, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order of the rows; with classes every beginning has nearly their shares."""
    return rng.permutation(len(labels)) if is_number else stratified_order(labels, rng)


def _pair(under: str, auc: Estimate, flipped: Estimate, note: str) -> tuple[Score, ...]:
    return (
        auc.score(f"roc_auc_under_{under}", "robustness", "higher", bounds=SHARE, note=note),
        flipped.score(f"flipped_under_{under}", "robustness", "lower", bounds=SHARE, note=note),
    )


def _about(n: int, schema: Schema) -> tuple[str, ...]:
    kind = kind_of(schema)
    return (
        f"{n} test {kind.words.instance[1]} were perturbed; {kind.filled(kind.words.noise)}.",
        "These are plain random errors; they do not show what a person could reach by choosing "
        "the worst change.",
    )


def _perturb(
    name: str, level: float, context: MeasureContext, inputs: Floats, rng: np.random.Generator
) -> Floats:
    disturbance = _disturbance(name, context.dataset.schema)
    return disturbance.apply(inputs, context.dataset.train.inputs, level, rng)


def _effect(
    context: MeasureContext, rows: NDArray[np.int64], probabilities: Floats
) -> tuple[Estimate, Estimate]:
    """ROC AUC on the perturbed inputs, and the share of decisions that changed."""
    p = context.predictions
    decisions = decide(probabilities, p.threshold, p.explained)
    flipped = int(np.count_nonzero(decisions != p.decisions[rows]))
    auc = macro_auc_estimate(p.labels[rows], probabilities, p.explained)
    return auc, rate(flipped, len(rows))


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


def _disturbance(name: str, schema: Schema) -> Disturbance:
    return next(each for each in kind_of(schema).disturbances() if each.name == name)


def _label(name: str, schema: Schema) -> str:
    """What a person calls a disturbance of such data."""
    return _disturbance(name, schema).label


def _row(
    schema: Schema, kind: str, level: float, auc: Estimate, flipped: Estimate
) -> tuple[object, ...]:
    return (
        kind,
        _label(kind, schema),
        level,
        auc.value,
        auc.low,
        auc.high,
        flipped.value,
        flipped.low,
        flipped.high,
        flipped.n,
    )
