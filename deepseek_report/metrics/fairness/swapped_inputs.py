"""Asking a model again about people who are given another's sensitive input, or stand-ins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Schema
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.fairness.groups import UNKNOWN
from deepseek_report.metrics.fairness.proxies import permutation_importance
from deepseek_report.metrics.performance.reference_predictors import fit_predictor
from deepseek_report.statistics.ranking import auc_estimate, most_telling
from deepseek_report.tasks import TASKS
from deepseek_report.tasks.decisions import decide

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
        together is tested on training people who were not learnt from, see `_together`. Of wide
        data only those inputs are looked at whose means differ most in training.
        """
        attribute = data.schema.attribute(name)
        source = (
            data.schema.position(attribute.source)
            if attribute.source in data.schema.names
            else None
        )
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
            together = _together(train, data.schema, columns, least, seed)
        return cls(source, sorted(alone | together), together)


def _together(
    train: _Told, schema: Schema, columns: list[int], least: float, seed: int
) -> frozenset[int]:
    """The columns that a model of the group needs where it tells the groups apart with this AUC.

    Cross-fitted: boosted trees learn the group on each half of the training people and are tested
    on the other, whole and with each column shuffled. A column is needed where the fall in AUC,
    over both halves, is beyond chance and at least `_LEAST_FALL`.
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
    """Whether the mean of falls on different people is beyond chance and large enough."""
    mean = float(np.mean([fall.value for fall in falls]))
    below = math.hypot(*(fall.value - (fall.low or 0.0) for fall in falls)) / len(falls)
    return mean >= _LEAST_FALL and mean - below > 0


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
