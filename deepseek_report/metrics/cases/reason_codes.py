"""Why somebody was decided against: at most four adverse reasons, by shortfall from others.

Adverse is any decision but the favourable one. Of three and more classes a reason is what a feature
adds less to the favourable class, against all others together, so that it does not depend on which
of these was decided; the explanations must be about that class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import NormalDist
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import LEAST_READABLE, Explanation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.case_tables import Row
from deepseek_report.metrics.cases.single_case_rows import REASONS, RefusedCase
from deepseek_report.metrics.explanations.explanation_plugin import ExplanationMetric
from deepseek_report.metrics.fairness.attribute_exchange import most_questions, turning_values
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import effective_threshold

#: Chance that any reason of a case rests on sampling alone.
_CHANCE = 0.05
#: Chance that another seed would turn reasons around whose rank is called certain.
_TURNED = 0.1
#: Share of the accepted cases that count as barely accepted, and the least number of these.
_BARELY, _LEAST_ACCEPTED = 0.25, 10
#: Rows of the model that questions on protected attributes may cost, for each of those of reasons.
_QUESTIONS = 25
#: How often the sampling error is drawn anew to see which reasons stay.
_REDRAWS = 40


@dataclass(frozen=True)
class ReasonCodeRule:
    """How the reasons against a person are chosen.

    method : shortfall_from_all compares what each feature adds for the person with the mean over
        all explained cases; shortfall_from_accepted with that over the quarter of the accepted ones
        that are nearest to the threshold.
    at_most : how many reasons are given.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    method: Literal["shortfall_from_all", "shortfall_from_accepted"] = "shortfall_from_all"
    at_most: Annotated[int, Field(ge=1, le=4)] = 4


@dataclass(frozen=True)
class Shortfalls:
    """By how much each feature adds less for a person than it does for those compared with.

    values, errors : (case, feature) in the unit of the attributions, positive against the person,
        and the standard error of each: of the case's own attribution and of the mean.
    own_errors : (case, feature) the first of the two alone, 0 where the method has none.
    allowed : (feature,) whether it may be a reason: no feature that groups of people are made of.
    least : shortfalls no larger than this would read as 0.
    toward : 1 where attributions raise the favourable class, else -1. mean, mean_variance :
        (feature,) what the features add toward it for those compared with: mean, and its variance.
    """

    values: Floats
    errors: Floats
    own_errors: Floats
    allowed: Bools
    least: float
    toward: int = 1
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    mean_variance: Floats = field(default_factory=lambda: np.zeros(0))

    def at(self, cases: Bools) -> Shortfalls:
        """Those of some of the cases."""
        arrays = {name: getattr(self, name)[cases] for name in ("values", "errors", "own_errors")}
        return replace(self, **arrays)

    def of_others(self, attributions: Floats, error: Floats | None) -> Shortfalls:
        """Those of cases that are not among these, against the same people.

        attributions, error : (case, feature) as the method gives them; error is None without one.
        """
        own = np.zeros_like(attributions) if error is None else error
        return replace(
            self,
            values=self.mean - self.toward * attributions,
            errors=np.sqrt(own**2 + self.mean_variance),
            own_errors=own,
        )

    @property
    def certain(self) -> Bools:
        """(case, feature) whether it speaks against the person beyond sampling error.

        The bound allows for having looked at every feature (Bonferroni).
        """
        bound = NormalDist().inv_cdf(1 - _CHANCE / max(int(self.allowed.sum()), 1))
        return np.asarray((self.values > bound * self.errors) & (self.values > self.least))

    def chosen(self, most: int) -> Bools:
        """(case, feature) whether it is among the largest shortfalls that may be reasons."""
        usable = self.allowed & self.certain
        return np.asarray(usable & (self.ranks(np.where(usable, self.values, -np.inf)) < most))

    def parted(self, most: int) -> Bools:
        """(case, rank) whether the reasons up to this rank are certainly larger than all others.

        Every feature that may be a reason is compared with every one behind the rank. Certain is
        what by another seed would be turned around in at most a tenth of the cases: the chances,
        by the standard errors of the differences, are summed over all pairs (Boole). Between two
        such ranks the reasons are of equal rank; behind the last one another may count as much.
        """
        from scipy.special import ndtr

        chosen, values = self.chosen(most), np.where(self.allowed, self.values, -np.inf)
        order = np.argsort(-values, axis=1, kind="stable")
        ranked = np.take_along_axis(values, order, axis=1)
        errors = np.take_along_axis(self.own_errors, order, axis=1)
        first = min(most, ranked.shape[1])
        parted = np.zeros((len(values), most), dtype=bool)
        for rank in range(first):
            front, behind = np.s_[:, : rank + 1, None], np.s_[:, None, rank + 1 :]
            with np.errstate(invalid="ignore", divide="ignore"):
                apart = (ranked[front] - ranked[behind]) / np.hypot(errors[front], errors[behind])
            known = np.isfinite(ranked[behind]) & np.isfinite(ranked[front])
            turned = np.where(known, ndtr(-np.nan_to_num(apart) / np.sqrt(2)), 0.0)
            parted[:, rank] = (turned.sum(axis=(1, 2)) <= _TURNED) & (chosen.sum(axis=1) > rank)
        return parted

    def stated(self, most: int) -> Bools:
        """(case, feature) the largest set of reasons that are certainly the largest ones."""
        ends = self.parted(most) * np.arange(1, most + 1)
        largest = self.ranks(self.values) < ends.max(axis=1, keepdims=True)
        return np.asarray(self.chosen(most) & largest)

    def kept(self, most: int, seed: int) -> Floats:
        """(case,) chance that by another seed of the method the stated reasons are the largest too.

        The sampling error of a case is drawn twice, as it stands in both of two seeds; NaN where
        no set of reasons is certain.
        """
        generator = np.random.default_rng([seed, 40_411])
        stated = self.stated(most)
        n_stated = stated.sum(axis=1, keepdims=True)
        kept = np.zeros(len(stated))
        for _ in range(_REDRAWS):
            noise = generator.normal(size=self.values.shape) * np.sqrt(2) * self.own_errors
            largest = self.ranks(self.values + noise) < n_stated
            kept += (largest == stated).all(axis=1)
        return np.where(n_stated[:, 0] > 0, kept / _REDRAWS, np.nan)

    def ranks(self, values: Floats) -> Ints:
        """(case, feature) 0 for the largest shortfall of a feature that may be a reason."""
        usable = np.where(self.allowed, values, -np.inf)
        return np.argsort(np.argsort(-usable, axis=1, kind="stable"), axis=1)


