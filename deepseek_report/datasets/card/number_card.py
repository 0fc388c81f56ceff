"""What the card says of a number that is predicted, and of several labels at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepseek_report.artifacts.number_arrays import Floats, Ints
from deepseek_report.artifacts.schema import Attribute, Target
from deepseek_report.artifacts.split import Split

_FIVE = ("min", "q25", "median", "q75", "max")


def describe_number(target: Target, labels: Floats) -> dict[str, Any]:
    """Size, mean, standard deviation and five numbers of the label, in its unit."""
    five = np.quantile(labels, [0, 0.25, 0.5, 0.75, 1])
    return {
        "label": target.label,
        "unit": target.unit,
        "n": len(labels),
        "mean": float(labels.mean()),
        "deviation": float(labels.std()),
        **dict(zip(_FIVE, five.tolist(), strict=True)),
    }


def group_means(attribute: Attribute, codes: Ints, labels: Floats) -> list[dict[str, Any]]:
    """Size of each level, and the mean of its labels; nobody has an explained class."""
    rows: list[dict[str, Any]] = []
    for code, level in [*enumerate(attribute.levels), (-1, "unknown")]:
        inside = codes == code
        n = int(inside.sum())
        if n or code >= 0:
            mean = float(labels[inside].mean()) if n else None
            row = {"level": level, "n": n, "share": n / len(codes), "base_rate": None}
            rows.append({**row, "mean": mean})
    return rows


def part_means(parts: Mapping[str, Split]) -> list[dict[str, Any]]:
    """Size of each part, and mean and standard deviation of its labels."""
    return [
        {
            "part": name,
            "n": len(part),
            "positive": None,
            "share": None,
            "mean": float(part.labels.mean()),
            "deviation": float(part.labels.std()),
        }
        for name, part in parts.items()
    ]


def all_label_rows(target: Target, whole: Split) -> list[dict[str, Any]]:
    """How often each label is given; empty where there is one label only."""
    if whole.all_labels is None:
        return []
    counts = whole.all_labels.sum(axis=0)
    return [
        {"label": name, "n": int(n), "share": float(n / len(whole))}
        for name, n in zip(target.labels, counts, strict=True)
    ]
