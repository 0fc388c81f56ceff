"""What reading a sensitive attribute alone changes, and where a gap in decisions comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.artifacts.table import SEPARATOR, Column, TableType, columns_of, estimate
from deepseek_report.metrics.fairness.gap_tables import WidestPair
from deepseek_report.metrics.fairness.groups import UNKNOWN, Grouping, MinCell, MinEvents, groupings
from deepseek_report.metrics.fairness.swapped_inputs import SwappedDecisions, TellingColumns
from deepseek_report.metrics.plugin import ClassMetric, PeopleMetric, Resamples, Rows
from deepseek_report.statistics.intervals import SHARE
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


#: The array of the inputs that tell two groups apart together.
_TOGETHER = "told_together"


@dataclass(frozen=True)
class DirectUse(PeopleMetric, ClassMetric):
    """What swapping a sensitive input alone turns in the decisions, and the parts of each gap.

    Every person is asked about again with the sensitive input of a random person of another group,
    all else unchanged: the share of decisions that turn is the direct use of the attribute. The gap
    in favourable decisions between the groups with the highest and the lowest rate, of everybody,
    is then split, and the parts add up (see `gap_split`):

    direct : what goes away if everybody's sensitive input is that of a random person of all groups.
    labels : of what is left, the part that different shares of favourable labels give if people
    with the same label are decided alike. stand_ins : of what is left among people with the same
    label, the part that goes away if their features that tell the groups apart, alone or together,
    are exchanged as well; not a number where no such features are found, which does not say that
    there are none. rest : what remains.

    The estimands are facts about this model on these people, not about causes in the world: the
    labels are taken as they are, and swapped inputs may be rarer than real ones. What direct use
    and another part do together counts as direct.

    max_rows : people that are asked about. stand_in_auc : features stand in for an attribute where
    they tell the two groups apart with this AUC, alone or in a set. n_resamples : for the
    intervals.

    Reference: Kitagawa 1955, doi:10.1080/01621459.1955.10501299 (labels against decisions given the
    label); Zhang & Bareinboim 2018, doi:10.1609/aaai.v32i1.11564 (direct, indirect and spurious
    parts).
    """

    reveals = "aggregate"
    tables = {
        "swaps": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                Column("given", "yes_no"),
                estimate("turned", "share", prefix="turned"),
                estimate("direct", "points", prefix="direct"),
                Column("stand_ins"),
                estimate("turned_stand_ins", "share", prefix="turned_stand_ins"),
                Column("n", "count"),
            ),
            release=TableRelease(counts=("n",)),
        ),
        "split": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                *columns_of("level reference"),
                *(estimate(part, "points", prefix=part) for part in PARTS),
                *columns_of("n:count n_asked:count"),
            ),
            release=WHOLE,
        ),
    }
    bounds = {"decisions_turned": SHARE, "direct_gap": (-1.0, 1.0)}
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "predictions", "classifier", "seed"})
    max_rows: Rows = 2000
    stand_in_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.6
    min_cell: MinCell = 30
    min_events: MinEvents = 5
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        schema, p = context.dataset.schema, context.predictions
        compared = groupings(schema, p, crossings=False, min_cell=self.min_cell)
        context.progress.start("swapped attributes", len(compared))
        scores: list[Score] = []
        swaps, splits, learnt = [], [], []
        notes: list[Text] = [
            message("notes.direct_use.estimand"),
            message("notes.direct_use.asked", auc=self.stand_in_auc),
        ]
        for position, grouping in enumerate(compared):
            favourable, floor = schema.target.declared_favourable, (self.min_cell, self.min_events)
            pair = WidestPair.of(grouping, p, favourable, floor)
            context.progress.advance()
            if pair is None:
                notes.append(message("notes.direct_use.too_few", attribute=grouping.label))
                continue
            measured = self._measure(grouping, pair, context, position)
            scores += measured.scores(grouping)
            swaps.append(measured.swap_row(grouping))
            splits.append(measured.split_row(grouping))
            known_by = _known_by(schema, grouping.name, measured.pair, self.stand_in_auc)
            learnt += [(*known_by, column) for column in sorted(measured.together) or [-1]]
        tables = {
            name: self.tables[name].frame(rows)
            for name, rows in (("swaps", swaps), ("split", splits))
        }
        arrays = {_TOGETHER: np.array(learnt, dtype=np.float64)} if learnt else {}
        return Measurement(tuple(scores), tables, arrays, tuple(notes))

    def _measure(
        self, grouping: Grouping, pair: WidestPair, context: MeasureContext, position: int
    ) -> Measured:
        rng = np.random.default_rng([context.seed, position])
        rows = np.sort(rng.permutation(np.flatnonzero(grouping.codes >= 0))[: self.max_rows])
        codes, levels = (
            grouping.codes[rows],
            (grouping.levels[pair.highest], grouping.levels[pair.lowest]),
        )
        columns = TellingColumns.of(
            context.dataset, grouping.name, levels, self.stand_in_auc, context.seed
        )
        decisions = SwappedDecisions.of(context, rows, codes, columns, rng)
        favourable = context.dataset.schema.target.declared_favourable
        favoured = context.predictions.decisions == favourable
        kinds = np.full((len(favoured), 3), np.nan)
        kinds[:, 0] = favoured
        kinds[rows, 1:] = np.column_stack([decisions.evened, decisions.exchanged])
        inside = np.isin(grouping.codes, (pair.highest, pair.lowest))
        split = split_gap(
            grouping.codes[inside] == pair.highest,
            context.predictions.labels[inside] == favourable,
            kinds[inside],
            self.n_resamples,
            context.seed,
            self.min_events,
            grouping.drawn.take(inside),
        )
        drawn = grouping.drawn.take(rows)
        if split is not None:
            split = replace(split, gap=pair.gap(grouping, favoured))
            if not columns.stand_ins:
                split = replace(split, stand_ins=Estimate(math.nan, n=len(rows)))
        features = context.dataset.schema.features
        return Measured(
            pair=levels,
            is_read=columns.source is not None,
            turned=_turned(decisions, columns, drawn),
            stand_ins=tuple(features[j].label for j in columns.stand_ins),
            together=columns.together,
            exchanged=drawn.rate(decisions.exchanged != decisions.favoured),
            split=split,
        )


def _turned(decisions: SwappedDecisions, columns: TellingColumns, drawn: Resampling) -> Estimate:
    """Share of decisions that turn with the attribute; exactly 0 where it is not given."""
    if columns.source is None:
        return Estimate(0.0, n=len(decisions.favoured))
    return drawn.rate(decisions.swapped != decisions.favoured)


@dataclass(frozen=True)
class Measured:
    """What was measured of one attribute.

    pair : the levels with the highest and the lowest rate. is_read : whether the model is given the
    attribute. turned : share of decisions that turn with the attribute alone. stand_ins : labels of
    the features that stand in for it; together : positions of those that do so in a set.
    exchanged : share of decisions that turn if these are exchanged as well, with those of a person
    with the same label. split : None where too few people of a group have one of the labels.
    """

    pair: tuple[str, str]
    is_read: bool
    turned: Estimate
    stand_ins: tuple[str, ...]
    together: frozenset[int]
    exchanged: Estimate
    split: GapSplit | None

    @property
    def direct(self) -> Estimate:
        return self.split.direct if self.split else Estimate(math.nan, n=self.turned.n)

    def scores(self, grouping: Grouping) -> list[Score]:
        """The share of decisions that turn, and what direct use adds to the gap."""
        pair = message("notes.direct_use.pair", highest=self.pair[0], lowest=self.pair[1])
        turned = DirectUse.score(
            "decisions_turned",
            self.turned,
            "zero",
            attribute=grouping.name,
            unit="share",
            note="" if self.is_read else message("notes.direct_use.not_given"),
        )
        if self.split is None:
            return [turned]
        gap = DirectUse.score(
            "direct_gap",
            self.direct,
            "zero",
            attribute=grouping.name,
            reference="doi:10.1609/aaai.v32i1.11564",
            note=pair,
        )
        return [turned, gap]

    def swap_row(self, grouping: Grouping) -> dict[str, object]:
        exchanged = self.exchanged if self.stand_ins else Estimate(math.nan)
        return {
            "attribute": grouping.name,
            "attribute_label": grouping.label,
            "given": self.is_read,
            **self.turned.cells("turned", "turned"),
            **self.direct.cells("direct", "direct"),
            "stand_ins": SEPARATOR.join(self.stand_ins),
            **exchanged.cells("turned_stand_ins", "turned_stand_ins"),
            "n": self.turned.n,
        }

    def split_row(self, grouping: Grouping) -> dict[str, object]:
        parts = {part: getattr(self.split, part, Estimate(math.nan)) for part in PARTS}
        return {
            "attribute": grouping.name,
            "attribute_label": grouping.label,
            "level": self.pair[1],
            "reference": self.pair[0],
            **{
                key: cell
                for part, size in parts.items()
                for key, cell in size.cells(part, part).items()
            },
            "n": self.split.gap.n if self.split else 0,
            "n_asked": self.split.direct.n if self.split else 0,
        }


def told_together(
    measurement: Measurement | None,
    schema: Schema,
    attribute: str,
    pair: tuple[str, str],
    least: float,
) -> frozenset[int] | None:
    """Positions of the inputs that `direct_use` learnt to tell these groups apart together.

    Returns None where it was not measured, or asked about other groups or for another AUC.
    """
    if measurement is None or _TOGETHER not in measurement.arrays:
        return None
    rows = measurement.arrays[_TOGETHER]
    same = (rows[:, :4] == _known_by(schema, attribute, pair, least)).all(axis=1)
    if not same.any():
        return None
    return frozenset(int(column) for column in rows[same, 4] if column >= 0)


def _known_by(
    schema: Schema, attribute: str, pair: tuple[str, str], least: float
) -> tuple[float, ...]:
    """The attribute, its two levels and the AUC that a set of stand-ins was learnt for."""
    names = [each.name for each in schema.attributes]
    levels = [*schema.attribute(attribute).levels, UNKNOWN]
    return (names.index(attribute), *(levels.index(level) for level in pair), least)
