"""What is wrong with images and series, in one issue for all of their columns."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets.card import array_card
from deepseek_report.datasets.card.data_card import DataFacts
from deepseek_report.datasets.checks.leaks import near_leaks
from deepseek_report.datasets.checks.number_leaks import leaks_of_number
from deepseek_report.tasks import task_of


def near_leak(facts: DataFacts) -> list[DataIssue]:
    """Pixels or steps that each give the label away alone, in one issue."""
    decides = task_of(facts.schema.target).decides
    leaks = near_leaks(facts) if decides else leaks_of_number(facts)
    if not leaks:
        return []
    first = max(leaks, key=lambda leak: float(leak.values.get("auc", 0.0)))
    kind, n, of = kind_of(facts.schema).name, len(leaks), len(facts.schema.features)
    return [
        DataIssue(
            "near_leak",
            "high",
            message(f"data.leaking_places.text.{kind}", n=n, of=of, first=first.text),
            {**first.values, "places": n, "of": of},
            message(f"data.leaking_places.do.{kind}"),
        )
    ]


def constant_columns(facts: DataFacts) -> list[DataIssue]:
    """Pixels or steps that never change, such as the margin of a scan."""
    same = array_card.constant_columns(facts.whole.inputs)
    if not same:
        return []
    n, kind = len(facts.schema.features), kind_of(facts.schema).name
    return [
        DataIssue(
            "constant_feature",
            "info",
            message(
                f"data.constant_places.text.{kind}", n=len(same), of=n, instances=len(facts.whole)
            ),
            {"places": len(same), "of": n},
            message("data.constant_places.do"),
        )
    ]


def missing_values(facts: DataFacts) -> list[DataIssue]:
    """Gaps inside, not the places after the end of a shorter series."""
    gaps = _gaps(facts)
    holed = int(gaps.any(axis=1).sum())
    if not holed:
        return []
    total, share = int(gaps.sum()), holed / len(facts.whole)
    return [
        DataIssue(
            "missing_values",
            "high" if share > 0.5 else "medium" if share > 0.1 else "low",
            message(
                f"data.gaps.text.{kind_of(facts.schema).name}",
                n=total,
                instances=holed,
                share=share,
            ),
            {"cells": total, "instances": holed, "share": share},
            message("data.missing.do"),
        )
    ]


def _gaps(facts: DataFacts) -> Bools:
    """(instance, place) whether a value is missing although a later one is there."""
    n_channels = kind_of(facts.schema).shape[-1]
    inputs = facts.whole.inputs.reshape(len(facts.whole), -1, n_channels)
    missing: Bools = np.isnan(inputs)
    known: Bools = np.asarray((~missing).any(axis=2))
    later = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    return (missing & later[..., None]).reshape(len(inputs), -1)
