"""Which features matter over all explained instances, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols import MeasureContext
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.metrics.explanation_plugin import ExplanationMetric, about_sample, judged
from deepseek_report.metrics.faithfulness import ratio_of_means
from deepseek_report.metrics.instance_means import bootstrap_mean
from deepseek_report.metrics.plugin import Resamples

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Importance(ExplanationMetric):
    """Mean magnitude of each feature's attributions, over all explained instances and by group.

    `top_feature_share` is the share of the first feature in the sum of all mean magnitudes.
    """

    resamples: Resamples = 2000

    reads: ClassVar[frozenset[str]] = frozenset(
        {"dataset", "predictions", "cases", "explanation", "seed"}
    )

    def measure(self, context: MeasureContext) -> Measurement:
        explanation = judged(context, "importance")
        draws = (self.resamples, context.seed)
        return Measurement(
            scores=(_top_share(explanation, draws),),
            tables={
                "importance": _overall(context, explanation, draws),
                "by_group": _by_group(context, explanation, draws),
            },
            notes=about_sample(context),
        )


def _top_share(explanation: Explanation, draws: tuple[int, int]) -> Score:
    sizes = np.abs(explanation.values)
    top = int(sizes.mean(axis=0).argmax())
    value, low, high = ratio_of_means(sizes[:, top], sizes.sum(axis=1), *draws)
    return Score(
        metric="top_feature_share",
        category="explanation",
        value=value,
        low=low,
        high=high,
        n=len(sizes),
        direction="none",
        bounds=(0.0, 1.0),
        unit="share",
        explainer=explanation.method,
        interval_method=f"BCa bootstrap of instances, {draws[0]} resamples, seed {draws[1]}",
        note=f"The first feature is {explanation.feature_names[top]}.",
    )


def _overall(
    context: MeasureContext, explanation: Explanation, draws: tuple[int, int]
) -> pd.DataFrame:
    sizes = np.abs(explanation.values)
    mean, low, high = bootstrap_mean(sizes, *draws)
    total = mean.sum()
    frame = pd.DataFrame(
        {
            "explainer": explanation.method,
            "feature": list(explanation.feature_names),
            "label": context.dataset.schema.labels,
            "mean_absolute": mean,
            "low": low,
            "high": high,
            "mean_signed": _mean_signed(explanation),
            "share": mean / total if total > 0 else np.zeros(len(mean)),
            "n": len(sizes),
        }
    ).sort_values("mean_absolute", ascending=False, kind="stable", ignore_index=True)
    return frame.assign(rank=np.arange(1, len(frame) + 1))


def _mean_signed(explanation: Explanation) -> Array:
    mean = explanation.values.mean(axis=0)
    return np.asarray(mean if explanation.signed else np.full(mean.shape, np.nan))


def _by_group(
    context: MeasureContext, explanation: Explanation, draws: tuple[int, int]
) -> pd.DataFrame:
    frames = [
        _level(context, explanation, (attribute, code), draws)
        for attribute in context.dataset.schema.attributes
        if attribute.name in context.predictions.groups
        for code in range(len(attribute.levels))
    ]
    columns = ["explainer", "attribute", "attribute_label", "level", "feature", "label"]
    empty = pd.DataFrame(columns=[*columns, "mean_absolute", "low", "high", "n"])
    kept = [frame for frame in frames if frame is not None]
    return pd.concat(kept, ignore_index=True) if kept else empty


def _level(
    context: MeasureContext,
    explanation: Explanation,
    level: tuple[Attribute, int],
    draws: tuple[int, int],
) -> pd.DataFrame | None:
    attribute, code = level
    chosen = context.predictions.groups[attribute.name][explanation.positions] == code
    if not chosen.any():
        return None
    mean, low, high = bootstrap_mean(np.abs(explanation.values[chosen]), *draws)
    return pd.DataFrame(
        {
            "explainer": explanation.method,
            "attribute": attribute.name,
            "attribute_label": attribute.label,
            "level": attribute.levels[code],
            "feature": list(explanation.feature_names),
            "label": context.dataset.schema.labels,
            "mean_absolute": mean,
            "low": low,
            "high": high,
            "n": int(chosen.sum()),
        }
    )
