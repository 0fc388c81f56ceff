"""Does the attribution agree with what the model does? Deletion, insertion, completeness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.curves import Mode, Perturbation, rank_features
from deepseek_report.metrics.explanations.explanation_plugin import (
    CONTROL,
    ExplanationMetric,
    about_sample,
    bootstrap_mean,
    judged,
    mean_score,
    ratio_of_means,
    unfilled,
)
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.tasks import task_of

Steps = Annotated[int, Field(ge=2, le=1000)]

_PETSIUK = "Petsiuk, Das & Saenko 2018, arXiv:1806.07421"
_SUNDARARAJAN = "Sundararajan, Taly & Yan 2017, arXiv:1703.01365"
_READS = frozenset(
    {"dataset", "predictions", "cases", "classifier", "explanation", "control", "seed"}
)


def perturbation(context: MeasureContext, explanation: Explanation, steps: int) -> Perturbation:
    """Replacement of the instances' players by the mask, or the training median or mode."""
    train, schema = context.dataset.train, context.dataset.schema
    return Perturbation(
        classifier=context.classifier,
        inputs=explanation.inputs,
        baseline=kind_of(schema).baseline(explanation.inputs, train.inputs),
        decided=context.predictions.decisions[explanation.positions],
        steps=steps,
        spread=task_of(schema.target).spread(train.labels),
    )


def order_of(explanation: Explanation, replacing: Perturbation) -> Ints:
    """(instance, player) the order in which an explanation takes players away."""
    return rank_features(explanation, replacing.toward(explanation.target), replacing.schema)


_CURVE = TableType(
    (
        *columns_of("explainer:explainer removed_share:share"),
        estimate("mean"),
        Column("n", "count"),
    ),
    release=WHOLE,
)


@dataclass(frozen=True)
class Deletion(ExplanationMetric):
    """Area under the probability of the decision while its main features are taken away.

    Features are replaced by the training median or mode, those that speak most for the decided
    class first; the lower the area the better. `deletion_gain` is the paired difference random
    order − this order: above 0 means that the explanation knows more than chance.

    Texts lose words to the mask, images patches, series windows. Of a number the curve is
    s · (f(x_S) − f(x')) / σ, the distance from the number at the baseline x' in the direction
    s = ±1 of the prediction, in standard deviations σ of the training labels.

    Reference: Petsiuk, Das & Saenko 2018, arXiv:1806.07421.
    """

    reveals = "aggregate"
    tables = {"curve": _CURVE}

    steps: Steps = 10
    resamples: Resamples = 2000

    bounds = {"deletion": (None, None), "deletion_gain": (None, None)}
    reads = _READS
    takes = frozenset({"deletion"})

    def measure(self, context: MeasureContext) -> Measurement:
        return _measure(context, "deletion", self.steps, self.resamples)


@dataclass(frozen=True)
class Insertion(ExplanationMetric):
    """Area under the probability of the decision while its main features are put back.

    From the training median or mode on, the features that speak most for the decided class are
    restored first; the higher the area the better. `insertion_gain` is the paired difference this
    order − random order: above 0 means that the explanation knows more than chance. For texts,
    images, series and numbers see `deletion`.

    Reference: Petsiuk, Das & Saenko 2018, arXiv:1806.07421.
    """

    reveals = "aggregate"
    tables = {"curve": _CURVE}

    steps: Steps = 10
    resamples: Resamples = 2000

    bounds = {"insertion": (None, None), "insertion_gain": (None, None)}
    reads = _READS
    takes = frozenset({"insertion"})

    def measure(self, context: MeasureContext) -> Measurement:
        return _measure(context, "insertion", self.steps, self.resamples)


def _measure(context: MeasureContext, mode: Mode, steps: int, resamples: int) -> Measurement:
    explanation = judged(context)
    replacing = perturbation(context, explanation, steps)
    curves = replacing.curves(order_of(explanation, replacing), mode)
    areas = replacing.areas(curves)
    control = _control_areas(context, replacing, mode)
    template = _template(context, explanation, mode, len(replacing.shares))
    scores = [mean_score(template, areas, resamples, context.seed)]
    arrays = {"per_instance": areas}
    if control is not None:
        gain = control - areas if mode == "deletion" else areas - control
        scores.append(mean_score(_gain(template), gain, resamples, context.seed))
        arrays |= {"control": control}
    return Measurement(
        scores=tuple(scores),
        tables={"curve": _curve_table(explanation, replacing, curves, (resamples, context.seed))},
        arrays=arrays,
        notes=tuple(_notes(context, explanation, control)),
    )


