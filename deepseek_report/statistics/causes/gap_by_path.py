"""The gap of an outcome between two groups as direct, indirect and spurious parts.

With 1 the compared group and 0 the group that it is compared with, W what the group changes and Z
what it does not, the gap E[Y | 1] − E[Y | 0] is the sum of

    direct    E[Y(1, W(0)) − Y(0) | 0]      rows of group 0 are treated as group 1, W stays
    indirect  E[Y(1) − Y(1, W(0)) | 0]      W becomes what it would be in group 1
    spurious  E[Y | 1] − E[Y(1) | 0]        what is left: Z differs

each estimated by cross-fitted augmented inverse probability weighting.

Reference: Plečko & Bareinboim 2024, doi:10.1561/2200000106, arXiv 2207.11385 (x-specific effects).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.statistics.causes.cross_fitting import CausalData, Design, cross_fitted
from deepseek_report.statistics.causes.effects import (
    LEAST_CHANCE,
    Overlap,
    effective_rows,
    enlarged,
    mean_and_error,
    too_few,
    weights_of,
)
from deepseek_report.statistics.causes.graph import CausalRefusal, PathSets

Path = Literal["total", "direct", "indirect", "spurious"]
PATHS: tuple[Path, ...] = ("total", "direct", "indirect", "spurious")


@dataclass(frozen=True)
class PathGap:
    """The parts of a gap; direct, indirect and spurious add up to the total.

    group, compared, reference : the attribute, and the positions of the two groups; a part above 0
        raises the outcome of the compared group.
    parts : {path: estimate}, in the outcome's unit. overlap : how far rows of the reference have
        counterparts where everything is held alike. used : (row,) of all rows, whether it is used.
        influences : {path: (used row,) what each adds}; a part is the mean of these.
    """

    group: str
    outcome: str
    compared: int
    reference: int
    sets: PathSets
    parts: Mapping[Path, Estimate]
    overlap: Overlap
    used: Bools = field(repr=False)
    influences: Mapping[Path, Floats] = field(repr=False)


def gap_by_path(
    data: CausalData, sets: PathSets, group: str, levels: tuple[int, int], outcome: str
) -> PathGap | CausalRefusal:
    """The parts of the gap of an outcome between two groups.

    sets : from `CausalGraph.path_sets`. levels : positions of the compared group and of the group
        that it is compared with; rows of others are left out. outcome : a number, or of two
        classes, whose second one is counted.

    Refused where a group has too few rows, or too few with counterparts in the other.
    """
    names = [group, outcome]
    values = data.variables[group].values
    used = data.complete(names) & ((values == levels[0]) | (values == levels[1]))
    inside = data.take(used)
    y, compared = inside.variables[outcome].values, inside.variables[group].values == levels[0]
    sizes = [inside.resampling.occurring(part) for part in (compared, ~compared)]
    if refusal := too_few(sizes):
        return refusal
    folds = inside.folds(compared.astype(np.int64))
    alike, both = (
        _treated_as_compared(inside, y, compared, inside.design(held), folds)
        for held in (sets.confounders, sets.confounders + sets.mediators)
    )
    if refusal := both.overlap.refusal(inside.resampling.n_units):
        return refusal
    own, other = (_mean_of(y, part) for part in (compared, ~compared))
    influences: dict[Path, Floats] = {
        "total": own - other,
        "direct": both.influence - other,
        "indirect": alike.influence - both.influence,
        "spurious": own - alike.influence,
    }
    method = message("interval_methods.aipw")
    parts = {path: inside.resampling.mean(each, method) for path, each in influences.items()}
    return PathGap(group, outcome, *levels, sets, parts, both.overlap, used, influences)


@dataclass(frozen=True)
class _Counterfactual:
    """The mean outcome of the reference group, were it of the compared group.

    influence : (row,) whose mean it is.
    """

    influence: Floats
    overlap: Overlap


def _treated_as_compared(
    data: CausalData, y: Floats, compared: Bools, design: Design, folds: Ints
) -> _Counterfactual:
    """E[E[Y | compared, held] | reference] with held variables as they are in the reference."""
    expected = cross_fitted(y, design, folds, compared, data.binary(y))
    everybody = np.ones(len(y), bool)
    chances = cross_fitted(compared.astype(np.float64), design, folds, everybody, chance=True)
    weights = weights_of(compared, chances, odds=True)
    reference = ~compared
    share = float(reference.mean())
    left = weights * (y - expected) / share
    values = mean_and_error(expected * reference / share, left, enlarged(weights, design.bent))
    influence = values - float(values.mean()) * (reference / share - 1)
    overlap = Overlap(
        float((chances[reference] < LEAST_CHANCE).mean()),
        effective_rows(data.resampling, weights),
        share,
    )
    return _Counterfactual(influence, overlap)


def _mean_of(y: Floats, part: Bools) -> Floats:
    """(row,) values whose mean is that of the outcome in a part, and whose error is its error."""
    mean = float(y[part].mean())
    return np.asarray(mean + part * (y - mean) / part.mean())


def widening(answers: PathGap, labels: PathGap, data: CausalData) -> dict[Path, Estimate]:
    """{path: how much larger the part is in answers than in labels}, with paired intervals.

    Both are of the same groups. Above 0: the model adds to what the path gives the compared group.
    ValueError where the gaps are not of the same rows.
    """
    if not np.array_equal(answers.used, labels.used):
        raise ValueError("the gaps are of different rows, and cannot be paired")
    rows, method = data.resampling.take(answers.used), message("interval_methods.aipw")
    return {
        path: rows.mean(answers.influences[path] - labels.influences[path], method)
        for path in PATHS
    }
