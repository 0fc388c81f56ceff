"""What a model that explains itself says: prototypes, rules with points, shape functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimates_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import typical_row
from deepseek_report.data_kinds.rule_lists import RuleList
from deepseek_report.metrics.cases.single_case_rows import ComparedPrototype, FiredRule
from deepseek_report.metrics.explanations.feature_effects import DENSITY, density, stacked
from deepseek_report.metrics.internals.internal_rows import NearPrototype
from deepseek_report.metrics.internals.tracing import contributions, in_batches, torch_module
from deepseek_report.metrics.plugin import EntityMetric
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Prototypes of the class decided for that are told of a case.
_TOLD = 3


@dataclass(frozen=True)
class PrototypeCase:
    """A training case that others are compared with: a row of `prototypes.prototypes`.

    decides : for how many test cases it decides, `share` of all. shift : places that a case may be
    moved by to fit it.
    """

    prototype: int
    instance_id: Annotated[int, "row"]
    class_label: str
    decides: int
    share: Annotated[float, "share"]
    mean_evidence: float
    n: int
    shift: int


@dataclass(frozen=True)
class PrototypeInput:
    """The value of a feature of a prototype: a row of `prototypes.inputs`.

    rank : of the feature, from 1.
    """

    prototype: int
    feature: str
    label: str
    display: str
    rank: int


@dataclass(frozen=True)
class Prototypes(EntityMetric):
    """The prototypes, their classes, for how many test cases each decides, and who is nearest.

    A prototype decides for a case where, of those of the class decided for, it adds most evidence.
    nearest : test cases listed for each. `prototypes_in_use` is the share that decides for any.
    The table `compared` says of every explained case which prototypes of the class decided for
    count most, and which one of another class.
    """

    reveals = "rows"
    tables = {
        "prototypes": TableType.of(PrototypeCase),
        "inputs": TableType.of(PrototypeInput),
        "nearest": TableType.of(NearPrototype),
        "compared": TableType.of(ComparedPrototype),
    }
    category = "explanation"
    reads = frozenset({"classifier", "dataset", "predictions", "cases"})
    requires = frozenset({"prototypes"})
    bounds = {"prototypes_in_use": SHARE}

    nearest: Annotated[int, Field(ge=1, le=50)] = 5

    def measure(self, context: MeasureContext) -> Measurement:
        schema, test = context.dataset.schema, context.dataset.test
        module = torch_module(context.classifier)
        inputs, ids, classes = (tensor.cpu().numpy() for tensor in module.prototypes())
        evidence, distances = in_batches(module, test.inputs, module.evidence)
        context.classifier.calls += len(test)
        own = np.where(classes == context.predictions.decisions[:, None], evidence, -np.inf).argmax(
            axis=1
        )
        decided = np.bincount(own, minlength=len(ids))
        order = np.lexsort((ids, -decided))
        sizes = np.abs(contributions(context.classifier, test.inputs, schema.target.explained))
        in_use = decided > 0
        score = self.score(
            "prototypes_in_use",
            Estimate(float(in_use.mean()), n=len(decided)),
            "none",
            unit="share",
            note=message("notes.prototypes.in_use", n=int(in_use.sum()), of=len(decided)),
        )
        return Measurement(
            scores=(score,),
            tables={
                "prototypes": pd.DataFrame(
                    {
                        "prototype": np.arange(1, len(ids) + 1),
                        "instance_id": ids[order],
                        "class_label": [schema.target.classes[k] for k in classes[order]],
                        "decides": decided[order],
                        "share": decided[order] / len(test),
                        "mean_evidence": evidence.mean(axis=0)[order],
                        "n": len(test),
                        "shift": module.shift,
                    }
                ),
                "inputs": _inputs(schema, inputs[order], sizes.mean(axis=0)),
                "nearest": self._nearest(context, distances[:, order]),
                "compared": _compared(context, evidence, ids, classes),
            },
            arrays={"inputs": inputs[order].astype(np.float64)},
        )

    def _nearest(self, context: MeasureContext, distances: Floats) -> pd.DataFrame:
        p, classes = context.predictions, context.dataset.schema.target.classes
        return self.frame(
            "nearest",
            (
                (
                    *(prototype, rank, int(context.dataset.test.instance_ids[case])),
                    *(float(column[case]), classes[int(p.labels[case])]),
                    classes[int(p.decisions[case])],
                )
                for prototype, column in enumerate(distances.T, start=1)
                for rank, case in enumerate(
                    np.argsort(column, kind="stable")[: self.nearest], start=1
                )
            ),
        )


def _compared(context: MeasureContext, evidence: Floats, ids: Ints, classes: Ints) -> pd.DataFrame:
    """Of each explained case; `share` is of the evidence of all prototypes of the same class."""
    names = context.dataset.schema.target.classes
    rows: list[tuple[object, ...]] = []
    for case in context.cases.explained:
        own = classes == context.predictions.decisions[case]
        order = np.argsort(-evidence[case], kind="stable")
        shown = [*order[own[order]][:_TOLD], *order[~own[order]][:1]]
        for rank, at in enumerate(shown, start=1):
            share = evidence[case, at] / evidence[case, classes == classes[at]].sum()
            instance = int(context.dataset.test.instance_ids[case])
            about = (instance, rank, int(ids[at]), names[classes[at]])
            rows.append((*about, bool(own[at]), float(share)))
    return Prototypes.frame("compared", rows)


def _inputs(schema: Schema, inputs: Floats, sizes: Floats) -> pd.DataFrame:
    """The values of the prototypes, for tables; pixels and steps are in the array alone.

    sizes : (column,) how much each column adds or takes away on average, which ranks them.
    """
    if not kind_of(schema).named_columns:
        return Prototypes.frame("inputs", [])
    ranks = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable") + 1
    return Prototypes.frame(
        "inputs",
        (
            (prototype, feature.name, feature.label, feature.display(float(value)), int(rank))
            for prototype, row in enumerate(inputs, start=1)
            for feature, value, rank in zip(schema.features, row, ranks, strict=True)
        ),
    )


_MEAN = message("interval_methods.students_of_mean")


@dataclass(frozen=True)
class RulePoints(EntityMetric):
    """Every rule with its points, and for how many test cases it holds with which outcome.

    The table `list` has a row for each rule, and with several classes or labels one for each of
    them; `fired` has for each explained case where it starts (rule 0) and the rules that hold, with
    their points for the class that was decided for.
    """

    reveals = "aggregate"
    modalities = frozenset({"table"})
    tables = {
        "list": TableType(
            (
                *columns_of("rule:count when"),
                Column("class_label", optional=True),
                *columns_of("points:number share:share n:count"),
                *estimates_of("rate:share mean", optional=True),
                Column("edited", "yes_no", optional=True),
            ),
            section="model",
            most=50,
            release=TableRelease(counts=("n",), overlapping=True),
        ),
        "fired": TableType.of(FiredRule),
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
            tables=self.frames(
                list=_list(context, rules, fires), fired=_fired(context, rules, fires)
            ),
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
                yield about | {"mean": among}
                continue
            if task_of(target).several:
                happened = np.asarray(context.dataset.test.all_labels)[:, output] == 1
            else:
                happened = p.labels == (output if several else target.explained)
            yield about | {"rate": drawn.rate(happened, holds)}


def _fired(
    context: MeasureContext, rules: RuleList, fires: Bools
) -> Iterator[tuple[int, int, str, float]]:
    p, module = context.predictions, context.classifier.module
    for case in context.cases.explained:
        about = module.about(int(p.decisions[case]) if task_of(rules.schema.target).decides else 0)
        instance = int(context.dataset.test.instance_ids[case])
        yield instance, 0, "", float(np.dot(rules.base, about))
        held = [rule for rule, holds in zip(rules.rules, fires[case], strict=True) if holds]
        points = {rule.number: float(np.dot(rule.weights, about)) for rule in held}
        for rule in sorted(held, key=lambda rule: -abs(points[rule.number])):
            yield instance, rule.number, rule.in_words(rules.schema), points[rule.number]


#: Values of each feature of a pair at which it is computed.
_GRID = 8


@dataclass(frozen=True)
class ShapePoint:
    """What a value of a feature adds to the output: a row of `shape_functions.curves`.

    rank : of the feature, from 1. value : NaN for a missing one. share : of the training rows; of
    a category.
    """

    feature: str
    label: str
    kind: str
    rank: int
    spread: float
    unit: str
    value: float
    display: str
    contribution: float
    share: Annotated[float, "share"]


@dataclass(frozen=True)
class PairPoint:
    """What a pair of values of two features adds: a row of `shape_functions.pairs`.

    rank : of the pair, from 1. at_a, at_b : the place of each value on the grid.
    """

    feature_a: str
    feature_b: str
    label_a: str
    label_b: str
    rank: int
    spread: float
    at_a: int
    at_b: int
    display_a: str
    display_b: str
    contribution: float


@dataclass(frozen=True)
class ShapeFunctions(EntityMetric):
    """The function of each of the most important features, and where the training part lies.

    most : features, those whose contributions vary most over the test part; points : values of a
    number at which its curve is computed, quantiles of the training part; bins : of the density.
    Contributions are read from the model and are relative to their mean over the training part.
    A model that adds up pairs of features too has them in the table `pairs`, on a grid of values.
    """

    reveals = "aggregate"
    tables = {
        "curves": TableType.of(ShapePoint, release=TableRelease(values=("value",))),
        "density": DENSITY,
        "pairs": TableType.of(PairPoint),
    }
    bounds = {}
    category = "explanation"
    reads = frozenset({"classifier", "dataset"})
    requires = frozenset({"shape_functions"})

    most: Annotated[int, Field(ge=1, le=40)] = 12
    points: Annotated[int, Field(ge=5, le=400)] = 60
    bins: Annotated[int, Field(ge=4, le=100)] = 20

    def measure(self, context: MeasureContext) -> Measurement:
        schema, train = context.dataset.schema, context.dataset.train.inputs
        target = schema.target.explained
        spread = _curves(context.classifier, context.dataset.test.inputs, target).std(axis=0)
        shown = np.argsort(-spread, kind="stable")[: self.most]
        typical = typical_row(train, schema)
        curves, densities = list[tuple[object, ...]](), []
        marks = [self._values(schema.features[column], train[:, column]) for column in shown]
        rows = [_moved(typical, column, at) for column, at in zip(shown, marks, strict=True)]
        all_added = _curves(context.classifier, np.concatenate(rows), target)
        ends = np.cumsum([len(mark) for mark in marks])[:-1]
        for place, (column, values, part) in enumerate(
            zip(shown, marks, np.split(all_added, ends), strict=True)
        ):
            feature, known = schema.features[column], train[:, column]
            about = (feature.name, feature.label, feature.kind, place + 1, spread[column])
            curves += [
                (*about, feature.unit or "", value, feature.display(value), added, share)
                for value, added, share in zip(
                    values, part[:, column], _shares_of(values, known), strict=True
                )
            ]
            densities.append(density(feature, known, values, self.bins))
        pairs = self._pairs(context, typical)
        return Measurement(
            scores=(),
            tables={
                "curves": self.frame("curves", curves),
                "density": stacked(densities),
                **(self.frames(pairs=pairs) if pairs else {}),
            },
            notes=(message("notes.shape_functions.the_model"),),
        )

    def _pairs(self, context: MeasureContext, typical: Floats) -> list[tuple[object, ...]]:
        """What each pair of features adds on a grid of their values, the strongest pair first."""
        schema, test = context.dataset.schema, context.dataset.test.inputs
        surfaces = context.classifier.surfaces(schema.target.explained)
        spreads = {pair: float(surface(test).std()) for pair, surface in surfaces.items()}
        table = []
        ranked = sorted(spreads, key=lambda pair: -spreads[pair])[: self.most]
        for rank, pair in enumerate(ranked, start=1):
            features = [schema.features[column] for column in pair]
            marks = [_grid(context.dataset.train.inputs[:, column]) for column in pair]
            rows = np.repeat(typical[None], len(marks[0]) * len(marks[1]), axis=0)
            first, second = np.meshgrid(*(np.arange(len(mark)) for mark in marks), indexing="ij")
            places = np.stack([first.ravel(), second.ravel()], axis=1)
            for axis, column in enumerate(pair):
                rows[:, column] = marks[axis][places[:, axis]]
            about = (*(f.name for f in features), *(f.label for f in features))
            for (a, b), added in zip(places.tolist(), surfaces[pair](rows), strict=True):
                shown = (features[0].display(marks[0][a]), features[1].display(marks[1][b]))
                table.append((*about, rank, spreads[pair], a, b, *shown, float(added)))
        return table

    def _values(self, feature: Feature, train: Floats) -> Floats:
        """Where the curve is computed; NaN last, if the training part has gaps."""
        known = train[~np.isnan(train)]
        gap = [np.nan] if len(known) < len(train) else []
        if not feature.is_numeric:
            return np.array([*range(len(feature.categories)), *gap])
        if not len(known):
            return np.array([np.nan])
        marks = np.quantile(known, np.linspace(0.01, 0.99, self.points))
        return np.array([*np.unique(marks), *gap])


def _curves(classifier: Classifier, rows: Floats, target: int) -> Floats:
    """(row, feature) what the curve of each feature adds, without the pairs that it is in."""
    curves = classifier.curves(rows, target)
    return contributions(classifier, rows, target) if curves is None else curves


def _grid(train: Floats) -> Floats:
    """The values of one feature at which a pair is computed: a few, as they occur."""
    known = np.unique(train[~np.isnan(train)])
    if len(known) <= _GRID:
        return known
    steps = np.linspace(0.02, 0.98, _GRID)
    return np.unique(np.quantile(train[~np.isnan(train)], steps, method="nearest"))


def _moved(typical: Floats, column: int, values: Floats) -> Floats:
    """(value, feature) the typical row with each of the values in one column."""
    rows = np.repeat(typical[None], len(values), axis=0)
    rows[:, column] = values
    return rows


def _shares_of(values: Floats, train: Floats) -> list[float]:
    """How many of the training rows have each value; NaN stands for a missing one."""
    return [
        float((np.isnan(train) if np.isnan(value) else train == value).mean()) for value in values
    ]
