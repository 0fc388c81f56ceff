"""The smallest change of an input that alters the decision, found by asking the model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.data_kinds.reference import ranges
from deepseek_report.tasks.decisions import decide

#: One feature set to one value.
Change = tuple[int, float]
#: Several features at once.
Changes = tuple[Change, ...]

#: Quantiles of the training part that a numeric feature is moved to, as values that occur in it.
_LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
#: A category must occur this often in the training part to be proposed.
_LEAST_COUNT = 10
#: How many changes, and how many pairs of changes, are built upon by one more.
_BEAM = 24
#: How many values per feature take part in combinations, besides its ends.
_PER_FEATURE = 2
#: How many values between the old and the new one are tried to make a change smaller.
_STEPS_BACK = 12


@dataclass(frozen=True)
class Counterfactual:
    """The change that was found; empty where none was. `probabilities` (class,) are those after."""

    changes: Changes
    probabilities: Floats


@dataclass(frozen=True)
class DecisionRule:
    """How probabilities become a decision; see `Predictions`."""

    threshold: float | None
    explained: int

    def decisions(self, probabilities: Floats) -> Ints:
        return decide(probabilities, self.threshold, self.explained)


class Search:
    """Looks for the change of fewest features, and among these of the least distance.

    Only mutable features move, and only to values seen in the training part. Single changes are
    all tried; pairs and triples are built from those that lower the probability of the decision
    most. What is found is then drawn back toward the original as far as the decision allows.

    Parameters
    ----------
    classifier : Classifier
        Asked about every candidate.
    train : array
        (row, feature) training inputs.
    rule : Rule
        From probabilities to decisions.
    most : int
        Greatest number of features to change at once.
    columns : set of int or None
        The features that may move, if mutable; None: all.
    """

    def __init__(
        self,
        classifier: Classifier,
        train: Floats,
        rule: DecisionRule,
        most: int,
        columns: Collection[int] | None = None,
    ) -> None:
        self.classifier = classifier
        self.rule = rule
        self.most = most
        schema: Schema = classifier.schema
        self.features = schema.features
        self.scale = ranges(train, schema)
        self.values = {
            j: _seen_values(feature, train[:, j])
            for j, feature in enumerate(schema.features)
            if feature.mutable and (columns is None or j in columns)
        }
        self.finer = {
            j: np.unique(train[~np.isnan(train[:, j]), j])
            for j in self.values
            if schema.features[j].kind != "categorical"
        }

    def run(self, row: Floats) -> Counterfactual:
        """The smallest change of this row (feature,) that alters its decision."""
        before = self.classifier.probabilities(row[None])
        decided = int(self.rule.decisions(before)[0])
        sets: list[Changes] = [(change,) for change in self._singles(row)]
        singles: list[Changes] = []
        for _ in range(self.most):
            if not sets:
                break
            probabilities = self._ask(row, sets)
            altered = np.flatnonzero(self.rule.decisions(probabilities) != decided)
            if len(altered):
                return self._drawn_back(row, self._nearest(row, sets, altered), decided)
            ranked = [sets[i] for i in np.argsort(probabilities[:, decided], kind="stable")]
            singles = singles or _varied(ranked)
            sets = _joined(ranked[:_BEAM], singles)
        return Counterfactual((), before[0])

    def _nearest(self, row: Floats, sets: list[Changes], altered: Ints) -> Changes:
        return min((sets[i] for i in altered), key=lambda changes: self._distance(row, changes))

    def _singles(self, row: Floats) -> list[Change]:
        return [(j, v) for j, values in self.values.items() for v in values if v != row[j]]

    def _ask(self, row: Floats, sets: list[Changes]) -> Floats:
        return self.classifier.probabilities(np.stack([_apply(row, changes) for changes in sets]))

    def _distance(self, row: Floats, changes: Changes) -> float:
        return float(sum(self._moved(row, j, value) for j, value in changes))

    def _moved(self, row: Floats, feature: int, value: float) -> float:
        if self.features[feature].kind == "categorical" or np.isnan(row[feature]):
            return 1.0
        return min(abs(value - float(row[feature])) / float(self.scale[feature]), 1.0)

    def _drawn_back(self, row: Floats, changes: Changes, decided: int) -> Counterfactual:
        """Each change in turn moved back toward the original as far as the decision allows."""
        current = dict(changes)
        for feature, end in changes:
            options = self._between(feature, float(row[feature]), end)
            if not options:
                continue
            sets: list[Changes] = [tuple((current | {feature: v}).items()) for v in options]
            altered = self.rule.decisions(self._ask(row, sets)) != decided
            if altered.any():
                current[feature] = options[int(altered.argmax())]
        final = tuple(current.items())
        return Counterfactual(final, self._ask(row, [final])[0])

    def _between(self, feature: int, start: float, end: float) -> list[float]:
        """Training values strictly between the two, nearest to the start first."""
        seen = self.finer.get(feature)
        if seen is None or np.isnan(start):
            return []
        inside = seen[(seen > min(start, end)) & (seen < max(start, end))]
        if not len(inside):
            return []
        places = np.unique(np.linspace(0, len(inside) - 1, _STEPS_BACK).round().astype(np.int64))
        chosen = [float(inside[i]) for i in places]
        return chosen if start < end else chosen[::-1]


def _seen_values(feature: Feature, column: Floats) -> list[float]:
    known = column[~np.isnan(column)]
    if not len(known):
        return []
    if feature.is_numeric:
        return [float(v) for v in np.unique(np.quantile(known, _LEVELS, method="nearest"))]
    counts = np.bincount(known.astype(np.int64))
    return [float(v) for v in np.flatnonzero(counts >= min(_LEAST_COUNT, counts.max()))]


def _apply(row: Floats, changes: Changes) -> Floats:
    changed = row.copy()
    for feature, value in changes:
        changed[feature] = value
    return changed


def _varied(ranked: list[Changes]) -> list[Changes]:
    """For each feature the best single changes, and its least and greatest value besides.

    The ends are kept because a feature may matter only together with another one.
    """
    by_feature: dict[int, list[Changes]] = {}
    for single in ranked:
        by_feature.setdefault(single[0][0], []).append(single)
    kept: set[Changes] = set()
    for several in by_feature.values():
        kept |= {*several[:_PER_FEATURE], min(several), max(several)}
    return [changes for changes in ranked if changes in kept]


def _joined(sets: list[Changes], singles: list[Changes]) -> list[Changes]:
    """Every set with one more feature changed, each combination once, in a fixed order."""
    combinations: dict[Changes, None] = {}
    for changes in sets:
        features = {feature for feature, _ in changes}
        for (single,) in singles:
            if single[0] not in features:
                combinations[tuple(sorted((*changes, single)))] = None
    return list(combinations)
