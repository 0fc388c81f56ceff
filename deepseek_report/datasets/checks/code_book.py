"""Codes that occur in the data but that the source's code book does not know."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.card.data_card import DataFacts, category_counts

_SHOWN = 4
_MANY = 0.05


def undocumented_codes(facts: DataFacts) -> list[DataIssue]:
    """One issue for each set of features that hold the same unknown codes."""
    together: dict[tuple[str, ...], list[Feature]] = defaultdict(list)
    for i, feature in enumerate(facts.schema.features):
        counts = category_counts(feature, facts.whole.inputs[:, i])
        codes = tuple(
            category.code
            for category, n in zip(feature.categories, counts, strict=True)
            if n and not category.documented
        )
        if codes:
            together[codes].append(feature)
    return [_issue(facts, codes, features) for codes, features in together.items()]


def _issue(facts: DataFacts, codes: tuple[str, ...], features: list[Feature]) -> DataIssue:
    table = [row for feature in features for row in _table(facts, feature, codes)]
    rows = int(_rows_with(facts, features, codes).sum())
    share = rows / len(facts.whole)
    return DataIssue(
        "undocumented_codes",
        "medium" if share >= _MANY else "low",
        message(
            "data.undocumented_codes.text",
            rows=rows,
            share=share,
            features=[feature.label for feature in features],
            named=len(features) <= _SHOWN,
            codes=_totals(table, codes),
        ),
        {
            "rows": rows,
            "share": share,
            "features": [feature.name for feature in features],
            "codes": table,
        },
        message("data.undocumented_codes.do"),
    )


def _table(facts: DataFacts, feature: Feature, codes: tuple[str, ...]) -> list[dict[str, Any]]:
    values = facts.whole.inputs[:, facts.schema.position(feature.name)]
    head = {"feature": feature.name, "label": feature.label}
    return [
        {**head, "code": category.code, "category": category.label, "n": int(n)}
        for category, n in zip(feature.categories, category_counts(feature, values), strict=True)
        if category.code in codes
    ]


def _rows_with(facts: DataFacts, features: list[Feature], codes: tuple[str, ...]) -> Bools:
    """(instance,) whether any of the features holds any of the codes."""
    hit = np.zeros(len(facts.whole), dtype=bool)
    for feature in features:
        places = [i for i, category in enumerate(feature.categories) if category.code in codes]
        hit |= np.isin(facts.whole.inputs[:, facts.schema.position(feature.name)], places)
    return hit


def _totals(table: list[dict[str, Any]], codes: tuple[str, ...]) -> list[dict[str, Any]]:
    """How often each code occurs in all the features together."""
    return [
        {"code": code, "n": sum(row["n"] for row in table if row["code"] == code)} for code in codes
    ]
