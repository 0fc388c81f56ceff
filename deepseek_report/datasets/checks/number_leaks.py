"""Features that give a number away almost alone: they may hold the answer itself."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.checks.leaks import Leak
from deepseek_report.datasets.data_card import DataFacts
from deepseek_report.statistics.ranking import average_ranks
from deepseek_report.statistics.resampling import Resampling

RHO_LIMIT = 0.95
R_SQUARED_LIMIT = 0.9
_FEWEST = 20


def leaks_of_number(facts: DataFacts) -> list[Leak]:
    """At most one a feature: by rank correlation with the label, or by the means of categories.

    Numeric and ordinal features: |Spearman's ρ| of at least 0.95 on the validation and the test
    part. Categories: R² of at least 0.9 there, of the mean label of each category in the training
    part.
    """
    leaks = (_leak(facts, i, feature) for i, feature in enumerate(facts.schema.features))
    return [leak for leak in leaks if leak is not None]


def _leak(facts: DataFacts, position: int, feature: Feature) -> Leak | None:
    rest = [facts.parts["validation"], facts.parts["test"]]
    values = np.concatenate([part.inputs[:, position] for part in rest])
    labels = np.concatenate([part.labels for part in rest])
    if feature.kind == "categorical":
        return _by_category(facts, position, feature, (values, labels))
    known = ~np.isnan(values)
    if Resampling.across(rest).occurring(known) < _FEWEST:
        return None
    rho = _spearman(values[known], labels[known])
    if abs(rho) < RHO_LIMIT:
        return None
    target = facts.schema.target.label
    text = message("data.number_leak.by_rank", feature=feature.label, target=target, spearman=rho)
    about = {"feature": feature.name, "label": feature.label, "spearman": rho}
    return Leak((feature.name,), (feature.label,), "high", text, about)


def _by_category(
    facts: DataFacts, position: int, feature: Feature, rest: tuple[Floats, Floats]
) -> Leak | None:
    values, labels = rest
    means = category_means(facts.parts["train"], position, len(feature.categories))
    squared = r_squared(means[_codes(values, len(feature.categories))], labels)
    if squared < R_SQUARED_LIMIT:
        return None
    text = message(
        "data.number_leak.by_means",
        feature=feature.label,
        target=facts.schema.target.label,
        r_squared=squared,
    )
    about = {"feature": feature.name, "label": feature.label, "r2": squared}
    return Leak((feature.name,), (feature.label,), "high", text, about)


def category_means(train: Split, position: int, categories: int) -> Floats:
    """(category + 1,) mean label in each category, "missing" last; the mean of all if unseen."""
    codes = _codes(train.inputs[:, position], categories)
    sizes = np.bincount(codes, minlength=categories + 1)
    sums = np.bincount(codes, weights=train.labels, minlength=categories + 1)
    means = np.full(categories + 1, float(train.labels.mean()))
    np.divide(sums, sizes, out=means, where=sizes > 0)
    return means


def _codes(values: Floats, categories: int) -> Ints:
    return np.where(np.isnan(values), categories, values).astype(np.int64)


def r_squared(predicted: Floats, labels: Floats) -> float:
    """1 − squared error over that of the labels' own mean; 0 where the labels do not vary."""
    spread = float(((labels - labels.mean()) ** 2).sum())
    return 1 - float(((labels - predicted) ** 2).sum()) / spread if spread > 0 else 0.0


def _spearman(a: Floats, b: Floats) -> float:
    ranks = [average_ranks(column) for column in (a, b)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
