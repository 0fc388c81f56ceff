"""Rules that are enough for the decision of a case: where they hold, it is nearly always that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import OF_CASES
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.written_texts import is_unknown, legible
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.case_choice import ShownCases
from deepseek_report.metrics.cases.counterfactuals import DecisionRule
from deepseek_report.metrics.cases.single_case_rows import Anchor, AnchorTerm, Relation
from deepseek_report.metrics.plugin import ClassMetric
from deepseek_report.statistics.ranking import most_telling, thin
from deepseek_report.statistics.resampling import Resampling

#: Training rows among which rules are looked for; of more, so many at even distances.
MOST_ROWS = 10_000
#: Columns of a wide table of which conditions are made, and conditions of a case at most.
_MOST_COLUMNS, _MOST_CONDITIONS = 64, 200
#: Rules that are built upon by one more condition, at most.
_BEAM = 400


@dataclass(frozen=True)
class AnchorCondition:
    """One thing that holds of a case.

    column : position of the feature, or in a text of the token in the vocabulary. value : the
    category, or the bound of a number.
    """

    relation: Relation
    column: int
    value: float

    def holds(self, rows: Floats) -> Bools:
        """(row, feature) -> (row,)."""
        if self.relation == "word":
            return np.asarray((rows == self.column).any(axis=1))
        cells = rows[:, self.column]
        if self.relation == "missing":
            return np.isnan(cells)
        if self.relation == "is":
            return np.asarray(cells == self.value)
        with np.errstate(invalid="ignore"):
            return np.asarray(
                cells <= self.value if self.relation == "up_to" else cells > self.value
            )

    def worded(self, schema: Schema) -> tuple[str, str, str, str]:
        """The feature's name and label, the relation, the value; of a text the word each time."""
        if self.relation == "word":
            word = legible(schema.vocabulary[self.column])
            return word, word, self.relation, word
        feature = schema.features[self.column]
        shown = "" if self.relation == "missing" else feature.display(self.value)
        return feature.name, feature.label, self.relation, shown


def conditions_of(
    row: Floats, train: Floats, schema: Schema, columns: Sequence[int]
) -> list[AnchorCondition]:
    """All conditions that a case fulfils.

    Of a table a category, that a value is missing, and on which side of the quartiles of training
    rows a number lies; of a text the words that it has.

    row : (feature,). train : (row, feature). columns : of a table, those that are looked at.
    """
    if kind_of(schema).quotes:
        mask = kind_of(schema).mask
        tokens = {int(token) for token in row[~np.isnan(row)]}
        known = [t for t in sorted(tokens) if t != mask and not is_unknown(schema.vocabulary[t])]
        return [AnchorCondition("word", token, float(token)) for token in known]
    conditions = []
    for column in columns:
        value = float(row[column])
        if np.isnan(value):
            conditions.append(AnchorCondition("missing", column, value))
        elif not schema.features[column].is_numeric:
            conditions.append(AnchorCondition("is", column, value))
        else:
            known = train[~np.isnan(train[:, column]), column]
            edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75], method="nearest")).tolist()
            conditions += [
                AnchorCondition("up_to" if value <= edge else "over", column, edge)
                for edge in edges
            ]
    return conditions


def best_rule(
    holds: Bools, same: Bools, precision: float, most: int, least: int
) -> tuple[tuple[int, ...], bool]:
    """The conditions that together are enough for a decision and hold of the most rows.

    All sets of at most `most` conditions are looked at, but for those that hold of fewer rows than
    one that is enough, and those beyond the 400 most precise of a size. Among equals the fewer
    conditions. Where none is enough, the one whose share is the largest beyond doubt (lower end of
    its 90 % interval).

    holds : (condition, row) where each condition holds. same : (row,) where the decision is that of
    the case. precision : share of the rows with the same decision that is enough, in (0, 1). most,
    least : conditions at most, and rows of which a rule must hold at least.

    Returns positions of the conditions, none where every rule is enough or none holds of so many
    rows; and whether they are enough.
    """
    if same.mean() >= precision:
        return (), True
    table, agree = holds.astype(np.float32), same.astype(np.float32)
    rules: list[tuple[int, ...]] = [()]
    members = np.ones((1, len(same)), dtype=np.float32)
    best: tuple[int, ...] | None = None
    best_cover = float(least) - 1
    sure: tuple[tuple[int, ...], float] = (), 0.0
    for _ in range(most):
        cover: Floats = (members @ table.T).astype(np.float64)
        hits: Floats = ((members * agree) @ table.T).astype(np.float64)
        shares = hits / np.maximum(cover, 1)
        further = np.array(
            [[p > (rule[-1] if rule else -1) for p in range(len(table))] for rule in rules]
        )
        enough = further & (shares >= precision) & (cover > best_cover)
        if enough.any():
            widest = np.where(enough, cover + shares / 2, -1)
            at, p = np.unravel_index(int(widest.argmax()), widest.shape)
            best, best_cover = (*rules[at], int(p)), float(cover[at, p])
        spread = np.sqrt((shares * (1 - shares) + 1 / (cover + 1)) / (cover + 1))
        doubtless = np.where(further & (cover >= least), shares - 1.64 * spread, -1)
        at, p = np.unravel_index(int(doubtless.argmax()), doubtless.shape)
        if doubtless[at, p] > sure[1]:
            sure = (*rules[at], int(p)), float(doubtless[at, p])
        open_rules = np.argwhere(further & (shares < precision) & (cover > best_cover))
        ranked = np.argsort(-shares[tuple(open_rules.T)], kind="stable")[:_BEAM]
        chosen = open_rules[ranked]
        if not len(chosen):
            break
        members = members[chosen[:, 0]] * table[chosen[:, 1]]
        rules = [(*rules[at], int(p)) for at, p in chosen]
    return (sure[0], False) if best is None else (best, True)


