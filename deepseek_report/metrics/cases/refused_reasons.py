"""The reasons of every test row that was decided against a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols.metrics import ExplainRows, MeasureContext
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.reason_codes import ReasonCodeRule, Shortfalls, shortfalls_of
from deepseek_report.tasks import task_of

_REASONS = 4
_TableRow = tuple[object, ...]
REFUSED = TableType(
    (
        Column("instance_id", "row"),
        Column("explainer", "explainer", shown=False),
        Column("probability", "share"),
        *(Column(f"reason_{rank}") for rank in range(1, _REASONS + 1)),
        *columns_of("certain:count rough:yes_no"),
    ),
    folded=True,
)


@dataclass(frozen=True)
class RefusedReasons:
    """Reason codes of all test rows that were decided against the person, by each method.

    A row that was explained for the report has the reasons of its page. The others are explained
    in full where all of them cost at most `evaluations` rows of the model; else by the cheapest
    form of the method, if that is within the budget, and how far it is off is measured on the rows
    that have both. A method for which both are dearer gives no reasons for the other rows.
    """

    rule: ReasonCodeRule
    evaluations: int

    def table(
        self, context: MeasureContext, explanations: Mapping[str, Explanation]
    ) -> pd.DataFrame:
        """One row for each method and test row, see `REFUSED`; empty where nothing is decided."""
        schema = context.dataset.schema
        rows: list[_TableRow] = []
        suits = task_of(schema.target).decides and kind_of(schema).named_columns
        if suits and context.explainers:
            for name, explanation in explanations.items():
                rows += self._of_method(context, name, explanation)
        return pd.DataFrame(rows, columns=[column.key for column in REFUSED.columns])

    def _of_method(
        self, context: MeasureContext, name: str, explanation: Explanation
    ) -> list[_TableRow]:
        """The rows of one method, in the order of the test part."""
        schema, predictions = context.dataset.schema, context.predictions
        known = shortfalls_of(predictions, explanation, schema, self.rule)
        if known is None:
            return []
        against = np.flatnonzero(predictions.decisions != schema.target.favourable)
        own = np.isin(explanation.positions, against)
        rows = dict(self._worded(context, name, explanation.positions[own], known.at(own), False))
        others = np.setdiff1d(against, explanation.positions)
        further = _further(context.explainers.get(name), others, self.evaluations)
        if further is not None:
            explainer, cheaply = further
            explained = explainer.explained(others, cheaply)
            error = explained.standard_error
            if cheaply:
                again = explainer.explained(explanation.positions, cheaply)
                off = np.sqrt(((again.values - explanation.values) ** 2).mean(axis=0))
                error = np.broadcast_to(off, explained.values.shape)
            made = known.of_others(explained.values, error)
            rows |= dict(self._worded(context, name, others, made, cheaply))
        return [rows[position] for position in sorted(rows)]

    def _worded(
        self, context: MeasureContext, name: str, positions: Ints, made: Shortfalls, rough: bool
    ) -> Iterator[tuple[int, _TableRow]]:
        """(position, row of the table) of each."""
        most, features = self.rule.at_most, context.dataset.schema.features
        chosen, stated = made.chosen(most), made.stated(most)
        for place, position in enumerate(positions):
            labels = [features[j].label for j in _largest(made.values[place], chosen[place])]
            yield (
                int(position),
                (
                    int(context.predictions.instance_ids[position]),
                    name,
                    float(context.predictions.scores[position]),
                    *(labels + [""] * _REASONS)[:_REASONS],
                    int(stated[place].sum()),
                    rough,
                ),
            )


def _largest(values: Floats, chosen: Bools) -> list[int]:
    """The chosen features, the largest shortfall first."""
    features = np.flatnonzero(chosen)
    return [int(j) for j in features[np.argsort(-values[features], kind="stable")]]


def _further(
    explainer: ExplainRows | None, others: Ints, most: int
) -> tuple[ExplainRows, bool] | None:
    """What explains the other rows, and whether cheaply; None where both ways are too dear."""
    if explainer is None or not len(others):
        return None
    for cheaply in (False, True):
        if explainer.planned_calls(len(others), cheaply) <= most:
            return explainer, cheaply
    return None
