"""Features that decide the label almost alone: they may hold the answer itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.card.data_card import DataFacts
from deepseek_report.statistics.ranking import binary_auc

AUC_LIMIT = 0.95
TRAIN_AUC_LIMIT = 0.9
RATE_LIMIT = 0.9
FEWEST_ROWS = 20


@dataclass(frozen=True)
class Leak:
    """One feature that nearly decides the label, and how that shows."""

    feature: str
    label: str
    text: Text
    values: Mapping[str, Any] = field(default_factory=dict)


def near_leaks(facts: DataFacts) -> list[Leak]:
    """At most one a feature: by the area under its own ROC curve, or by one of its categories.

    Categories are ordered by their rate in the training part, and the area is taken on the other
    parts, so that a feature with many categories does not look like a leak by chance. For the same
    reason a number must tell the class in the training part too, in the same direction.
    """
    areas = _areas_of_numbers(facts)
    leaks = (
        _leak(facts, i, feature, areas[:, i]) for i, feature in enumerate(facts.schema.features)
    )
    return [leak for leak in leaks if leak is not None]


def _leak(facts: DataFacts, position: int, feature: Feature, areas: Floats) -> Leak | None:
    for class_index in range(1 if _n_classes(facts) == 2 else 0, _n_classes(facts)):
        area = (
            float(areas[class_index])
            if feature.is_numeric
            else _own_auc(facts, position, feature, class_index)
        )
        if area >= AUC_LIMIT:
            return _by_auc(facts, feature, class_index, area)
    if feature.is_numeric and not np.isnan(facts.whole.inputs[:, position]).any():
        return None
    return _by_category(facts, position, feature)


def _areas_of_numbers(facts: DataFacts) -> Floats:
    """(class, feature) area outside of the training part, 0.5 where the training part disagrees."""
    numeric = np.array([feature.is_numeric for feature in facts.schema.features], dtype=bool)
    clear_areas = np.full((_n_classes(facts), len(numeric)), 0.5)
    if not numeric.any():
        return clear_areas
    train, *rest = (facts.parts[name] for name in ("train", "validation", "test"))
    labels = np.concatenate([part.labels for part in rest])
    values = np.concatenate([part.inputs[:, numeric] for part in rest])
    inside = areas(train.inputs[:, numeric], train.labels, len(clear_areas))
    outside = areas(values, labels, len(clear_areas))
    same = (inside - 0.5) * (outside - 0.5) > 0
    clear = same & (np.maximum(inside, 1 - inside) >= TRAIN_AUC_LIMIT)
    clear_areas[:, numeric] = np.where(clear, np.maximum(outside, 1 - outside), 0.5)
    return clear_areas


def areas(values: Floats, labels: Ints, n_classes: int) -> Floats:
    """(class, column) area under the ROC curve of each column, by the rows where it is known.

    0.5 where a class, or all others, have no such row.
    """
    import pandas as pd

    ranks = pd.DataFrame(values).rank().to_numpy()
    known = ~np.isnan(ranks)
    positive = (labels[None, :] == np.arange(n_classes)[:, None]).astype(np.float64)
    n_positive = positive @ known
    n_negative = known.sum(axis=0) - n_positive
    above = positive @ np.nan_to_num(ranks) - n_positive * (n_positive + 1) / 2
    pairs = n_positive * n_negative
    return np.asarray(np.divide(above, pairs, out=np.full_like(above, 0.5), where=pairs > 0))


def _n_classes(facts: DataFacts) -> int:
    return len(facts.schema.target.classes)


def _own_auc(facts: DataFacts, position: int, feature: Feature, class_index: int) -> float:
    train = facts.parts["train"]
    rest = [facts.parts["validation"], facts.parts["test"]]
    labels = np.concatenate([part.labels for part in rest]) == class_index
    values = np.concatenate([part.inputs[:, position] for part in rest])
    return binary_auc(
        category_rates(train, position, feature, class_index)[_codes(values)], labels, undefined=0.5
    )


def _codes(values: Floats) -> Ints:
    return np.where(np.isnan(values), -1, values).astype(np.int64)


def category_rates(train: Split, position: int, feature: Feature, class_index: int) -> Floats:
    """(category + 1,) share of the class in each category, "missing" last; the mean if unseen."""
    n = len(feature.categories) + 1
    codes = _codes(train.inputs[:, position]) % n
    is_class = train.labels == class_index
    sizes = np.bincount(codes, minlength=n)
    hits = np.bincount(codes, weights=is_class, minlength=n)
    rates: Floats = np.full(n, is_class.mean())
    np.divide(hits, sizes, out=rates, where=sizes > 0)
    return rates


def _by_auc(facts: DataFacts, feature: Feature, class_index: int, area: float) -> Leak:
    name = facts.schema.target.classes[class_index]
    text = message("data.leak.by_auc", feature=feature.label, name=name, auc=area)
    values = {"feature": feature.name, "label": feature.label, "class": name, "auc": area}
    return Leak(feature.name, feature.label, text, values)


def _by_category(facts: DataFacts, position: int, feature: Feature) -> Leak | None:
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
    category, class_index = np.argwhere(hit)[0].tolist()
    return _category_leak(facts, feature, category, class_index, table[category])


def _category_leak(
    facts: DataFacts, feature: Feature, category: int, class_index: int, counts: Ints
) -> Leak:
    name = facts.schema.target.classes[class_index]
    n, hits = int(counts.sum()), int(counts[class_index])
    known = not feature.is_numeric and category < len(feature.categories)
    what: Text = feature.categories[category].label if known else message("values.missing")
    if feature.is_numeric and category == 0:
        what = message("values.known")
    share = float((facts.whole.labels == class_index).mean())
    text = message(
        "data.leak.by_category",
        feature=feature.label,
        category=what,
        name=name,
        n=n,
        hits=hits,
        share=share,
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