def _control_areas(context: MeasureContext, replacing: Perturbation, mode: Mode) -> Floats | None:
    control, explanation = context.control, context.explanation
    if control is None or explanation is None or explanation.method == CONTROL:
        return None
    return areas_of(context, CONTROL, control, replacing, mode)


def areas_of(
    context: MeasureContext,
    name: str,
    explanation: Explanation,
    replacing: Perturbation,
    mode: Mode,
) -> Floats:
    """(instance,) areas under the curves of an explanation of the run.

    They are taken from its measurement, where one with the same points was handed over.
    """
    measured = context.measured.get(ArtifactId.measure(mode, name))
    if measured is not None and np.array_equal(_points(measured), replacing.shares):
        return np.asarray(measured.arrays["per_instance"])
    return replacing.areas(replacing.curves(order_of(explanation, replacing), mode))


def _points(measured: Measurement) -> Floats:
    return np.asarray(measured.tables["curve"]["removed_share"])


def _template(context: MeasureContext, explanation: Explanation, mode: Mode, points: int) -> Score:
    schema = context.dataset.schema
    task, baseline = task_of(schema.target), kind_of(schema).words("baseline")
    return unfilled(
        mode,
        "lower" if mode == "deletion" else "higher",
        task.watched_bounds,
        explainer=explanation.method,
        reference=_PETSIUK,
        note=message(
            "notes.faithfulness.curve",
            signed=explanation.signed,
            outcome=task.outcome,
            points=points,
            watched=task.watched,
            baseline=baseline,
        ),
    )


def _gain(template: Score) -> Score:
    from dataclasses import replace

    return replace(
        template,
        metric=f"{template.metric}_gain",
        direction="higher",
        bounds=(None, None) if template.bounds[0] is None else (-1.0, 1.0),
        note=message("notes.faithfulness.gain"),
    )


def _curve_table(
    explanation: Explanation, replacing: Perturbation, curves: Floats, draws: tuple[int, int]
) -> pd.DataFrame:
    mean, low, high = bootstrap_mean(curves, *draws)
    return pd.DataFrame(
        {
            "explainer": explanation.method,
            "removed_share": replacing.shares,
            "mean": mean,
            "low": low,
            "high": high,
            "n": len(curves),
        }
    )


def _notes(context: MeasureContext, explanation: Explanation, control: Floats | None) -> list[Text]:
    notes: list[Text] = []
    if control is None and explanation.method != CONTROL:
        notes.append(message("notes.faithfulness.no_control"))
    several = len(context.dataset.schema.target.classes) > 2
    decided = context.predictions.decisions[explanation.positions]
    if several and explanation.signed and (decided != explanation.target).any():
        notes.append(message("notes.faithfulness.other_class"))
    kind = kind_of(context.dataset.schema)
    return [*notes, kind.words("replaced"), *about_sample(context)]


@dataclass(frozen=True)
class CompletenessGap(ExplanationMetric):
    """How far the attributions miss the distance between prediction and base value.

    mean |Σ attributions − (prediction − base)| / mean |prediction − base|; 0 means that the
    attributions account for the whole prediction.

    Reference: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.
    """

    reveals = "aggregate"

    resamples: Resamples = 2000

    bounds = {"completeness_gap": (0.0, None)}
    reads = frozenset({"explanation", "seed"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = judged(context)
        gap = explanation.completeness_gap
        if gap is None or explanation.base_values is None:
            raise NotApplicableError(message("refusals.no_base_value"))
        distance = np.abs(explanation.predictions - explanation.base_values)
        ratio = ratio_of_means(np.abs(gap), distance, self.resamples, context.seed)
        score = self.score(
            "completeness_gap",
            ratio,
            "lower",
            explainer=explanation.method,
            reference=_SUNDARARAJAN,
            note=message("notes.completeness.relative"),
        )
        return Measurement(scores=(score,), arrays={"per_instance": gap})
