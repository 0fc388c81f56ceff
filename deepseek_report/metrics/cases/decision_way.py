"""The way of a decision through the model: what each part adds on the way to the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier, TreeClassifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import AddsUpSteps
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Bounds, Category, Measurement
from deepseek_report.artifacts.table import Column, TableType, TableTypes
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.cases.tree_ways import TreeWays
from deepseek_report.metrics.shared.plugin import ModelMetric
from deepseek_report.tasks import task_of

_CASE = Column("case", "place")


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

    reveals: ClassVar[Reveals] = "rows"
    category: ClassVar[Category] = "explanation"
    bounds: ClassVar[Bounds] = {}
    reads: ClassVar[frozenset[str]] = frozenset({"dataset", "predictions", "cases", "classifier"})
    tables: ClassVar[TableTypes] = {
        "steps": TableType(
            (
                _CASE,
                Column("layer", "count"),
                Column("kind"),
                Column("branch"),
                Column("number", "count"),
                Column("weight", "share"),
                Column("added", "number"),
            )
        ),
        "trees": TableType(
            (
                _CASE,
                Column("space"),
                Column("base", "number"),
                Column("trees", "count"),
                Column("for_n", "count"),
                Column("for_added", "number"),
                Column("against_n", "count"),
                Column("against_added", "number"),
            )
        ),
        "paths": TableType(
            (
                _CASE,
                Column("tree", "count"),
                Column("added", "number"),
                Column("depth", "count"),
                Column("feature"),
                Column("label"),
                Column("display"),
                Column("relation"),
                Column("bound"),
            )
        ),
    }

    paths: Annotated[int, Field(ge=1, le=10)] = 1

    def measure(self, context: MeasureContext) -> Measurement:
        """One of the two accounts.

        Raises
        ------
        NotApplicableError : the model is neither such a network nor made of trees.
        """
        if not context.cases.roles:
            raise NotApplicableError(message("refusals.no_case"))
        places = np.array(list(context.cases.roles.values()), dtype=np.int64)
        positions = context.cases.explained[places]
        rows = context.dataset.test.inputs[positions]
        targets = _targets(context, positions)
        classifier = context.classifier
        if "module" in classifier.capabilities and isinstance(classifier.module, AddsUpSteps):
            return Measurement(tables={"steps": _step_table(classifier, rows, targets)})
        if "trees" in classifier.capabilities and isinstance(classifier, TreeClassifier):
            ways = TreeWays(classifier, context.dataset.schema, self.paths)
            return Measurement(tables=ways.tables(rows, targets))
        raise NotApplicableError(message("refusals.no_way"))


def _targets(context: MeasureContext, positions: Ints) -> Ints:
    """(case,) the class that was decided, 0 where a number is predicted."""
    schema: Schema = context.dataset.schema
    decides = task_of(schema.target).decides
    return context.predictions.decisions[positions] if decides else np.zeros_like(positions)


def _step_table(classifier: Classifier, rows: Floats, targets: Ints) -> pd.DataFrame:
    """One row a case and step."""
    import torch

    module: Any = classifier.module
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
