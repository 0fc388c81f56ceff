"""What follows from changing a feature of a person, by a declared graph of causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.extensions.causes.causal_declaration import CausalDeclaration
from deepseek_report.extensions.causes.declared_graph import DeclaredGraph
from deepseek_report.statistics.copies import same_values

#: Penalty on squared coefficients of an equation's standardised columns.
_PENALTY = 1.0
#: A number follows in steps of this share of its standard deviation where no step is declared.
_STEP_SHARE = 0.05


@dataclass(frozen=True)
class Equation:
    """How a feature hangs on what acts on it: a ridge regression, the rest of each row kept.

    feature : position. parents : positions. least, greatest : of its values in the training part.
    step : numbers follow in whole steps. weights : (column, output), one output for a number or
    ordered levels, one for each level of categories. centre, scale : (column,).
    """

    feature: int
    parents: tuple[int, ...]
    schema: Schema
    least: float
    greatest: float
    step: float
    weights: Floats
    centre: Floats
    scale: Floats

    @classmethod
    def fitted(
        cls, feature: int, parents: tuple[int, ...], train: Floats, schema: Schema
    ) -> Equation | None:
        """From (row, feature) training inputs; None where the feature does not vary."""
        known = train[~np.isnan(train[:, feature])]
        values = known[:, feature]
        if len(values) < 2 or np.ptp(values) == 0:
            return None
        columns = _columns(known, parents, schema)
        centre, scale = columns.mean(axis=0), columns.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        design = (columns - centre) / scale
        own = schema.features[feature]
        targets = _levels_of(values, own) if own.kind == "categorical" else values[:, None]
        penalised = design.T @ design + _PENALTY * np.eye(design.shape[1])
        weights = np.linalg.solve(penalised, design.T @ (targets - targets.mean(axis=0)))
        step = 1.0 if not own.is_numeric else own.step or _STEP_SHARE * float(values.std())
        ends = float(values.min()), float(values.max())
        return cls(feature, parents, schema, *ends, step, weights, centre, scale)

    def followed(self, before: Floats, after: Floats) -> Floats:
        """(set,) the feature's values in rows (set, feature) after changes of what acts on it.

        before : (feature,) the row as it is. What is missing stays missing. Of categories another
        level follows only where the equation says another one than before.
        """
        own = float(before[self.feature])
        if np.isnan(own):
            return np.full(len(after), own)
        moved = self._answer(after) - self._answer(before[None])
        if self.schema.features[self.feature].kind == "categorical":
            level = np.eye(moved.shape[1])[int(own)]
            return np.asarray((level + moved).argmax(axis=1), np.float64)
        steps = np.round(moved[:, 0] / self.step)
        return np.where(
            steps == 0, own, np.clip(own + steps * self.step, self.least, self.greatest)
        )

    def _answer(self, rows: Floats) -> Floats:
        columns = _columns(rows, self.parents, self.schema)
        return np.asarray((columns - self.centre) / self.scale @ self.weights)


def _levels_of(values: Floats, feature: Feature) -> Floats:
    return np.asarray(values[:, None] == np.arange(len(feature.categories)), np.float64)


def _columns(rows: Floats, parents: Sequence[int], schema: Schema) -> Floats:
    """(row, column) numbers, 0 where missing, whether they are, and an indicator of each level."""
    made = []
    for parent in parents:
        values, feature = rows[:, parent], schema.features[parent]
        if feature.kind == "categorical":
            made.append(_levels_of(values, feature))
        else:
            missing = np.isnan(values)
            made.append(np.column_stack([np.where(missing, 0.0, values), missing]))
    return np.hstack(made)


@dataclass(frozen=True)
class GraphConsequences:
    """What else moves where features are changed, and what the graph does not let be advised.

    equations : of the features on which others act, causes before effects. idle : features from
    which no arrows lead to what is predicted, so that by the graph changing them changes nothing of
    it.

    Reference: Karimi, Schölkopf & Valera 2021, doi:10.1145/3442188.3445899 (recourse by structural
    equations: the rest of a person stays, what follows moves).
    """

    schema: Schema
    equations: tuple[Equation, ...]
    idle: frozenset[int]

    @classmethod
    def of(cls, declaration: CausalDeclaration, schema: Schema, train: Floats) -> GraphConsequences:
        """From the declared graph and (row, feature) training inputs."""
        declared = DeclaredGraph.of(declaration, schema)
        graph = declared.graph
        features = {name for name, node in declared.nodes.items() if node.role == "feature"}
        ordered = sorted(features, key=lambda name: len(graph.ancestors(name)))
        equations = []
        for name in ordered:
            parents = [parent for parent in graph.parents[name] if parent in features]
            if parents:
                places = tuple(map(schema.position, parents))
                equations.append(Equation.fitted(schema.position(name), places, train, schema))
        target = schema.target.name
        acting = graph.ancestors(target) if target in graph.nodes else features
        idle = frozenset(map(schema.position, features - acting))
        return cls(schema, tuple(each for each in equations if each is not None), idle)

    @cached_property
    def moved(self) -> frozenset[int]:
        """Features that may follow."""
        return frozenset(equation.feature for equation in self.equations)

    def followed(self, row: Floats, changed: Floats) -> tuple[Floats, Bools]:
        """(set, feature) the rows with all that follows, and (set,) whether they may be advised.

        row : (feature,) as it is. changed : (set, feature) with the changes themselves, which stay
        as they are. Nothing is advised that would move what groups of people are made of.
        """
        chosen = ~same_values(changed, row)
        after = changed.copy()
        for equation in self.equations:
            follows = ~chosen[:, equation.feature]
            if follows.any():
                values = equation.followed(row, after[follows])
                after[follows, equation.feature] = values
        sensitive = [feature.sensitive for feature in self.schema.features]
        moved = ~same_values(after, row) & ~chosen
        return after, ~(moved & np.array(sensitive)).any(axis=1)
