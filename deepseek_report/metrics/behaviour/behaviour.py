"""Does the model behave as it should: declared expectations, and what an expert should be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.conclusions import Expectation
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS, read_rows
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.row_conditions import relation_in_words
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.behaviour import expected
from deepseek_report.metrics.behaviour.behaviour_rows import (
    GravestCase,
    JudgedExpectation,
    OpenQuestion,
)
from deepseek_report.metrics.plugin import EntityMetric
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: A turn is told from this movement on, as a probability or in standard deviations of the labels,
#: from this share of the whole effect of the feature on, and where at most this share of the
#: training rows lies: elsewhere the data have taught it.
_LEAST_TURN, _TURN_SHARE, _RARE = 0.05, 0.25, 0.05
#: An effect below this has no direction that could turn.
_LEAST_EFFECT = 0.1
#: The same of a jump, which must keep this share of its size while its place is halved so often,
#: and this share of the training rows must lie around it.
_LEAST_JUMP, _JUMP_SHARE, _KEPT, _HALVINGS, _AROUND = 0.1, 0.5, 0.8, 5, 0.01
#: A number has a jump only where it has more levels than this.
_FEWEST_LEVELS = 8
#: From fewer training rows or entities on, of whose share, the end of a range has little support;
#: the movement of the answer there that is told.
_FEWEST_ROWS, _FEWEST_SHARE, _LEAST_TAIL = 30, 0.001, 0.05

Kind = Literal["turn", "jump", "tail"]


@dataclass(frozen=True)
class Question:
    """One movement of the mean answer along a feature that an expert should look at.

    start, end : values between which the answer moves. moved : by how much, with its interval over
    the rows. n : training rows that have such values: those beyond a turn, within a gap, or at the
    end of the range. observed : what was observed in them, the share of the explained class
    or the mean number; beside : in those at the turn. borne_out : whether the data turn as well.
    """

    kind: Kind
    column: int
    start: float
    end: float
    moved: Estimate
    n: int
    observed: Estimate
    beside: Estimate
    borne_out: bool


@dataclass(frozen=True)
class FeatureCurve:
    """The answers along one ordered feature, and the training rows that have such values.

    outputs : (row, level) of the explained class, or the number. own : (training row,) values of
    the feature. outcomes : (training row,) whether the explained class happened, or the number.
    scale : what a movement is measured in: 1 of a probability, the standard deviation of a number.
    tested, trained : which of the asked test rows, and of the training rows, are of one entity.
    """

    feature: Feature
    column: int
    levels: Floats
    support: Ints
    outputs: Floats
    own: Floats
    outcomes: Floats
    scale: float
    tested: Resampling
    trained: Resampling

    @property
    def mean(self) -> Floats:
        """(level,)"""
        return np.asarray(self.outputs.mean(axis=0))

    @property
    def spread(self) -> float:
        return float(np.ptp(self.mean))

    @property
    def direction(self) -> float:
        """1 where the answer rises on the whole over the values that rows have, else −1."""
        weights = self.support / max(self.support.sum(), 1)
        places = np.cumsum(weights) - weights / 2
        centred = places - (weights * places).sum()
        return 1.0 if float((weights * centred * self.mean).sum()) >= 0 else -1.0

    def questions(self, answers: expected.LevelAnswers, target: int) -> Iterator[Question]:
        """All of them; the model is asked again where a jump may be."""
        if len(self.levels) < 3 or self.spread == 0:
            return
        if (turn := self._turn()) is not None:
            yield turn
        if (jump := self._jump(answers, target)) is not None:
            yield jump
        yield from self._tails()

    def _moved(self, first: int, last: int) -> Estimate:
        """By how much the answer moves from one level to another, over the rows."""
        return mean_over_rows(self.outputs[:, last] - self.outputs[:, first], self.tested)

    def answer(self, level: int) -> Estimate:
        """The mean answer at a level."""
        return mean_over_rows(self.outputs[:, level], self.tested)

    def _turn(self) -> Question | None:
        signed = self.direction * self.mean
        falls = np.maximum.accumulate(signed) - signed
        low = int(falls.argmax())
        high = int(signed[: low + 1].argmax())
        moved = self._moved(high, low)
        surely = -self.direction * moved.value
        least = max(_LEAST_TURN * self.scale, _TURN_SHARE * self.spread)
        away = moved.high if self.direction > 0 else moved.low
        sure = away is not None and -self.direction * float(away) > 0
        if surely < least or not sure or self.spread < _LEAST_EFFECT * self.scale:
            return None
        above = self.own > self.levels[high]
        below = self.own < self.levels[low]
        rare, place = (above, high) if above.sum() <= below.sum() else (below, low)
        if rare.sum() > _RARE * (~np.isnan(self.own)).sum():
            return None
        edges = (self.levels[1:] + self.levels[:-1]) / 2
        at = np.searchsorted(edges, self.own) == place
        at &= ~np.isnan(self.own) & ~rare
        rises = self.direction > 0
        wanted = -1.0 if (rises == (place == high)) else 1.0
        ends = self.levels[high], self.levels[low]
        return self._question("turn", ends, moved, rare, (rare, at), wanted)

    def _jump(self, answers: expected.LevelAnswers, target: int) -> Question | None:
        """The largest step of a number that stays as large where its place is narrowed down."""
        if not self.feature.is_numeric or len(self.levels) <= _FEWEST_LEVELS:
            return None
        steps = np.abs(np.diff(self.mean))
        at = int(steps.argmax())
        if steps[at] < max(_LEAST_JUMP * self.scale, _JUMP_SHARE * self.spread):
            return None
        ends, outputs = (
            [self.levels[at], self.levels[at + 1]],
            [self.outputs[:, at], self.outputs[:, at + 1]],
        )
        for _ in range(_HALVINGS):
            middle = float(np.mean(ends))
            own = answers.at(self.column, np.array([middle]))[:, 0, target]
            left = abs(own.mean() - outputs[0].mean()) >= abs(outputs[1].mean() - own.mean())
            replaced = 1 if left else 0  # the half with the larger step is kept
            ends[replaced], outputs[replaced] = middle, own
        moved = mean_over_rows(outputs[1] - outputs[0], self.tested)
        inside = (self.own >= self.levels[at]) & (self.own <= self.levels[at + 1])
        around = inside.sum() >= _AROUND * (~np.isnan(self.own)).sum()
        if abs(moved.value) < _KEPT * steps[at] or not around:
            return None
        low, high = (
            (self.own >= self.levels[at]) & (self.own <= ends[0]),
            inside & (self.own >= ends[1]),
        )
        sign = float(np.sign(moved.value))
        return self._question("jump", (ends[0], ends[1]), moved, inside, (high, low), sign)

    def _tails(self) -> Iterator[Question]:
        """Ends of the range where hardly a row or an entity lies and the answer still moves."""
        count = self.trained.occurring
        fewest = max(_FEWEST_ROWS, _FEWEST_SHARE * count(~np.isnan(self.own)))
        beyond = np.array([count(self.own >= level) for level in self.levels])
        below = np.array([count(self.own <= level) for level in self.levels])
        for counts, order in ((beyond, 1), (below, -1)):
            bare = np.flatnonzero(counts < fewest)[::order]
            if not len(bare) or len(bare) == len(self.levels):
                continue
            last = int(bare[0]) - order
            farthest = int(bare[np.abs(self.mean[bare] - self.mean[last]).argmax()])
            moved = self._moved(last, farthest)
            if abs(moved.value) < _LEAST_TAIL * self.scale:
                continue
            outside = self.own > self.levels[last] if order > 0 else self.own < self.levels[last]
            sides = outside, np.asarray(self.own == self.levels[last])
            ends, sign = (self.levels[last], self.levels[farthest]), float(np.sign(moved.value))
            yield self._question("tail", ends, moved, outside, sides, sign)

    def _question(
        self,
        kind: Kind,
        ends: tuple[float, float],
        moved: Estimate,
        rows: Bools,
        sides: tuple[Bools, Bools],
        sign: float,
    ) -> Question:
        """What moves between two values, and whether the rows of the first side lie apart from
        those of the other, above for a sign of 1.
        """
        observed, beside = (self._observed(side) for side in sides)
        start, end = map(float, ends)
        n, borne_out = int(rows.sum()), _apart(observed, beside, sign)
        return Question(kind, self.column, start, end, moved, n, observed, beside, borne_out)

    def _observed(self, rows: Bools) -> Estimate:
        outcomes, drawn = self.outcomes[rows], self.trained.take(rows)
        if self.scale == 1.0 and set(np.unique(outcomes)) <= {0.0, 1.0}:
            return drawn.rate(outcomes > 0)
        return mean_over_rows(outcomes, drawn)


def mean_over_rows(values: Floats, drawn: Resampling) -> Estimate:
    """The mean of (row,) values with its interval."""
    return drawn.mean(values, message("interval_methods.students_of_mean"))


def _apart(first: Estimate, other: Estimate, sign: float) -> bool:
    """Whether what was observed surely lies on this side of the other."""
    ends = (first.low, first.high, other.low, other.high)
    if any(end is None or not np.isfinite(end) for end in ends):
        return False
    low, high, other_low, other_high = (float(end) for end in ends if end is not None)
    return low > other_high if sign > 0 else high < other_low


@dataclass(frozen=True)
class AnswerPoint:
    """The mean answer at a value of an ordered feature: a row of `behaviour.curves`.

    n : training rows with that value. turned : whether it lies within a turn of the answer.
    """

    feature: str
    label: str
    kind: str
    unit: str
    value: float
    display: str
    answer: Annotated[Estimate, BARE_ENDS]
    n: int
    turned: bool


@dataclass(frozen=True)
class Behaviour(EntityMetric):
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

    reveals = "aggregate"
    category = "behaviour"
    tables = {
        "expectations": TableType.of(JudgedExpectation, release=TableRelease(counts=("n",))),
        "worst": TableType.of(GravestCase, folded=True),
        "questions": TableType.of(OpenQuestion, folded=True, release=TableRelease(counts=("n",))),
        "curves": TableType.of(AnswerPoint, release=TableRelease(counts=("n",), values=("value",))),
    }
    bounds = {"broken_expectations": (0, None)}
    reads = frozenset({"dataset", "predictions", "classifier", "seed", "expectations"})

    rows: Annotated[int, Field(ge=20, le=100_000)] = 150
    features: Annotated[int, Field(ge=0, le=1000)] = 24

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        expectations = declared_of(context)
        test = expected.ExpectationTest(context, self.rows)
        curves = list(self._curves(context, test))
        if not expectations and not curves:
            raise NotApplicableError(message("refusals.no_expectation"))
        context.progress.start("expectations", len(expectations))
        judged = [test.breaches(expectation) for expectation in expectations]
        named = [name for each in expectations if each.kind == "direction" for name in each.columns]
        directed = frozenset(feature.name for feature in _features_named(named, schema))
        questions_of = [
            (curve, list(curve.questions(answers, target))) for curve, answers, target in curves
        ]
        rows: dict[str, list[dict[str, object]]] = {
            "expectations": [
                _row(place, expectation, breaches, context)
                for place, (expectation, breaches) in enumerate(
                    zip(expectations, judged, strict=True)
                )
            ],
            "worst": list(_worst_rows(expectations, judged, schema)),
            "questions": [
                _question_row(question, curve, directed)
                for curve, questions in questions_of
                for question in questions
            ],
            "curves": [
                row for curve, questions in questions_of for row in _curve_rows(curve, questions)
            ],
        }
        decides = task_of(schema.target).decides
        tables = {name: _frame(rows[name], kind, decides) for name, kind in self.tables.items()}
        note = message("notes.behaviour.asked", rows=len(test.sample), features=len(curves))
        scores = _scores(read_rows(tables["expectations"], JudgedExpectation))
        return Measurement(scores, tables, notes=(note,) if curves else ())

    def _curves(
        self, context: MeasureContext, test: expected.ExpectationTest
    ) -> Iterator[tuple[FeatureCurve, expected.LevelAnswers, int]]:
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


def _features_named(names: Iterable[str], schema: Schema) -> list[Feature]:
    """The features that are called so, by name or label, in whatever letters."""
    named = {name.lower() for name in names}
    return [f for f in schema.features if {f.name.lower(), f.label.lower()} & named]


def _row(
    place: int, expectation: Expectation, breaches: expected.Breaches, context: MeasureContext
) -> dict[str, object]:
    schema = context.dataset.schema
    target, share = schema.target, breaches.share
    labels = [feature.label for feature in _features_named(expectation.columns, schema)]
    change = ", ".join(f"{name} {value}" for name, value in expectation.change.chosen.items())
    outcome = target.classes[expected.outcome_of(target, expectation)]
    if expectation.kind == "minimum" and expectation.decision is not None:
        outcome = target.classes[expected.class_of(target, expectation.decision)]
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
        "broken": share,
        "allowed": expectation.allowed,
        "largest": breaches.largest,
        "held": bool(not breaches.broken.any() or share.value <= expectation.allowed),
    }


def _worst_rows(
    expectations: Sequence[Expectation], judged: Sequence[expected.Breaches], schema: Schema
) -> Iterator[dict[str, object]]:
    keys = ("instance_id", "label", "from_display", "to_display", "class", "before", "after")
    for place, (expectation, breaches) in enumerate(zip(expectations, judged, strict=True)):
        if expectation.kind == "relation":
            continue
        for cells in breaches.worst(schema):
            yield {"place": place, "says": expectation.says} | dict(zip(keys, cells, strict=True))


def _question_row(
    question: Question, curve: FeatureCurve, directed: frozenset[str]
) -> dict[str, object]:
    feature = curve.feature
    return {
        "question": question.kind,
        "feature": feature.name,
        "label": feature.label,
        "from_display": feature.display(question.start),
        "to_display": feature.display(question.end),
        "start": question.start,
        "end": question.end,
        "n": question.n,
        "borne_out": question.borne_out,
        "moved": question.moved,
        "observed": question.observed,
        "beside": question.beside,
        "of": int((~np.isnan(curve.own)).sum()),
        "declared": feature.name in directed,
    }


def _curve_rows(curve: FeatureCurve, questions: Sequence[Question]) -> Iterator[dict[str, object]]:
    turns = [question for question in questions if question.kind == "turn"]
    for place, value in enumerate(curve.levels.tolist()):
        yield {
            "feature": curve.feature.name,
            "label": curve.feature.label,
            "kind": curve.feature.kind,
            "unit": curve.feature.unit or "",
            "value": value,
            "display": curve.feature.display(value),
            "answer": curve.answer(place),
            "n": int(curve.support[place]),
            "turned": any(turn.start <= value <= turn.end for turn in turns),
        }


#: {column of a number: what it is called where it is a probability}
_OF_SHARES = {
    "largest": "largest_points",
    "before": "before_share",
    "after": "after_share",
    "moved": "moved_points",
    "observed": "observed_share",
    "beside": "beside_share",
}


def _frame(rows: Sequence[dict[str, object]], kind: TableType, decides: bool) -> pd.DataFrame:
    """The rows with the columns of the type that there are for such a target."""
    other = set(_OF_SHARES) if decides else {*_OF_SHARES.values(), "class"}
    keys = (key for key in kind.keys if key.removesuffix("_low").removesuffix("_high") not in other)
    own = kind.restricted_to(keys)
    names = _OF_SHARES if decides else {}
    frame = own.frame({names.get(key, key): cell for key, cell in row.items()} for row in rows)
    types = {"yes_no": bool, "count": int, "place": int, "row": int, "text": str}
    return frame.astype(
        {key: types.get(column.kind, float) for column in own.columns for key in column.with_ends}
    )


def _scores(expectations: Sequence[JudgedExpectation]) -> tuple[Score, ...]:
    judged = [each for each in expectations if each.kind != "relation" and each.n]
    if not judged:
        return ()
    broken = Estimate(sum(not each.held for each in judged), n=len(judged))
    reference = "doi:10.18653/v1/2020.acl-main.442"
    return (Behaviour.score("broken_expectations", broken, "lower", reference=reference),)
