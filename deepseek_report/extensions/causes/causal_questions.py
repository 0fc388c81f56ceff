"""What a declared graph answers: whether the data contradict it, effects, gaps by path."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.artifacts.table import SEPARATOR, Column, TableType, columns_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.causes import cause_rows, effects, gap_by_path
from deepseek_report.extensions.causes.causal_declaration import CausalQuestion
from deepseek_report.extensions.causes.cross_fitting import CausalData, Variable
from deepseek_report.extensions.causes.declared_graph import DeclaredGraph, GraphNode, value_of
from deepseek_report.extensions.causes.graph import CausalRefusal, PathSets
from deepseek_report.extensions.causes.independence import independence_tests
from deepseek_report.extensions.causes.sensitivity import sensitivity_of
from deepseek_report.metrics.plugin import EntityMetric
from deepseek_report.statistics.intervals import Z95, holm
from deepseek_report.tasks import task_of


def graph_of(context: MeasureContext) -> DeclaredGraph:
    """The declared graph with its nodes in the data; NotApplicableError where none is declared."""
    if "causal" not in context.declared:
        raise NotApplicableError(message("refusals.no_graph"))
    return DeclaredGraph.of(context.declared["causal"], context.dataset.schema)


def questions_of(
    declared: DeclaredGraph, kind: Literal["effect", "gap"]
) -> list[tuple[int, CausalQuestion]]:
    """The questions of a kind, each with its place; NotApplicableError where there is none."""
    places = enumerate(declared.declaration.questions)
    questions = [(place, question) for place, question in places if question.kind == kind]
    if not questions:
        raise NotApplicableError(message("refusals.no_causal_question"))
    return questions


@dataclass(frozen=True)
class CausalClaims(EntityMetric):
    """Tests each missing arrow of the declared graph against the data.

    Where no arrow joins two nodes, the graph claims that they are independent once others are held
    alike. What is left of both nodes, when these others have predicted them, must then not go
    together. All claims are tested together, so that a true graph is contradicted anywhere in at
    most 5 of 100 data sets (Holm). Nothing is said about the model.

    rows : of all parts, drawn at random where there are more.

    Reference: Shah & Peters 2020, doi:10.1214/19-AOS1857 (generalised covariance measure).
    """

    reveals = "aggregate"
    category = "causes"
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "seed", "causal"})
    bounds = {"contradicted_claims": (0, None)}
    tables = {
        "nodes": TableType.of(cause_rows.ClaimNode),
        "arrows": TableType.of(cause_rows.GraphArrow),
        "claims": TableType.of(cause_rows.TestedClaim),
    }

    rows: Annotated[int, Field(ge=100, le=100_000)] = 2_000

    def measure(self, context: MeasureContext) -> Measurement:
        declared = graph_of(context)
        claims = declared.graph.implied_independences()
        context.progress.start("claims of the graph", len(claims))
        data = declared.data(context.dataset.every_part, context.seed, self.rows)
        tests = independence_tests(claims, data)
        nodes = ((node.name, node.label, node.role) for node in declared.nodes.values())
        arrows = ((*arrow, *declared.labels(arrow)) for arrow in declared.graph.arrows)
        rows = (
            (
                *(test.claim.first, test.claim.second),
                *declared.labels((test.claim.first, test.claim.second)),
                SEPARATOR.join(declared.labels(test.claim.held)),
                *(test.correlation, test.n, test.p_value, test.p_adjusted),
                bool(test.is_contradicted),
            )
            for test in tests
        )
        tested = self.frame("claims", rows).astype({"contradicted": bool})
        tables = {**self.frames(nodes=nodes, arrows=arrows), "claims": tested}
        n_contradicted = sum(test.is_contradicted for test in tests)
        score = self.score(
            "contradicted_claims",
            Estimate(float(n_contradicted), n=len(tests)),
            "lower",
            reference="doi:10.1214/19-AOS1857",
        )
        return Measurement((score,) if tests else (), tables)


#: A control below this part of half the effect's interval is as good as 0.
_NEGLIGIBLE = 0.25
#: {column of a number: what it is called where it is a difference of shares}
OF_SHARES = {"effect": "effect_points", "naive": "naive_points", "value": "value_points"}


@dataclass(frozen=True)
class CausalEffects(EntityMetric):
    """What setting one node would do to another in the world, if the declared graph holds.

    What the graph says must be held alike is held alike: predictions of the outcome are corrected
    by weighted errors of these predictions, both cross-fitted. Beside each effect stands what a
    comparison without any of that would give, how many rows have counterparts, two controls
    that must give 0, and how strong a hidden common cause would have to be. A question that cannot
    be answered is told with its reason.

    rows : of all parts, drawn at random where there are more.

    Reference: Robins, Rotnitzky & Zhao 1994, doi:10.1080/01621459.1994.10476818; Chernozhukov et
    al. 2018, doi:10.1111/ectj.12097; Cinelli & Hazlett 2020, doi:10.1111/rssb.12348.
    """

    reveals = "aggregate"
    category = "causes"
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "seed", "causal"})
    bounds = {"causal_effect": (None, None)}
    tables = {
        "effects": TableType.of(cause_rows.DeclaredEffect),
        "controls": TableType.of(cause_rows.NegativeControl),
    }

    rows: Annotated[int, Field(ge=100, le=100_000)] = 2_000

    def measure(self, context: MeasureContext) -> Measurement:
        declared = graph_of(context)
        questions = questions_of(declared, "effect")
        context.progress.start("causal effects", len(questions))
        data = declared.data(context.dataset.every_part, context.seed, self.rows)
        answers = []
        for place, question in questions:
            answers.append(EffectAnswer.of(place, question, declared, data))
            context.progress.advance()
        answered = [answer for answer in answers if isinstance(answer, EffectAnswer)]
        refused = [answer for answer in answers if isinstance(answer, Message)]
        tables = {
            "effects": _frame([answer.row() for answer in answered], self.tables["effects"]),
            "controls": _frame(
                [row for answer in answered for row in answer.control_rows()],
                self.tables["controls"],
            ),
        }
        scores = [
            self.score("causal_effect", answer.effect.effect, "none", slice=answer.name)
            for answer in answered
        ]
        return Measurement(tuple(scores), tables, notes=tuple(refused))


def _frame(rows: list[dict[str, object]], kind: TableType) -> object:
    """The rows; columns of a kind of outcome that none of them has are left out."""
    yes_no = {column.key for column in kind.columns if column.kind == "yes_no"}
    return kind.frame(rows).astype(dict.fromkeys(yes_no, bool))


@dataclass(frozen=True)
class EffectAnswer:
    """One effect with what is told of it.

    place : of the question. setting : what is done to the treatment.
    """

    place: int
    declared: DeclaredGraph
    setting: Setting
    effect: effects.CausalEffect
    data: CausalData

    @classmethod
    def of(
        cls, place: int, question: CausalQuestion, declared: DeclaredGraph, data: CausalData
    ) -> EffectAnswer | Message:
        """The answer, or why there is none."""
        treatment, outcome = declared.node(question.effect_of), declared.node(question.on)
        setting = setting_of(question, treatment, declared, data)
        effect = effects.effect_of_setting(
            declared.graph, data, treatment.name, setting.how, outcome.name
        )
        if isinstance(effect, CausalRefusal):
            return refusal(effect, declared, treatment.label, outcome.label)
        return cls(place, declared, setting, effect, data)

    @property
    def name(self) -> str:
        """What its score is about, in a few words."""
        labels = self.declared.labels((self.effect.treatment, self.effect.outcome))
        return " → ".join(labels)

    @property
    def _pair(self) -> dict[str, object]:
        treatment, outcome = self.declared.labels((self.effect.treatment, self.effect.outcome))
        return {"place": self.place, "treatment": treatment, "outcome": outcome}

    @property
    def _of_outcome(self) -> dict[str, str]:
        """The level of the outcome whose share is told, and the unit of a number."""
        node = self.declared.nodes[self.effect.outcome]
        levels, unit = node.levels(self.declared.schema), self.declared.unit(node)
        return {"outcome_class": levels[1][1] if levels else "", "unit": unit or ""}

    def _column(self, key: str) -> str:
        """Where an estimate stands: points of two classes, or numbers."""
        outcome = self.declared.nodes[self.effect.outcome]
        return OF_SHARES[key] if outcome.levels(self.declared.schema) else key

    def row(self) -> dict[str, object]:
        """Of the table `effects`."""
        effect, sensitivity = self.effect, sensitivity_of(self.effect, self.data)
        strongest = sensitivity.strongest
        return {
            **self._pair,
            **self.setting.cells(),
            **self._of_outcome,
            self._column("effect"): effect.effect,
            self._column("naive"): effect.naive,
            "adjusted_for": SEPARATOR.join(self.declared.labels(effect.adjusted_for)),
            "outside": effect.overlap.outside,
            "effective": round(effect.overlap.effective),
            "moved": effect.overlap.moved,
            "n": int(effect.used.sum()),
            "robustness": sensitivity.robustness_value,
            "e_value": sensitivity.e_value,
            "strongest": "" if strongest is None else self.declared.label(strongest),
            "times": sensitivity.times_strongest
            if math.isfinite(sensitivity.times_strongest)
            else math.nan,
            "controls_hold": all(passes(each, effect.effect) for each in self._controls.values()),
        }

    def control_rows(self) -> list[dict[str, object]]:
        """Of the table `controls`; a control that could not be made has no row."""
        return [
            {
                **self._pair,
                "control": name,
                self._column("value"): value,
                "holds": passes(value, self.effect.effect),
            }
            for name, value in self._controls.items()
        ]

    @cached_property
    def _controls(self) -> dict[str, Estimate]:
        controls = effects.controls_of(self.effect, self.data)
        named = {"placebo": controls.placebo, "random_common_cause": controls.random_common_cause}
        return {name: value for name, value in named.items() if isinstance(value, Estimate)}


def passes(control: Estimate, effect: Estimate) -> bool:
    """Whether a control gives 0, or so little beside the effect's own interval that it is none.

    >>> effect = Estimate(-4.3, -5.8, -2.9)
    >>> passes(Estimate(-0.2, -0.4, -0.1), effect), passes(Estimate(-1.0, -1.5, -0.5), effect)
    (True, False)
    """
    if control.ends is None or effect.ends is None:
        return False
    if control.ends[0] <= 0 <= control.ends[1]:
        return True
    return abs(control.value) < _NEGLIGIBLE * (effect.ends[1] - effect.ends[0]) / 2


@dataclass(frozen=True)
class Setting:
    """What is done to the treatment, and how it is told.

    how : for the estimate. start, end : the levels that are compared. amount : by which a number is
    moved, with its unit.
    """

    how: effects.SetTo | effects.MoveBy
    start: str = ""
    end: str = ""
    amount: str = ""

    def cells(self) -> dict[str, str]:
        """The columns that tell of it."""
        text = f"{self.start} → {self.end}" if self.start else self.amount
        return {
            "setting": text,
            "from_display": self.start,
            "to_display": self.end,
            "amount": self.amount,
        }


def setting_of(
    question: CausalQuestion, treatment: GraphNode, declared: DeclaredGraph, data: CausalData
) -> Setting:
    """As the question says; else the two most frequent levels, or one standard deviation more."""
    schema, variable = declared.schema, data.variables[treatment.name]
    known = variable.values[variable.known]
    if not treatment.levels(schema):
        amount = question.by or _rounded(float(known.std()) if len(known) else 1.0)
        sign = "+" if amount > 0 else ""
        return Setting(
            effects.MoveBy(amount), amount=sign + quantity(amount, declared.unit(treatment))
        )
    if question.from_ is None or question.to is None:
        counts = np.bincount(known.astype(np.int64), minlength=2)
        first, second = np.sort(np.argsort(-counts, kind="stable")[:2]).tolist()
    else:
        ends = (value_of(end, treatment, schema) for end in (question.from_, question.to))
        first, second = (round(end or 0) for end in ends)
    start, end = (treatment.display(float(level), schema) for level in (first, second))
    return Setting(effects.SetTo(second, first), start, end)


def _rounded(value: float) -> float:
    """A positive number with two digits: nobody moves by 129 747.66."""
    return float(f"{value:.1e}") or 1.0


def refusal(refused: CausalRefusal, declared: DeclaredGraph, *named: str) -> Message:
    """Why a question has no answer, as a note of the measurement.

    named : the treatment and the outcome, or the attribute of a gap, as people call them.
    """
    return message(
        "notes.causes.refused",
        kind="effect" if len(named) > 1 else "gap",
        first=named[0],
        second=named[-1],
        reason=declared.in_words(refused.reason),
    )


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
class CausalGaps(EntityMetric):
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

    reveals = "aggregate"
    category = "causes"
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "predictions", "seed", "causal"})
    bounds = {"widened_paths": (0, None)}
    tables = {
        "paths": TableType.of(cause_rows.GapPath),
        "sets": TableType(
            (
                Column("place", "place", shown=False),
                *columns_of("attribute:attribute compared reference confounders mediators"),
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
        parts = [(split, path) for split in splits for path in gap_by_path.PATHS]
        verdicts = widened([(split.wider[path], split.is_larger(path)) for split, path in parts])
        judged = zip(parts, verdicts, strict=True)
        rows = [split.row(path, *verdict) for (split, path), verdict in judged]
        tables = {
            "paths": self.frame("paths", rows).astype({"widened": bool}),
            "sets": self.frame("sets", (split.set_row() for split in splits)),
        }
        n_widened = Estimate(sum(is_widened for _, is_widened in verdicts), n=len(rows))
        score = self.score("widened_paths", n_widened, "lower")
        return Measurement((score,) if rows else (), tables, notes=tuple(dict.fromkeys(refused)))


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
    labels: gap_by_path.PathGap
    answers: gap_by_path.PathGap
    wider: Mapping[gap_by_path.Path, Estimate]
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
            else gap_by_path.gaps_by_path(data, sets, _codes_of(attribute), pair, (target, _ANSWER))
        )
        if isinstance(gaps, CausalRefusal):
            return refusal(gaps, declared, attribute.label)
        labels, answers = gaps
        wider, least = gap_by_path.widening(answers, labels, data), LEAST_POINTS
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

    def is_larger(self, path: gap_by_path.Path) -> bool:
        """Whether the part in answers is larger than that in labels."""
        labels, answers = self.labels.parts[path], self.answers.parts[path]
        return is_widening(labels.value, answers.value, self.least)

    def row(self, path: gap_by_path.Path, p_adjusted: float, is_widened: bool) -> dict[str, object]:
        """Of the table `paths`."""
        sizes = (self.labels.parts[path], self.answers.parts[path], self.wider[path])
        decides = task_of(self.declared.schema.target).decides
        columns = _OF_SHARES.values() if decides else _OF_SHARES
        verdict = {"path": path, "p_adjusted": p_adjusted, "widened": is_widened}
        return {**self._about, **verdict, **dict(zip(columns, sizes, strict=True))}

    def set_row(self) -> dict[str, object]:
        """Of the table `sets`."""
        sets: PathSets = self.labels.sets
        return {
            **self._about,
            "confounders": SEPARATOR.join(self.declared.labels(sets.confounders)),
            "mediators": SEPARATOR.join(self.declared.labels(sets.mediators)),
            "outside": self.labels.overlap.outside,
        }


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


def widened(parts: Sequence[tuple[Estimate, bool]]) -> list[tuple[float, bool]]:
    """Of differences, each with whether it is large: the p-value corrected for all of them, and
    whether it is a widening beyond chance.
    """
    adjusted = holm([p_value_of(difference) for difference, _ in parts]).tolist()
    return [
        (p, bool(is_large and p < _LEVEL)) for (_, is_large), p in zip(parts, adjusted, strict=True)
    ]


#: Chance of calling any path widened where the model widens none.
_LEVEL = 0.05
