"""Features that decide the label almost alone: they may hold the answer itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.numbers import count, number, percent
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.card import Facts

AUC_LIMIT = 0.95
RATE_LIMIT = 0.9
FEWEST_ROWS = 20


@dataclass(frozen=True)
class Leak:
    """One feature that nearly decides the label, and how that shows."""

    feature: str
    label: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


def near_leaks(facts: Facts) -> list[Leak]:
    """At most one a feature: by the area under its own ROC curve, or by one of its categories.

    Categories are ordered by their rate in the training part, and the area is taken on the other
    parts, so that a feature with many categories does not look like a leak by chance.
    """
    found = (_leak(facts, i, feature) for i, feature in enumerate(facts.schema.features))
    return [leak for leak in found if leak is not None]


def _leak(facts: Facts, position: int, feature: Feature) -> Leak | None:
    classes = range(1 if len(facts.schema.target.classes) == 2 else 0, _n_classes(facts))
    for one in classes:
        area = _own_auc(facts, position, feature, one)
        if area >= AUC_LIMIT:
            return _by_auc(facts, feature, one, area)
    return _by_category(facts, position, feature)


def _n_classes(facts: Facts) -> int:
    return len(facts.schema.target.classes)


def _own_auc(facts: Facts, position: int, feature: Feature, one: int) -> float:
    train = facts.parts["train"]
    rest = [facts.parts["validation"], facts.parts["test"]]
    labels = np.concatenate([part.labels for part in rest]) == one
    values = np.concatenate([part.inputs[:, position] for part in rest])
    if not feature.is_numeric:
        return auc(category_rates(train, position, feature, one)[_codes(values)], labels)
    known = ~np.isnan(values)
    area = auc(values[known], labels[known])
    return max(area, 1 - area)


def _codes(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(np.isnan(values), -1, values).astype(np.int64)


def category_rates(train: Split, position: int, feature: Feature, one: int) -> NDArray[np.float64]:
    """(category + 1,) share of the class in each category, "missing" last; the mean if unseen."""
    n = len(feature.categories) + 1
    codes = _codes(train.inputs[:, position]) % n
    is_class = train.labels == one
    sizes = np.bincount(codes, minlength=n)
    hits = np.bincount(codes, weights=is_class, minlength=n)
    rates: NDArray[np.float64] = np.full(n, is_class.mean())
    np.divide(hits, sizes, out=rates, where=sizes > 0)
    return rates


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney); 0.5 where one class is missing."""
    import pandas as pd

    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return 0.5
    ranks = pd.Series(scores).rank().to_numpy()
    above = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def _by_auc(facts: Facts, feature: Feature, one: int, area: float) -> Leak:
    name = facts.schema.target.classes[one]
    text = (
        f"“{feature.label}” alone tells “{name}” from the rest almost perfectly "
        f"(area under the ROC curve {number(area)})."
    )
    values = {"feature": feature.name, "label": feature.label, "class": name, "auc": area}
    return Leak(feature.name, feature.label, text, values)


def _by_category(facts: Facts, position: int, feature: Feature) -> Leak | None:
    """A category in which nearly all rows have a class that is not the common one."""
    labels = facts.whole.labels
    n = len(feature.categories) + 1
    codes = _codes(facts.whole.inputs[:, position]) % n if feature.categories else None
    base = np.bincount(labels, minlength=_n_classes(facts)) / len(labels)
    if codes is None:
        codes, n = np.isnan(facts.whole.inputs[:, position]).astype(np.int64), 2
    table = np.zeros((n, len(base)), dtype=np.int64)
    np.add.at(table, (codes, labels), 1)
    sizes = table.sum(axis=1)
    rates = table / np.maximum(sizes, 1)[:, None]
    hit = (rates > RATE_LIMIT) & (sizes >= FEWEST_ROWS)[:, None] & (base < 0.5)
    if not hit.any():
        return None
    category, one = np.argwhere(hit)[0].tolist()
    return _category_leak(facts, feature, category, (one, table[category]))


def _category_leak(
    facts: Facts, feature: Feature, category: int, found: tuple[int, NDArray[np.int64]]
) -> Leak:
    one, counts = found
    name = facts.schema.target.classes[one]
    n, hits = int(counts.sum()), int(counts[one])
    known = not feature.is_numeric and category < len(feature.categories)
    what = feature.categories[category].label if known else "missing"
    if feature.is_numeric and category == 0:
        what = "known"
    share = float((facts.whole.labels == one).mean())
    text = (
        f"Of the {count(n)} rows with “{feature.label}: {what}”, {count(hits)} "
        f"({percent(hits / n)}) are “{name}”, against {percent(share)} of all rows."
    )
    values = {
        "feature": feature.name,
        "label": feature.label,
        "category": what,
        "class": name,
        "n": n,
        "n_class": hits,
        "rate": hits / n,
    }
    return Leak(feature.name, feature.label, text, values)