def codes_of(
    context: MeasureContext, explanations: dict[str, Explanation], rule: ReasonCodeRule
) -> tuple[list[Row], list[Score]]:
    """The reason codes of the shown cases that were decided against the person, by each method.

    Returns rows of the table `reason_codes`, and how many codes another seed would keep. Nothing by
    a method that tells no amounts for or against the favourable class, nor by any where nobody
    declares that class.
    """
    schema, places = context.dataset.schema, list(context.cases.roles.values())
    decisions = context.predictions.decisions[context.cases.explained]
    against = np.flatnonzero(decisions != schema.target.favourable)
    rows: list[Row] = []
    scores: list[Score] = []
    for name, explanation in explanations.items():
        shortfalls = shortfalls_of(context.predictions, explanation, schema, rule)
        if shortfalls is None:
            continue
        writer = CodeWriter(name, explanation, shortfalls, schema, rule.at_most)
        for case, place in enumerate(places):
            if place in against:
                rows += writer.rows(case, place)
        kept = shortfalls.kept(rule.at_most, context.seed)[against]
        if np.isfinite(kept).any():
            score = ExplanationMetric.mean_score(
                "reason_codes_kept",
                kept[np.isfinite(kept)],
                "higher",
                message("notes.cases.kept"),
                draws=(1000, context.seed),
                unit="share",
                bounds=(0, 1),
                explainer=name,
            )
            scores.append(score)
    return rows, scores


