"""Where the model fails: parts of the data, by one or two feature values, with the most errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.disclosure import Releases, Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
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
from deepseek_report.metrics.encoding import most_telling
from deepseek_report.metrics.performance import SHARE
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.intervals import holm, newcombe, rate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_MOST_ALIKE = 3
#: Features by which slices are cut; pairs of them grow with the square.
_MOST_COLUMNS = 64


@dataclass(frozen=True)
class Candidates:
    """Every slice looked at: its two conditions (the same twice for a single one) and its counts.

    first, second, sizes, errors : (slice,).
    """

    first: Ints
    second: Ints
    sizes: Ints
    errors: Ints


def count_slices(matrix: Floats, wrong: Bools, about: list[str], pairs: bool) -> Candidates:
    """Size and errors of every slice of one or two conditions, by two matrix products.

    Conditions on the same feature are not joined.

    Parameters
    ----------
    matrix : (instance, condition) of 0 and 1. wrong : (instance,).
    about : (condition,) name of the feature of each. pairs : whether two conditions are joined.
    """
    first, second = joined(about, pairs)
    sizes = (matrix.T @ matrix)[first, second]
    errors = (matrix.T @ (matrix * wrong[:, None]))[first, second]
    return Candidates(
        first,
        second,
        sizes.round().astype(np.int64),
        errors.round().astype(np.int64),
    )


def more_errors_p_value(errors: Ints, sizes: Ints, all_errors: int, n: int) -> Floats:
    """Chance of at least so many errors in a slice of this size drawn at random: Fisher, one-sided.

    Slices with fewer errors than their share get 1 without a count.
    """
    from scipy.stats import hypergeom

    p = np.ones(len(errors))
    worse = np.flatnonzero(errors * n > sizes * all_errors)
    p[worse] = hypergeom.sf(errors[worse] - 1, n, all_errors, sizes[worse])
    return np.clip(p, 0.0, 1.0)


@dataclass(frozen=True)
class Slices(ClassMetric):
    """The slices of up to two feature values with the most errors, corrected for all looked at."""

    reveals: ClassVar[Reveals] = "aggregate"
    releases: ClassVar[Releases] = {"slices": TableRelease(counts=("n",), overlapping=True)}
    bounds: ClassVar[Bounds] = {"worst_slice_error_rate": SHARE, "slices_examined": (0.0, None)}
    category: ClassVar[Category] = "slices"
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset"})
    max_features: Literal[1, 2] = 2
    min_size: Annotated[int, Field(ge=5)] = 50
    min_share: Annotated[float, Field(ge=0, lt=1)] = 0.01
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    most: Annotated[int, Field(ge=1, le=20)] = 20

    def measure(self, context: MeasureContext) -> Measurement:
        p, data = context.predictions, context.dataset
        wrong = ~p.correct
        least = max(self.min_size, math.ceil(self.min_share * len(p)))
        columns = most_telling(data.train.inputs, data.train.labels, _MOST_COLUMNS)
        found = all_conditions(
            data.schema, data.test.inputs, data.train.inputs, data.test.groups, columns.tolist()
        )
        found = [one for one in found if least <= one.holds.sum() < len(p)]
        if not found:
            raise NotApplicableError(
                _no_attribute(data.schema)
                or f"no feature splits the {len(p)} test rows into parts of at least {least}; "
                "lower min_size and min_share, or use more rows."
            )
        about = [one.about for one in found]
        counted = count_slices(indicator_matrix(found), wrong, about, self.max_features == 2)
        looked_at = _at_least(counted, least)
        p_values = more_errors_p_value(looked_at.errors, looked_at.sizes, int(wrong.sum()), len(p))
        chosen = self._choose(looked_at, found, wrong)
        table = _table(looked_at, chosen, found, p)
        table = table.assign(p_value=p_values[chosen], p_adjusted=holm(p_values)[chosen])
        return Measurement(
            _scores(table, len(looked_at.sizes), len(p)),
            {"slices": table},
            notes=(
                *self._notes(table, len(looked_at.sizes), least),
                *_limits(data.schema),
            ),
        )

    def _choose(self, c: Candidates, conditions: list[Condition], wrong: Bools) -> Ints:
        """The worst slices that say something new, worst first by the low end of the difference.

        A slice is skipped where it overlaps with one that is listed, where one of its two
        conditions is as bad alone, or where one of the two is in three listed pairs already.
        """
        n, total = len(wrong), int(wrong.sum())
        rest = n - c.sizes
        low, _ = newcombe(c.errors, c.sizes, total - c.errors, np.maximum(rest, 1))
        difference = c.errors / c.sizes - (total - c.errors) / np.maximum(rest, 1)
        order = np.lexsort((c.first != c.second, -np.round(low, 12)))
        chosen: list[int] = []
        members: list[Bools] = []
        used = np.zeros(len(conditions), np.int64)
        for k in order[difference[order] > 0]:
            parts = [c.first[k], c.second[k]]
            inside = part_of(conditions[parts[0]], conditions[parts[1]]).holds
            pair = parts[0] != parts[1]
            known = (pair and used[parts].max() >= _MOST_ALIKE) or overlaps(inside, members)
            if known or self._implied(c, int(k), conditions, wrong):
                continue
            used[parts] += pair
            chosen.append(int(k))
            members.append(inside)
            if len(chosen) == self.most:
                break
        return np.array(chosen, np.int64)

    def _implied(self, c: Candidates, k: int, conditions: list[Condition], wrong: Bools) -> bool:
        """Whether a slice of two conditions is no worse than one of them alone."""
        if c.first[k] == c.second[k]:
            return False
        errors, size = c.errors[k : k + 1], c.sizes[k : k + 1]
        parents = (conditions[c.first[k]].holds, conditions[c.second[k]].holds)
        return any(
            more_errors_p_value(errors, size, int((wrong & one).sum()), int(one.sum()))[0]
            > self.alpha
            for one in parents
        )

    def _notes(self, table: pd.DataFrame, examined: int, least: int) -> tuple[str, ...]:
        sure = int((table["p_adjusted"] < self.alpha).sum())
        return (
            f"{examined} slices of at least {least} instances were looked at; of the {len(table)} "
            f"listed {sure} have more errors than chance explains (Holm-corrected for all).",
            "Slices were searched and tested on the same test rows: the worst of many looks worse "
            "than it is; expect smaller differences on new data.",
        )


def _no_attribute(schema: Schema) -> str | None:
    if schema.layout is None or schema.attributes:
        return None
    return "slices of texts, images and series are cut by attributes, and these data name none"


def _limits(schema: Schema) -> tuple[str, ...]:
    wide = len(schema.features)
    if schema.layout is not None:
        return ("Slices are cut by attributes alone, since a place in the input names no group.",)
    if wide <= _MOST_COLUMNS:
        return ()
    return (
        f"Of {wide} features only the {_MOST_COLUMNS} whose means differ most between the classes "
        "of the training part were looked at.",
    )


def _at_least(c: Candidates, least: int) -> Candidates:
    kept = c.sizes >= least
    return Candidates(c.first[kept], c.second[kept], c.sizes[kept], c.errors[kept])


def _table(
    c: Candidates, chosen: Ints, conditions: list[Condition], p: Predictions
) -> pd.DataFrame:
    rows = [_row(part_of(conditions[c.first[k]], conditions[c.second[k]]), p) for k in chosen]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


_COLUMNS: dict[str, type] = {
    "slice": str,
    "features": str,
    "n": int,
    "share": float,
    "errors": int,
    "error_rate": float,
    "low": float,
    "high": float,
    "rest_error_rate": float,
    "difference": float,
    "missed_rate": float,
    "rest_missed_rate": float,
}


def _row(part: Condition, p: Predictions) -> tuple[object, ...]:
    inside, wrong = part.holds, ~p.correct
    found = rate(int(wrong[inside].sum()), int(inside.sum()))
    rest = float(wrong[~inside].mean())
    missed = p.truths & (p.decisions != p.explained)
    return (
        part.text,
        part.about,
        found.n,
        found.n / len(p),
        int(wrong[inside].sum()),
        found.value,
        found.low,
        found.high,
        rest,
        found.value - rest,
        _share(missed, p.truths & inside),
        _share(missed, p.truths & ~inside),
    )


def _share(hits: Bools, among: Bools) -> float:
    return float(hits[among].mean()) if among.any() else math.nan


def _scores(table: pd.DataFrame, examined: int, n: int) -> tuple[Score, ...]:
    looked_at = Estimate(examined, None, None, n, "").score("slices_examined", "slices", "none")
    if table.empty:
        return (looked_at,)
    worst = table.iloc[0]
    found = rate(int(worst["errors"]), int(worst["n"]))
    score = found.score(
        "worst_slice_error_rate",
        "slices",
        "lower",
        slice=str(worst["slice"]),
        bounds=SHARE,
        p_value=float(worst["p_adjusted"]),
        note=f"Chosen as the worst of {examined} slices; the p-value is corrected for that, the "
        "interval is not.",
    )
    return (score, looked_at)
