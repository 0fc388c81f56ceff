"""The real case most like one that was decided against, and decided otherwise: how they differ."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.reference import ranges
from deepseek_report.metrics.cases.case_tables import Row

#: Features in which the two differ that are told, the farthest apart first.
_NAMED = 4
#: Differences of a number below this share of its range are not counted.
_LEAST = 0.01
COLUMNS = (
    "case rank instance_id distance probability feature label from_display to_display differing"
)


def nearest_accepted_rows(context: MeasureContext, inputs: Floats, cases: Ints) -> list[Row]:
    """One row for each told difference between a case and the nearest one decided otherwise.

    The test part is searched, whose decisions are known. Features that groups of people are made
    of are counted among those that differ and not told.

    inputs : (case, feature) the shown cases. cases : (case,) positions among them of those that
        were decided against; where no class is favourable, all.
    """
    schema, test, predictions = context.dataset.schema, context.dataset.test, context.predictions
    wanted, scale = schema.target.favourable, ranges(context.dataset.train.inputs, schema)
    positions = context.cases.explained[list(context.cases.roles.values())]
    rows: list[Row] = []
    for case in cases.tolist():
        decided = predictions.decisions[positions[case]]
        others = (
            predictions.decisions == wanted
            if wanted is not None
            else (predictions.decisions != decided)
        )
        candidates = np.flatnonzero(others)
        if not len(candidates):
            continue
        (apart,) = kind_of(schema).distances(inputs[case : case + 1], test.inputs[candidates])
        nearest = int(candidates[int(np.argmin(apart))])
        other = test.inputs[nearest]
        sizes = np.array(
            [
                _difference(feature, inputs[case, j], other[j], float(scale[j]))
                for j, feature in enumerate(schema.features)
            ]
        )
        named = [
            int(j)
            for j in np.argsort(-sizes, kind="stable")
            if sizes[j] > 0 and not schema.features[j].sensitive
        ]
        rows += [
            (
                case,
                rank,
                int(test.instance_ids[nearest]),
                float(apart.min()),
                float(predictions.scores[nearest]),
                schema.features[j].name,
                schema.features[j].label,
                schema.features[j].display(inputs[case, j]),
                schema.features[j].display(other[j]),
                int((sizes > 0).sum()),
            )
            for rank, j in enumerate(named[:_NAMED], start=1)
        ]
    return rows


def _difference(feature: Feature, own: float, other: float, scale: float) -> float:
    """How far two values lie apart, in [0, 1]; 0 where nobody would call them different."""
    if np.isnan(own) or np.isnan(other):
        return float(np.isnan(own) != np.isnan(other))
    if feature.kind == "categorical":
        return float(own != other)
    apart = min(abs(own - other) / scale, 1.0) if scale else float(own != other)
    return apart if apart >= _LEAST else 0.0