def shortfalls_of(
    predictions: Predictions, explanation: Explanation, schema: Schema, rule: ReasonCodeRule
) -> Shortfalls | None:
    """Of all explained cases; None where the method's numbers do not speak for or against a person.

    predictions : of the test part, in which the explanation names its positions.
    """
    toward = _toward_favourable(explanation, schema)
    if toward is None:
        return None
    values = toward * explanation.values
    own = explanation.standard_error
    own = np.zeros_like(values) if own is None else own
    compared = _compared_with(predictions, explanation.positions, schema, rule)
    if len(compared) < _LEAST_ACCEPTED:
        return None
    mean = values[compared].mean(axis=0)
    variance = values[compared].var(axis=0, ddof=1) / len(compared)
    return Shortfalls(
        values=mean - values,
        errors=np.sqrt(own**2 + variance),
        own_errors=own,
        allowed=np.array([not feature.sensitive for feature in schema.features]),
        least=LEAST_READABLE[explanation.output_space],
        toward=toward,
        mean=mean,
        mean_variance=variance,
    )


def told_of(
    predictions: Predictions, explanation: Explanation, schema: Schema, rule: ReasonCodeRule
) -> Explanation:
    """The explanation as single cases are told by it: one list of amounts for each case.

    Where a case was decided against the person and has reason codes, its amounts are those of the
    codes: by how much each feature adds more or less than for those compared with, from their mean
    output to that of the case. Of three and more classes they are about the favourable one. All
    other cases stay as they were explained.
    """
    shortfalls = shortfalls_of(predictions, explanation, schema, rule)
    toward = _toward_favourable(explanation, schema)
    if shortfalls is None or toward is None:
        return explanation
    against = predictions.decisions[explanation.positions] != schema.target.favourable
    values = np.where(against[:, None], -toward * shortfalls.values, explanation.values)
    base, decided = explanation.base_values, explanation.decided
    if base is not None:
        base = base + (explanation.values - values).sum(axis=1)
    if decided is not None:
        decided = decided.without(np.flatnonzero(against))
    return replace(explanation, values=values, base_values=base, decided=decided)


def _toward_favourable(explanation: Explanation, schema: Schema) -> int | None:
    """1 where attributions raise the favourable class, -1 where they lower it, else None."""
    target = schema.target
    if target.favourable is None or not explanation.signed or explanation.output_space == "none":
        return None
    if explanation.target == target.favourable:
        return 1
    return -1 if len(target.classes) == 2 else None


def _compared_with(
    predictions: Predictions, positions: Ints, schema: Schema, rule: ReasonCodeRule
) -> Ints:
    """Places of the explained cases with whose mean a person is compared."""
    closed = predictions.labels[positions] >= 0  # what is still open is compared with these alone
    if rule.method == "shortfall_from_all":
        return np.flatnonzero(closed)
    favoured = predictions.decisions[positions] == schema.target.favourable
    accepted = np.flatnonzero(favoured & closed)
    n = min(max(round(_BARELY * len(accepted)), _LEAST_ACCEPTED), len(accepted))
    beyond = _lead(predictions, positions[accepted])
    return np.sort(accepted[np.argsort(beyond, kind="stable")[:n]])


def _lead(predictions: Predictions, positions: Ints) -> Floats:
    """(case,) how far each is from another decision.

    The distance of the probability from the threshold, and of three and more classes that of the
    two most probable ones.
    """
    probabilities = predictions.probabilities[positions]
    if probabilities.shape[1] == 2:
        return np.abs(predictions.scores[positions] - effective_threshold(predictions))
    two = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


@dataclass(frozen=True)
class CodeWriter:
    """What one method says against the shown cases, as rows of the table `reason_codes`."""

    name: str
    explanation: Explanation
    shortfalls: Shortfalls
    schema: Schema
    most: int

    def rows(self, case: int, place: int) -> list[Row]:
        """The codes of one case, largest first, then protected features that are as certain."""
        values, certain = self.shortfalls.values[place], self.shortfalls.certain[place]
        allowed = self.shortfalls.allowed
        usable = _descending(np.flatnonzero(certain & allowed), values)
        protected = _descending(np.flatnonzero(certain & ~allowed), values)
        rows = [
            self._row(case, place, j, rank + 1, bool(self._parted[place, rank]))
            for rank, j in enumerate(usable[: self.most])
        ]
        return [*rows, *(self._row(case, place, j, 0, certain=False) for j in protected)]

    @cached_property
    def _parted(self) -> Bools:
        return self.shortfalls.parted(self.most)

    def _row(self, case: int, place: int, j: int, rank: int, certain: bool) -> Row:
        feature = self.schema.features[j]
        return (
            case,
            self.name,
            "reason" if rank else "protected",
            rank,
            feature.name,
            feature.label,
            feature.display(float(self.explanation.inputs[place, j])),
            float(self.shortfalls.values[place, j]),
            float(self.shortfalls.errors[place, j]),
            certain,
            self.explanation.output_space,
        )


