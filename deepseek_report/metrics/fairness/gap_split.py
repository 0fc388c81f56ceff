"""A gap in decisions between two groups, split into parts that add up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.statistics.resampling import Replicates, Resampling, bootstrap, bootstrapped

#: The gap, then its parts, in the order in which they are told.
PARTS = ("gap", "direct", "labels", "stand_ins", "rest")
#: What is summed in each group and label: favourable decisions and people of all; changes from one
#: kind of decision to the next and people of those who were asked about.
_SUMS = 5


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
    resampling: Resampling | None = None,
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

    Rates of the decisions as they are, and shares of labels, are those of everybody. What the other
    kinds change is the mean over those in the same group with the same label who were asked about
    (a difference estimator): the gap is that of all, however few are asked about.

    first : (person,) whether in the first group. labels : (person,) whether favourable.
    decisions : (person, kind) of 0 to 1: as they are, evened, exchanged, see `DirectUse`; the last
        two are NaN of people who were not asked about, who are others by chance alone.
    n_resamples, seed : of the bootstrap of people within groups.
    least : people who were asked about that each label needs in each group.
    resampling : what the rows are of.

    Returns GapSplit with BCa intervals, or None where there are fewer people. n : everybody of the
    gap, those asked about of its parts.

    Reference: Kitagawa 1955, doi:10.1080/01621459.1955.10501299; Särndal, Swensson & Wretman 1992,
    doi:10.1007/978-1-4612-4378-6 (section 6.3, the difference estimator).

    >>> first = np.repeat([True, False], 20)
    >>> labels = np.tile([True, False], 20)
    >>> decisions = np.column_stack([first, labels, labels]).astype(float)
    >>> parts = split_gap(first, labels, decisions, 100, 0, least=5)
    >>> parts.gap.value, parts.direct.value, parts.labels.value
    (1.0, 1.0, 0.0)
    """
    was_asked = ~np.isnan(decisions[:, -1])
    cells = np.stack([own & label for own in (first, ~first) for label in (labels, ~labels)])
    if (cells & was_asked).sum(axis=1).min() < max(least, 1):
        return None
    changes = np.where(was_asked[:, None], np.diff(decisions, axis=1), 0.0)
    summed = np.column_stack([decisions[:, 0], np.ones(len(first)), changes, was_asked])
    columns = (cells[:, :, None] * summed).transpose(1, 0, 2).reshape(len(first), -1)
    drawn = replace(resampling or Resampling(len(first)), strata=first.astype(np.int64))
    # Entities have rows that were asked about and others, and all of them are drawn together.
    counted = was_asked if drawn.units is None else np.ones(len(first), bool)

    def sums(weights: Floats) -> Floats:
        return np.asarray((weights @ columns[counted]).reshape(len(weights), 2, 2, _SUMS))

    rng = np.random.default_rng(seed)
    replicates = bootstrap(sums, drawn.take(counted), n_resamples, rng)
    others = _tallied(cells[:, ~counted], decisions[~counted, 0] > 0, n_resamples, rng)
    split = _together(replicates, others)
    people = (len(first), *[int(was_asked.sum())] * (len(PARTS) - 1))
    return GapSplit(
        *(
            bootstrapped(split.of(k), n, seed, (-1.0, 1.0), drawn="within_groups")
            for k, n in enumerate(people)
        )
    )


def _tallied(
    cells: Bools, favoured: Bools, n_resamples: int, rng: np.random.Generator
) -> Replicates:
    """Sums of people who were not asked about; who differ by group, label and decision alone.

    The bootstrap of instances draws of them multinomial counts, whatever their number.

    cells : (group × label, person). favoured : (person,) as they are.

    Returns Replicates of (group, label, sum); the jackknife leaves out one person of each kind.
    """
    counts = np.stack([(cells & kind).sum(axis=1) for kind in (favoured, ~favoured)], axis=1)
    counts = counts.reshape(2, -1)
    drawn = np.stack(
        [
            rng.multinomial(group.sum(), group / max(group.sum(), 1), n_resamples)
            for group in counts
        ],
        axis=1,
    )
    kinds = counts.size
    without = np.maximum(counts.reshape(1, -1) - np.eye(kinds, dtype=np.int64), 0)
    return Replicates(
        value=_sums_of(counts[None])[0],
        resamples=_sums_of(drawn),
        jackknife=_sums_of(without.reshape(kinds, 2, -1)),
        blocks=counts.reshape(-1).astype(np.float64),
    )


def _sums_of(counts: Ints) -> Floats:
    """(draw, group, label × decision) people -> (draw, group, label, sum)."""
    tally = counts.reshape(len(counts), 2, 2, 2)
    sums = np.zeros((len(counts), 2, 2, _SUMS))
    sums[..., 0], sums[..., 1] = tally[..., 0], tally.sum(axis=3)
    return sums


def _together(sample: Replicates, others: Replicates) -> Replicates:
    """The parts of the gap, from sums over two kinds of people that are drawn independently."""
    jackknife = [sample.jackknife + others.value, others.jackknife + sample.value]
    return Replicates(
        value=_parts((sample.value + others.value)[None])[0],
        resamples=_parts(sample.resamples + others.resamples),
        jackknife=_parts(np.concatenate(jackknife)),
        blocks=np.concatenate([sample.blocks, others.blocks]),
        resampling=sample.resampling,
    )


def _parts(sums: Floats) -> Floats:
    """(draw, group, label, sum), see `_SUMS` -> (draw, part)."""
    people, n_asked = np.maximum(sums[..., 1], 1), np.maximum(sums[..., -1:], 1)
    as_they_are = (sums[..., 0] / people)[..., None]
    means = np.cumsum(np.concatenate([as_they_are, sums[..., 2:-1] / n_asked], axis=-1), axis=-1)
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
