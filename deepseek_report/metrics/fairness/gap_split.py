"""A gap in decisions between two groups, split into parts that add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.statistics.resampling import bootstrap, bootstrapped

#: The gap, then its parts, in the order in which they are told.
PARTS = ("gap", "direct", "labels", "stand_ins", "rest")
#: The decisions that are averaged: as they are, evened, exchanged.
_DECISIONS = 3


@dataclass(frozen=True)
class GapSplit:
    """The gap in favourable decisions, as a share, and its parts: direct + labels + … = gap."""

    gap: Estimate
    direct: Estimate
    labels: Estimate
    stand_ins: Estimate
    rest: Estimate


def split_gap(
    first: Bools,
    labels: Bools,
    decisions: Floats,
    n_resamples: int,
    seed: int,
    least: int,
) -> GapSplit | None:
    """Split the gap between the first group's rate of favourable decisions and the other's.

    With m(g, y) the mean decision of those in group g with label y, and P(y | g) the share of the
    label in the group, a gap is Σ_y ΔP(y) · mean of m(·, y) + Σ_y mean of P(y | ·) · Δm(y): what
    different labels give, and what people with the same label are given differently (Kitagawa).
    Taken of three kinds of decisions:

    direct : gap of the decisions as they are, less that of the evened ones.
    labels : the first sum, of the evened decisions.
    stand_ins : the second sum of the evened decisions, less that of the exchanged ones.
    rest : the second sum of the exchanged decisions.

    Parameters
    ----------
    first : (person,) whether in the first group. labels : (person,) whether favourable.
    decisions : (person, kind) of 0 to 1: as they are, evened, exchanged; see `DirectUse`.
    n_resamples, seed : of the bootstrap of people within groups. least : people that each label
        needs in each group.

    Returns
    -------
    GapSplit with BCa intervals, or None where there are fewer people.

    References
    ----------
    Kitagawa 1955, doi:10.1080/01621459.1955.10501299.

    >>> first = np.repeat([True, False], 20)
    >>> labels = np.tile([True, False], 20)
    >>> decisions = np.column_stack([first, labels, labels]).astype(float)
    >>> parts = split_gap(first, labels, decisions, 100, 0, least=5)
    >>> parts.gap.value, parts.direct.value, parts.labels.value
    (1.0, 1.0, 0.0)
    """
    cells = np.stack([own & label for own in (first, ~first) for label in (labels, ~labels)])
    if cells.sum(axis=1).min() < max(least, 1):
        return None
    sums = np.concatenate([cells[:, :, None] * decisions, cells[:, :, None]], axis=2)
    columns = sums.transpose(1, 0, 2).reshape(len(first), -1)

    def statistic(weights: Floats) -> Floats:
        return _parts((weights @ columns).reshape(len(weights), 2, 2, _DECISIONS + 1))

    rng = np.random.default_rng(seed)
    replicates = bootstrap(statistic, first.astype(np.int64), n_resamples, rng)
    return GapSplit(
        *(
            bootstrapped(replicates.of(k), len(first), seed, (-1.0, 1.0), drawn="within_groups")
            for k in range(len(PARTS))
        )
    )


def _parts(sums: Floats) -> Floats:
    """(draw, group, label, kind + 1) sums of decisions and people -> (draw, part)."""
    people = sums[..., -1]
    means = sums[..., :-1] / np.maximum(people, 1)[..., None]
    shares = people / people.sum(axis=2, keepdims=True)
    gap, evened = (
        np.diff((shares * means[..., kind]).sum(axis=2)[:, ::-1], axis=1)[:, 0] for kind in (0, 1)
    )
    within_evened, within_exchanged = (
        ((shares[:, 0] + shares[:, 1]) / 2 * (means[:, 0, :, kind] - means[:, 1, :, kind])).sum(1)
        for kind in (1, 2)
    )
    labels = evened - within_evened
    parts = (gap, gap - evened, labels, within_evened - within_exchanged, within_exchanged)
    return np.stack(parts, axis=1)
