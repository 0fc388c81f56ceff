"""What is wrong with a table: each check gives the issues that it finds in the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.finding import Severity
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.checks.leaks import leaks_of_number, near_leaks
from deepseek_report.datasets.data_card import DataFacts, category_counts, constant_columns, missing
from deepseek_report.tasks import task_of

RARE = 20
#: Shares of the measured rows that are in another part as well from which that is told as critical,
#: and as major: accuracy moves by no more than the share.
MANY_SEEN, SOME_SEEN = 0.05, 0.01
#: Up to so many leaks, and so many constant features, are listed one by one.
MOST_LEAKS = 5


def duplicates_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Rows that the model is tested on although it has seen a copy."""
    return across_parts(facts, "rows")


def across_parts(facts: DataFacts, what: Literal["rows", "texts"]) -> list[DataIssue]:
    """The issue that rows of the validation and test part are in another part too.

    It is as grave as what they can change: a share of wrong decisions by their own share at most.
    """
    if not facts.n_shared:
        return []
    n, of = facts.n_shared, facts.n_measured
    share = n / of
    text = message(f"data.{what}_across_parts.text", n=n, of=of)
    advice = "do_with_own_parts" if facts.has_own_parts else "do"
    do = message(f"data.{what}_across_parts.{advice}", n=n, of=of, share=share)
    return [DataIssue("duplicates_across_parts", _grade(share), text, text.values, do)]


def _grade(share: float) -> Severity:
    """How grave it is that so many of the measured rows were seen before: hardly, of one in many.

    >>> _grade(1 / 600), _grade(0.02), _grade(0.05)
    ('low', 'medium', 'high')
    """
    return "high" if share >= MANY_SEEN else "medium" if share >= SOME_SEEN else "low"


def near_leak(facts: DataFacts) -> list[DataIssue]:
    """Features that decide the label almost alone; one issue for all that are not listed."""
    decides, issues = task_of(facts.schema.target).decides, []
    leaks = near_leaks(facts) if decides else leaks_of_number(facts)
    for leak in leaks[:MOST_LEAKS]:
        drop = override("dataset.drop", list(leak.features))
        do = message("data.leak_advice", features=list(leak.labels), override=drop)
        issues.append(DataIssue("near_leak", leak.severity, leak.text, leak.values, do))
    if further := leaks[MOST_LEAKS:]:
        text = message("data.further_leaks.text", n=len(further))
        do = message("data.further_leaks.do")
        names = {"features": [name for leak in further for name in leak.features]}
        issues.append(DataIssue("near_leak", further[0].severity, text, names, do))
    return issues


def duplicates(facts: DataFacts) -> list[DataIssue]:
    """Copies of rows, those with another label, and rows that are equal by chance."""
    n, against, natural = facts.n_duplicates, facts.n_contradictions, facts.n_equal
    if not (n or against or natural):
        return []
    share = n / (len(facts.whole) + (n if facts.dropped else 0))
    text = message(
        "data.copied_rows.text",
        n=n,
        share=share,
        against=against,
        natural=natural,
        fate=fate_of_copies(facts),
        label=message(f"labels_as.{facts.schema.target.task}"),
    )
    values = {"n": n, "share": share, "contradictions": against, "equal_by_chance": natural}
    if not (n or against):
        return [DataIssue("duplicates", "info", text, values)]
    severity: Severity = "medium" if max(share, against / len(facts.whole)) >= 0.05 else "low"
    return [DataIssue("duplicates", severity, text, values, message("data.copied_rows.do"))]


def fate_of_copies(facts: DataFacts) -> str:
    """What became of copies: "dropped", "apart" in different parts, or "together" in one."""
    if facts.dropped:
        return "dropped"
    return "apart" if facts.n_shared else "together"


def left_out_dates(facts: DataFacts) -> list[DataIssue]:
    """Columns that the model is not given, since it reads no dates."""
    if not facts.dates:
        return []
    text = message("data.dates.text", columns=list(facts.dates))
    return [DataIssue("left_out_dates", "low", text, text.values, message("data.dates.do"))]


