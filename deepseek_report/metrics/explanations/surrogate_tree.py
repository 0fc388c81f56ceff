"""A small tree or a list of rules that stands for the model, and how faithfully on unseen rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType, columns_of, estimates_of
from deepseek_report.artifacts.table_rows import OPTIONAL
from deepseek_report.data_kinds.rule_lists import RuleList, RuleListSize, RuleTargets, way_as_sets
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.feature_effects import sampled
from deepseek_report.metrics.plugin import ModelMetric, Resamples
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.resampling import Resampling, bootstrap, bootstrapped
from deepseek_report.statistics.rule_search import RuleStep
from deepseek_report.statistics.small_trees import SmallTree, TreeNode, split_columns
from deepseek_report.tasks import task_of

#: Share of the sampled rows that a leaf holds at least, and rows.
_LEAST_SHARE, _FEWEST = 0.01, 10
#: Log-odds beyond which two outputs are the same to a list of rules.
_CERTAIN = 4.0
_REFERENCE = "Craven & Shavlik 1995; Bastani et al. 2017, arXiv:1705.08504"


@dataclass(frozen=True)
class SurrogateLeaf:
    """A leaf with the way to it as a rule: a row of `surrogate_tree.rules`.

    share : of the sampled rows. value_share : the model's mean probability there, or value : its
    mean number.
    """

    rule: str
    n: int
    share: Annotated[float, "share"]
    value_share: Annotated[float | None, "share", OPTIONAL]
    value: Annotated[float | None, OPTIONAL]
    model_share: Annotated[float | None, "share", OPTIONAL]
    model: Annotated[float | None, OPTIONAL]


@dataclass(frozen=True)
class SurrogateNode:
    """A node of the tree, whose number is its place: a row of `surrogate_tree.nodes`.

    parent : the number of the node above it; below 0 for the root. goes_left : whether it is the
    left of the two below that. label, split : the feature that divides it and where; the label is
    empty for a leaf.
    """

    node: int
    parent: float
    goes_left: bool
    depth: int
    label: str
    split: str
    is_category: bool
    value: float
    share: Annotated[float, "share"]
    n: int

    @property
    def is_leaf(self) -> bool:
        """Whether it is not divided."""
        return not self.label


class SurrogateMetric(ModelMetric):
    """Base of what stands for the model's output in a table, and is held against it."""

    counts_entities = True
    modalities = frozenset({"table"})
    category = "explanation"
    reads = frozenset({"classifier", "dataset", "predictions", "seed"})


@dataclass(frozen=True)
class SurrogateTree(SurrogateMetric):
    """A small regression tree fitted to the model's output, and its fidelity on the test part.

    Fidelity is R² of the output, 1 where the tree gives what the model gives, and with two classes
    the share of decisions that are the same at the model's threshold. The tree is a summary of the
    model, not the model, and no better than its fidelity.

    depth, leaves : of the tree, at most. rows : of the training part that the model is asked about.
    n_resamples : draws for bootstrap intervals.

    Reference: Craven & Shavlik 1995 (trees extracted from networks).
    """

    reveals = "aggregate"
    tables = {
        "rules": TableType.of(
            SurrogateLeaf,
            "explanations",
            folded=True,
            release=TableRelease(counts=("n",), lines=((),)),
        ),
        "nodes": TableType.of(
            SurrogateNode, release=TableRelease(counts=("n",), lines=(("depth",),))
        ),
    }
    bounds = {"surrogate_fidelity": (None, 1.0), "surrogate_agreement": SHARE}

    depth: Annotated[int, Field(ge=1, le=4)] = 4
    leaves: Annotated[int, Field(ge=2, le=10)] = 8
    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    n_resamples: Resamples = 500

    def measure(self, context: MeasureContext) -> Measurement:
        copied = _Copied.of(context, self.rows)
        schema, p = context.dataset.schema, context.predictions
        fewest = max(_FEWEST, math.ceil(_LEAST_SHARE * len(copied.sample)))
        size = {"depth": self.depth, "leaves": self.leaves, "fewest": fewest}
        levels = [len(f.categories) if f.kind == "categorical" else 0 for f in schema.features]
        tree = SmallTree.fit(copied.sample, copied.outputs, split_columns(levels), **size)
        fitted = tree.predict(context.dataset.test.inputs)
        passes = tree.passes(context.dataset.test.inputs)
        return Measurement(
            scores=copied.scores(fitted, self.n_resamples, "surrogate"),
            tables={
                "rules": _rules(tree, schema, passes, copied),
                **self.frames(nodes=_node_rows(tree, schema, passes)),
            },
            notes=(message("notes.surrogate_tree.method", rows=len(copied.sample), n=len(p)),),
        )


