"""What is wrong with images and series, told of all their columns together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.numbers import count, percent, plural
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets import array_card
from deepseek_report.datasets.card import Facts
from deepseek_report.datasets.leaks import near_leaks
from deepseek_report.datasets.number_leaks import leaks_of_number
from deepseek_report.tasks import task_of


def near_leak(facts: Facts) -> list[DataIssue]:
    """Pixels or steps of which each alone decides the label, told once."""
    decides = task_of(facts.schema.target).decides
    leaks = near_leaks(facts) if decides else leaks_of_number(facts)
    if not leaks:
        return []
    first = max(leaks, key=lambda one: float(one.values.get("auc", 0.0)))
    words = kind_of(facts.schema).words
    one, many = words.place
    n, of = len(leaks), len(facts.schema.features)
    told = plural(n, f"{one} nearly gives", f"{many} each nearly give")
    lead = f"{told} the label away, of {count(of)}. " if n > 1 else ""
    return [
        DataIssue(
            "near_leak",
            "high",
            lead + first.text,
            {**first.values, "places": n, "of": of, "thing": one},
            words.shortcut,
        )
    ]


def constant_columns(facts: Facts) -> list[DataIssue]:
    """Pixels or steps that never change, such as the margin of a scan."""
    same = array_card.constant_columns(facts.whole.inputs)
    if not same:
        return []
    n = len(facts.schema.features)
    words = kind_of(facts.schema).words
    one, many = words.place
    return [
        DataIssue(
            "constant_feature",
            "info",
            f"{plural(len(same), f'{one} has', f'{many} have')} the same value in all "
            f"{count(len(facts.whole))} {words.instance[1]} "
            f"({percent(len(same) / n)} of {count(n)}).",
            {"places": len(same), "of": n, "thing": one},
            "Nothing can be learnt there; an attribution there is not about the data.",
        )
    ]


def missing_values(facts: Facts) -> list[DataIssue]:
    """Gaps inside, not the places after the end of a shorter series."""
    gaps = _gaps(facts)
    holed = int(gaps.any(axis=1).sum())
    if not holed:
        return []
    total, share = int(gaps.sum()), holed / len(facts.whole)
    one, many = kind_of(facts.schema).words.instance
    return [
        DataIssue(
            "missing_values",
            "high" if share > 0.5 else "medium" if share > 0.1 else "low",
            f"{plural(total, 'value is', 'values are')} missing in {plural(holed, one, many)} "
            f"({percent(share)}).",
            {"cells": total, "instances": holed, "share": share},
            "Find out why they are missing; if that depends on the outcome, the model may use it.",
        )
    ]


def _gaps(facts: Facts) -> NDArray[np.bool_]:
    """(instance, place) whether a value is missing although a later one is there."""
    n_channels = kind_of(facts.schema).shape[-1]
    inputs = facts.whole.inputs.reshape(len(facts.whole), -1, n_channels)
    missing: NDArray[np.bool_] = np.isnan(inputs)
    known: NDArray[np.bool_] = np.asarray((~missing).any(axis=2))
    later = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    return (missing & later[..., None]).reshape(len(inputs), -1)
