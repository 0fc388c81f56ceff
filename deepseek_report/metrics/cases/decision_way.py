"""The way of a decision through the model: what each part adds on the way to the output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import AddsUpSteps
from deepseek_report.artifacts.protocols.trees import TreeEnsemble
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.cases.case_choice import ShownCases
from deepseek_report.metrics.cases.single_case_rows import TreeQuestion, TreeSum, WayStep
from deepseek_report.metrics.plugin import ModelMetric


@dataclass(frozen=True)
class TreeWays:
    """The account of cases by the trees of a model.

    shown : trees whose path is told.
    """

    classifier: Classifier
    schema: Schema
    shown: int

    def tables(self, rows: Floats, targets: Ints) -> dict[str, pd.DataFrame]:
        """`trees` and `paths` of cases (case, feature), about the output of each one's target."""
        ensemble = self.classifier.trees
        read = ensemble.read(self.classifier.columns(rows))
        leaves = leaves_of(ensemble, read)
        added = ensemble.nodes.values[leaves]
        summary, steps = [], []
        for case, target in enumerate(targets.tolist()):
            mine = added[case, :, target]
            sides = (mine[mine > 0], mine[mine < 0])
            sums = (cell for side in sides for cell in (len(side), float(side.sum())))
            base = float(ensemble.base[target])
            summary.append((case, ensemble.space, base, len(mine), *sums))
            strongest = np.argsort(-np.abs(mine), kind="stable")[: self.shown]
            for tree in np.sort(strongest):
                steps += [
                    (case, int(tree) + 1, float(mine[tree]), depth, *question)
                    for depth, question in enumerate(
                        self._questions(ensemble, int(tree), read[:, case], rows[case]), start=1
                    )
                ]
        return DecisionWay.frames(trees=summary, paths=steps)

    def _questions(
        self, ensemble: TreeEnsemble, tree: int, read: Floats, row: Floats
    ) -> Iterator[tuple[object, ...]]:
        """(feature, label, display, relation, bound) of each node on the way of one row.

        relation : the value is `at_most` or `above` the bound, `among` the categories that the
        bound lists, `missing`, or only `asked` about where the trees read it as something else.
        """
        nodes = ensemble.nodes
        at = int(ensemble.roots[tree])
        while (column := int(nodes.feature[at])) >= 0:
            feature, value = self.schema.features[column], float(row[column])
            left = bool(nodes.goes_left(np.array([at]), read[:, None])[0, 0])
            if np.isnan(value):
                side = "missing", ""
            elif not feature.is_numeric:
                side = "among", self._alike(ensemble, at, left, row)
            elif at not in nodes.categories and np.isclose(read[column], value, rtol=1e-5):
                bound = feature.display(float(nodes.threshold[at]))
                side = ("at_most" if left else "above"), bound
            else:
                side = "asked", ""
            yield (feature.name, feature.label, feature.display(value), *side)
            at = int(nodes.left[at] if left else nodes.right[at])

    def _alike(self, ensemble: TreeEnsemble, node: int, left: bool, row: Floats) -> str:
        """The labels of all categories that go the same way at a node, divided by `SEPARATOR`."""
        column = int(ensemble.nodes.feature[node])
        categories = self.schema.features[column].categories
        others = np.tile(row, (len(categories), 1))
        others[:, column] = np.arange(len(categories))
        read = ensemble.read(self.classifier.columns(others))
        same = ensemble.nodes.goes_left(np.array([node]), read)[0] == left
        return SEPARATOR.join(
            category.label for category, alike in zip(categories, same, strict=True) if alike
        )


def leaves_of(ensemble: TreeEnsemble, read: Floats) -> Ints:
    """(row, tree) the leaf of each row; read : (feature, row) as `TreeEnsemble.read` gives it."""
    nodes = ensemble.nodes
    places = np.tile(ensemble.roots, (read.shape[1], 1))
    while (nodes.feature[places] >= 0).any():
        rows, trees = np.nonzero(nodes.feature[places] >= 0)
        at = places[rows, trees]
        distinct, which = np.unique(at, return_inverse=True)
        left = nodes.goes_left(distinct, read)[which, rows]
        places[rows, trees] = np.where(left, nodes.left[at], nodes.right[at])
    return places


@dataclass(frozen=True)
class DecisionWay(ModelMetric):
    """What each part of the model adds for the class that was decided, of every shown case.

    Of a network whose output is a sum along its residual stream (see `AddsUpSteps`): the tokens,
    every head, every expert and a constant, in the unit of the logit less the mean of the others;
    the parts add up to it. Of trees: what all of them add, how many speak for and against, and the
    path through those that add most. Other models have no such way.

    paths : trees whose path is told, where there are more.

    Reference: Elhage et al. 2021, https://transformer-circuits.pub/2021/framework (direct
    contributions along the residual stream).
    """

    reveals = "rows"
    category = "explanation"
    bounds = {}
    reads = frozenset({"dataset", "predictions", "cases", "classifier"})
    tables = {
        "steps": TableType.of(WayStep),
        "trees": TableType.of(TreeSum),
        "paths": TableType.of(TreeQuestion),
    }

    paths: Annotated[int, Field(ge=1, le=10)] = 1

    def measure(self, context: MeasureContext) -> Measurement:
        """One of the two accounts.

        Raises NotApplicableError: the model is neither such a network nor made of trees.
        """
        shown = ShownCases.of(context)
        classifier, rows, targets = context.classifier, shown.inputs, shown.targets(context)
        if "module" in classifier.capabilities and isinstance(classifier.module, AddsUpSteps):
            return Measurement(tables={"steps": _step_table(classifier, rows, targets)})
        if "trees" in classifier.capabilities:
            ways = TreeWays(classifier, context.dataset.schema, self.paths)
            return Measurement(tables=ways.tables(rows, targets))
        raise NotApplicableError(message("refusals.no_way"))


def _step_table(classifier: Classifier, rows: Floats, targets: Ints) -> pd.DataFrame:
    """One row a case and step."""
    import torch

    module = classifier.module
    device = next(module.parameters()).device
    parts = []
    for target in np.unique(targets):
        cases = np.flatnonzero(targets == target)
        classifier.calls += len(cases)
        with torch.inference_mode():
            inputs = torch.as_tensor(rows[cases], dtype=torch.float32, device=device)
            sums = module.step_sums(inputs, int(target))
        for at, step in enumerate(sums.steps):
            parts.append(
                pd.DataFrame(
                    {
                        "case": cases,
                        "order": at,
                        "layer": step.layer,
                        "kind": step.kind,
                        "branch": step.branch,
                        "number": step.number,
                        "weight": sums.weights[:, at],
                        "added": sums.added[:, at],
                    }
                )
            )
    table = pd.concat(parts).sort_values(["case", "order"], kind="stable", ignore_index=True)
    return table.drop(columns="order")