@dataclass(frozen=True)
class SurrogateRules(SurrogateMetric):
    """A list of rules fitted to the model's output, its fidelity on the test part, and its errors.

    The output starts at a value, and each rule that holds adds its points: log-odds, or the unit of
    a number. Fidelity and agreement are those of the small tree, see `SurrogateTree`; the table
    says for each rule, and for cases of no rule, how far the list is from the model there.

    most : rules, at most. max_conditions : of each. rows : of the training part that the model is
    asked about. n_resamples : draws for bootstrap intervals.

    Reference: Friedman & Popescu 2008, doi:10.1214/07-AOAS148 (rule ensembles).
    """

    reveals = "aggregate"
    tables = {
        "rules": TableType(
            (
                *columns_of("rule:count when points:number share:share n:count"),
                *estimates_of("differs:share", optional=True),
                *columns_of("apart_share:share apart:number", optional=True),
            ),
            section="explanations",
            folded=True,
            most=50,
            release=TableRelease(counts=("n",), overlapping=True),
        )
    }
    bounds = {"rule_list_fidelity": (None, 1.0), "rule_list_agreement": SHARE}

    most: Annotated[int, Field(ge=1, le=50)] = 12
    max_conditions: Annotated[int, Field(ge=1, le=4)] = 2
    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 5000
    n_resamples: Resamples = 500

    def measure(self, context: MeasureContext) -> Measurement:
        copied = _Copied.of(context, self.rows)
        schema, p = context.dataset.schema, context.predictions
        decides = task_of(schema.target).decides
        shown = copied.outputs
        if decides:
            within = np.clip(shown, 1e-12, 1 - 1e-12)
            shown = np.clip(np.log(within) - np.log1p(-within), -_CERTAIN, _CERTAIN)
        targets = RuleTargets(shown[:, None], "value", (schema.target.explained_class,))
        size = RuleListSize(self.most, self.max_conditions)
        rules = RuleList.fit(schema, copied.sample, targets, size, context.seed)
        fitted = rules.outputs(context.dataset.test.inputs)[:, 0]
        fitted = 1 / (1 + np.exp(-fitted)) if decides else fitted
        fires = rules.fires(context.dataset.test.inputs)
        apart = {"apart_share" if decides else "apart": np.abs(fitted - copied.of_test)}
        rows = _errors(rules, fires, apart, _otherwise(p, fitted), Resampling.of(p))
        return Measurement(
            scores=copied.scores(fitted, self.n_resamples, "rule_list"),
            tables=self.frames(rules=rows),
            notes=(
                message(
                    "notes.surrogate_rules.method",
                    rows=len(copied.sample),
                    n=len(p),
                    base=rules.base[0],
                    number=not decides,
                    explained=schema.target.explained_class,
                ),
            ),
        )


@dataclass(frozen=True)
class _Copied:
    """What a surrogate stands for: the model's output, of which it learns in training rows.

    sample : (row, feature) of the training part. outputs : (row,) of the model there. of_test :
    (case,) of the model in the test part.
    """

    context: MeasureContext
    sample: Floats
    outputs: Floats
    of_test: Floats

    @classmethod
    def of(cls, context: MeasureContext, rows: int) -> _Copied:
        """Raises NotApplicableError : the model gives the same output for all."""
        p, target = context.predictions, context.dataset.schema.target
        sample = sampled(context.dataset.train, rows, context.seed)
        outputs = context.classifier.probabilities(sample)[:, target.explained]
        of_test = p.scores if task_of(target).decides else p.values
        if not (np.ptp(outputs) > 0 and np.ptp(of_test) > 0):
            raise NotApplicableError(message("refusals.constant_output"))
        return cls(context, sample, outputs, of_test)

    def scores(self, fitted: Floats, n_resamples: int, name: str) -> tuple[Score, ...]:
        """The fidelity of a surrogate's output (case,), and with two classes the agreement."""
        p, target = self.context.predictions, self.context.dataset.schema.target
        scores = [self._fidelity(fitted, n_resamples, f"{name}_fidelity")]
        if p.threshold is not None and len(target.classes) == 2:
            scores.append(_agreement(p, fitted, f"{name}_agreement"))
        return tuple(scores)

    def _fidelity(self, fitted: Floats, n_resamples: int, name: str) -> Score:
        """R² of a surrogate's output against the model's, over the test part."""
        outputs, seed = self.of_test, self.context.seed
        squares, errors = outputs**2, (outputs - fitted) ** 2

        def statistic(weights: Floats) -> Floats:
            total = weights.sum(axis=1)
            spread = (weights @ squares) / total - ((weights @ outputs) / total) ** 2
            return np.asarray(1 - (weights @ errors) / total / np.maximum(spread, 1e-300))

        drawn = Resampling.of(self.context.predictions)
        replicates = bootstrap(statistic, drawn, n_resamples, seed)
        explained = bootstrapped(replicates, len(outputs), seed, (-math.inf, 1.0))
        return SurrogateTree.score(name, explained, "higher", reference=_REFERENCE)


