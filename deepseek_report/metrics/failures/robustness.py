"""How much predictions change when the inputs are a little wrong, recoded or missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Disturbance, Levels
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.failures.failure_rows import PerturbationEffect
from deepseek_report.metrics.plugin import EntityMetric, Rows
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.tasks import Task, task_of
from deepseek_report.tasks.task import Disturbed

Chance = Annotated[float, Field(gt=0, le=1)]
Noise = Annotated[float, Field(gt=0, le=10)]


@dataclass(frozen=True)
class Effect:
    """What a perturbation of this kind and level does, and what it would do to a smooth model.

    smooth : `Task.moved` of a linear model that is as sharp; NaN where it is no noise.
    """

    kind: str
    level: float
    does: Disturbed
    smooth: float


@dataclass(frozen=True)
class Robustness(EntityMetric):
    """How predictions hold up under noise, swapped categories and missing values.

    Of texts words are masked with the chances of `swaps`, and dropped with those of `missing`; in
    images and series there is noise alone.
    """

    reveals = "aggregate"
    tables = {
        "perturbations": TableType.of(
            PerturbationEffect, "robustness", release=TableRelease(counts=("n",))
        )
    }
    bounds = {
        "roc_auc_under_noise": SHARE,
        "flipped_under_noise": SHARE,
        "roc_auc_under_masking": SHARE,
        "flipped_under_masking": SHARE,
        "mae_under_noise": (0.0, None),
        "change_under_noise": (0.0, None),
        "mae_under_masking": (0.0, None),
        "change_under_masking": (0.0, None),
    }

    category = "robustness"
    reads = frozenset({"dataset", "predictions", "classifier", "seed"})
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
        task.require_variety(p.labels[rows])
        inputs = data.test.inputs[rows]
        plan = list(self._plan(data.schema))
        context.progress.start("perturbed inputs", len(plan))
        effects: list[Effect] = []
        refused: dict[str, NotApplicableError] = {}
        for kind, level in plan:
            disturbance = _disturbance(kind, data.schema)
            context.progress.advance()
            try:
                perturbed = disturbance.apply(inputs, data.train.inputs, level, rng)
                outputs = context.classifier.probabilities(perturbed)
                if not np.isfinite(outputs).all():
                    raise NotApplicableError(message("refusals.not_finite", level=level))
            except NotApplicableError as error:
                refused.setdefault(disturbance.label, error)
                continue
            smooth = task.moved_if_smooth(p, rows, level) if kind == "noise" else math.nan
            effects.append(Effect(kind, level, task.effect(p, rows, outputs), smooth))
        if not effects and refused:
            raise next(iter(refused.values()))
        notes = [
            message("notes.robustness.not_measured", disturbance=label, reason=error.reason)
            for label, error in refused.items()
        ]
        return Measurement(
            self._scores(effects, data.schema),
            {"perturbations": _table(task, effects, data.schema)},
            notes=(*notes, *_about(len(rows), data.schema)),
        )

    def _plan(self, schema: Schema) -> Iterator[tuple[str, float]]:
        levels: dict[Levels, set[float]] = {
            "noise": {*self.noise, self.declared_level},
            "swaps": set(self.swaps),
            "missing": set(self.missing),
        }
        for disturbance in kind_of(schema).disturbances():
            yield from ((disturbance.name, level) for level in sorted(levels[disturbance.levels]))

    def _scores(self, effects: list[Effect], schema: Schema) -> tuple[Score, ...]:
        data = kind_of(schema)
        for effect in effects:
            if effect.kind == "noise" and effect.level == self.declared_level:
                noise = message(
                    "notes.robustness.noise", level=effect.level, places=data.words("places")
                )
                return _pair("noise", effect, schema, noise)
            if effect.kind == "mask":
                masked = message("notes.robustness.masking", chance=effect.level)
                return _pair("masking", effect, schema, masked)
        return ()


def _pair(under: str, effect: Effect, schema: Schema, note: Text) -> tuple[Score, ...]:
    """The scores of what should hold, and of what should not move."""
    task = task_of(schema.target)
    return tuple(
        number.score(
            f"{measure.key}_under_{under}",
            "robustness",
            measure.direction,
            unit=task.unit(schema.target, measure),
            bounds=measure.bounds,
            note=note,
        )
        for measure, number in ((task.held, effect.does.held), (task.moved, effect.does.moved))
    )


def _about(n: int, schema: Schema) -> tuple[Text, ...]:
    kind = kind_of(schema)
    return (
        message(
            "notes.robustness.perturbed",
            n=n,
            instances=kind.words("instances"),
            noise=kind.words("noise"),
        ),
        message("notes.robustness.random"),
    )


def _disturbance(name: str, schema: Schema) -> Disturbance:
    return next(each for each in kind_of(schema).disturbances() if each.name == name)


def _table(task: Task, effects: list[Effect], schema: Schema) -> pd.DataFrame:
    """One row for each perturbation and level."""
    return Robustness.frame(
        "perturbations",
        (
            PerturbationEffect(
                effect.kind,
                _disturbance(effect.kind, schema).label,
                effect.level,
                {task.held.key: effect.does.held, task.moved.key: effect.does.moved},
                effect.does.before,
                effect.does.lost,
                effect.smooth,
                effect.does.moved.n,
            )
            for effect in effects
        ),
    )
