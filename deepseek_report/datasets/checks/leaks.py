"""Features that tell the label almost alone, or two together: they may hold the answer itself.

No computation can tell a leak from a predictor that is honestly good. What is asked about is what
stands apart: few columns that tell the label far better than a scorecard of all others does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.finding import Severity
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.split import DataIssue, Split
from deepseek_report.datasets.checks.few_columns import ColumnSearch, Telling
from deepseek_report.datasets.data_card import DOUBTED, NEARLY, DataFacts
from deepseek_report.statistics.intervals import wilson
from deepseek_report.statistics.ranking import average_ranks
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Share of one class among the rows of a category, for certain and as counted, that is asked about.
SURE_RATE, RATE_LIMIT = 0.8, 0.9
FEWEST_ROWS = 20
#: Columns in question are few up to this share of all, or up to this number.
FEW_SHARE, FEW = 1 / 3, 3


@dataclass(frozen=True)
class Leak:
    """Features that tell the label nearly by themselves, how that shows, and how much it weighs."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    severity: Severity
    text: Text
    values: Mapping[str, object] = field(default_factory=dict)


def severity_of(auc: float) -> Severity:
    """By how near the columns come to the label by themselves."""
    return "high" if auc >= NEARLY else "medium" if auc >= DOUBTED else "low"


def near_leaks(facts: DataFacts) -> list[Leak]:
    """Single columns, one pair or triple, and categories that stand apart from all other columns.

    Beside them columns of which the digits or the rounding tell the label, and not the value.

    Rates of bins and categories are those of the training part, and areas are taken on the other
    parts, so that a column with many categories does not look like a leak by chance.
    """
    search = ColumnSearch(facts)
    alone = _standing_apart(search, search.alone)
    is_known = any(telling.auc >= NEARLY for telling in alone)
    pairs = [] if is_known else _standing_apart(search, search.pairs)
    written = search.writings
    triples = [] if pairs or written or is_known else search.triples
    leaks = [
        _leak(facts, search, telling, alone or pairs or written or triples)
        for telling in (*alone, *pairs, *written, *triples)
    ]
    known = {name for leak in leaks for name in leak.features}
    by_category = (
        _by_category(facts, i, feature)
        for i, feature in enumerate(facts.schema.features)
        if feature.name not in known
    )
    leaks.extend(leak for leak in by_category if leak is not None)
    return sorted(leaks, key=lambda leak: ("high", "medium", "low").index(leak.severity))


def _standing_apart(search: ColumnSearch, tellings: list[Telling]) -> list[Telling]:
    """Those that are few, where all other columns do far worse: in a scorecard, or each alone."""
    columns, n_columns = _columns_of(tellings), len(search.facts.schema.features)
    if not tellings or len(columns) > max(FEW, FEW_SHARE * n_columns):
        return []
    return tellings if search.stands_apart(columns, tellings[0]) else []


def _columns_of(tellings: Sequence[Telling]) -> list[int]:
    return sorted({column for telling in tellings for column in telling.columns})


def _leak(
    facts: DataFacts, search: ColumnSearch, telling: Telling, all_telling: Sequence[Telling]
) -> Leak:
    names = [facts.schema.names[column] for column in telling.columns]
    labels = [facts.schema.labels[column] for column in telling.columns]
    name, auc = facts.schema.target.classes[telling.class_index], telling.auc
    columns, how = _columns_of(all_telling), _how(search, telling)
    without = search.without(columns, telling.class_index)
    text = message(
        f"data.leak.{how}",
        features=labels,
        name=name,
        auc=auc,
        without=without,
        others=len(columns) - len(names),
    )
    values: dict[str, object] = {"feature": names[0], "features": names, "label": labels[0]}
    values |= {"class": name, "auc": auc, "without": without, "how": how}
    severity = severity_of(search.area_of_label(telling))
    return Leak(tuple(names), tuple(labels), severity, text, values)


def _how(search: ColumnSearch, telling: Telling) -> str:
    """The key of the sentence that says how columns tell the label."""
    if telling.writing:
        return f"written_{telling.writing}"
    if len(telling.columns) > 1:
        return "together"
    if telling.by_missing:
        return "missing"
    return "numbered" if search.follows_rows(telling.columns[0]) else "alone"


def row_order(facts: DataFacts) -> list[DataIssue]:
    """That the rows of the source are sorted by the label."""
    decides = task_of(facts.schema.target).decides
    telling = ColumnSearch(facts).by_order if decides else None
    if telling is None:
        return []
    name, auc = facts.schema.target.classes[telling.class_index], telling.auc
    text, do = message("data.row_order.text", name=name, auc=auc), message("data.row_order.do")
    return [DataIssue("row_order", "low", text, {"class": name, "auc": auc}, do)]