def _otherwise(p: Predictions, fitted: Floats) -> Bools | None:
    """(case,) whether a surrogate decides otherwise than the model; None but for two classes."""
    if p.threshold is None:
        return None
    return np.asarray((fitted >= p.threshold) != (p.decisions == p.explained))


def _agreement(p: Predictions, fitted: Floats, name: str) -> Score:
    """The share of decisions that are the same, beside that of the best constant decision."""
    decided, otherwise = p.decisions == p.explained, _otherwise(p, fitted)
    constant = max(float(decided.mean()), float((~decided).mean()))
    return SurrogateTree.score(
        name,
        Resampling.of(p).rate(~np.asarray(otherwise)),
        "higher",
        unit="share",
        note=message("notes.surrogate_tree.constant", constant=constant),
    )


def _node_rows(tree: SmallTree, schema: Schema, passes: Bools) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for place, node in enumerate(tree.nodes):
        label = split = ""
        if node.column:
            feature = schema.features[node.column.feature]
            label, split = feature.label, _split(node, feature)
        about = place, float(node.parent), node.goes_left, node.depth, label, split
        is_category = bool(node.column and node.column.category is not None)
        inside = passes[:, place]
        rows.append((*about, is_category, node.value, float(inside.mean()), int(inside.sum())))
    return rows


def _split(node: TreeNode, feature: Feature) -> str:
    """The value that a node is divided at: a number, the last category on the left, or the one."""
    category = node.column.category if node.column else None
    if category is not None:
        return feature.display(category)
    return feature.display(node.split if feature.is_numeric else math.floor(node.split))


def _rules(tree: SmallTree, schema: Schema, passes: Bools, copied: _Copied) -> pd.DataFrame:
    """Each leaf by the conditions on the way to it, the lowest value first."""
    gaps, outputs = np.asarray(np.isnan(copied.sample).any(axis=0)), copied.of_test
    decides = task_of(schema.target).decides
    value, model = ("value_share", "model_share") if decides else ("value", "model")
    leaves = passes[:, tree.leaves]
    counts = leaves.sum(axis=0)
    frame = pd.DataFrame(
        {
            "rule": [
                " and ".join(_conditions(tree.nodes, int(place), schema, gaps))
                for place in tree.leaves
            ],
            "n": counts,
            "share": leaves.mean(axis=0),
            value: [tree.nodes[place].value for place in tree.leaves],
            model: [
                float(outputs[inside].mean()) if inside.any() else math.nan for inside in leaves.T
            ],
        }
    )
    return frame.sort_values(value, kind="stable", ignore_index=True)


def _errors(
    rules: RuleList,
    fires: Bools,
    apart: Mapping[str, Floats],
    otherwise: Bools | None,
    drawn: Resampling,
) -> list[dict[str, object]]:
    """Each rule with how far the list is from the model where it holds; rule 0: where none does.

    apart : {column: (case,) distance of the outputs}. otherwise : see `_otherwise`.
    """
    parts = [(rule.number, rule.in_words(rules.schema), rule.weights[0]) for rule in rules.rules]
    parts.append((0, "", math.nan))
    rows = []
    for (number, when, points), holds in zip(parts, [*fires.T, ~fires.any(axis=1)], strict=True):
        row: dict[str, object] = {"rule": number, "when": when, "points": points}
        row |= {"share": float(holds.mean()), "n": int(holds.sum())}
        row |= {
            column: float(distance[holds].mean()) if holds.any() else math.nan
            for column, distance in apart.items()
        }
        if otherwise is not None:
            row |= drawn.rate(otherwise, holds).cells("differs", "differs")
        rows.append(row)
    return rows


def _conditions(nodes: Sequence[TreeNode], place: int, schema: Schema, gaps: Bools) -> list[str]:
    """What holds on the way to a node from the root, one condition a feature."""
    way: list[tuple[TreeNode, bool]] = []  # nodes above, the root first, and whether left of each
    while (parent := nodes[place].parent) >= 0:
        way.insert(0, (nodes[parent], nodes[place].goes_left))
        place = parent
    columns = list(dict.fromkeys(node.column for node, _ in way if node.column))
    steps = [
        RuleStep(columns.index(node.column), node.split, goes_left, missing=False)
        for node, goes_left in way
        if node.column
    ]
    sets = way_as_sets(steps, columns, schema, gaps)
    return [part.in_words(schema.features[part.feature]) for part in sets]
