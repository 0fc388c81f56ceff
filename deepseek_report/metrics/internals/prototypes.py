"""The training cases that a prototype model compares with, and how often each of them decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import HasPrototypes
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.data_kinds import kind_of
from deepseek_report.metrics.cases.single_case_rows import ComparedPrototype
from deepseek_report.metrics.internals.internal_rows import NearPrototype
from deepseek_report.metrics.internals.tracing import contributions, torch_module
from deepseek_report.metrics.plugin import ModelMetric
from deepseek_report.statistics.intervals import SHARE

_BATCH = 1024
#: Prototypes of the class decided for that are told of a case.
_TOLD = 3


@dataclass(frozen=True)
class PrototypeCase:
    """A training case that others are compared with: a row of `prototypes.prototypes`.

    decides : for how many test cases it decides, `share` of all. shift : places that a case may be
    moved by to fit it.
    """

    prototype: int
    instance_id: int
    class_label: str
    decides: int
    share: float
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
class Prototypes(ModelMetric):
    """The prototypes, their classes, for how many test cases each decides, and who is nearest.

    A prototype decides for a case where, of those of the class decided for, it adds most evidence.
    nearest : test cases listed for each. `prototypes_in_use` is the share that decides for any.
    The table `compared` says of every explained case which prototypes of the class decided for
    count most, and which one of another class.
    """

    counts_entities = True
    reveals = "rows"
    tables = {
        "prototypes": TableType(
            (
                *columns_of(
                    "prototype:count instance_id:row class_label decides:count share:share"
                ),
                *columns_of("mean_evidence:number n:count shift:count"),
            ),
            row=PrototypeCase,
        ),
        "inputs": TableType(
            columns_of("prototype:count feature label display rank:count"), row=PrototypeInput
        ),
        "nearest": TableType(
            (
                *columns_of("prototype:count rank:count instance_id:row distance:number label"),
                *columns_of("decision"),
            ),
            row=NearPrototype,
        ),
        "compared": TableType(
            (
                *columns_of("instance_id:row rank:count prototype_id:row class_label"),
                *columns_of("for_decision:yes_no share:share"),
            ),
            row=ComparedPrototype,
        ),
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
        evidence, distances = _evidence(module, test.inputs)
        context.classifier.calls += len(test)
        own = np.where(classes == context.predictions.decisions[:, None], evidence, -np.inf).argmax(
            axis=1
        )
        decided = np.bincount(own, minlength=len(ids))
        order = np.lexsort((ids, -decided))
        sizes = np.abs(contributions(context.classifier, test.inputs, schema.target.explained))
        return Measurement(
            scores=(_in_use(decided),),
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
        return pd.DataFrame(
            [
                {
                    "prototype": prototype,
                    "rank": rank,
                    "instance_id": int(context.dataset.test.instance_ids[case]),
                    "distance": float(column[case]),
                    "label": classes[int(p.labels[case])],
                    "decision": classes[int(p.decisions[case])],
                }
                for prototype, column in enumerate(distances.T, start=1)
                for rank, case in enumerate(
                    np.argsort(column, kind="stable")[: self.nearest], start=1
                )
            ]
        )


def _evidence(module: HasPrototypes, inputs: Floats) -> tuple[Floats, Floats]:
    import torch

    device = next(module.parameters()).device
    parts = [
        module.evidence(
            torch.as_tensor(inputs[start : start + _BATCH], dtype=torch.float32, device=device)
        )
        for start in range(0, len(inputs), _BATCH)
    ]
    evidence, distances = (
        torch.cat(list(tensors)).double().cpu().numpy() for tensors in zip(*parts, strict=True)
    )
    return evidence, distances


def _compared(context: MeasureContext, evidence: Floats, ids: Ints, classes: Ints) -> pd.DataFrame:
    """Of each explained case; `share` is of the evidence of all prototypes of the same class."""
    names = context.dataset.schema.target.classes
    rows: list[dict[str, object]] = []
    for case in context.cases.explained:
        own = classes == context.predictions.decisions[case]
        order = np.argsort(-evidence[case], kind="stable")
        shown = [*order[own[order]][:_TOLD], *order[~own[order]][:1]]
        rows.extend(
            {
                "instance_id": int(context.dataset.test.instance_ids[case]),
                "rank": rank,
                "prototype_id": int(ids[at]),
                "class_label": names[classes[at]],
                "for_decision": bool(own[at]),
                "share": float(evidence[case, at] / evidence[case, classes == classes[at]].sum()),
            }
            for rank, at in enumerate(shown, start=1)
        )
    return pd.DataFrame(rows)


def _in_use(decided: Ints) -> Score:
    return Score(
        metric="prototypes_in_use",
        category="explanation",
        value=float((decided > 0).mean()),
        n=len(decided),
        direction="none",
        bounds=(0.0, 1.0),
        unit="share",
        note=message("notes.prototypes.in_use", n=int((decided > 0).sum()), of=len(decided)),
    )


def _inputs(schema: Schema, inputs: Floats, sizes: Floats) -> pd.DataFrame:
    """The values of the prototypes, for tables; pixels and steps are in the array alone.

    sizes : (column,) how much each column adds or takes away on average, which ranks them.
    """
    if not kind_of(schema).named_columns:
        return Prototypes.tables["inputs"].frame([])
    ranks = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable") + 1
    return pd.DataFrame(
        [
            {
                "prototype": prototype,
                "feature": feature.name,
                "label": feature.label,
                "display": feature.display(float(value)),
                "rank": int(rank),
            }
            for prototype, row in enumerate(inputs, start=1)
            for feature, value, rank in zip(schema.features, row, ranks, strict=True)
        ]
    )
