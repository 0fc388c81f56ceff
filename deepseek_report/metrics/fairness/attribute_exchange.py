"""A protected attribute of a person exchanged for each other value, with all else equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds.row_conditions import Relations
from deepseek_report.tasks.loss import decide

#: Training values of a band of a number that are asked about, the median first: a rule may turn on
#: the ends of a band alone.
_PER_BAND = np.linspace(0, 1, 11)
#: Shares of the training part that end the bands of a number for which nobody declares any.
_QUARTERS = (0.25, 0.5, 0.75)


def source_of(schema: Schema, attribute: Attribute) -> int | None:
    """Position of the input that an attribute was made from; None where the model is not given it.

    It is the column that an exchange of the attribute changes.
    """
    return schema.position(attribute.source) if attribute.source in schema.names else None


@dataclass(frozen=True)
class ExchangedAttribute:
    """What an input that is protected may be exchanged for.

    column : its position. is_ordered : whether it has an order, so that values lie between bands.
    bands : training values, of a number some of each band from its median outwards, else one of
    each category; NaN where it is missing.
    """

    column: int
    is_ordered: bool
    bands: tuple[Floats, ...]

    @classmethod
    def all_of(cls, schema: Schema, train: Split) -> Iterator[ExchangedAttribute]:
        """Those of a table that the model is given, in the order of the columns."""
        people = {source_of(schema, each): each.name for each in schema.attributes_of("person")}
        for j, feature in enumerate(schema.features):
            if not (feature.sensitive or j in people):
                continue
            column = train.inputs[:, j]
            known = column[~np.isnan(column)]
            bands = [np.array([value]) for value in np.unique(known)]
            if feature.is_numeric and len(known):
                edges = np.quantile(known, _QUARTERS)
                codes = train.groups.get(people.get(j, ""), np.searchsorted(edges, column))
                bands = [_asked(known[codes[~np.isnan(column)] == k]) for k in np.unique(codes)]
            missing = [np.array([np.nan])] if len(known) < len(column) else []
            yield cls(
                j, feature.is_numeric, tuple(band for band in (*bands, *missing) if len(band))
            )

    def of(self, row: Floats, relations: Relations) -> Iterator[Floats]:
        """(value, feature) copies of a row (feature,), one array for each other band.

        They keep what is declared of rows; a band of which no value does is left out.
        """
        own = row[self.column]
        away = [_distance(band, own) for band in self.bands]
        mine = min(away, default=0.0) if self.is_ordered else 0.0
        for band, distance in zip(self.bands, away, strict=True):
            if distance == mine:
                continue
            changed = np.repeat(row[None], len(band), axis=0)
            changed[:, self.column] = band
            allowed = changed[relations.allowed(row, changed)]
            if len(allowed):
                yield allowed


@dataclass(frozen=True)
class TurningValue:
    """A value of a protected attribute with which alone a refused row would be accepted.

    row, column : positions. probability : of the explained class, with that value.
    """

    row: int
    column: int
    value: float
    probability: float


def turning_values(context: MeasureContext, inputs: Floats) -> Iterator[TurningValue]:
    """Of each band of a protected attribute the first value, if any, that turns a refusal.

    inputs : (row, feature). Rows that were not decided against are not asked about, and none where
    nobody declares the favourable class.
    """
    schema, wanted = context.dataset.schema, context.dataset.schema.target.favourable
    if wanted is None or not len(inputs):
        return
    predictions, ask = context.predictions, context.classifier.probabilities
    rule = predictions.threshold, predictions.explained
    against = decide(ask(inputs), *rule) != wanted
    relations = Relations.of(schema)
    exchanged = list(ExchangedAttribute.all_of(schema, context.dataset.train))
    questions = [
        (row, each.column, changed)
        for row in np.flatnonzero(against).tolist()
        for each in exchanged
        for changed in each.of(inputs[row], relations)
    ]
    if not questions:
        return
    outputs = ask(np.concatenate([changed for *_, changed in questions]))
    turns, start = decide(outputs, *rule) == wanted, 0
    for row, column, changed in questions:
        for at in np.flatnonzero(turns[start : start + len(changed)])[:1].tolist():
            probability = float(outputs[start + at, schema.target.explained])
            yield TurningValue(row, column, float(changed[at, column]), probability)
        start += len(changed)


def most_questions(context: MeasureContext, rows: int) -> int:
    """How many rows of the model `turning_values` asks about at most, of so many refused ones."""
    exchanged = ExchangedAttribute.all_of(context.dataset.schema, context.dataset.train)
    return rows * (1 + sum(len(band) for each in exchanged for band in each.bands))


def _asked(values: Floats) -> Floats:
    """Different values of a band from its median outwards."""
    if not len(values):
        return values
    some = np.unique(np.quantile(values, _PER_BAND, method="nearest"))
    median = np.quantile(values, 0.5, method="nearest")
    return np.asarray(some[np.argsort(np.abs(some - median), kind="stable")])


def _distance(band: Floats, value: float) -> float:
    """How far a value lies from those of a band; a missing one only from itself not at all."""
    if np.isnan(value) or np.isnan(band[0]):
        return 0.0 if np.isnan(value) and np.isnan(band[0]) else np.inf
    return float(max(band.min() - value, value - band.max(), 0.0))