def identifier_read(facts: DataFacts) -> list[DataIssue]:
    """Columns that the model reads although they only say which row it is."""
    if not facts.identifiers:
        return []
    text = message("data.identifier_read.text", columns=list(facts.identifiers))
    do = message("data.identifier_read.do", columns=list(facts.identifiers))
    return [DataIssue("identifier_read", "medium", text, text.values, do)]


def correlated_features(facts: DataFacts) -> list[DataIssue]:
    """Features that rise and fall together, so that an attribution can be shared either way."""
    pairs = facts.correlations
    if not pairs:
        return []
    n, top = len(pairs), pairs[0]
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)))
    text = message(
        "data.correlations.text", n=n, a=top.label_a, b=top.label_b, spearman=top.spearman
    )
    values = {"pairs": n, "features": names, "strongest": vars(top)}
    return [DataIssue("correlated_features", "low", text, values, message("data.correlations.do"))]


def missing_values(facts: DataFacts) -> list[DataIssue]:
    """Cells without a value."""
    gaps = missing(facts.schema, facts.whole)
    if not gaps:
        return []
    worst = max(gaps, key=lambda name: gaps[name])
    share = gaps[worst] / len(facts.whole)
    cells = len(facts.whole) * len(facts.schema.features)
    total = sum(gaps.values())
    text = message(
        "data.empty_cells.text",
        n=total,
        share=total / cells,
        features=len(gaps),
        worst=facts.schema.feature(worst).label,
        worst_share=share,
    )
    values = {"cells": total, "features": gaps, "worst": worst, "worst_share": share}
    do = message("data.missing.do")
    return [DataIssue("missing_values", grade_of_gaps(share), text, values, do)]


def grade_of_gaps(share: float) -> Severity:
    """How grave it is that cells of so many rows are empty."""
    return "high" if share > 0.5 else "medium" if share > 0.1 else "low"


@dataclass(frozen=True)
class RareCategory:
    """A category with few rows: names and labels of the feature and of it, and its rows."""

    feature: str
    label: str
    category: str
    n: int


def rare_categories(facts: DataFacts) -> list[DataIssue]:
    """Categories with too few rows to learn from."""
    rare = [
        RareCategory(feature.name, feature.label, category.label, int(n))
        for i, feature in enumerate(facts.schema.features)
        for category, n in zip(
            feature.categories, category_counts(feature, facts.whole.inputs[:, i]), strict=True
        )
        if n < RARE
    ]
    if not rare:
        return []
    features = list(dict.fromkeys(row.feature for row in rare))
    least = min(rare, key=lambda row: row.n)
    text = message(
        "data.rare_categories.text",
        n=len(rare),
        features=len(features),
        floor=RARE,
        feature=least.label,
        category=least.category,
        fewest=least.n,
    )
    values = {"categories": [*map(vars, rare)], "features": features, "floor": RARE}
    return [DataIssue("rare_categories", "low", text, values, message("data.rare_categories.do"))]


def constant_feature(facts: DataFacts) -> list[DataIssue]:
    """Features that tell nothing, as all rows have the same value."""
    features = [facts.schema.features[i] for i in constant_columns(facts.whole.inputs)]
    n, rows = len(features), len(facts.whole)
    if n > MOST_LEAKS:
        of, names = len(facts.schema.features), [feature.name for feature in features]
        text = message("data.constant_features.text", n=n, of=of, rows=rows)
        do = message("data.constant_features.do")
        return [DataIssue("constant_feature", "low", text, {"features": names}, do)]
    return [
        DataIssue(
            "constant_feature",
            "low",
            message("data.constant_feature.text", feature=feature.label, rows=rows),
            {"feature": feature.name},
            message("data.constant_feature.do", override=override("dataset.drop", [feature.name])),
        )
        for feature in features
    ]
