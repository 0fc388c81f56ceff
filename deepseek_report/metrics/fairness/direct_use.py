"""What reading a sensitive attribute alone changes, and where a gap in decisions comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import UNKNOWN, Attribute, Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.metrics.fairness import groups
from deepseek_report.metrics.fairness.attribute_exchange import source_of
from deepseek_report.metrics.fairness.fairness_rows import GAP_PARTS, SplitGap, SwappedAttribute
from deepseek_report.metrics.fairness.group_gaps import SurestPair
from deepseek_report.metrics.fairness.proxies import permutation_importance
from deepseek_report.metrics.performance.baselines import fit_predictor
from deepseek_report.metrics.plugin import ClassMetric, PeopleMetric, Resamples, Rows
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import auc_estimate, most_telling
from deepseek_report.statistics.resampling import Replicates, Resampling, bootstrap, bootstrapped
from deepseek_report.tasks import TASKS
from deepseek_report.tasks.loss import decide

#: Features that are looked at for standing in for an attribute.
_MOST_FEATURES = 128
#: Bins of a number, and cases that are added to each bin at the overall rate, where a feature is
#: asked how well it tells two groups apart.
_BINS, _PRIOR = 20, 10.0
#: Training people of whom a model learns a group, and of each group at least.
_MOST_PEOPLE, _FEWEST = 6000, 30
#: Fall in AUC without a column from which a set of stand-ins needs it.
_LEAST_FALL = 0.01


@dataclass(frozen=True)
class SwappedDecisions:
    """The favourable decisions of some people as they are, and as they would be.

    favoured : (person,) as they are. swapped : with the sensitive input of a random person of
    another group; the same where the model is not given it. evened : chance of one with the
    sensitive input of a random person of any group. exchanged : with the sensitive input and all
    stand-ins of a random person with the same label; as evened where there are no stand-ins.
    """

    favoured: Bools
    swapped: Bools
    evened: Floats
    exchanged: Floats

    @classmethod
    def of(
        cls,
        context: MeasureContext,
        rows: Ints,
        codes: Ints,
        columns: TellingColumns,
        rng: np.random.Generator,
    ) -> SwappedDecisions:
        """Ask the model about the people in these rows of the test part.

        codes : (person,) their groups.
        """
        p, inputs = context.predictions, context.dataset.test.inputs[rows]
        favourable = context.dataset.schema.target.declared_favourable
        favoured, deserving = p.decisions[rows] == favourable, p.labels[rows] == favourable

        def with_columns_of(donors: Ints, changed: list[int]) -> Bools:
            swapped_inputs = inputs.copy()
            swapped_inputs[:, changed] = inputs[donors][:, changed]
            outputs = context.classifier.probabilities(swapped_inputs)
            return np.asarray(decide(outputs, p.threshold, p.explained) == favourable)

        swapped, evened = favoured, favoured.astype(np.float64)
        if columns.source is not None:
            swapped = with_columns_of(_donors(codes, rng, same=False), [columns.source])
            own = (np.bincount(codes) / len(codes))[codes]
            evened = own * favoured + (1 - own) * swapped
        exchanged = evened
        if columns.stand_ins:
            donors = _donors(deserving.astype(np.int64), rng, same=True)
            exchanged = with_columns_of(donors, columns.all).astype(np.float64)
        return cls(favoured, swapped, evened, exchanged)


def _donors(codes: Ints, rng: np.random.Generator, *, same: bool) -> Ints:
    """(person,) a random person with the same code, or with another one if there is any."""
    donors = np.arange(len(codes))
    for code in np.unique(codes):
        mine = codes == code
        others = np.flatnonzero(mine if same else ~mine)
        if len(others):
            donors[mine] = others[rng.integers(0, len(others), int(mine.sum()))]
    return donors


@dataclass(frozen=True)
class TellingColumns:
    """Inputs that tell of an attribute.

    source : the position of the input that it was made from; None where the model is not given it.
    stand_ins : positions of the others that tell two of its groups apart, alone or together; those
    of them that do together, by the training part alone, are `together`.
    """

    source: int | None
    stand_ins: list[int]
    together: frozenset[int] = frozenset()

    @property
    def all(self) -> list[int]:
        return [*self.stand_ins, *([] if self.source is None else [self.source])]

    @classmethod
    def of(
        cls,
        data: Dataset,
        name: str,
        pair: tuple[str, str],
        least: float,
        seed: int,
        together: frozenset[int] | None = None,
    ) -> TellingColumns:
        """Learnt on training people; see `DirectUse.stand_in_auc`.

        together : where it is known of the same groups by the same seed, so that it is not learnt
        again.

        A column that tells the groups apart by itself is tested on test people; a set that does so
        together is tested on training people who were not learnt from, see `_needed_together`. Of
        wide data only those inputs are looked at whose means differ most in training.
        """
        attribute = data.schema.attribute(name)
        source = source_of(data.schema, attribute)
        train, test = (_Told.of(part, attribute, pair) for part in (data.train, data.test))
        if not (train.is_both and test.is_both):
            return cls(source, [])
        others = np.array([j for j in range(len(data.schema.features)) if j != source])
        telling = most_telling(
            train.inputs[:, others], train.first.astype(np.int64), _MOST_FEATURES
        )
        columns = [int(j) for j in others[telling]]
        alone = {
            j
            for j in columns
            if auc_estimate(test.first, train.chances(j, test.inputs[:, j])).value >= least
        }
        if together is None:
            together = _needed_together(train, data.schema, columns, least, seed)
        return cls(source, sorted(alone | together), together)


def _needed_together(
    train: _Told, schema: Schema, columns: list[int], least: float, seed: int
) -> frozenset[int]:
    """The columns that a model of the group needs where it tells the groups apart with this AUC.

    Cross-fitted: boosted trees learn the group on each half of the training people and are tested
    on the other, whole and with each column shuffled. A column is needed where the fall in AUC,
    over both halves, is at least `_LEAST_FALL` by its interval: one that may be needed less is not
    taken in some runs and left in others, for then the parts of a gap would be those of luck.
    """
    labels = train.first.astype(np.int64)
    if not columns or np.bincount(labels, minlength=2).min() < _FEWEST:
        return frozenset()
    rng = np.random.default_rng([seed, len(columns)])
    rows = rng.permutation(len(labels))[:_MOST_PEOPLE]
    halves, inputs = (rows[::2], rows[1::2]), train.inputs[:, columns]
    features = [schema.features[j] for j in columns]
    areas, predictors = [], []
    for learnt, tested in (halves, halves[::-1]):
        learning = (features, inputs[learnt], labels[learnt], 2, seed)
        predict = fit_predictor(TASKS["classification"], "gradient_boosting", *learning)
        areas.append(auc_estimate(train.first[tested], predict(inputs[tested])[:, 1]).value)
        predictors.append((predict, tested))
    if np.mean(areas) < least:
        return frozenset()
    falls = [
        permutation_importance(predict, inputs[tested], labels[tested], 1, rng)
        for predict, tested in predictors
    ]
    return frozenset(
        j for j, both in zip(columns, zip(*falls, strict=True), strict=True) if _is_needed(both)
    )


def _is_needed(falls: Sequence[Estimate]) -> bool:
    """Whether the mean of falls on different people is large enough beyond chance."""
    mean = float(np.mean([fall.value for fall in falls]))
    below = math.hypot(*(fall.value - (fall.low or 0.0) for fall in falls)) / len(falls)
    return mean - below >= _LEAST_FALL


@dataclass(frozen=True)
class _Told:
    """The people of two groups: their inputs, and whether they are in the first."""

    inputs: Floats
    first: Bools

    @classmethod
    def of(cls, part: Split, attribute: Attribute, pair: tuple[str, str]) -> _Told:
        codes = part.groups[attribute.name]
        names = np.array([*attribute.levels, UNKNOWN], object)[codes]
        inside = np.isin(names, pair)
        return cls(part.inputs[inside], names[inside] == pair[0])

    @property
    def is_both(self) -> bool:
        return bool(self.first.any() and not self.first.all())

    def chances(self, column: int, values: Floats) -> Floats:
        """How likely each value of an input makes the first group, by bins of these people."""
        own = self.inputs[:, column]
        known = own[~np.isnan(own)]
        inner = np.linspace(0, 1, _BINS + 1)[1:-1]
        edges = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)
        bins, looked_up = (
            np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="right"))
            for x in (own, values)
        )
        hits, trials = (np.bincount(bins, w, len(edges) + 2) for w in (self.first, None))
        overall = self.first.mean()
        return np.asarray(((hits + _PRIOR * overall) / (trials + _PRIOR))[looked_up])


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
    people = (len(first), *[int(was_asked.sum())] * (len(GAP_PARTS) - 1))
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
    in favourable decisions between the two groups whose rates differ surest, of everybody,
    is then split, and the parts add up (see `split_gap`):

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
        "swaps": TableType.of(SwappedAttribute, release=TableRelease(counts=("n",))),
        "split": TableType.of(SplitGap, release=WHOLE),
    }
    bounds = {"decisions_turned": SHARE, "direct_gap": (-1.0, 1.0)}
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "predictions", "classifier", "seed"})
    max_rows: Rows = 2000
    stand_in_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.6
    min_cell: groups.MinCell = 30
    min_events: groups.MinEvents = 5
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        schema, p = context.dataset.schema, context.predictions
        compared = groups.groupings(schema, p, crossings=False, min_cell=self.min_cell)
        context.progress.start("swapped attributes", len(compared))
        scores: list[Score] = []
        swaps, splits, learnt = [], [], []
        notes: list[Text] = [
            message("notes.direct_use.estimand"),
            message("notes.direct_use.asked", auc=self.stand_in_auc),
        ]
        for position, grouping in enumerate(compared):
            favourable, floor = schema.target.declared_favourable, (self.min_cell, self.min_events)
            pair = SurestPair.of(grouping, p, favourable, floor)
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
        tables = self.frames(swaps=swaps, split=splits)
        arrays = {_TOGETHER: np.array(learnt, dtype=np.float64)} if learnt else {}
        return Measurement(tuple(scores), tables, arrays, tuple(notes))

    def _measure(
        self, grouping: groups.Grouping, pair: SurestPair, context: MeasureContext, position: int
    ) -> Measured:
        rng = np.random.default_rng([context.seed, position])
        rows = np.sort(rng.permutation(np.flatnonzero(grouping.codes >= 0))[: self.max_rows])
        codes, levels = grouping.codes[rows], grouping.levels
        names = levels[pair.highest], levels[pair.lowest]
        columns = TellingColumns.of(
            context.dataset, grouping.name, names, self.stand_in_auc, context.seed
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
            pair=names,
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

    pair : the two levels that are compared, the one with the higher rate first. is_read : whether
    the model is given the attribute. turned : share of decisions that turn with the attribute
    alone. stand_ins : labels of the features that stand in for it; together : positions of those
    that do so in a set. exchanged : share of decisions that turn if these are exchanged as well,
    with those of a person with the same label. split : None where too few people of a group have
    one of the labels.
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

    def scores(self, grouping: groups.Grouping) -> list[Score]:
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

    def swap_row(self, grouping: groups.Grouping) -> SwappedAttribute:
        """A row of the table of swaps."""
        return SwappedAttribute(
            grouping.name,
            grouping.label,
            is_input=self.is_read,
            turned=self.turned,
            direct=self.direct,
            stand_ins=SEPARATOR.join(self.stand_ins),
            turned_stand_ins=self.exchanged if self.stand_ins else UNDEFINED,
            n=self.turned.n,
        )

    def split_row(self, grouping: groups.Grouping) -> SplitGap:
        """A row of the table of splits."""
        highest, lowest = self.pair
        split = self.split or GapSplit(*[UNDEFINED] * len(GAP_PARTS))
        return SplitGap(
            *(grouping.name, grouping.label, lowest, highest),
            *(split.gap, split.direct, split.labels, split.stand_ins, split.rest),
            *(split.gap.n, split.direct.n),
        )


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
