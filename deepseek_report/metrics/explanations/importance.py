"""Which features matter over all explained instances, and for whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import Units
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations import explanation_plugin
from deepseek_report.metrics.explanations.explanation_rows import (
    ClassImportance,
    FeatureImportance,
    GroupImportance,
)
from deepseek_report.metrics.plugin import Resamples
from deepseek_report.statistics.intervals import SHARE

#: A token must stand in so many explained texts to be told of.
LEAST_OCCURRENCES = 3
#: Features that get an interval, and that are compared by group, the most important first.
MOST_INTERVALS, MOST_BY_GROUP = 300, 100


_BY_GROUP = TableType.of(
    GroupImportance,
    folded=True,
    release=TableRelease(counts=("n",), lines=(("explainer", "attribute", "feature"),)),
)


@dataclass(frozen=True)
class Importance(explanation_plugin.ExplanationMetric):
    """Mean magnitude of each feature's attributions, over all explained instances and by group.

    In images and series a feature is a patch or a window, in texts a token wherever it stands.

    Where all instances were explained for further classes, `by_class` holds the same of each of
    them, so that a reader can switch to it.

    `top_feature_share` is the share of the first feature in the sum of all mean magnitudes.
    """

    reveals = "aggregate"
    tables = {
        "importance": TableType.of(FeatureImportance, release=TableRelease(counts=("n",))),
        "by_class": TableType.of(ClassImportance, release=TableRelease(counts=("n",))),
        "by_group": _BY_GROUP,
    }

    resamples: Resamples = 2000

    bounds = {"top_feature_share": SHARE}
    reads = frozenset({"dataset", "predictions", "cases", "explanation", "seed"})

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = self.judged(context)
        draws, schema = (self.resamples, context.seed), context.dataset.schema
        units = kind_of(schema).units(explanation.values, explanation.inputs, LEAST_OCCURRENCES)
        if not units.names:
            raise NotApplicableError(
                message("refusals.rare_units", least=LEAST_OCCURRENCES, rows=len(explanation))
            )
        return Measurement(
            scores=(_top_share(explanation, units, draws),),
            tables={
                "importance": _overall(explanation, units, draws),
                **_by_class(explanation, schema, draws),
                "by_group": _by_group(context, explanation, units, draws),
            },
            notes=tuple(_notes(units, context)),
        )


def _notes(units: Units, context: MeasureContext) -> Iterator[Text]:
    if about := kind_of(context.dataset.schema).about_units(LEAST_OCCURRENCES):
        yield about
    if (n := len(units.names)) > MOST_INTERVALS:
        with_interval, by_group = MOST_INTERVALS, MOST_BY_GROUP
        yield message(
            "notes.global_importance.first", n=n, with_interval=with_interval, by_group=by_group
        )
    yield from explanation_plugin.about_sample(context)


def _estimates(units: Units, draws: tuple[int, int]) -> tuple[Floats, Floats, Floats]:
    """Mean magnitude of each unit, with its interval for the `MOST_INTERVALS` first."""
    sizes = [np.abs(values) for values in units.values]
    means = np.array([size.mean() if len(size) else np.nan for size in sizes])
    low, high = np.full(len(means), np.nan), np.full(len(means), np.nan)
    largest = np.argsort(-_sums(units), kind="stable")[:MOST_INTERVALS]
    if len({len(sizes[k]) for k in largest}) == 1:
        largest = np.sort(largest)
        _, low[largest], high[largest] = explanation_plugin.bootstrap_mean(
            np.stack([sizes[k] for k in largest], axis=1), *draws
        )
    else:
        for k in largest:
            _, low[k], high[k] = explanation_plugin.bootstrap_mean(sizes[k], *draws)
    return means, low, high


def _sums(units: Units) -> Floats:
    """(unit,) all that is attributed to each, whatever its sign; what units are ranked by."""
    return np.array([np.abs(values).sum() for values in units.values], dtype=np.float64)


def _top_share(explanation: Explanation, units: Units, draws: tuple[int, int]) -> Score:
    n = len(explanation)
    totals = np.zeros((len(units.names), n))
    for k, (values, rows) in enumerate(zip(units.values, units.rows, strict=True)):
        np.add.at(totals[k], rows, np.abs(values))
    top = int(totals.sum(axis=1).argmax())
    ratio = explanation_plugin.ratio_of_means(totals[top], totals.sum(axis=0), *draws, bounds=SHARE)
    return Importance.score(
        "top_feature_share",
        ratio,
        "none",
        unit="share",
        explainer=explanation.method,
        note=message("notes.global_importance.top", name=units.names[top]),
    )


def _overall(explanation: Explanation, units: Units, draws: tuple[int, int]) -> pd.DataFrame:
    mean, low, high = _estimates(units, draws)
    sums = _sums(units)
    total = sums.sum()
    signed = [values.mean() if explanation.signed else np.nan for values in units.values]
    frame = pd.DataFrame(
        {
            "explainer": explanation.method,
            "feature": units.names,
            "label": units.labels,
            "mean_absolute": mean,
            "low": low,
            "high": high,
            "mean_signed": np.array(signed, dtype=np.float64),
            "share": sums / total if total > 0 else np.zeros(len(mean)),
            "n": [len(values) for values in units.values],
        }
    ).sort_values("share", ascending=False, kind="stable", ignore_index=True)
    return frame.assign(rank=np.arange(1, len(frame) + 1))


def _by_class(
    explanation: Explanation, schema: Schema, draws: tuple[int, int]
) -> dict[str, pd.DataFrame]:
    """The importance for each further class that was explained; nothing where none was."""
    others = explanation.others
    if others is None:
        return {}
    frames = []
    for target in others.targets.tolist():
        toward = explanation.toward(target)
        if toward is not None:
            units = kind_of(schema).units(toward.values, toward.inputs, LEAST_OCCURRENCES)
            frame = _overall(toward, units, draws)
            frame.insert(0, "class", schema.target.classes[target])
            frames.append(frame)
    return {"by_class": pd.concat(frames, ignore_index=True)}


def _by_group(
    context: MeasureContext, explanation: Explanation, units: Units, draws: tuple[int, int]
) -> pd.DataFrame:
    largest = sorted(np.argsort(-_sums(units), kind="stable")[:MOST_BY_GROUP].tolist())
    frames = [
        _level(context, explanation, (attribute, code), units, largest, draws)
        for attribute in context.dataset.schema.attributes
        if attribute.name in context.predictions.groups
        for code in range(len(attribute.levels))
    ]
    kept = [frame for frame in frames if frame is not None]
    return pd.concat(kept, ignore_index=True) if kept else _BY_GROUP.frame([])


def _level(
    context: MeasureContext,
    explanation: Explanation,
    level: tuple[Attribute, int],
    units: Units,
    largest: list[int],
    draws: tuple[int, int],
) -> pd.DataFrame | None:
    attribute, code = level
    chosen = context.predictions.groups[attribute.name][explanation.positions] == code
    if not chosen.any():
        return None
    inside = units.within(chosen, largest)
    inside = inside.within(chosen, [k for k, values in enumerate(inside.values) if len(values)])
    mean, low, high = _estimates(inside, draws)
    return pd.DataFrame(
        {
            "explainer": explanation.method,
            "attribute": attribute.name,
            "attribute_label": attribute.label,
            "level": attribute.levels[code],
            "feature": inside.names,
            "label": inside.labels,
            "mean_absolute": mean,
            "low": low,
            "high": high,
            "n": [len(values) for values in inside.values],
        }
    )
