"""For whom predicted numbers are further off, or off to one side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import WHOLE, Releases, Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import PEOPLE, AttributeKind
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.metrics.groups import Grouping, MinCell, groupings
from deepseek_report.metrics.plugin import NumberMetric
from deepseek_report.statistics.intervals import Z95, holm, mean_interval
from deepseek_report.statistics.resampling import permutation_p_value

Floats = NDArray[np.float64]
_CHUNK = 100
#: What is compared between groups: the score's name, and what it is of an error.
GAPS = {"mae_gap": "mae", "mean_error_gap": "mean_error"}


def largest_gap(values: Floats, codes: NDArray[np.int64], levels: NDArray[np.int64]) -> Floats:
    """(draw,) largest difference between the groups' means.

    Parameters
    ----------
    values : (draw, instance). codes : (instance,). levels : the groups that are compared.
    """
    member = (codes[:, None] == levels).astype(np.float64)
    means = values @ member / member.sum(axis=0)
    return np.asarray(means.max(axis=1) - means.min(axis=1))


def null_gaps(
    values: Floats,
    codes: NDArray[np.int64],
    levels: NDArray[np.int64],
    n_permutations: int,
    rng: np.random.Generator,
) -> Floats:
    """(permutation,) the largest gap where the values are dealt out to the groups by chance."""
    kept = np.isin(codes, levels)
    values, codes = values[kept], codes[kept]
    found = []
    for first in range(0, n_permutations, _CHUNK):
        rows = min(_CHUNK, n_permutations - first)
        shuffled = rng.permuted(np.tile(values, (rows, 1)), axis=1)
        found.append(largest_gap(shuffled, codes, levels))
    return np.concatenate(found)


@dataclass(frozen=True)
class GroupErrors(NumberMetric):
    """Mean error and mean absolute error of each group, and the largest gaps between groups.

    min_cell : a group with fewer test rows is not judged. n_permutations : how often the errors
    are dealt out to the groups by chance.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {
        "groups": TableRelease(counts=("n",), lines=(("attribute",),)),
        "tests": WHOLE,
    }
    category: ClassVar[Category] = "fairness"
    needs_groups: ClassVar[frozenset[AttributeKind]] = PEOPLE
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset", "seed"})
    bounds: ClassVar[Bounds] = {"mae_gap": (0.0, None), "mean_error_gap": (0.0, None)}
    min_cell: MinCell = 30
    crossings: bool = True
    n_permutations: Annotated[int, Field(ge=100, le=100_000)] = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        found = groupings(
            schema,
            dict(p.groups),
            crossings=self.crossings,
            min_cell=self.min_cell,
            kinds=self.needs_groups,
        )
        rows = [row for one in found for row in self._rows(one, p)]
        tests = list(self._tests([one for one in found if not one.crossing], p, context.seed))
        adjusted = holm([one["p_value"] for one in tests])
        tests = [{**one, "p_adjusted": float(p)} for one, p in zip(tests, adjusted, strict=True)]
        tables = {"groups": pd.DataFrame(rows)}
        if tests:
            tables["tests"] = pd.DataFrame(tests)
        unit = schema.target.unit or ""
        return Measurement(
            tuple(_score(one, unit, self.category) for one in tests), tables, notes=_NOTES
        )

    def _rows(self, grouping: Grouping, p: Predictions) -> Iterator[dict[str, Any]]:
        for code, level in enumerate(grouping.levels):
            inside = grouping.codes == code
            n, few = int(inside.sum()), int(inside.sum()) < self.min_cell
            yield {
                "attribute": grouping.name,
                "attribute_label": grouping.label,
                "level": level,
                "n": n,
                "mean_label": float(p.labels[inside].mean()),
                "mean_prediction": float(p.values[inside].mean()),
                **_mean("mean_error", p.errors[inside]),
                **_mean("mae", np.abs(p.errors[inside])),
                "too_few": few,
                "crossing": grouping.crossing,
            }

    def _tests(self, found: list[Grouping], p: Predictions, seed: int) -> Iterator[dict[str, Any]]:
        for grouping in found:
            levels = np.flatnonzero(grouping.sizes >= self.min_cell)
            if len(levels) < 2:
                continue
            for metric, kind in GAPS.items():
                values = np.abs(p.errors) if kind == "mae" else p.errors
                rng = np.random.default_rng([seed, len(metric)])
                null = null_gaps(values, grouping.codes, levels, self.n_permutations, rng)
                yield _test(metric, grouping, levels, values, null)


def _mean(name: str, values: Floats) -> dict[str, float]:
    mean, low, high = (float(one) for one in mean_interval(values))
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _test(
    metric: str, grouping: Grouping, levels: NDArray[np.int64], values: Floats, null: Floats
) -> dict[str, Any]:
    parts = [values[grouping.codes == one] for one in levels]
    means = np.array([one.mean() for one in parts])
    widest, narrowest = int(means.argmax()), int(means.argmin())
    gap = float(means[widest] - means[narrowest])
    variance = sum(float(parts[k].var(ddof=1)) / len(parts[k]) for k in (widest, narrowest))
    half = Z95 * math.sqrt(variance)
    return {
        "metric": metric,
        "attribute": grouping.name,
        "attribute_label": grouping.label,
        "value": gap,
        "low": max(gap - half, 0.0),
        "high": gap + half,
        "null_mean": float(null.mean()),
        "null_high": float(np.quantile(null, 0.95)),
        "p_value": permutation_p_value(null, gap),
        "n": sum(len(one) for one in parts),
        "widest_level": grouping.levels[levels[widest]],
        "narrowest_level": grouping.levels[levels[narrowest]],
    }


def _score(test: dict[str, Any], unit: str, category: Category) -> Score:
    method = "normal, of the difference between the two groups furthest apart"
    found = Estimate(test["value"], test["low"], test["high"], test["n"], method)
    return found.score(
        test["metric"],
        category,
        "lower",
        unit=unit,
        bounds=(0.0, None),
        attribute=test["attribute"],
        p_value=test["p_value"],
        note=f"Between {test['narrowest_level']!r} and {test['widest_level']!r}, chosen as the "
        "groups furthest apart; the p-value is by permutation of all groups.",
    )


_NOTES = (
    "An error is the predicted number minus the true one: above 0 is too high. Gaps are tested by "
    "dealing out the errors to the groups by chance, p-values are corrected by Holm's method.",
    "The interval of a gap is that of two groups named in advance; as the furthest apart were "
    "chosen, the gap looks a little larger than it is.",
)