def _descending(features: Ints, values: Floats) -> list[int]:
    """The features, the largest of the (feature,) values first."""
    return [int(j) for j in features[np.argsort(-values[features], kind="stable")]]


REFUSED = TableType.of(RefusedCase, folded=True)


@dataclass(frozen=True)
class RefusedReasons:
    """Reason codes of all test rows that were decided against the person, by each method.

    A row that was explained for the report has the reasons of its page. The others are explained
    in full where all of them cost at most `evaluations` rows of the model; else by the cheapest
    form of the method, if that is within the budget, and how far it is off is measured on the rows
    that have both. A method for which both are dearer gives no reasons for the other rows. Before
    any reason is told it is asked whether a protected attribute decides; where that costs more than
    `_QUESTIONS` times as many rows the others have no reasons.
    """

    rule: ReasonCodeRule
    evaluations: int

    def rows(self, context: MeasureContext, explanations: Mapping[str, Explanation]) -> list[Row]:
        """One row for each method and test row, see `REFUSED`; empty where nothing is decided."""
        schema = context.dataset.schema
        suits = task_of(schema.target).decides and kind_of(schema).named_columns
        if not (suits and context.explainers):
            return []
        refused = np.flatnonzero(context.predictions.decisions != schema.target.favourable)
        if most_questions(context, len(refused)) > _QUESTIONS * self.evaluations:
            own = [explanation.positions for explanation in explanations.values()]
            refused = np.intersect1d(refused, np.concatenate([*own, refused[:0]]))
        decides = [list[int]() for _ in refused]
        for turn in turning_values(context, context.dataset.test.inputs[refused]):
            decides[turn.row].append(turn.column)
        labels = [
            ", ".join(dict.fromkeys(schema.features[column].label for column in columns))
            for columns in decides
        ]
        attributes = dict(zip(refused.tolist(), labels, strict=True))
        return [
            (*row, attributes[position])
            for name, explanation in explanations.items()
            for position, row in self._of_method(context, name, explanation, refused)
        ]

    def _of_method(
        self, context: MeasureContext, name: str, explanation: Explanation, refused: Ints
    ) -> list[tuple[int, Row]]:
        """(position, row without what decides) of one method, in the order of the test part."""
        schema, predictions = context.dataset.schema, context.predictions
        known = shortfalls_of(predictions, explanation, schema, self.rule)
        if known is None:
            return []
        own = np.isin(explanation.positions, refused)
        rows = dict(self._worded(context, name, explanation.positions[own], known.at(own), False))
        others = np.setdiff1d(refused, explanation.positions)
        explainer = context.explainers.get(name)
        affordable = (
            []
            if explainer is None or not len(others)
            else [
                cheaply
                for cheaply in (False, True)
                if explainer.planned_calls(len(others), cheaply) <= self.evaluations
            ]
        )
        if explainer is not None and affordable:
            cheaply = affordable[0]
            explained = explainer.explained(others, cheaply)
            error = explained.standard_error
            if cheaply:
                again = explainer.explained(explanation.positions, cheaply)
                off = np.sqrt(((again.values - explanation.values) ** 2).mean(axis=0))
                error = np.broadcast_to(off, explained.values.shape)
            made = known.of_others(explained.values, error)
            rows |= dict(self._worded(context, name, others, made, cheaply))
        return sorted(rows.items())

    def _worded(
        self, context: MeasureContext, name: str, positions: Ints, made: Shortfalls, rough: bool
    ) -> Iterator[tuple[int, Row]]:
        """(position, row of the table) of each."""
        most, features = self.rule.at_most, context.dataset.schema.features
        chosen, stated = made.chosen(most), made.stated(most)
        for place, position in enumerate(positions):
            labels = [
                features[j].label
                for j in _descending(np.flatnonzero(chosen[place]), made.values[place])
            ]
            yield (
                int(position),
                (
                    int(context.predictions.instance_ids[position]),
                    name,
                    float(context.predictions.scores[position]),
                    *(labels + [""] * REASONS)[:REASONS],
                    int(stated[place].sum()),
                    rough,
                ),
            )
