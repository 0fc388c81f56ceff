"""By which paths of the declared graph a gap between groups arises, in labels and in decisions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.artifacts.table import SEPARATOR, Column, TableType, columns_of, estimate
from deepseek_report.metrics.causes.causal_claims import graph_of, questions_of
from deepseek_report.metrics.causes.causal_effects import refusal
from deepseek_report.metrics.causes.cause_rows import GapPath
from deepseek_report.metrics.causes.declared_graph import DeclaredGraph, GraphNode
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.causes.cross_fitting import CausalData, Variable
from deepseek_report.statistics.causes.gap_by_path import PATHS, PathGap, gaps_by_path, widening
from deepseek_report.statistics.causes.graph import CausalRefusal, PathSets
from deepseek_report.statistics.intervals import Z95, holm
from deepseek_report.tasks import task_of

#: The name of the model's answer among the variables; no column can have it.
_ANSWER = "\x00answer"
#: By how much a part must be larger to be called widened: as a difference of shares, or in standard
#: deviations of a number.
LEAST_POINTS, _LEAST_DEVIATIONS = 0.02, 0.05
#: {column of a number: what it is called where it is a difference of shares}
_OF_SHARES = {
    "labels": "labels_points",
    "answers": "decisions_points",
    "difference": "difference_points",
}


@dataclass(frozen=True)
class CausalGaps(ModelMetric):
    """Splits the gap between groups by the paths of the declared graph, for labels and for answers.

    Direct is what groups differ by where everything else is as it was; indirect what comes through
    nodes that the group acts on; spurious what comes from nodes that groups differ in without the
    group acting on them. The three add up to the gap. Labels and the model's decisions (its answers
    where a number is predicted) are split on the same test rows, by the same nodes, so that the
    difference says which path the model widens: beyond chance, over all paths, and by 2 points or
    0.05 standard deviations of a number at least.

    rows : test rows, drawn at random where there are more. compared : groups of an attribute that
        are compared with its largest one, the largest first.

    Reference: Plečko & Bareinboim 2024, doi:10.1561/2200000106, arXiv 2207.11385.
    """

    counts_entities = True
    reveals = "aggregate"
    category = "causes"
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "predictions", "seed", "causal"})
    bounds = {"widened_paths": (0, None)}
    tables = {
        "paths": TableType(
            (
                Column("place", "place", shown=False),
                Column("attribute", "attribute"),
                *columns_of("compared reference path"),
                estimate("labels_points", "points", "labels_points", optional=True),
                estimate("decisions_points", "points", "decisions_points", optional=True),
                estimate("difference_points", "points", "difference_points", optional=True),
                estimate("labels", "number", "labels", optional=True),
                estimate("answers", "number", "answers", optional=True),
                estimate("difference", "number", "difference", optional=True),
                Column("p_adjusted", "p_value", shown=False),
                Column("widened", "yes_no"),
                Column("n", "count"),
            ),
            row=GapPath,
        ),
        "sets": TableType(
            (
                Column("place", "place", shown=False),
                Column("attribute", "attribute"),
                *columns_of("compared reference confounders mediators"),
                *columns_of("outside:share n:count"),
            )
        ),
    }

    rows: Annotated[int, Field(ge=100, le=100_000)] = 2_000
    compared: Annotated[int, Field(ge=1, le=10)] = 3

    def measure(self, context: MeasureContext) -> Measurement:
        declared = graph_of(context)
        questions = questions_of(declared, "gap")
        context.progress.start("gaps by path", len(questions))
        data = _with_answers(declared, context, self.rows)
        splits: list[SplitByPath] = []
        refused: list[Message] = []
        for place, question in questions:
            attribute, node = declared.attribute_of(question)
            for pair in _pairs(attribute, context, self.compared):
                split = SplitByPath.of(place, declared, attribute, node, pair, data)
                if isinstance(split, SplitByPath):
                    splits.append(split)
                else:
                    refused.append(split)
            context.progress.advance()
        rows = with_verdicts([row for split in splits for row in split.rows()])
        types = self.tables
        tables = {
            "paths": types["paths"].frame(rows).astype({"widened": bool}),
            "sets": types["sets"].frame([split.set_row() for split in splits]),
        }
        scores = (
            self.score(
                "widened_paths", Estimate(sum(row["widened"] for row in rows), n=len(rows)), "lower"
            ),
        )
        return Measurement(scores if rows else (), tables, notes=tuple(dict.fromkeys(refused)))


def _with_answers(declared: DeclaredGraph, context: MeasureContext, most: int) -> CausalData:
    """Test rows with the model's answers beside the labels, and the codes of all attributes."""
    test, schema = context.dataset.test, context.dataset.schema
    predictions, target = context.predictions, schema.target
    if task_of(target).decides:
        answers = Variable((predictions.decisions == target.explained).astype(np.float64), 2)
    else:
        answers = Variable(np.asarray(predictions.values, np.float64))
    codes = {
        _codes_of(attribute): Variable(
            np.where(test.groups[attribute.name] < 0, np.nan, test.groups[attribute.name]),
            len(attribute.levels),
        )
        for attribute in schema.attributes
    }
    kept = declared.drawn(len(test), context.seed, most)
    data = declared.data(test.take(kept), context.seed, most)
    for name, variable in {_ANSWER: answers, **codes}.items():
        data = data.with_variable(name, variable.take(kept))
    return data