@dataclass(frozen=True)
class Anchors(ClassMetric):
    """Of each shown case a rule that is enough for its decision, tested on rows of its own.

    Among at most 10 000 training rows the widest rule is looked for with at most `conditions`
    conditions that the case fulfils and a share of `precision` of the same decisions; where there
    is none, the rule whose share is surest to be large, which is not called enough. How often the
    decision is the same where it holds, and how many rows it holds of, is then counted in the test
    part without the case, with intervals. A rule says what the model does with rows like those of
    the data, not which part of the rule makes it decide so. Features that groups of people are made
    of are no conditions.

    least : training rows of which a rule must hold.

    Reference: Ribeiro, Singh & Guestrin 2018, Anchors: high-precision model-agnostic explanations,
    doi:10.1609/aaai.v32i1.11491. Their rules are tested on disturbed rows, these on real ones.
    """

    reveals = "cases"
    category = "explanation"
    modalities = frozenset({"table", "text"})
    counts_entities = True
    bounds = {}
    reads = frozenset({"dataset", "predictions", "cases", "classifier"})
    tables = {
        "rules": TableType.of(Anchor, release=OF_CASES),
        "conditions": TableType.of(AnchorTerm, release=OF_CASES),
    }
    conditions: Annotated[int, Field(ge=1, le=5)] = 3
    precision: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    least: Annotated[int, Field(ge=5)] = 30

    def measure(self, context: MeasureContext) -> Measurement:
        """A rule of each case, whether it is enough, and how it does in the test part."""
        shown = ShownCases.of(context)
        targets = shown.targets(context)
        dataset, schema, test = context.dataset, context.dataset.schema, context.dataset.test
        part = dataset.train.take(thin(len(dataset.train), MOST_ROWS))
        rule = DecisionRule(context.predictions.threshold, context.predictions.explained)
        decided = rule.decisions(context.classifier.probabilities(part.inputs))
        columns = (
            sorted(most_telling(part.inputs, part.labels, _MOST_COLUMNS).tolist())
            if kind_of(schema).named_columns
            else []
        )
        columns = [column for column in columns if not schema.features[column].sensitive]
        drawn = Resampling.of(test)
        context.progress.start("anchors", len(shown.positions))
        rules, listed = [], []
        for case, row in enumerate(shown.inputs):
            position, decision = int(shown.positions[case]), int(targets[case])
            chosen, is_enough = self._rule(row, part.inputs, decided == decision, schema, columns)
            others = np.arange(len(test)) != position
            cells = _tested(
                chosen, test.inputs, context.predictions.decisions == decision, others, drawn
            )
            everywhere = float((decided == decision).mean())
            rules.append(
                (case, schema.target.classes[decision], len(chosen), is_enough, everywhere, *cells)
            )
            listed += [
                (case, order, *condition.worded(schema))
                for order, condition in enumerate(chosen, start=1)
            ]
            context.progress.advance()
        return Measurement(
            tables=self.frames(rules=rules, conditions=listed),
            notes=(
                message(
                    "notes.anchors.rule",
                    precision=self.precision,
                    most=self.conditions,
                    rows=len(part),
                ),
            ),
        )

    def _rule(
        self, row: Floats, train: Floats, same: Bools, schema: Schema, columns: Sequence[int]
    ) -> tuple[tuple[AnchorCondition, ...], bool]:
        conditions = conditions_of(row, train, schema, columns)
        holds = [condition.holds(train) for condition in conditions]
        often = [at for at, inside in enumerate(holds) if inside.sum() >= self.least]
        often = sorted(often, key=lambda at: -float(same[holds[at]].mean()))[:_MOST_CONDITIONS]
        if not often:
            return (), False
        chosen, is_enough = best_rule(
            np.stack([holds[at] for at in often]), same, self.precision, self.conditions, self.least
        )
        return tuple(conditions[often[at]] for at in chosen), is_enough


def _tested(
    rule: tuple[AnchorCondition, ...], rows: Floats, same: Bools, others: Bools, drawn: Resampling
) -> tuple[float | None, ...]:
    """(n, precision, low, high, coverage, low, high) in rows that had no part in the rule."""
    nothing = float("nan")
    if not rule:
        return (0, *(nothing,) * 6)
    holds = np.logical_and.reduce([condition.holds(rows) for condition in rule]) & others
    n = int(holds.sum())
    coverage = drawn.rate(holds, others)
    ends = (coverage.value, coverage.low, coverage.high)
    if not n:
        return (0, nothing, nothing, nothing, *ends)
    precision = drawn.rate(same, holds)
    return (n, precision.value, precision.low, precision.high, *ends)
