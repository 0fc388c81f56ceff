"""Does the model behave as it should: declared expectations, and what an expert should be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.conclusions import Expectation
from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.artifacts.table import Column, TableType, TableTypes, estimate
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.row_conditions import relation_in_words
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.behaviour.expected import (
    Breaches,
    ExpectationTest,
    class_of,
    outcome_of,
)
from deepseek_report.metrics.behaviour.level_answers import LevelAnswers
from deepseek_report.metrics.behaviour.questions import (
    FeatureCurve,
    Question,
    row_of,
)
from deepseek_report.metrics.shared.plugin import ModelMetric
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Between the names of columns in a cell.
_SEPARATOR = "; "


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

    counts_entities: ClassVar[bool] = True
    reveals: ClassVar[Reveals] = "aggregate"
    category: ClassVar[Category] = "behaviour"
    tables: ClassVar[TableTypes] = {
        "expectations": TableType(
            (
                Column("place", "place", shown=False),
                Column("kind", shown=False),
                Column("says"),
                Column("weight", shown=False),
                Column("subject", shown=False),
                Column("about", shown=False),
                Column("effect", shown=False),
                Column("outcome", shown=False),
                Column("change", shown=False),
                Column("n", "count"),
                estimate("broken", "share"),
                Column("allowed", "declared_share", shown=False),
                Column("largest_points", "gap", optional=True),
                Column("largest", "number", optional=True),
                Column("held", "yes_no"),
            ),
            release=TableRelease(counts=("n",)),
        ),
        "worst": TableType(
            (
                Column("place", "place", shown=False),
                Column("says"),
                Column("instance_id", "row"),
                Column("label"),
                Column("from_display"),
                Column("to_display"),
                Column("before_share", "share", optional=True),
                Column("after_share", "share", optional=True),
                Column("before", "number", optional=True),
                Column("after", "number", optional=True),
            ),
            folded=True,
        ),
        "questions": TableType(
            (
                Column("question"),
                Column("feature", shown=False),
                Column("label"),
                Column("from_display"),
                Column("to_display"),
                Column("start", "number", shown=False),
                Column("end", "number", shown=False),
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
                Column("feature"),
                Column("label"),
                Column("kind"),
                Column("unit"),
                Column("value", "number"),
                Column("display"),
                estimate("answer", "number"),
                Column("n", "count"),
                Column("turned", "yes_no"),
            ),
            release=TableRelease(counts=("n",), values=("value",)),
        ),
    }
    bounds: ClassVar[Bounds] = {"broken_expectations": (0, None)}
    reads: ClassVar[frozenset[str]] = frozenset(
        {"dataset", "predictions", "classifier", "seed", "expectations"}
    )

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
        "subject": _SEPARATOR.join(labels or expectation.columns)
        or relation_in_words(schema, expectation.relation),
        "about": expectation.where or _SEPARATOR.join(expectation.contains),
        "effect": expectation.effect,
        "outcome": outcome,
        "change": change,
        "n": len(breaches.broken),
        "broken": share.value,
        "low": share.low,
        "high": share.high,
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
    estimates = {
        "moved": question.moved,
        "observed": question.observed,
        "beside": question.beside,
    }
    known = int((~np.isnan(curve.own)).sum())
    return {
        **shared,
        **{name: cell for key, own in estimates.items() for name, cell in _ends(key, own)},
        "of": known,
        "declared": curve.feature.name in directed,
    }


def _ends(key: str, own: Estimate) -> list[tuple[str, float]]:
    ends = (own.value, own.low, own.high)
    names = (key, f"{key}_low", f"{key}_high")
    return [
        (name, float("nan") if end is None else float(end))
        for name, end in zip(names, ends, strict=True)
    ]


def _curve_rows(curve: FeatureCurve, questions: Sequence[Question]) -> Iterator[dict[str, Any]]:
    turns = [question for question in questions if question.kind == "turn"]
    for place, value in enumerate(curve.levels.tolist()):
        answer = curve.answer(place)
        yield {
            "feature": curve.feature.name,
            "label": curve.feature.label,
            "kind": curve.feature.kind,
            "unit": curve.feature.unit or "",
            "value": value,
            "display": curve.feature.display(value),
            "answer": answer.value,
            "low": answer.low,
            "high": answer.high,
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
