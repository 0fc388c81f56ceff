"""What is wrong with images and series, told of all their columns together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.numbers import count, percent, plural
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets import array_card
from deepseek_report.datasets.card import Facts
from deepseek_report.datasets.leaks import near_leaks
from deepseek_report.datasets.number_leaks import leaks_of_number
from deepseek_report.tasks import task_of

_PLACES = {"image": ("pixel", "pixels"), "series": ("step", "steps")}
_SHORTCUTS = {
    "image": "Look at some images of each class: where a margin, a mark or the light differs, the "
    "model may read that and not the thing; cut it away, or take the images of all classes alike.",
    "series": "Look at some series of each class: where they start at another level or moment by "
    "the way they were recorded, the model may read that; if it is the event itself, ask whether "
    "it is known when the decision is taken.",
}
_WHOLE = {"image": ("image", "images"), "series": ("series", "series")}


def near_leak(facts: Facts) -> list[DataIssue]:
    """Pixels or steps of which each alone decides the label, told once."""
    decides = task_of(facts.schema.target).decides
    leaks = near_leaks(facts) if decides else leaks_of_number(facts)
    if not leaks:
        return []
    first = max(leaks, key=lambda one: float(one.values.get("auc", 0.0)))
    one, many = _PLACES[facts.schema.modality]
    n, of = len(leaks), len(facts.schema.features)
    told = plural(n, f"{one} nearly gives", f"{many} each nearly give")
    lead = f"{told} the label away, of {count(of)}. " if n > 1 else ""
    return [
        DataIssue(
            "near_leak",
            "high",
            lead + first.text,
            {**first.values, "places": n, "of": of, "thing": one},
            _SHORTCUTS[facts.schema.modality],
        )
    ]


def constant_columns(facts: Facts) -> list[DataIssue]:
    """Pixels or steps that never change, such as the margin of a scan."""
    same = array_card.constant_columns(facts.whole.inputs)
    if not same:
        return []
    n = len(facts.schema.features)
    one, many = _PLACES[facts.schema.modality]
    return [
        DataIssue(
            "constant_feature",
            "info",
            f"{plural(len(same), f'{one} has', f'{many} have')} the same value in all "
            f"{count(len(facts.whole))} {_WHOLE[facts.schema.modality][1]} "
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
    one, many = _WHOLE[facts.schema.modality]
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
    layout = facts.schema.layout
    n_channels = layout.shape[-1] if layout else 1
    inputs = facts.whole.inputs.reshape(len(facts.whole), -1, n_channels)
    missing: NDArray[np.bool_] = np.isnan(inputs)
    known: NDArray[np.bool_] = np.asarray((~missing).any(axis=2))
    later = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    return (missing & later[..., None]).reshape(len(inputs), -1)
