"""The rules of a model that is a list of rules, and which of them hold in each explained case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.data_kinds.rule_lists import RuleList
from deepseek_report.metrics.cases.single_case_rows import FiredRule
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

_MEAN = message("interval_methods.students_of_mean")


@dataclass(frozen=True)
class RulePoints(ModelMetric):
    """Every rule with its points, and for how many test cases it holds with which outcome.

    The table `list` has a row for each rule, and with several classes or labels one for each of
    them; `fired` has for each explained case where it starts (rule 0) and the rules that hold, with
    their points for the class that was decided for.
    """

    counts_entities = True
    reveals = "aggregate"
    modalities = frozenset({"table"})
    tables = {
        "list": TableType(
            (
                *columns_of("rule:count when"),
                Column("class_label", optional=True),
                *columns_of("points:number share:share n:count"),
                estimate("rate", "share", "rate", optional=True),
                estimate("mean", "number", "mean", optional=True),
                Column("edited", "yes_no", optional=True),
            ),
            section="model",
            most=50,
            release=TableRelease(counts=("n",), overlapping=True),
        ),
        "fired": TableType(
            columns_of("instance_id:row rule:count when points:number"), row=FiredRule
        ),
    }
    bounds = {}
    category = "explanation"
    reads = frozenset({"classifier", "dataset", "predictions", "cases"})
    requires = frozenset({"rules"})

    def measure(self, context: MeasureContext) -> Measurement:
        rules: RuleList = context.classifier.module.fitted
        inputs = context.dataset.test.inputs
        fires = rules.fires(inputs)
        context.classifier.calls += len(inputs)
        starts = dict(zip(rules.names, rules.base, strict=True))
        return Measurement(
            scores=(),
            tables={
                "list": self.tables["list"].frame(_list(context, rules, fires)),
                "fired": self.tables["fired"].frame(_fired(context, rules, fires)),
            },
            notes=(
                message(
                    "notes.rules.points",
                    starts=[{"name": name, "base": base} for name, base in starts.items()],
                    number=rules.link == "value",
                    n=len(inputs),
                ),
            ),
        )


def _list(context: MeasureContext, rules: RuleList, fires: Bools) -> Iterator[dict[str, object]]:
    p, target = context.predictions, context.dataset.schema.target
    several, drawn = len(rules.names) > 1, Resampling.of(p)
    for rule, holds in zip(rules.rules, fires.T, strict=True):
        for output, name in enumerate(rules.names):
            about: dict[str, object] = {"rule": rule.number, "when": rule.in_words(rules.schema)}
            if several:
                about["class_label"] = name
            about |= {"points": rule.weights[output], "share": float(holds.mean())}
            about["n"] = int(holds.sum())
            if any(other.edited for other in rules.rules):
                about["edited"] = rule.edited
            if rules.link == "value":
                labels, inside = p.labels.astype(np.float64), np.flatnonzero(holds)
                among = drawn.take(inside).mean(labels[inside], _MEAN, among=labels)
                yield about | among.cells("mean", "mean")
                continue
            if task_of(target).several:
                happened = np.asarray(context.dataset.test.all_labels)[:, output] == 1
            else:
                happened = p.labels == (output if several else target.explained)
            yield about | drawn.rate(happened, holds).cells("rate", "rate")


def _fired(context: MeasureContext, rules: RuleList, fires: Bools) -> Iterator[dict[str, object]]:
    p, module = context.predictions, context.classifier.module
    for case in context.cases.explained:
        about = module.about(int(p.decisions[case]) if task_of(rules.schema.target).decides else 0)
        own = {"instance_id": int(context.dataset.test.instance_ids[case])}
        yield own | {"rule": 0, "when": "", "points": float(np.dot(rules.base, about))}
        held = [rule for rule, holds in zip(rules.rules, fires[case], strict=True) if holds]
        points = {rule.number: float(np.dot(rule.weights, about)) for rule in held}
        for rule in sorted(held, key=lambda rule: -abs(points[rule.number])):
            words = rule.in_words(rules.schema)
            yield own | {"rule": rule.number, "when": words, "points": points[rule.number]}