def _by_category(facts: DataFacts, position: int, feature: Feature) -> Leak | None:
    """A category in which nearly all rows have a class that is not the common one.

    How sure that is, one row of each entity says.
    """
    values, labels = facts.whole.inputs[:, position], facts.whole.labels
    if feature.is_numeric and not np.isnan(values).any():
        return None
    if feature.categories:
        codes, n = category_codes(values, feature), len(feature.categories) + 1
    else:
        codes, n = np.isnan(values).astype(np.int64), 2
    base = np.bincount(labels, minlength=len(facts.schema.target.classes)) / len(labels)
    table = np.zeros((n, len(base)), dtype=np.int64)
    counted, rows = table.copy(), facts.one_each
    np.add.at(table, (codes, labels), 1)
    np.add.at(counted, (codes[rows], labels[rows]), 1)
    sizes = counted.sum(axis=1)
    rates = table / np.maximum(table.sum(axis=1), 1)[:, None]
    sure = wilson(counted, np.maximum(sizes, 1)[:, None])[0] >= SURE_RATE
    hit = sure & (rates > RATE_LIMIT) & (sizes >= FEWEST_ROWS)[:, None] & (base < 0.5)
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
        "data.leaking_category.text",
        feature=feature.label,
        category=what,
        name=name,
        n=n,
        hits=hits,
        share=share,
    )
    values: dict[str, object] = {"feature": feature.name, "label": feature.label, "category": what}
    values |= {"class": name, "n": n, "n_class": hits, "rate": hits / n}
    return Leak((feature.name,), (feature.label,), "medium", text, values)


RHO_LIMIT = 0.95
R_SQUARED_LIMIT = 0.9
_FEWEST = 20


def leaks_of_number(facts: DataFacts) -> list[Leak]:
    """At most one a feature: by rank correlation with the label, or by the means of categories.

    Numeric and ordinal features: |Spearman's ρ| of at least 0.95 on the validation and the test
    part. Categories: R² of at least 0.9 there, of the mean label of each category in the training
    part.
    """
    leaks = (_number_leak(facts, i, feature) for i, feature in enumerate(facts.schema.features))
    return [leak for leak in leaks if leak is not None]


def _number_leak(facts: DataFacts, position: int, feature: Feature) -> Leak | None:
    name, label, target = feature.name, feature.label, facts.schema.target.label
    values = np.concatenate([part.inputs[:, position] for part in facts.judged])
    labels = np.concatenate([part.labels for part in facts.judged])
    if feature.kind == "categorical":
        squared = _told_by_means(facts.train, position, feature, values, labels)
        strong = squared >= R_SQUARED_LIMIT
        about: dict[str, object] = {"feature": name, "label": label, "r2": squared}
        text = message("data.number_leak.by_means", feature=label, target=target, r_squared=squared)
    else:
        known = ~np.isnan(values)
        if Resampling.across(facts.judged).occurring(known) < _FEWEST:
            return None
        rho = _spearman(values[known], labels[known])
        strong = abs(rho) >= RHO_LIMIT
        about = {"feature": name, "label": label, "spearman": rho}
        text = message("data.number_leak.by_rank", feature=label, target=target, spearman=rho)
    return Leak((name,), (label,), "high", text, about) if strong else None


def _told_by_means(
    train: Split, position: int, feature: Feature, values: Floats, labels: Floats
) -> float:
    """R² of the mean label of each category in the training part; 0 where labels do not vary.

    A category that the training part does not have gets the mean of all.
    """
    codes, n = category_codes(train.inputs[:, position], feature), len(feature.categories) + 1
    sizes = np.bincount(codes, minlength=n)
    means = np.full(n, float(train.labels.mean()))
    sums = np.bincount(codes, weights=train.labels, minlength=n)
    np.divide(sums, sizes, out=means, where=sizes > 0)
    spread = float(((labels - labels.mean()) ** 2).sum())
    left = float(((labels - means[category_codes(values, feature)]) ** 2).sum())
    return 1 - left / spread if spread > 0 else 0.0


def category_codes(values: Floats, feature: Feature) -> Ints:
    """(row,) the positions of categories, of which "missing" is the last."""
    return np.where(np.isnan(values), len(feature.categories), values).astype(np.int64)


def _spearman(a: Floats, b: Floats) -> float:
    ranks = [average_ranks(column) for column in (a, b)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
