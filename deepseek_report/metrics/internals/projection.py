"""The parameters as points: vectors of the weight matrices on three principal components."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import layer_name as layer_words
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.compute import layer_name
from deepseek_report.metrics.internals.tracing import torch_module
from deepseek_report.metrics.plugin import ComputeMetric
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import thin

_COMPONENTS = 3
#: Matrices that are not shown, named one by one.
_NAMED = 3


def common_width(shapes: Iterable[tuple[int, ...]]) -> int:
    """The length that most weight matrices have on one side, the longer one of equals."""
    sides = [side for shape in shapes for side in sorted(set(shape[-2:]))]
    return max(sorted(set(sides)), key=lambda side: (sides.count(side), side))


def vectors_of(matrix: Floats, width: int) -> Floats | None:
    """The vectors of a weight matrix that live in a space of this width, or None.

    Rows where a row has that length (what a unit reads); columns where a column has it (what a
    unit writes). Stacks of matrices are taken one after another.
    """
    if matrix.shape[-1] == width:
        return matrix.reshape(-1, width)
    if matrix.shape[-2] == width:
        return np.swapaxes(matrix, -1, -2).reshape(-1, width)
    return None


def principal_components(points: Floats) -> tuple[Floats, Floats]:
    """Centred points on the first three principal components, and the share of variance of each.

    The sign of a component is such that its largest loading is positive.

    Returns coordinates : (point, 3), 0 beyond the rank. shares : (3,), each in [0, 1].
    """
    centred = points - points.mean(axis=0)
    _, spreads, directions = np.linalg.svd(centred, full_matrices=False)
    kept = directions[:_COMPONENTS]
    largest = np.abs(kept).argmax(axis=1)
    kept = kept * np.where(kept[np.arange(len(kept)), largest] < 0, -1.0, 1.0)[:, None]
    coordinates, shares = np.zeros((len(points), _COMPONENTS)), np.zeros(_COMPONENTS)
    coordinates[:, : len(kept)] = centred @ kept.T
    total = float((spreads**2).sum())
    if total:
        shares[: len(kept)] = spreads[: len(kept)] ** 2 / total
    return coordinates, shares


@dataclass(frozen=True)
class WeightVector:
    """A row of a weight matrix on three principal components: `parameter_projection.points`."""

    layer: str
    parameter: str
    row: int
    pc1: float
    pc2: float
    pc3: float

    @property
    def place(self) -> tuple[float, float, float]:
        """Where it lies."""
        return self.pc1, self.pc2, self.pc3


@dataclass(frozen=True)
class ParameterProjection(ComputeMetric):
    """Vectors of the weight matrices as points on three principal components."""

    reveals = "aggregate"
    tables = {
        "points": TableType(
            (
                *columns_of("layer parameter row:place"),
                *(Column(f"pc{k + 1}", "number") for k in range(_COMPONENTS)),
            ),
            release=WHOLE,
            row=WeightVector,
        )
    }
    bounds = {"explained_variance": SHARE}
    reads = frozenset({"classifier"})
    requires = frozenset({"module"})
    max_points: Annotated[int, Field(ge=10, le=3000)] = 3000
    unit_length: bool = True

    def measure(self, context: MeasureContext) -> Measurement:
        module = torch_module(context.classifier)
        weights = {
            name: parameter.detach().double().cpu().numpy()
            for name, parameter in module.named_parameters()
            if parameter.ndim >= 2
        }
        if not weights:
            raise NotApplicableError(
                message("refusals.no_layers.matrices", model=context.classifier.name)
            )
        width = common_width(matrix.shape for matrix in weights.values())
        vectors = {name: vectors_of(matrix, width) for name, matrix in weights.items()}
        points = np.concatenate([block for block in vectors.values() if block is not None])
        places = pd.DataFrame(
            [
                (layer_name(name), name, row)
                for name, block in vectors.items()
                if block is not None
                for row in range(len(block))
            ],
            columns=["layer", "parameter", "row"],
        )
        if self.unit_length:
            points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
        coordinates, shares = principal_components(points)
        table = places.assign(**{f"pc{k + 1}": coordinates[:, k] for k in range(_COMPONENTS)})
        drawn = table.iloc[thin(len(table), self.max_points)].reset_index(drop=True)
        left_out = [name for name, block in vectors.items() if block is None]
        score = self.score(
            "explained_variance",
            Estimate(float(shares.sum()), None, None, len(points), ""),
            "none",
            note=message("notes.parameter_projection.variance", n=len(points), width=width),
        )
        return Measurement((score,), {"points": drawn}, notes=self._notes(width, shares, left_out))

    def _notes(self, width: int, shares: Floats, left_out: list[str]) -> tuple[Text, ...]:
        notes = [
            message("notes.parameter_projection.points", width=width, unit_length=self.unit_length),
            message("notes.parameter_projection.held", share=float(shares.sum())),
        ]
        if left_out:
            left_out_note = message(
                "notes.parameter_projection.left_out",
                width=width,
                layers=[layer_words(name) for name in left_out[:_NAMED]],
                more=max(len(left_out) - _NAMED, 0),
            )
            notes.append(left_out_note)
        return tuple(notes)
