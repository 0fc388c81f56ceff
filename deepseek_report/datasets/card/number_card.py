"""What the card says of a number that is predicted, and of several labels at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.schema import Attribute, Target
from deepseek_report.artifacts.split import Split

_FIVE = ("min", "q25", "median", "q75", "max")


def five_numbers(values: Floats) -> dict[str, float | None]:
    """Least value, quartiles and greatest value of those that are known; None without any."""
    return _named_quantiles(values[~np.isnan(values)], "linear")


def five_counts(counts: Ints) -> dict[str, float | None]:
    """The same of whole numbers, each of them one that occurs."""
    return _named_quantiles(counts.astype(np.float64), "lower")


def _named_quantiles(known: Floats, method: Literal["linear", "lower"]) -> dict[str, float | None]:
    if not len(known):
        return dict.fromkeys(_FIVE)
    quantiles = np.quantile(known, [0, 0.25, 0.5, 0.75, 1], method=method)
    return dict(zip(_FIVE, quantiles.tolist(), strict=True))


def describe_number(target: Target, labels: Floats) -> dict[str, Any]:
    """Size, mean, standard deviation and five numbers of the label, in its unit."""
    return {
        "label": target.label,
        "unit": target.unit,
        "n": len(labels),
        "mean": float(labels.mean()),
        "deviation": float(labels.std()),
        **five_numbers(labels),
    }


def level_rows(
    attribute: Attribute, codes: Ints, describe: Callable[[Bools], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Size and share of each level, and what is told of its rows; unknown ones come last, if any.

    Parameters
    ----------
    describe : (instance,) whether a row is of the level -> further columns.
    """
    levels = [*enumerate(attribute.levels), (-1, "unknown")]
    return [
        {"level": level, "n": n, "share": n / len(codes), **describe(inside)}
        for code, level in levels
        if (n := int((inside := codes == code).sum())) or code >= 0
    ]


def group_means(attribute: Attribute, codes: Ints, labels: Floats) -> list[dict[str, Any]]:
    """Size of each level, and the mean of its labels; nobody has an explained class."""
    return level_rows(
        attribute, codes, lambda inside: {"base_rate": None, "mean": mean_of(labels, inside)}
    )


def mean_of(values: NDArray[Any], inside: Bools) -> float | None:
    """The mean of some of the values; None where there is none."""
    return float(values[inside].mean()) if inside.any() else None


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
