"""What setting a node of the declared graph would do to another one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.causal_declaration import CausalQuestion
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.table import SEPARATOR, Column, TableType, columns_of, estimate
from deepseek_report.metrics.causes.causal_claims import graph_of, questions_of
from deepseek_report.metrics.causes.cause_rows import DeclaredEffect, NegativeControl
from deepseek_report.metrics.causes.declared_graph import DeclaredGraph, GraphNode, value_of
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.causes.cross_fitting import CausalData
from deepseek_report.statistics.causes.effects import (
    CausalEffect,
    MoveBy,
    SetTo,
    controls_of,
    effect_of_setting,
)
from deepseek_report.statistics.causes.graph import CausalRefusal
from deepseek_report.statistics.causes.sensitivity import sensitivity_of

#: A control below this part of half the effect's interval is as good as 0.
_NEGLIGIBLE = 0.25
#: {column of a number: what it is called where it is a difference of shares}
OF_SHARES = {"effect": "effect_points", "naive": "naive_points", "value": "value_points"}


@dataclass(frozen=True)
class CausalEffects(ModelMetric):
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

    counts_entities = True
    reveals = "aggregate"
    category = "causes"
    modalities = frozenset({"table"})
    reads = frozenset({"dataset", "seed", "causal"})
    bounds = {"causal_effect": (None, None)}
    tables = {
        "effects": TableType(
            (
                Column("place", "place", shown=False),
                *columns_of("treatment outcome setting"),
                *columns_of("from_display to_display amount outcome_class unit", shown=False),
                estimate("effect_points", "points", "effect_points", optional=True),
                estimate("effect", "number", "effect", optional=True),
                estimate("naive_points", "points", "naive_points", optional=True),
                estimate("naive", "number", "naive", optional=True),
                Column("adjusted_for"),
                *columns_of("outside:share effective:count moved:share", shown=False),
                Column("n", "count"),
                *columns_of("robustness:share e_value:number strongest", shown=False),
                *columns_of("times:number", shown=False),
                Column("controls_hold", "yes_no"),
            ),
            row=DeclaredEffect,
        ),
        "controls": TableType(
            (
                Column("place", "place", shown=False),
                *columns_of("treatment outcome control"),
                estimate("value_points", "points", "value_points", optional=True),
                estimate("value", "number", "value", optional=True),
                Column("holds", "yes_no"),
            ),
            row=NegativeControl,
        ),
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
    effect: CausalEffect
    data: CausalData

    @classmethod
    def of(
        cls, place: int, question: CausalQuestion, declared: DeclaredGraph, data: CausalData
    ) -> EffectAnswer | Message:
        """The answer, or why there is none."""
        treatment, outcome = declared.node(question.effect_of), declared.node(question.on)
        setting = setting_of(question, treatment, declared, data)
        effect = effect_of_setting(declared.graph, data, treatment.name, setting.how, outcome.name)
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

    def _cells(self, key: str, value: Estimate) -> dict[str, Any]:
        """An estimate in the columns of its kind: points of two classes, or numbers."""
        outcome = self.declared.nodes[self.effect.outcome]
        of_classes = bool(outcome.levels(self.declared.schema))
        name = OF_SHARES[key] if of_classes else key
        return value.cells(name, name)

    def row(self) -> dict[str, Any]:
        """Of the table `effects`."""
        effect, sensitivity = self.effect, sensitivity_of(self.effect, self.data)
        strongest = sensitivity.strongest
        return {
            **self._pair,
            **self.setting.cells(),
            **self._of_outcome,
            **self._cells("effect", effect.effect),
            **self._cells("naive", effect.naive),
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
            "controls_hold": all(row["holds"] for row in self.control_rows()),
        }

    def control_rows(self) -> list[dict[str, object]]:
        """Of the table `controls`; a control that could not be made has no row."""
        controls = self._controls
        return [
            {
                **self._pair,
                "control": name,
                **self._cells("value", value),
                "holds": passes(value, self.effect.effect),
            }
            for name, value in controls.items()
        ]

    @cached_property
    def _controls(self) -> dict[str, Estimate]:
        controls = controls_of(self.effect, self.data)
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

    how: SetTo | MoveBy
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
        return Setting(MoveBy(amount), amount=sign + quantity(amount, declared.unit(treatment)))
    if question.from_ is None or question.to is None:
        counts = np.bincount(known.astype(np.int64), minlength=2)
        first, second = np.sort(np.argsort(-counts, kind="stable")[:2]).tolist()
    else:
        ends = (value_of(end, treatment, schema) for end in (question.from_, question.to))
        first, second = (round(end or 0) for end in ends)
    start, end = (treatment.display(float(level), schema) for level in (first, second))
    return Setting(SetTo(second, first), start, end)


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
