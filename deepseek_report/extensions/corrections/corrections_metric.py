"""Whether corrections worked, what they cost, and what took the place of what was corrected."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.table import SEPARATOR, TableType, columns_of, estimates_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.corrections import correction_rows
from deepseek_report.extensions.corrections.corrected_data import ItemCue, ResolvedCorrections
from deepseek_report.extensions.corrections.declared_corrections import CorrectionItem
from deepseek_report.extensions.corrections.input_cues import InputCue, changes, grid_of, wrong_way
from deepseek_report.metrics.performance.predicting import predict_alike
from deepseek_report.metrics.plugin import EntityMetric, Rows
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: What became of the use of something: it fell to a fifth at most, or surely did not; neither can
#: be told; there was hardly any before. done: a label or a rule, of which no use is measured.
Outcome = Literal["worked", "failed", "unsure", "unused", "done"]
#: Rows of a group below which it is not told what the correction cost there.
_FEWEST = 30
#: A predicted number counts as another answer from this part of a standard deviation on.
_MOVED = 0.1
_METHOD = message("interval_methods.students_of_mean")


@dataclass(frozen=True)
class BeforeCorrections:
    """The model before what people said is wrong was corrected.

    dataset : what it was trained and judged on. predictions : of its test part. classifier : the
    model itself. corrections : what was corrected, against these data.
    """

    dataset: Dataset
    predictions: Predictions
    classifier: Classifier
    corrections: ResolvedCorrections


@dataclass(frozen=True)
class Corrections(EntityMetric):
    """What corrections did: the use of what was corrected, before and after.

    The use is how far the answer moves where the value is drawn anew from other rows: no training
    has seen it. A correction worked where what is left is at most a fifth of what was, by a 95 %
    interval over the test rows of the difference; it failed where more is left by the same
    interval.

    max_rows : test rows on which the use is measured. max_players : features, words, patches or
    windows of which it is measured whether they gained use, corrected for so many.
    """

    reveals = "aggregate"
    category = "behaviour"
    bounds = {}
    reads = frozenset({"dataset", "predictions", "classifier", "before", "seed"})
    tables = {
        "corrected": TableType.of(correction_rows.Corrected, release=WHOLE),
        "cost": TableType.of(correction_rows.CorrectionCost, release=WHOLE),
        "groups": TableType(
            (
                *columns_of("attribute:attribute level metric:metric before:number after:number"),
                *estimates_of("change"),
                *columns_of("n:count"),
            )
        ),
        "changed": TableType.of(correction_rows.ChangedDecision),
        "took_over": TableType.of(correction_rows.TakenOver, release=WHOLE),
    }
    max_rows: Rows = 2000
    max_players: Annotated[int, Field(ge=1, le=500)] = 40

    def measure(self, context: MeasureContext) -> Measurement:
        if context.before is None:
            raise NotApplicableError(message("refusals.nothing_corrected"))
        comparison = _Comparison(context, context.before, self.max_rows)
        context.progress.start("corrections", 5)
        tables = {}
        for name, rows in (
            ("corrected", comparison.corrected()),
            ("cost", comparison.cost()),
            ("groups", comparison.groups()),
            ("changed", comparison.changed()),
            ("took_over", comparison.took_over(self.max_players)),
        ):
            tables[name] = self.tables[name].frame(list(rows))
            context.progress.advance()
        return Measurement(tables=tables)


@dataclass(frozen=True)
class _Comparison:
    """The model before and after, on the same test rows."""

    context: MeasureContext
    before: BeforeCorrections
    max_rows: int

    @property
    def corrections(self) -> ResolvedCorrections:
        return self.before.corrections

    @property
    def schema(self) -> Schema:
        """Of the data before, with every column."""
        return self.before.dataset.schema

    @cached_property
    def chosen(self) -> Ints:
        """(row,) positions of the test rows on which the use is measured."""
        n = len(self.context.dataset.test)
        order = np.random.default_rng([self.context.seed, 3]).permutation(n)
        return np.sort(order[: self.max_rows])

    @cached_property
    def observations(self) -> Resampling:
        return Resampling.of(self.context.dataset.test).take(self.chosen)

    def mean(self, values: Floats, level: float = 0.95) -> Estimate:
        return self.observations.mean(values, _METHOD, level)

    def use_before(self, cue: InputCue) -> Floats:
        """(row,) by the columns of the data before."""
        return self._use(self.before.dataset, self.before.classifier, cue)

    def use_after(self, cue: InputCue) -> Floats:
        """(row,) of the same cue; none where all of its columns are left out."""
        left = self.corrections.remaining(cue)
        if left is None:
            return np.zeros(len(self.chosen))
        return self._use(self.context.dataset, self.context.classifier, left)

    def _use(self, data: Dataset, model: Classifier, cue: InputCue) -> Floats:
        rows, labels = data.test.inputs, self.before.dataset.train.labels
        return use_of(model, rows[self.chosen], rows, cue, labels, self.context.seed)

    # --- what was corrected, and whether it worked ------------------------------------------------

    def corrected(self) -> Iterator[tuple[object, ...]]:
        for each in self.corrections.cues:
            before, after = self.use_before(each.cue), self.use_after(each.cue)
            was, now = self.mean(before), self.mean(after)
            outcome = outcome_of(was, now, self.mean(after - MOST_LEFT * before))
            words = _said(each.item, self._what(each), each.how)
            yield *words, was, now, outcome, len(self.chosen)
        yield from self._labels()
        for item in self.corrections.items:
            if item.kind == "rule":
                how = "remove" if item.remove else "weight"
                yield *_said(item, item.text or str(item.rule), how), *_NOT_USED, 0

    def _what(self, each: ItemCue) -> str:
        """What must not matter, as people read it."""
        schema = self.schema
        if each.cue.words:
            return SEPARATOR.join(schema.vocabulary[word] for word in each.cue.words)
        players = dict.fromkeys(int(schema.owners[column]) for column in each.cue.columns)
        return SEPARATOR.join(schema.player_labels[player] for player in players)

    def _labels(self) -> Iterator[tuple[object, ...]]:
        """One row for all labels that the same people corrected for the same reason."""
        groups: dict[tuple[str, str, str, str], list[CorrectionItem]] = {}
        for item in self.corrections.items:
            if item.kind == "label":
                groups.setdefault((item.by, item.on, item.why, item.run), []).append(item)
        for items in groups.values():
            what = SEPARATOR.join(dict.fromkeys(str(item.label) for item in items))
            yield *_said(items[0], what, ""), *_NOT_USED, len(items)

    # --- what it cost -----------------------------------------------------------------------------

    @cached_property
    def answered_before(self) -> Predictions:
        """Of the model as it was, against the labels as they are now."""
        labels = self.context.predictions.labels
        return dataclasses.replace(self.before.predictions, labels=labels)

    @cached_property
    def redrawn(self) -> tuple[Predictions, Predictions] | None:
        """Before and after where everything that must not matter is drawn anew; None without any.

        Both models see the same draws.
        """
        cues = [each.cue for each in self.corrections.cues if not each.cue.direction]
        if not cues:
            return None
        original = self.before.dataset.test
        rng = np.random.default_rng([self.context.seed, 13])
        inputs = original.inputs
        for cue in cues:
            inputs = cue.redrawn(inputs, original.inputs, rng)
        labels = self.context.predictions.labels
        before = dataclasses.replace(original, inputs=inputs, labels=labels)
        after = dataclasses.replace(
            self.context.dataset.test, inputs=self.corrections.shortened(inputs)
        )
        return (
            predict_alike(self.before.classifier, before, self.before.predictions),
            predict_alike(self.context.classifier, after, self.context.predictions),
        )

    def cost(self) -> Iterator[tuple[object, ...]]:
        for cells in self._compared(self.answered_before, self.context.predictions):
            yield "shipped", *cells
        for cells in self._compared(*self.redrawn) if self.redrawn is not None else ():
            yield "redrawn", *cells

    def _compared(
        self, before: Predictions, after: Predictions
    ) -> Iterator[tuple[str, float, float, Estimate, int]]:
        """Each measure by its key: before, after, the change, and the rows."""
        for measure in task_of(self.schema.target).by_rows:
            change, _ = measure.difference(after, before)
            yield measure.key, measure.of(before)[0], measure.of(after)[0], change, len(after)

    def groups(self) -> Iterator[tuple[object, ...]]:
        """The main measures in each group, on the data as they are."""
        before, after = self.answered_before, self.context.predictions
        for attribute in self.context.dataset.schema.attributes:
            codes = after.groups.get(attribute.name)
            for code, level in enumerate(attribute.levels if codes is not None else ()):
                inside = np.asarray(codes == code)
                if inside.sum() >= _FEWEST:
                    for cells in self._compared(before.take(inside), after.take(inside)):
                        if cells[0] != "roc_auc":
                            yield attribute.name, level, *cells

    def changed(self) -> Iterator[tuple[str, str, int, int]]:
        """How many of the rows that nobody marked are decided otherwise, the largest move first."""
        unmarked = ~self._marked()
        n = int(unmarked.sum())
        before, after = self.answered_before, self.context.predictions
        target = self.schema.target
        if not task_of(target).decides:
            spread = task_of(target).spread(self.before.dataset.train.labels)
            apart = (after.values - before.values) / spread
            for side, moved in (("higher", apart > _MOVED), ("lower", apart < -_MOVED)):
                yield "", side, int((moved & unmarked).sum()), n
            return
        for start, end, count in _moves(before.decisions, after.decisions, unmarked):
            names = ("", "") if start == end else (target.classes[start], target.classes[end])
            yield *names, count, n

    def _marked(self) -> Bools:
        """(test row,) whether somebody marked this very row."""
        named = {item.row for item in self.corrections.items if item.row}
        if not named:
            return np.zeros(len(self.context.dataset.test), bool)
        of_both: list[tuple[str, ...]] = [
            row_digests(split.inputs)
            for split in (self.before.dataset.test, self.context.dataset.test)
        ]
        return np.array([bool(named & {*pair}) for pair in zip(*of_both, strict=True)])

    # --- what took over ---------------------------------------------------------------------------

    def took_over(self, most: int) -> list[tuple[object, ...]]:
        """What gained use, the largest gain first; corrected for how many were looked at."""
        candidates = self._candidates(most)
        level = 1 - 0.05 / max(len(candidates), 1)
        gains = []
        for label, cue in candidates:
            before, after = self.use_before(cue), self.use_after(cue)
            gains.append((label, before.mean(), after.mean(), self.mean(after - before, level)))
        gains.sort(key=lambda gain: -gain[-1].value)
        n = len(self.chosen)
        return [(*gain, bool((gain[-1].low or 0.0) > LEAST_USE), n) for gain in gains]

    def _candidates(self, most: int) -> Sequence[tuple[str, InputCue]]:
        """What may have taken over: all that was not corrected, the most frequent words of texts.

        Of more players than are looked at those are taken whose values go most with the label.
        """
        schema, data = self.schema, self.before.dataset
        taken = {column for each in self.corrections.cues for column in each.cue.columns}
        if schema.vocabulary:
            return self._frequent_words(most)
        players = [
            (player, InputCue(tuple(np.flatnonzero(schema.owners == player).tolist())))
            for player in range(len(schema.player_labels))
        ]
        left = [(player, cue) for player, cue in players if not taken & {*cue.columns}]
        if len(left) > most:
            tells = [-_telling(data.train, cue) for _, cue in left]
            left = [left[place] for place in np.sort(np.argsort(tells, kind="stable")[:most])]
        return [(schema.player_labels[player], cue) for player, cue in left]

    def _frequent_words(self, most: int) -> list[tuple[str, InputCue]]:
        schema, rows = self.schema, self.before.dataset.test.inputs
        taken = {word for each in self.corrections.cues for word in each.cue.words}
        tokens = rows[~np.isnan(rows)].astype(np.int64)
        counts = np.bincount(tokens, minlength=len(schema.vocabulary))
        order = [int(word) for word in np.argsort(-counts, kind="stable") if word not in taken]
        return [(schema.vocabulary[word], InputCue(words=(word,))) for word in order[:most]]


def outcome_of(was: Estimate, now: Estimate, left: Estimate) -> Outcome:
    """What became of a use.

    was, now : the use before and after. left : the use after less `MOST_LEFT` of that before.

    >>> outcome_of(Estimate(0.3), Estimate(0.01), Estimate(-0.05, -0.06, -0.04))
    'worked'
    >>> outcome_of(Estimate(0.3), Estimate(0.2), Estimate(0.14, 0.1, 0.18))
    'failed'
    """
    if was.value < LEAST_USE:
        return "unused" if now.value < 2 * LEAST_USE else "failed"
    if now.value < LEAST_USE or (left.high is not None and left.high <= 0):
        return "worked"
    return "failed" if left.low is not None and left.low > 0 else "unsure"


def _moves(before: Ints, after: Ints, among: Bools) -> list[tuple[int, int, int]]:
    """(class before, class after, rows) of what is decided otherwise, the most frequent first.

    One entry of twice the same class and no row where nothing is.
    """
    changed = (before != after) & among
    pairs, counts = np.unique(
        np.stack([before[changed], after[changed]], axis=1), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    moves = [(int(pairs[k][0]), int(pairs[k][1]), int(counts[k])) for k in order]
    return moves or [(0, 0, 0)]


def _said(item: CorrectionItem, what: str, how: str) -> tuple[str, ...]:
    return item.kind, what, how, item.by, item.on, item.why, item.run


#: Before, after and outcome of what has no use that could be measured.
_NOT_USED = (UNDEFINED, UNDEFINED, "done")


def _telling(train: Split, cue: InputCue) -> float:
    """How much the mean of the columns goes with the label, as an absolute correlation."""
    values = np.nan_to_num(train.inputs[:, list(cue.columns)]).mean(axis=1)
    labels = train.labels.astype(np.float64)
    spread = values.std() * labels.std()
    together = ((values - values.mean()) * (labels - labels.mean())).mean()
    return float(abs(together) / spread) if spread else 0.0


# How much the answers of a model hang on a cue: the measure that no penalty has seen.

#: A correction is to leave at most this share of the use; below `LEAST_USE` there is none to speak
#: of: half a point of a probability, or of the standard deviation of a number.
MOST_LEFT, LEAST_USE = 0.2, 0.005
#: How often the cue of each row is drawn anew, and what still counts as no movement.
_DRAWS, _TOLERANCE = 4, 0.01


def use_of(
    classifier: Classifier, rows: Floats, donors: Floats, cue: InputCue, labels: Array, seed: int
) -> Floats:
    """(row,) how far the answer moves when the cue is drawn anew, on average over draws.

    For classes half the sum of the differences of the probabilities, for a number the difference in
    standard deviations of the labels. Of a cue with a direction, 1 where the answer moves the wrong
    way by more than a hundredth between neighbouring quantiles of the column, else 0.

    Parameters
    ----------
    rows, donors : array
        (row, column) rows that are asked about, and those that cues are drawn from.
    labels : array
        (row,) labels of the training part, by which the movement of a number is divided.
    """
    spread = task_of(classifier.schema.target).spread(labels)
    if cue.direction:
        return _broken(classifier, rows, donors, cue, spread)
    rng = np.random.default_rng([seed, 77])
    answers = classifier.probabilities(rows)
    moved = np.zeros(len(rows))
    for _ in range(_DRAWS):
        redrawn = classifier.probabilities(cue.redrawn(rows, donors, rng))
        moved += changes(answers, redrawn, spread) / _DRAWS
    return moved


def _broken(
    classifier: Classifier, rows: Floats, donors: Floats, cue: InputCue, spread: float
) -> Floats:
    (column,) = cue.columns
    levels = grid_of(donors[:, column])
    explained = classifier.schema.target.explained
    answers = np.empty((len(rows), len(levels)))
    for place, level in enumerate(levels):
        moved = rows.copy()
        moved[:, column] = level
        outputs = classifier.probabilities(moved)
        answers[:, place] = outputs[:, explained if outputs.shape[1] > 1 else 0]
    worst = wrong_way(answers, cue.direction) / spread
    return (worst > _TOLERANCE).astype(np.float64)
