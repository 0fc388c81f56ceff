"""How much predictions change when the inputs are a little wrong, recoded or missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import Releases, Reveals, TableRelease
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.metrics.players import n_players
from deepseek_report.metrics.plugin import ModelMetric, Rows
from deepseek_report.metrics.reference import baseline_rows
from deepseek_report.statistics.intervals import SHARE, Estimate
from deepseek_report.tasks import Task, task_of

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
class Effect:
    """What a perturbation of this kind and level does: `Task.held` and `Task.moved` under it."""

    kind: Kind
    level: float
    held: Estimate
    moved: Estimate


@dataclass(frozen=True)
class Robustness(ModelMetric):
    """How predictions hold up under noise, swapped categories and missing values.

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
        "mae_under_masking": (0.0, None),
        "change_under_masking": (0.0, None),
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
        task = task_of(data.schema.target)
        rng = np.random.default_rng(context.seed)
        rows = np.sort(task.order(p.labels, rng)[: self.max_rows])
        task.require_variety(p.labels[rows], "robustness of the ranking")
        inputs = data.test.inputs[rows]
        plan = list(self._plan(data.schema))
        context.progress.start("perturbed inputs", len(plan))
        effects: list[Effect] = []
        notes: list[str] = []
        for kind, level in plan:
            perturbed = _perturb(kind, level, context, inputs, rng)
            outputs = context.classifier.probabilities(perturbed)
            context.progress.advance()
            if not np.isfinite(outputs).all():
                what = f"{_label(kind, data.schema)} at {level:g}"
                notes.append(f"The model gives no finite output with {what}.")
                continue
            effects.append(Effect(kind, level, *task.effect(p, rows, outputs)))
        notes += _about(len(rows), data.schema)
        return Measurement(
            self._scores(effects, data.schema),
            {"perturbations": _table(task, effects, data.schema)},
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

    def _scores(self, effects: list[Effect], schema: Schema) -> tuple[Score, ...]:
        places = _PLACES[schema.modality]
        noise = f"Noise of {self.declared_level:g} robust standard deviations on all {places}."
        for effect in effects:
            if effect.kind == "noise" and effect.level == self.declared_level:
                return _pair("noise", effect, schema, noise)
            if effect.kind == "mask":
                text = f"Each {schema.player_noun} masked with a chance of {effect.level:g}."
                return _pair("masking", effect, schema, text)
        return ()


def _pair(under: str, effect: Effect, schema: Schema, note: str) -> tuple[Score, ...]:
    """The scores of what should hold, and of what should not move."""
    task = task_of(schema.target)
    return tuple(
        estimate.score(
            f"{measure.key}_under_{under}",
            "robustness",
            measure.direction,
            unit=task.unit(schema.target, measure),
            bounds=measure.bounds,
            note=note,
        )
        for measure, estimate in ((task.held, effect.held), (task.moved, effect.moved))
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


_PLACES = {"table": "numbers", "text": "numbers", "image": "pixels", "series": "steps"}
_LABELS: dict[Kind, str] = {
    "swap": "categories drawn anew",
    "missing": "values missing",
    "mask": "{nouns} masked",
    "drop": "{nouns} left out",
}


def _label(kind: Kind, schema: Schema) -> str:
    """What a person calls a disturbance of such data."""
    if kind == "noise":
        return f"noise on {_PLACES[schema.modality]}"
    return _LABELS[kind].format(nouns=schema.player_nouns[1])


def _table(task: Task, effects: list[Effect], schema: Schema) -> pd.DataFrame:
    """One row for each perturbation and level."""
    held, moved = task.held.key, task.moved.key
    types: dict[str, type] = {
        "perturbation": str,
        "label": str,
        "level": float,
        **dict.fromkeys((held, "low", "high", moved, f"{moved}_low", f"{moved}_high"), float),
        "n": int,
    }
    rows = [
        (
            *(effect.kind, _label(effect.kind, schema), effect.level),
            *(effect.held.value, effect.held.low, effect.held.high),
            *(effect.moved.value, effect.moved.low, effect.moved.high),
            effect.moved.n,
        )
        for effect in effects
    ]
    return pd.DataFrame(rows, columns=list(types)).astype(types)
