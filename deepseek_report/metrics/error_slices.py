"""Where predicted numbers are further off: parts of the data with the largest errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import Releases, Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.conditions import (
    Condition,
    all_conditions,
    indicator_matrix,
    joined,
    overlaps,
    part_of,
)
from deepseek_report.metrics.plugin import NumberMetric
from deepseek_report.statistics.intervals import holm, mean_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Every part looked at: its two conditions (the same twice for one), size, mean and spread.

    first, second, sizes, means, variances : (part,); of the absolute errors inside of it.
    rest_sizes, rest_means, rest_variances : (part,); of all other instances.
    """

    first: Ints
    second: Ints
    sizes: Floats
    means: Floats
    variances: Floats
    rest_sizes: Floats
    rest_means: Floats
    rest_variances: Floats

    @property
    def differences(self) -> Floats:
        return self.means - self.rest_means

    @property
    def p_values(self) -> Floats:
        """(part,) one-sided Welch test that the mean error inside is not larger than elsewhere."""
        from scipy.stats import t

        inside, rest = self.variances / self.sizes, self.rest_variances / self.rest_sizes
        spread = np.maximum(inside + rest, 1e-300)
        freedom = spread**2 / np.maximum(
            inside**2 / (self.sizes - 1) + rest**2 / (self.rest_sizes - 1), 1e-300
        )
        return np.asarray(t.sf(self.differences / np.sqrt(spread), freedom))


def measure_parts(
    matrix: Floats, errors: Floats, about: list[str], pairs: bool, least: int
) -> Parts:
    """Mean and variance of the errors in every part of one or two conditions, by matrix products.

    Conditions on the same feature are not joined; parts with fewer than `least` instances, inside
    or outside, are left out.

    Parameters
    ----------
    matrix : (instance, condition) of 0 and 1. errors : (instance,) absolute errors.
    about : (condition,) name of the feature of each. pairs : whether two conditions are joined.
    """
    first, second = joined(about, pairs)
    sums = [
        (matrix.T @ (matrix * weights[:, None]))[first, second]
        for weights in (np.ones(len(errors)), errors, errors**2)
    ]
    totals = [float(len(errors)), float(errors.sum()), float((errors**2).sum())]
    rest = [total - one for total, one in zip(totals, sums, strict=True)]
    enough = (sums[0] >= least) & (rest[0] >= least)
    inside = [one[enough] for one in sums]
    outside = [one[enough] for one in rest]
    return Parts(
        first[enough],
        second[enough],
        inside[0],
        *_moments(*inside),
        outside[0],
        *_moments(*outside),
    )


def _moments(sizes: Floats, sums: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Mean and unbiased variance from size, sum and sum of squares."""
    means = sums / sizes
    return means, np.maximum(squares - sizes * means**2, 0.0) / np.maximum(sizes - 1, 1)


@dataclass(frozen=True)
class ErrorSlices(NumberMetric):
    """The parts of up to two feature values with the largest errors, corrected for all looked at.

    max_features : conditions that are joined. min_size, min_share : least instances of a part.
    most : how many parts are listed.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {"slices": TableRelease(counts=("n",), overlapping=True)}
    category: ClassVar[Category] = "slices"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset"})
    bounds: ClassVar[Bounds] = {"worst_slice_mae": (0.0, None), "parts_examined": (0.0, None)}
    max_features: Literal[1, 2] = 2
    min_size: Annotated[int, Field(ge=5)] = 30
    min_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    most: Annotated[int, Field(ge=1, le=20)] = 20

    def measure(self, context: MeasureContext) -> Measurement:
        p, data = context.predictions, context.dataset
        least = max(self.min_size, math.ceil(self.min_share * len(p)))
        found = all_conditions(data.schema, data.test.inputs, data.train.inputs, data.test.groups)
        found = [one for one in found if least <= one.holds.sum() <= len(p) - least]
        if not found:
            raise NotApplicableError(
                f"no feature splits the {len(p)} test rows into parts of at least {least}; lower "
                "min_size and min_share, or use more rows."
            )
        about = [one.about for one in found]
        errors = np.abs(p.errors)
        parts = measure_parts(indicator_matrix(found), errors, about, self.max_features == 2, least)
        p_values = parts.p_values
        chosen = self._choose(parts, p_values, found)
        table = _table(chosen, parts, found, p)
        table = table.assign(p_value=p_values[chosen], p_adjusted=holm(p_values)[chosen])
        unit = data.schema.target.unit or ""
        return Measurement(
            _scores(table, len(p_values), len(p), unit),
            {"slices": table},
            notes=self._notes(table, len(p_values), least),
        )

    def _choose(self, parts: Parts, p_values: Floats, conditions: list[Condition]) -> list[int]:
        """The parts with the surest surplus of error, none of them nearly the same as another."""
        chosen: list[int] = []
        members: list[NDArray[np.bool_]] = []
        order = np.lexsort((parts.first != parts.second, p_values))
        for k in order[parts.differences[order] > 0].tolist():
            inside = part_of(conditions[parts.first[k]], conditions[parts.second[k]]).holds
            if overlaps(inside, members):
                continue
            chosen.append(k)
            members.append(inside)
            if len(chosen) == self.most:
                break
        return chosen

    def _notes(self, table: pd.DataFrame, examined: int, least: int) -> tuple[str, ...]:
        sure = int((table["p_adjusted"] < self.alpha).sum())
        return (
            f"{examined} parts of at least {least} instances were looked at; of the {len(table)} "
            f"listed {sure} have larger errors than chance explains (Welch's test, Holm-corrected "
            "for all).",
            "Parts were searched and tested on the same test rows: the worst of many looks worse "
            "than it is; expect smaller differences on new data.",
        )


_COLUMNS: dict[str, type] = {
    "slice": str,
    "features": str,
    "n": int,
    "share": float,
    "mae": float,
    "low": float,
    "high": float,
    "rest_mae": float,
    "difference": float,
    "mean_error": float,
}


def _table(
    chosen: list[int], parts: Parts, conditions: list[Condition], p: Predictions
) -> pd.DataFrame:
    rows = [_row(k, parts, conditions, p) for k in chosen]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _row(k: int, parts: Parts, conditions: list[Condition], p: Predictions) -> tuple[Any, ...]:
    part = part_of(conditions[parts.first[k]], conditions[parts.second[k]])
    inside = part.holds
    mean, low, high = (float(one) for one in mean_interval(np.abs(p.errors[inside])))
    return (
        part.text,
        part.about,
        int(inside.sum()),
        float(inside.mean()),
        mean,
        max(low, 0.0),
        high,
        float(parts.rest_means[k]),
        float(parts.differences[k]),
        float(p.errors[inside].mean()),
    )


def _scores(table: pd.DataFrame, examined: int, n: int, unit: str) -> tuple[Score, ...]:
    looked_at = Estimate(examined, None, None, n, "").score("parts_examined", "slices", "none")
    if table.empty:
        return (looked_at,)
    worst = table.iloc[0]
    found = Estimate(
        float(worst["mae"]), float(worst["low"]), float(worst["high"]), int(worst["n"]), "normal"
    )
    score = found.score(
        "worst_slice_mae",
        "slices",
        "lower",
        slice=str(worst["slice"]),
        unit=unit,
        bounds=(0.0, None),
        p_value=float(worst["p_adjusted"]),
        note=f"Chosen as the worst of {examined} parts; the p-value is corrected for that, the "
        "interval is not.",
    )
    return (score, looked_at)
