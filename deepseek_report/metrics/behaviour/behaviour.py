"""Does the model behave as it should: declared expectations, and what an expert should be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.expectations import Expectation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.artifacts.table import SEPARATOR, Column, TableType, columns_of, estimate
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.relations import relation_in_words
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.behaviour.expected import (
    Breaches,
    ExpectationTest,
    LevelAnswers,
    class_of,
    outcome_of,
)
from deepseek_report.metrics.behaviour.questions import FeatureCurve, Question, row_of
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class Behaviour(ModelMetric):
    """Declared expectations of the model, and turns, jumps and bare ends of its answers.

    Of each expectation (`behaviour:` in the config, and the relations of the data) the share of the
    cases that break it is counted. Along each ordered feature of a table some test rows are set to
    values over its whole range, all else as it is; where their mean answer turns against its own
    direction, jumps between neighbouring values, or still moves where hardly a training row lies,
    an expert is to be asked, unless the outcomes of the training rows there do the same.

    rows : test rows that are asked about for each expectation, and for the features.
    features : ordered features that are looked at; of wider tables those that tell most about the
        target.

    Reference: Ribeiro et al. 2020, doi:10.18653/v1/2020.acl-main.442; Friedman 2001,
    doi:10.1214/aos/1013203451 (the mean answer along a feature).
    """

    counts_entities = True
    reveals = "aggregate"
    category = "behaviour"
    tables = {
        "expectations": TableType(
            (
                *columns_of("place:place kind", shown=False),
                Column("says"),
                *columns_of("weight subject about effect outcome change", shown=False),
                Column("n", "count"),
                estimate("broken", "share"),
                Column("allowed", "declared_share", shown=False),
                *columns_of("largest_points:gap largest:number", optional=True),
                Column("held", "yes_no"),
            ),
            release=TableRelease(counts=("n",)),
        ),
        "worst": TableType(
            (
                Column("place", "place", shown=False),
                *columns_of("says instance_id:row label from_display to_display"),
                *columns_of("before_share:share after_share:share before:number", optional=True),
                *columns_of("after:number", optional=True),
            ),
            folded=True,
        ),
        "questions": TableType(
            (
                Column("question"),
                Column("feature", shown=False),
                *columns_of("label from_display to_display"),
                *columns_of("start:number end:number", shown=False),
                estimate("moved_points", "points", "moved_points", optional=True),
                estimate("moved", "number", "moved", optional=True),
                Column("n", "count"),
                Column("of", "count", shown=False),
                estimate("observed_share", "share", "observed_share", optional=True),
                estimate("beside_share", "share", "beside_share", optional=True),
                estimate("observed", "number", "observed", optional=True),
                estimate("beside", "number", "beside", optional=True),
                Column("borne_out", "yes_no"),
                Column("declared", "yes_no", shown=False),
            ),
            folded=True,
            release=TableRelease(counts=("n",)),
        ),
        "curves": TableType(
            (
                *columns_of("feature label kind unit value:number display"),
                estimate("answer", "number"),
                *columns_of("n:count turned:yes_no"),
            ),
            release=TableRelease(counts=("n",), values=("value",)),
        ),
    }
    bounds = {"broken_expectations": (0, None)}
    reads = frozenset({"dataset", "predictions", "classifier", "seed", "expectations"})

    rows: Annotated[int, Field(ge=20, le=100_000)] = 150
    features: Annotated[int, Field(ge=0, le=1000)] = 24

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        expectations = declared_of(context)
        test = ExpectationTest(context, self.rows)
        curves = list(self._curves(context, test))
        if not expectations and not curves:
            raise NotApplicableError(message("refusals.no_expectation"))
        context.progress.start("expectations", len(expectations))
        judged = [test.breaches(expectation) for expectation in expectations]
        directed = _directed_features(expectations, schema)
        questions_of = [
            (curve, list(curve.questions(answers, target))) for curve, answers, target in curves
        ]
        decides = task_of(schema.target).decides
        tables = {
            "expectations": _frame(
                [
                    _row(place, expectation, breaches, context)
                    for place, (expectation, breaches) in enumerate(
                        zip(expectations, judged, strict=True)
                    )
                ],
                self.tables["expectations"],
                decides,
            ),
            "worst": _frame(
                list(_worst_rows(expectations, judged, context)), self.tables["worst"], decides
            ),
            "questions": _frame(
                [
                    _question_row(question, curve, decides, directed)
                    for curve, questions in questions_of
                    for question in questions
                ],
                self.tables["questions"],
                decides,
            ),
            "curves": _frame(
                [row for curve, questions in questions_of for row in _curve_rows(curve, questions)],
                self.tables["curves"],
                decides,
            ),
        }
        note = message("notes.behaviour.asked", rows=len(test.sample), features=len(curves))
        return Measurement(_scores(tables["expectations"]), tables, notes=(note,) if curves else ())

    def _curves(
        self, context: MeasureContext, test: ExpectationTest
    ) -> Iterator[tuple[FeatureCurve, LevelAnswers, int]]:
        """The answers along each ordered feature of a table."""
        schema, train = context.dataset.schema, context.dataset.train
        if not kind_of(schema).named_columns:
            return
        ordered = np.array(
            [j for j, feature in enumerate(schema.features) if feature.kind != "categorical"],
            dtype=np.int64,
        )
        task = task_of(schema.target)
        if len(ordered) > self.features:
            telling = task.telling(train.inputs[:, ordered], train.labels, self.features)
            ordered = np.sort(ordered[telling])
        target, decides = schema.target.explained, task.decides
        outcomes = (
            (train.labels == target).astype(np.float64) if decides else train.labels.astype(float)
        )
        scale = 1.0 if decides else float(np.nanstd(outcomes)) or 1.0
        tested, trained = test.drawn, Resampling.of(train)
        context.progress.start("ordered features", len(ordered))
        for j in ordered.tolist():
            context.progress.advance()
            levels = test.levels.levels(j)
            if len(levels) < 2:
                continue
            yield (
                FeatureCurve(
                    schema.features[j],
                    j,
                    levels,
                    test.levels.support(j),
                    test.levels.outputs(j)[..., target],
                    train.inputs[:, j],
                    outcomes,
                    scale,
                    tested,
                    trained,
                ),
                test.levels,
                target,
            )


def declared_of(context: MeasureContext) -> list[Expectation]:
    """The expectations of the config, and the relations that the data declare."""
    relations = [
        Expectation("relation", relation=text, weight="minor")
        for text in context.dataset.schema.relations
    ]
    return [*context.expectations, *relations]


def _directed_features(expectations: Sequence[Expectation], schema: Any) -> frozenset[str]:
    """Names of the features whose direction somebody declares."""
    named = {
        name.lower()
        for expectation in expectations
        if expectation.kind == "direction"
        for name in expectation.columns
    }
    return frozenset(
        feature.name
        for feature in schema.features
        if {feature.name.lower(), feature.label.lower()} & named
    )


def _row(
    place: int, expectation: Expectation, breaches: Breaches, context: MeasureContext
) -> dict[str, Any]:
    schema = context.dataset.schema
    target, share = schema.target, breaches.share
    labels = [
        feature.label
        for feature in schema.features
        if {feature.name.lower(), feature.label.lower()}
        & {name.lower() for name in expectation.columns}
    ]
    change = ", ".join(f"{name} {value}" for name, value in expectation.change.chosen.items())
    outcome = target.classes[outcome_of(target, expectation)]
    if expectation.kind == "minimum" and expectation.decision is not None:
        outcome = target.classes[class_of(target, expectation.decision)]
    return {
        "place": place,
        "kind": expectation.kind,
        "says": expectation.says,
        "weight": expectation.weight,
        "subject": SEPARATOR.join(labels or expectation.columns)
        or relation_in_words(schema, expectation.relation),
        "about": expectation.where or SEPARATOR.join(expectation.contains),
        "effect": expectation.effect,
        "outcome": outcome,
        "change": change,
        "n": len(breaches.broken),
        **share.cells("broken"),
        "allowed": expectation.allowed,
        "largest": breaches.largest,
        "held": bool(not breaches.broken.any() or share.value <= expectation.allowed),
    }


def _worst_rows(
    expectations: Sequence[Expectation], judged: Sequence[Breaches], context: MeasureContext
) -> Iterator[dict[str, Any]]:
    keys = ("instance_id", "label", "from_display", "to_display", "before", "after")
    for place, (expectation, breaches) in enumerate(zip(expectations, judged, strict=True)):
        if expectation.kind == "relation":
            continue
        for cells in breaches.worst(context.dataset.schema):
            yield {"place": place, "says": expectation.says} | dict(zip(keys, cells, strict=True))


def _question_row(
    question: Question, curve: FeatureCurve, decides: bool, directed: frozenset[str]
) -> dict[str, Any]:
    shared = row_of(question, curve.feature)
    known = int((~np.isnan(curve.own)).sum())
    return {
        **shared,
        **question.moved.cells("moved", "moved"),
        **question.observed.cells("observed", "observed"),
        **question.beside.cells("beside", "beside"),
        "of": known,
        "declared": curve.feature.name in directed,
    }


def _curve_rows(curve: FeatureCurve, questions: Sequence[Question]) -> Iterator[dict[str, Any]]:
    turns = [question for question in questions if question.kind == "turn"]
    for place, value in enumerate(curve.levels.tolist()):
        yield {
            "feature": curve.feature.name,
            "label": curve.feature.label,
            "kind": curve.feature.kind,
            "unit": curve.feature.unit or "",
            "value": value,
            "display": curve.feature.display(value),
            **curve.answer(place).cells("answer"),
            "n": int(curve.support[place]),
            "turned": any(turn.start <= value <= turn.end for turn in turns),
        }


#: {column of a number: what it is called where it is a probability}
_OF_SHARES = {
    "largest": "largest_points",
    "before": "before_share",
    "after": "after_share",
    **{f"moved{end}": f"moved_points{end}" for end in ("", "_low", "_high")},
    **{f"observed{end}": f"observed_share{end}" for end in ("", "_low", "_high")},
    **{f"beside{end}": f"beside_share{end}" for end in ("", "_low", "_high")},
}


def _frame(rows: Sequence[dict[str, Any]], kind: TableType, decides: bool) -> pd.DataFrame:
    """The rows with the columns of the type that there are for such a target."""
    other = set(_OF_SHARES) if decides else set(_OF_SHARES.values())
    keys = [key for key in kind.keys if key not in other]
    named = [
        {(_OF_SHARES.get(key, key) if decides else key): cell for key, cell in row.items()}
        for row in rows
    ]
    frame = pd.DataFrame(named, columns=keys)
    kinds = {key: column.kind for column in kind.columns for key in column.with_ends}
    types = {"yes_no": bool, "count": int, "place": int, "row": int, "text": str}
    return frame.astype({key: types.get(kinds[key], float) for key in keys})


def _scores(expectations: pd.DataFrame) -> tuple[Score, ...]:
    judged = expectations[(expectations["kind"] != "relation") & (expectations["n"] > 0)]
    if not len(judged):
        return ()
    return (
        Score(
            metric="broken_expectations",
            category="behaviour",
            value=float((~judged["held"]).sum()),
            n=len(judged),
            direction="lower",
            bounds=(0, None),
            reference="doi:10.18653/v1/2020.acl-main.442",
        ),
    )
