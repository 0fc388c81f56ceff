"""How much decisions change when the inputs are a little wrong, recoded or missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import Releases, Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.metrics.decisions import decide
from deepseek_report.metrics.number_robustness import (
    effect_on_number,
    noise_scores,
    perturbation_table,
)
from deepseek_report.metrics.performance import SHARE, require_both
from deepseek_report.metrics.players import n_players
from deepseek_report.metrics.plugin import ModelMetric, Rows
from deepseek_report.metrics.reference import baseline_rows
from deepseek_report.metrics.reference_predictors import stratified_order
from deepseek_report.statistics.intervals import rate
from deepseek_report.statistics.ranking import macro_auc_estimate

Floats = NDArray[np.float64]
Kind = Literal["noise", "swap", "missing", "mask", "drop"]
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


def mask_words(schema: Schema, inputs: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Each word is, with this chance, replaced by the mask."""
    hit = rng.random((len(inputs), n_players(schema))) < level
    return np.where(hit[:, schema.owners], baseline_rows(inputs, inputs, schema), inputs)


def drop_words(schema: Schema, inputs: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Each word is, with this chance, left out, and what follows it moves up."""
    hit = rng.random((len(inputs), n_players(schema))) < level
    left = np.where(hit[:, schema.owners], np.nan, inputs)
    order = np.argsort(np.isnan(left), axis=1, kind="stable")
    return np.take_along_axis(left, order, axis=1)


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
        found: list[tuple[Kind, float, Estimate, Estimate]] = []
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

    def _plan(self, schema: Schema) -> Iterator[tuple[Kind, float]]:
        numeric = [one.is_numeric for one in schema.features]
        if schema.modality == "text":
            yield from (("mask", one) for one in sorted(set(self.swaps)))
            yield from (("drop", one) for one in sorted(set(self.missing)))
            return
        if any(numeric):
            yield from (("noise", one) for one in sorted({*self.noise, self.declared_level}))
        if schema.layout is not None:
            return
        if not all(numeric):
            yield from (("swap", one) for one in sorted(set(self.swaps)))
        yield from (("missing", one) for one in sorted(set(self.missing)))

    def _scores(
        self, found: list[tuple[Kind, float, Estimate, Estimate]], schema: Schema
    ) -> tuple[Score, ...]:
        places = _PLACES[schema.modality]
        noise = f"Noise of {self.declared_level:g} robust standard deviations on all {places}."
        for kind, level, auc, flipped in found:
            if kind == "noise" and level == self.declared_level:
                return _pair("noise", auc, flipped, noise)
            if kind == "mask":
                text = f"Each {schema.player_noun} masked with a chance of {level:g}."
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
    how = (
        f"{n} test rows were perturbed; noise is in robust standard deviations of the training "
        "part (distance between the quartiles / 1.349, or the standard deviation where that is 0) "
        "and stays within the training range."
    )
    if schema.modality == "text":
        many = schema.player_nouns[1]
        how = f"{n} test texts were perturbed; {many} are drawn independently of one another."
    return (
        how,
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
    if kind == "mask":
        return mask_words(schema, inputs, level, rng)
    if kind == "drop":
        return drop_words(schema, inputs, level, rng)
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


_PLACES = {"table": "numbers", "text": "numbers", "image": "pixels", "series": "steps"}
_LABELS: dict[Kind, str] = {
    "swap": "categories drawn anew",
    "missing": "values missing",
    "mask": "{nouns} masked",
    "drop": "{nouns} left out",
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


def _label(kind: Kind, schema: Schema) -> str:
    """What a person calls a disturbance of such data."""
    if kind == "noise":
        return f"noise on {_PLACES[schema.modality]}"
    return _LABELS[kind].format(nouns=schema.player_nouns[1])


def _row(
    schema: Schema, kind: Kind, level: float, auc: Estimate, flipped: Estimate
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
