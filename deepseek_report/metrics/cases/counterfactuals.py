"""The smallest change within a person's reach that alters the decision, by asking the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds.base import gower_distances, ranges
from deepseek_report.data_kinds.coalitions import MovedRows
from deepseek_report.data_kinds.row_conditions import Relations
from deepseek_report.statistics.ranking import thin
from deepseek_report.tasks.loss import decide

#: Quantiles of the training part toward which a numeric feature is moved; the ends are the range.
_LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
#: A category must occur this often in the training part to be proposed.
_LEAST_COUNT = 10
#: A step that nobody declares is about this share of the range.
_STEP_SHARE = 0.01


@dataclass(frozen=True)
class Reach:
    """Where one feature can go.

    levels : (value,) values of the training part, ascending: quantiles of a number, categories that
    are documented and occur often. step : the unit of change of a number, 0 for categories.
    """

    feature: Feature
    levels: Floats
    step: float

    def values(self, start: float) -> list[float]:
        """The values that the feature of one row can move to, ascending, without its own.

        A number goes by whole steps to about each level, within the range of the levels. A missing
        value can become any usual one where no direction is declared: from nowhere no
        direction leads.
        """
        if math.isnan(start):
            return self.levels.tolist() if self.feature.direction == "either" else []
        if not self.step:
            return [value for value in self.levels.tolist() if self._ahead(start, value)]
        low, high = self.levels[0], self.levels[-1]
        counts = {round((level - start) / self.step) for level in self.levels.tolist()}
        values = sorted({_clean(start + count * self.step) for count in counts if count})
        return [value for value in values if low <= value <= high and self._ahead(start, value)]

    def between(self, start: float, end: float, most: int) -> list[float]:
        """At most so many values strictly between start and end, nearest to the start first."""
        if math.isnan(start) or self.feature.kind == "categorical":
            return []
        if not self.step:
            low, high = sorted((start, end))
            inside = [value for value in self.levels.tolist() if low < value < high]
            return inside if start < end else inside[::-1]
        steps = round(abs(end - start) / self.step)
        counts = np.unique(np.linspace(1, max(steps - 1, 1), most).round())
        toward = math.copysign(self.step, end - start)
        low, high = self.levels[0], self.levels[-1]
        values = [_clean(start + count * toward) for count in counts if count < steps]
        return [value for value in values if low <= value <= high]

    def _ahead(self, start: float, value: float) -> bool:
        if self.feature.direction == "increase":
            return value > start
        if self.feature.direction == "decrease":
            return value < start
        return value != start


def reach_of(feature: Feature, column: Floats) -> Reach:
    """Where a feature can go, from its values (row,) in the training part."""
    known = column[~np.isnan(column)]
    if not len(known):
        return Reach(feature, np.zeros(0), 0.0)
    if feature.is_numeric:
        levels = np.unique(np.quantile(known, _LEVELS, method="nearest"))
        return Reach(feature, levels, feature.step or _usual_step(known, levels))
    counts = np.bincount(known.astype(np.int64), minlength=len(feature.categories))
    documented = np.array([category.documented for category in feature.categories])
    frequent = counts >= min(_LEAST_COUNT, int(counts.max()))
    return Reach(feature, np.flatnonzero(frequent & documented).astype(np.float64), 0.0)


def _usual_step(known: Floats, levels: Floats) -> float:
    """About a hundredth of the range as 1, 2 or 5 times a power of ten; whole where values are."""
    size = _STEP_SHARE * float(levels[-1] - levels[0])
    if not size:
        return 1.0
    power = 10.0 ** math.floor(math.log10(size))
    step = max(factor * power for factor in (1, 2, 5) if factor * power <= size * (1 + 1e-9))
    return max(step, 1.0) if (known == np.round(known)).all() else step


def _clean(value: float) -> float:
    """Without what only binary arithmetic adds: 0.30000000000000004 is 0.3."""
    return float(f"{value:.12g}")


#: Training rows of a class that are looked at, and those whose own distances say what is usual.
_MOST_ROWS, _JUDGED_ROWS = 1000, 100
#: This share of real cases lies within the usual distance.
_USUAL = 0.95


class RealCases:
    """Training rows by class, and the mean Gower distance to the nearest of them.

    train : (row, feature). labels : (row,) class. near : over how many nearest rows the mean goes.
    """

    def __init__(self, train: Floats, labels: Ints, schema: Schema, near: int) -> None:
        self.schema, self.near = schema, near
        self.scale = ranges(train, schema)
        self._train, self._labels = train, labels
        self._rows: dict[int, Floats] = {}
        self._usual: dict[int, float] = {}

    def distance(self, row: Floats, label: int) -> float:
        """Mean distance in [0, 1] of the row (feature,) to the nearest cases of the class.

        0 where the class has no training row: then nothing is known to be far from it.
        """
        return self._mean(row, self._of(label), 0)

    def usual(self, label: int) -> float:
        """The distance within which 95 % of the cases of the class have their nearest others."""
        if label not in self._usual:
            rows = self._of(label)
            judged = rows[thin(len(rows), _JUDGED_ROWS)]
            own = [self._mean(row, rows, 1) for row in judged]
            self._usual[label] = float(np.quantile(own, _USUAL)) if own else 0.0
        return self._usual[label]

    def _of(self, label: int) -> Floats:
        if label not in self._rows:
            rows = self._train[self._labels == label]
            self._rows[label] = rows[thin(len(rows), _MOST_ROWS)]
        return self._rows[label]

    def _mean(self, row: Floats, rows: Floats, itself: int) -> float:
        """Over the nearest rows, without the first where the row is one of them."""
        if len(rows) <= itself:
            return 0.0
        distances = np.sort(gower_distances(rows, row, self.scale, self.schema))
        return float(distances[itself : itself + self.near].mean())


#: One feature set to one value.
Change = tuple[int, float]
#: Several features at once.
Changes = tuple[Change, ...]

#: How many changes, and how many pairs of changes, are built upon by one more.
_BEAM = 24
#: How many values per feature take part in combinations, besides its ends, and how many in all.
_PER_FEATURE, _MOST_SINGLES = 2, 96
#: How many values between the old and the new one are tried to make a change smaller.
_STEPS_BACK = 12
#: How often they are tried, each time between fewer values.
_REFINEMENTS = 2
#: How many changes that leave a row far from real cases are drawn back to see whether it helps.
_DRAWN_BACK = 2


@dataclass(frozen=True)
class Counterfactual:
    """The change that was found; empty where none was.

    probabilities : (class,) those after the change. near : mean distance to the nearest real cases
    of the class then decided, NaN where there is no change.
    """

    changes: Changes
    probabilities: Floats
    near: float = float("nan")


@dataclass(frozen=True)
class DecisionRule:
    """How probabilities become a decision; see `Predictions`."""

    threshold: float | None
    explained: int

    def decisions(self, probabilities: Floats) -> Ints:
        return decide(probabilities, self.threshold, self.explained)

    def clearly(self, probabilities: Floats, margin: float) -> Ints:
        """(instance,) the class decided with at least this margin, -1 where it is a close call.

        The margin lies beyond the threshold, at most half the way to certainty; without a threshold
        it is the lead over the second class.

        >>> DecisionRule(0.2, 1).clearly(np.array([[0.79, 0.21], [0.7, 0.3]]), 0.02).tolist()
        [-1, 1]
        """
        decisions = self.decisions(probabilities)
        if self.threshold is None or probabilities.shape[1] != 2:
            ordered = np.sort(probabilities, axis=1)
            return np.where(ordered[:, -1] - ordered[:, -2] >= margin, decisions, -1)
        scores, threshold = probabilities[:, self.explained], self.threshold
        above = scores >= threshold + min(margin, (1 - threshold) / 2)
        below = scores <= threshold - min(margin, threshold / 2)
        return np.where(above | below, decisions, -1)


class Consequences(Protocol):
    """What else moves where features are changed, and what is not to be advised.

    idle : positions of features that change nothing of what is predicted. moved : of those that may
    follow.
    """

    idle: frozenset[int]

    @property
    def moved(self) -> frozenset[int]: ...

    def followed(self, row: Floats, changed: Floats) -> tuple[Floats, Bools]:
        """(set, feature) rows with all that follows, and (set,) whether they may be advised.

        row : (feature,) as it is. changed : (set, feature) with the changes themselves.
        """


@dataclass(frozen=True)
class SearchBounds:
    """How far a search goes.

    most : greatest number of features to change at once. margin : how far the probability must get
    beyond the threshold. near : over how many nearest real cases their distance is averaged.
    consequences : what follows from a change by a declared graph of causes; None without one: then
    only what is changed moves.
    """

    most: int = 3
    margin: float = 0.02
    near: int = 5
    consequences: Consequences | None = None


NO_CHANGE = Counterfactual((), np.empty(0))
#: What a search asks of the model: the sets of changes of its row to try, all of one size.
Questions = Sequence[Changes]
#: Sets of features that no change may move together.
Taken = Sequence[frozenset[int]]
#: A search that asks, is sent the answers (set, class), and in the end gives a change.
Asking = Generator[Questions, Any, Counterfactual]


class Search:
    """Looks for the change of fewest features, and among these of the least distance.

    A feature moves only if a person can change it, never if groups of people are made of it, in the
    direction that is declared and by whole steps, within what most training rows have, and only so
    that the declared relations between columns hold. The decision must then be another one (the
    wanted class, where there is one) by a margin, and the changed row
    no farther from real cases of that class than the row was, or than 95 % of them are from one
    another. Single changes are all tried; pairs and triples are built from those that lower the
    probability of the decision most. What is found is drawn back toward the original as far as all
    this allows.

    classifier : asked about every candidate.
    train : (row, feature) training inputs.
    labels : (row,) class of each training row.
    rule : from probabilities to decisions.
    bounds : how far to look.
    wanted : the class to be decided; None: any other than now.
    columns : the features that may move, if they can; None: all.
    """

    def __init__(
        self,
        classifier: Classifier,
        train: Floats,
        labels: Ints,
        rule: DecisionRule,
        bounds: SearchBounds,
        wanted: int | None = None,
        columns: Collection[int] | None = None,
    ) -> None:
        self.classifier = classifier
        self.rule = rule
        self.bounds = bounds
        self.wanted = wanted
        self.consequences = bounds.consequences
        idle = self.consequences.idle if self.consequences else frozenset[int]()
        schema: Schema = classifier.schema
        self.features = schema.features
        self.scale = ranges(train, schema)
        self.real = RealCases(train, labels, schema, bounds.near)
        self.relations = Relations.of(schema)
        self.reach: dict[int, Reach] = {
            j: reach_of(feature, train[:, j])
            for j, feature in enumerate(schema.features)
            if feature.can_move and j not in idle and (columns is None or j in columns)
        }

    def smallest(self, rows: Floats) -> list[Counterfactual]:
        """Of each row (row, feature) the smallest change that alters its decision as is wanted."""
        return self._together(self._whole, rows)

    def ways(self, rows: Floats, most: int) -> list[list[Counterfactual]]:
        """Of each row (row, feature) at most so many changes, the smallest first.

        Each is the smallest that does not move all features that one before it moves, so that no
        way is another one with more to it. A row without a change has none.
        """
        ways: list[list[Counterfactual]] = [[] for _ in rows]
        searched = list(range(len(rows)))
        for _ in range(most):
            taken = [
                [frozenset(feature for feature, _ in way.changes) for way in ways[at]]
                for at in searched
            ]
            changes = self._together(self._whole, rows[searched], taken)
            for at, change in zip(searched, changes, strict=True):
                ways[at] += [change] if change.changes else []
            searched = [at for at, change in zip(searched, changes, strict=True) if change.changes]
        return ways

    def first(self, rows: Floats) -> list[Counterfactual]:
        """Of each row (row, feature) the first change that suffices, not drawn back yet."""
        return self._together(self._first, rows)

    def questions(self) -> int:
        """At most so many rows are asked about for each row, before drawing back."""
        singles = sum(len(reach.levels) for reach in self.reach.values())
        return singles + (self.bounds.most - 1) * _BEAM * min(singles, _MOST_SINGLES)

    def _altered(self, probabilities: Floats, decided: int) -> Bools:
        clear = self.rule.clearly(probabilities, self.bounds.margin)
        if self.wanted is not None:
            return np.asarray((clear == self.wanted) & (clear != decided))
        return np.asarray((clear >= 0) & (clear != decided))

    def _together(
        self,
        search: Callable[[Floats, Floats, Taken], Asking],
        rows: Floats,
        taken: Sequence[Taken] | None = None,
    ) -> list[Counterfactual]:
        """Search for all rows side by side, so that the model is asked for all of them at once.

        taken : for each row sets of features that no change may move together; None: no set.
        """
        if not len(rows):
            return []
        before = self.classifier.probabilities(rows)
        moved = MovedRows(self.classifier, rows)
        each = zip(rows, before, taken or [()] * len(rows), strict=True)
        searches = [search(row, own, sets) for row, own, sets in each]
        changes: dict[int, Counterfactual] = {}
        answers: Mapping[int, Floats | None] = dict.fromkeys(range(len(searches)))
        while answers:
            questions: dict[int, Questions] = {}
            for at, answer in answers.items():
                try:
                    questions[at] = searches[at].send(answer)
                except StopIteration as end:
                    changes[at] = end.value
            answers = self._answers(moved, questions)
        return [changes[at] for at in range(len(searches))]

    def _answers(
        self, moved: MovedRows, questions: Mapping[int, Questions]
    ) -> Mapping[int, Floats]:
        if self.consequences is None:
            return _answers(moved, questions)
        columns = np.array(sorted({*self.reach, *self.consequences.moved}))
        answers = {}
        for at, sets in questions.items():
            values, _ = self.consequences.followed(moved.rows[at], _changed(moved.rows[at], sets))
            shape = (len(sets), len(columns))
            which, wide = np.full(len(sets), at), np.broadcast_to(columns, shape)
            answers[at] = moved.probabilities(which, wide, values[:, columns])
        return answers

    def followed(self, row: Floats, changes: Changes) -> tuple[Floats, bool]:
        """The row (feature,) after changes and what follows, and whether it may be advised."""
        changed = _changed(row, [changes])
        if self.consequences is None:
            return changed[0], True
        after, advised = self.consequences.followed(row, changed)
        return after[0], bool(advised[0])

    def _whole(self, row: Floats, before: Floats, taken: Taken = ()) -> Asking:
        """The first change that suffices, drawn back."""
        change = yield from self._first(row, before, taken)
        if not change.changes:
            return change
        return (yield from self._drawn_back(row, change, self._decided(before)))

    def _first(self, row: Floats, before: Floats, taken: Taken = ()) -> Asking:
        """Single changes, then sets of one more at a time, until one suffices."""
        decided = self._decided(before)
        moves = ((j, reach.values(float(row[j]))) for j, reach in self.reach.items())
        every: list[Changes] = [((j, value),) for j, values in moves for value in values]
        sets, singles = _untaken(every, taken), list[Changes]()
        for _ in range(self.bounds.most):
            if not sets:
                break
            answers = yield sets
            change = yield from self._best(row, decided, sets, answers)
            if change.changes:
                return change
            ranked = [sets[i] for i in np.argsort(answers[:, decided], kind="stable")]
            singles = singles or _varied(ranked)
            sets = _untaken(_joined(ranked[:_BEAM], singles), taken)
        return Counterfactual((), before)

    def _decided(self, probabilities: Floats) -> int:
        return int(self.rule.decisions(probabilities[None])[0])

    def _best(
        self, row: Floats, decided: int, sets: Sequence[Changes], probabilities: Floats
    ) -> Asking:
        """The nearest of the changes that suffice and leave the row among real cases, if any."""
        altered = np.flatnonzero(self._altered(probabilities, decided)).tolist()
        allowed = [at for at in altered if self._is_allowed(row, sets[at])]
        nearest = sorted(
            allowed, key=lambda at: sum(self._moved(row, j, value) for j, value in sets[at])
        )
        for at in nearest[:_BEAM]:
            after = self._judged(row, sets[at], probabilities[at])
            if after is not None:
                return after
        for at in nearest[:_DRAWN_BACK]:
            far = Counterfactual(sets[at], probabilities[at])
            after = yield from self._drawn_back(row, far, decided)
            if after is not far:
                return after
        return NO_CHANGE

    def _judged(
        self, row: Floats, changes: Changes, probabilities: Floats
    ) -> Counterfactual | None:
        """The change, if it keeps the relations and the row is as near to real cases as it must."""
        if not self._is_allowed(row, changes):
            return None
        decided = self._decided(probabilities)
        near = self.real.distance(self.followed(row, changes)[0], decided)
        limit = max(self.real.usual(decided), self.real.distance(row, decided))
        return Counterfactual(changes, probabilities, near) if near <= limit else None

    def _is_allowed(self, row: Floats, changes: Changes) -> bool:
        """Whether the changed row keeps the declared relations, and the graph lets it be."""
        after, advised = self.followed(row, changes)
        return advised and bool(self.relations.allowed(row, after[None])[0])

    def _moved(self, row: Floats, feature: int, value: float) -> float:
        if self.features[feature].kind == "categorical" or np.isnan(row[feature]):
            return 1.0
        return min(abs(value - float(row[feature])) / float(self.scale[feature]), 1.0)

    def _drawn_back(self, row: Floats, change: Counterfactual, decided: int) -> Asking:
        """Each change in turn moved back toward the original as far as may be."""
        best = change
        for feature, _ in change.changes:
            smaller = yield from self._smaller(row, best.changes, feature, decided)
            for changes, probabilities in smaller:
                judged = self._judged(row, changes, probabilities)
                if judged is not None:
                    best = judged
                    break
        return best

    def _smaller(
        self, row: Floats, changes: Changes, feature: int, decided: int
    ) -> Generator[Questions, Any, list[tuple[Changes, Floats]]]:
        """The changes with one feature moved less, as far as it suffices; the smallest first."""
        start, end = float(row[feature]), dict(changes)[feature]
        sufficient: list[tuple[Changes, Floats]] = []
        for _ in range(_REFINEMENTS):
            options = self.reach[feature].between(start, end, _STEPS_BACK)
            if not options:
                break
            sets = [tuple((dict(changes) | {feature: value}).items()) for value in options]
            answers = yield sets
            altered = np.flatnonzero(self._altered(answers, decided))
            if not len(altered):
                start = options[-1]
                continue
            first = int(altered[0])
            sufficient.insert(0, (sets[first], answers[first]))
            start, end = options[first - 1] if first else start, options[first]
        return sufficient


def _answers(moved: MovedRows, questions: Mapping[int, Questions]) -> dict[int, Floats]:
    """{number of a row: (set, class)} what the model says after each of its changes."""
    answers: dict[int, Floats] = {}
    for size in sorted({len(sets[0]) for sets in questions.values()}):
        alike = {at: sets for at, sets in questions.items() if len(sets[0]) == size}
        counts = [len(sets) for sets in alike.values()]
        changes = np.array([changes for sets in alike.values() for changes in sets])
        columns, values = changes[..., 0].astype(np.int64), changes[..., 1]
        which = np.repeat(np.array(list(alike)), counts)
        parts = np.split(moved.probabilities(which, columns, values), np.cumsum(counts)[:-1])
        answers |= dict(zip(alike, parts, strict=True))
    return answers


def _changed(row: Floats, sets: Questions) -> Floats:
    """(set, feature) the row after each set of changes."""
    changed = np.repeat(row[None], len(sets), axis=0)
    for at, changes in enumerate(sets):
        for feature, value in changes:
            changed[at, feature] = value
    return changed


def _untaken(sets: list[Changes], taken: Taken) -> list[Changes]:
    """The sets of changes that do not move all features of a set that is taken."""
    return [
        changes
        for changes in sets
        if not any(features <= {feature for feature, _ in changes} for features in taken)
    ]


def _varied(ranked: list[Changes]) -> list[Changes]:
    """For each feature the best single changes, and its least and greatest value besides.

    The ends are kept because a feature may matter only together with another case.
    """
    by_feature: dict[int, list[Changes]] = {}
    for single in ranked:
        by_feature.setdefault(single[0][0], []).append(single)
    kept: set[Changes] = set()
    for several in by_feature.values():
        kept |= {*several[:_PER_FEATURE], min(several), max(several)}
    return [changes for changes in ranked if changes in kept][:_MOST_SINGLES]


def _joined(sets: list[Changes], singles: list[Changes]) -> list[Changes]:
    """Every set with one more feature changed, each combination once, in a fixed order."""
    combinations: dict[Changes, None] = {}
    for changes in sets:
        features = {feature for feature, _ in changes}
        for (single,) in singles:
            if single[0] not in features:
                combinations[tuple(sorted((*changes, single)))] = None
    return list(combinations)
