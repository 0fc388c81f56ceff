"""What is wrong with a table: each check gives the issues that it finds in the data."""

from __future__ import annotations

from typing import Any, Literal

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.split import DataIssue, Severity
from deepseek_report.datasets.checks.leaks import Leak, leaks_of_number, near_leaks
from deepseek_report.datasets.data_card import DataFacts, category_counts, constant_columns, missing
from deepseek_report.tasks import task_of

RARE = 20
#: Shares of the measured rows that are in another part as well from which that is told as critical,
#: and as major: accuracy moves by no more than the share.
MANY_SEEN, SOME_SEEN = 0.05, 0.01
#: Up to so many leaks, and so many constant features, are listed one by one.
MOST_LEAKS = 5


def duplicates_across_parts(facts: DataFacts) -> list[DataIssue]:
    """Rows that the model is tested on although it has seen the same inputs."""
    return across_parts(facts, "rows")


def across_parts(facts: DataFacts, what: Literal["rows", "texts"]) -> list[DataIssue]:
    """The issue that rows of the validation and test part are in another part too.

    It is as grave as what they can change: a share of wrong decisions by their own share at most.
    """
    if not facts.n_shared:
        return []
    n, of = facts.n_shared, facts.n_measured
    share = n / of
    advice = "do_with_own_parts" if facts.has_own_parts else "do"
    return [
        DataIssue(
            "duplicates_across_parts",
            _grade(share),
            message(f"data.{what}_across_parts.text", n=n, of=of),
            {"n": n, "of": of},
            message(f"data.{what}_across_parts.{advice}", n=n, of=of, share=share),
        )
    ]


def _grade(share: float) -> Severity:
    """How grave it is that so many of the measured rows were seen before: hardly, of one in many.

    >>> _grade(1 / 600), _grade(0.02), _grade(0.05)
    ('low', 'medium', 'high')
    """
    return "high" if share >= MANY_SEEN else "medium" if share >= SOME_SEEN else "low"


def near_leak(facts: DataFacts) -> list[DataIssue]:
    """Features that decide the label almost alone."""
    decides = task_of(facts.schema.target).decides
    leaks = near_leaks(facts) if decides else leaks_of_number(facts)
    shown = [_leak_issue(leak) for leak in leaks[:MOST_LEAKS]]
    return [*shown, *_further_leaks(leaks[MOST_LEAKS:])]


def _leak_issue(leak: Leak) -> DataIssue:
    return DataIssue(
        "near_leak",
        leak.severity,
        leak.text,
        leak.values,
        message(
            "data.leak_advice",
            features=list(leak.labels),
            override=override("dataset.drop", list(leak.features)),
        ),
    )


def _further_leaks(leaks: list[Leak]) -> list[DataIssue]:
    """One issue for all that are not listed one by one."""
    if not leaks:
        return []
    names = [name for leak in leaks for name in leak.features]
    return [
        DataIssue(
            "near_leak",
            leaks[0].severity,
            message("data.further_leaks.text", n=len(leaks)),
            {"features": names},
            message("data.further_leaks.do"),
        )
    ]


def duplicates(facts: DataFacts) -> list[DataIssue]:
    """Rows that are the same in every column, and rows with the same inputs but another label."""
    n, against = facts.n_duplicates, facts.n_contradictions
    if not n and not against:
        return []
    share = n / (len(facts.whole) + (n if facts.dropped else 0))
    return [
        DataIssue(
            "duplicates",
            "medium" if max(share, against / len(facts.whole)) >= 0.05 else "low",
            message(
                "data.copied_rows.text",
                n=n,
                share=share,
                against=against,
                fate=fate_of_copies(facts),
                label=message(f"labels_as.{facts.schema.target.task}"),
            ),
            {"n": n, "share": share, "contradictions": against},
            message("data.copied_rows.do"),
        )
    ]


def fate_of_copies(facts: DataFacts) -> str:
    """What became of copies: "dropped", "apart" in different parts, or "together" in one."""
    if facts.dropped:
        return "dropped"
    return "apart" if facts.n_shared else "together"