def _codes_of(attribute: Attribute) -> str:
    return f"\x00{attribute.name}"


def _pairs(attribute: Attribute, context: MeasureContext, most: int) -> list[tuple[int, int]]:
    """(compared, reference): the largest group against the next ones, the largest first."""
    codes = context.dataset.test.groups[attribute.name]
    counts = np.bincount(codes[codes >= 0], minlength=len(attribute.levels))
    order = [int(level) for level in np.argsort(-counts, kind="stable") if counts[level]]
    return [(level, order[0]) for level in order[1 : most + 1]]


@dataclass(frozen=True)
class SplitByPath:
    """The gap of one pair of groups by its paths, of labels and of the model's answers.

    place : of the question. wider : {path: how much larger it is in answers}. least : by how much a
    part must be larger to be called widened.
    """

    place: int
    attribute: Attribute
    labels: PathGap
    answers: PathGap
    wider: dict[Any, Estimate]
    declared: DeclaredGraph
    least: float

    @classmethod
    def of(
        cls,
        place: int,
        declared: DeclaredGraph,
        attribute: Attribute,
        node: GraphNode,
        pair: tuple[int, int],
        data: CausalData,
    ) -> SplitByPath | Message:
        """The split, or why there is none."""
        target = declared.schema.target.name
        sets = declared.path_sets(node)
        gaps = (
            sets
            if isinstance(sets, CausalRefusal)
            else gaps_by_path(data, sets, _codes_of(attribute), pair, (target, _ANSWER))
        )
        if isinstance(gaps, CausalRefusal):
            return refusal(gaps, declared, attribute.label)
        labels, answers = gaps
        wider, least = widening(answers, labels, data), LEAST_POINTS
        if not task_of(declared.schema.target).decides:
            least = _LEAST_DEVIATIONS * float(np.nanstd(data.variables[target].values))
        return cls(place, attribute, labels, answers, wider, declared, least)

    @property
    def _about(self) -> dict[str, object]:
        levels = self.attribute.levels
        return {
            "place": self.place,
            "attribute": self.attribute.name,
            "compared": levels[self.labels.compared],
            "reference": levels[self.labels.reference],
            "n": int(self.labels.used.sum()),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Of the table `paths`; whether a path is widened is judged over all rows."""
        decides = task_of(self.declared.schema.target).decides
        return [
            {
                **self._about,
                "path": path,
                **_cells("labels", self.labels.parts[path], decides),
                **_cells("answers", self.answers.parts[path], decides),
                **_cells("difference", self.wider[path], decides),
                "p_adjusted": p_value_of(self.wider[path]),
                "widened": is_widening(
                    self.labels.parts[path].value, self.answers.parts[path].value, self.least
                ),
            }
            for path in PATHS
        ]

    def set_row(self) -> dict[str, object]:
        """Of the table `sets`."""
        sets: PathSets = self.labels.sets
        return {
            **self._about,
            "confounders": SEPARATOR.join(self.declared.labels(sets.confounders)),
            "mediators": SEPARATOR.join(self.declared.labels(sets.mediators)),
            "outside": self.labels.overlap.outside,
        }


def _cells(key: str, value: Estimate, decides: bool) -> dict[str, float]:
    name = _OF_SHARES[key] if decides else key
    return value.cells(name, name)


def p_value_of(difference: Estimate) -> float:
    """The two-sided p-value of a difference whose interval is that of a mean; NaN without one.

    >>> round(p_value_of(Estimate(1.96, 0.0, 3.92)), 3)
    0.05
    """
    if difference.ends is None or difference.ends[1] <= difference.ends[0]:
        return math.nan
    error = (difference.ends[1] - difference.ends[0]) / (2 * Z95)
    return math.erfc(abs(difference.value) / error / math.sqrt(2))


def is_widening(labels: float, answers: float, least: float = LEAST_POINTS) -> bool:
    """Whether the part in answers is larger than that in labels, to whichever side, by so much.

    >>> is_widening(0.02, 0.05), is_widening(0.02, -0.01), is_widening(0.0, -0.01)
    (True, False, False)
    """
    return abs(answers) - abs(labels) >= least


def with_verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with p-values corrected for all of them, and only what is beyond chance widened."""
    adjusted = holm([row["p_adjusted"] for row in rows]).tolist()
    return [
        {**row, "p_adjusted": p, "widened": bool(row["widened"] and p < _LEVEL)}
        for row, p in zip(rows, adjusted, strict=True)
    ]


#: Chance of calling any path widened where the model widens none.
_LEVEL = 0.05
