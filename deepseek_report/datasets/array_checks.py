"""What is wrong with images and series, told of all their columns together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.numbers import count, percent, plural
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets import array_card
from deepseek_report.datasets.card import Facts

_PLACES = {"image": ("pixel", "pixels"), "series": ("step", "steps")}
_WHOLE = {"image": ("image", "images"), "series": ("series", "series")}


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
            {"n": len(same), "of": n},
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