def left_out_dates(facts: DataFacts) -> list[DataIssue]:
    """Columns that the model is not given, since it reads no dates."""
    if not facts.dates:
        return []
    return [
        DataIssue(
            "left_out_dates",
            "low",
            message("data.dates.text", columns=list(facts.dates)),
            {"columns": list(facts.dates)},
            message("data.dates.do"),
        )
    ]


def identifier_read(facts: DataFacts) -> list[DataIssue]:
    """Columns that the model reads although they only say which row it is."""
    if not facts.identifiers:
        return []
    columns = list(facts.identifiers)
    return [
        DataIssue(
            "identifier_read",
            "medium",
            message("data.identifier_read.text", columns=columns),
            {"columns": columns},
            message("data.identifier_read.do", columns=columns),
        )
    ]


def correlated_features(facts: DataFacts) -> list[DataIssue]:
    """Features that rise and fall together, so that an attribution can be shared either way."""
    pairs = facts.correlations
    if not pairs:
        return []
    top = pairs[0]
    names = list(dict.fromkeys(pair[end] for pair in pairs for end in ("a", "b")))
    return [
        DataIssue(
            "correlated_features",
            "low",
            message(
                "data.correlations.text",
                n=len(pairs),
                a=top["label_a"],
                b=top["label_b"],
                spearman=top["spearman"],
            ),
            {"pairs": len(pairs), "features": names, "strongest": top},
            message("data.correlations.do"),
        )
    ]


def missing_values(facts: DataFacts) -> list[DataIssue]:
    """Cells without a value."""
    gaps = missing(facts.schema, facts.whole)
    if not gaps:
        return []
    worst = max(gaps, key=lambda name: gaps[name])
    share = gaps[worst] / len(facts.whole)
    cells = len(facts.whole) * len(facts.schema.features)
    total = sum(gaps.values())
    return [
        DataIssue(
            "missing_values",
            "high" if share > 0.5 else "medium" if share > 0.1 else "low",
            message(
                "data.empty_cells.text",
                n=total,
                share=total / cells,
                features=len(gaps),
                worst=facts.schema.feature(worst).label,
                worst_share=share,
            ),
            {"cells": total, "features": gaps, "worst": worst, "worst_share": share},
            message("data.missing.do"),
        )
    ]


def rare_categories(facts: DataFacts) -> list[DataIssue]:
    """Categories with too few rows to learn from."""
    rare: list[dict[str, Any]] = []
    for i, feature in enumerate(facts.schema.features):
        counts = category_counts(feature, facts.whole.inputs[:, i])
        for category, n in zip(feature.categories, counts, strict=True):
            if n < RARE:
                head = {"feature": feature.name, "label": feature.label}
                rare.append({**head, "category": category.label, "n": int(n)})
    if not rare:
        return []
    features = list(dict.fromkeys(row["feature"] for row in rare))
    least = min(rare, key=lambda row: row["n"])
    return [
        DataIssue(
            "rare_categories",
            "low",
            message(
                "data.rare_categories.text",
                n=len(rare),
                features=len(features),
                floor=RARE,
                feature=least["label"],
                category=least["category"],
                fewest=least["n"],
            ),
            {"categories": rare, "features": features, "floor": RARE},
            message("data.rare_categories.do"),
        )
    ]


def constant_feature(facts: DataFacts) -> list[DataIssue]:
    """Features that tell nothing, as all rows have the same value."""
    features = [facts.schema.features[i] for i in constant_columns(facts.whole.inputs)]
    n, rows = len(features), len(facts.whole)
    if n > MOST_LEAKS:
        return [
            DataIssue(
                "constant_feature",
                "low",
                message(
                    "data.constant_features.text", n=n, of=len(facts.schema.features), rows=rows
                ),
                {"features": [feature.name for feature in features]},
                message("data.constant_features.do"),
            )
        ]
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
