"""What is wrong with a table, found from the data: each check gives issues a reader must know."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.advice import override
from deepseek_report.artifacts.numbers import count, number, percent, plural
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.datasets.array_card import constant_columns
from deepseek_report.datasets.card import Facts, category_counts, missing
from deepseek_report.datasets.leaks import Leak, near_leaks
from deepseek_report.datasets.number_leaks import leaks_of_number
from deepseek_report.tasks import task_of

RARE = 20
#: So many leaks, and so many constant features, are told one by one.
MOST_LEAKS = 5


def duplicates_across_parts(facts: Facts) -> list[DataIssue]:
    """Rows that the model is measured on and has seen, or nearly so."""
    if not facts.n_shared:
        return []
    n = len(facts.parts["validation"]) + len(facts.parts["test"])
    return [
        DataIssue(
            "duplicates_across_parts",
            "high",
            f"{count(facts.n_shared)} of {count(n)} rows of the validation and test part have "
            "exactly the inputs of a row in another part.",
            {"n": facts.n_shared, "of": n},
            "Set dataset.duplicates=together; until then the measured performance is too good.",
        )
    ]


def near_leak(facts: Facts) -> list[DataIssue]:
    """Features that decide the label almost alone."""
    decides = task_of(facts.schema.target).decides
    leaks = near_leaks(facts) if decides else leaks_of_number(facts)
    shown = [_leak_issue(leak) for leak in leaks[:MOST_LEAKS]]
    return [*shown, *_further_leaks(leaks[MOST_LEAKS:])]


def _leak_issue(leak: Leak) -> DataIssue:
    return DataIssue(
        "near_leak",
        "high",
        leak.text,
        leak.values,
        f"Find out whether “{leak.label}” is known before the decision; if it is not, drop it "
        f"({override('dataset.drop', [leak.feature])}).",
    )


def _further_leaks(leaks: list[Leak]) -> list[DataIssue]:
    """One issue for all that are not told one by one."""
    if not leaks:
        return []
    names = [leak.feature for leak in leaks]
    more = plural(len(leaks), "further feature decides", "further features decide")
    return [
        DataIssue(
            "near_leak",
            "high",
            f"{more} the label almost alone.",
            {"features": names},
            "Find out whether they are known before the decision.",
        )
    ]


def duplicates(facts: Facts) -> list[DataIssue]:
    """Rows that are the same in every column, and rows with the same inputs but another label."""
    n, against = facts.n_duplicates, facts.n_contradictions
    if not n and not against:
        return []
    share = n / (len(facts.whole) + (n if facts.dropped else 0))
    told = []
    if n:
        copies = plural(n, "row is an exact copy", "rows are exact copies")
        told.append(f"{copies} of an earlier row ({percent(share)}), {_fate(facts)}")
    if against:
        others = plural(against, "row has", "rows have")
        label = task_of(facts.schema.target).label_noun
        told.append(f"{others} the inputs of a row with another {label}")
    return [
        DataIssue(
            "duplicates",
            "medium" if max(share, against / len(facts.whole)) >= 0.05 else "low",
            f"{'; '.join(told)}.",
            {"n": n, "share": share, "contradictions": against},
            "Find out whether they are different cases or the same case entered twice.",
        )
    ]


def _fate(facts: Facts) -> str:
    if facts.dropped:
        return "and only the first of each is kept"
    if facts.n_shared:
        return "and copies are in different parts of the split"
    return "and copies are kept in one part of the split"


def left_out_dates(facts: Facts) -> list[DataIssue]:
    """Columns that the model is not given, since it reads no dates."""
    if not facts.dates:
        return []
    names = ", ".join(f"“{name}”" for name in facts.dates)
    verb = "column of dates is" if len(facts.dates) == 1 else "columns of dates are"
    return [
        DataIssue(
            "left_out_dates",
            "low",
            f"{len(facts.dates)} {verb} left out: {names}.",
            {"columns": list(facts.dates)},
            "If they matter, write them as numbers, such as days since a fixed day; see too that "
            "the parts are drawn at random, not by time.",
        )
    ]


def correlated_features(facts: Facts) -> list[DataIssue]:
    """Features that rise and fall together, so that an attribution can be shared either way."""
    pairs = facts.correlations
    if not pairs:
        return []
    top = pairs[0]
    verb = "rises and falls" if len(pairs) == 1 else "rise and fall"
    names = list(dict.fromkeys(pair[end] for pair in pairs for end in ("a", "b")))
    return [
        DataIssue(
            "correlated_features",
            "medium",
            f"{plural(len(pairs), 'pair')} of features {verb} together "
            f"(|ρ| of 0.90 or more), most of all “{top['label_a']}” and “{top['label_b']}” "
            f"(ρ {number(top['spearman'])}).",
            {"pairs": len(pairs), "features": names, "strongest": top},
            "Read the attributions of such features as one group: methods that replace one feature "
            "alone show the model combinations that never occur, and Shapley values of the "
            "interventional and the conditional kind differ.",
        )
    ]


def missing_values(facts: Facts) -> list[DataIssue]:
    """Cells without a value."""
    found = missing(facts.schema, facts.whole)
    if not found:
        return []
    worst = max(found, key=lambda name: found[name])
    share = found[worst] / len(facts.whole)
    cells = len(facts.whole) * len(facts.schema.features)
    total = sum(found.values())
    return [
        DataIssue(
            "missing_values",
            "high" if share > 0.5 else "medium" if share > 0.1 else "low",
            f"{plural(total, 'cell is', 'cells are')} empty ({percent(total / cells)}) in "
            f"{plural(len(found), 'feature')}, most in “{facts.schema.feature(worst).label}” "
            f"({percent(share)} of the rows).",
            {"cells": total, "features": found, "worst": worst, "worst_share": share},
            "Find out why they are missing; if that depends on the outcome, the model may use it.",
        )
    ]


def rare_categories(facts: Facts) -> list[DataIssue]:
    """Categories with too few rows to learn from."""
    rare: list[dict[str, Any]] = []
    for i, feature in enumerate(facts.schema.features):
        counts = category_counts(feature, facts.whole.inputs[:, i])
        for one, n in zip(feature.categories, counts, strict=True):
            if n < RARE:
                head = {"feature": feature.name, "label": feature.label}
                rare.append({**head, "category": one.label, "n": int(n)})
    if not rare:
        return []
    features = list(dict.fromkeys(row["feature"] for row in rare))
    least = min(rare, key=lambda row: row["n"])
    return [
        DataIssue(
            "rare_categories",
            "low",
            f"{plural(len(rare), 'category', 'categories')} in {plural(len(features), 'feature')} "
            f"{'occurs' if len(rare) == 1 else 'occur'} in fewer than {RARE} rows, "
            f"“{least['label']}: {least['category']}” in {count(least['n'])}.",
            {"categories": rare, "features": features, "floor": RARE},
            "Do not rely on the model's decisions or explanations there; merge such categories.",
        )
    ]


def constant_feature(facts: Facts) -> list[DataIssue]:
    """Features that tell nothing, as all rows have the same value."""
    columns = constant_columns(facts.whole.inputs)
    features = [facts.schema.features[i] for i in columns]
    n, rows = len(features), count(len(facts.whole))
    if n > MOST_LEAKS:
        return [
            DataIssue(
                "constant_feature",
                "low",
                f"{count(n)} of {count(len(facts.schema.features))} features have the same value "
                f"in all {rows} rows.",
                {"features": [one.name for one in features]},
                "Leave them out: they cost time and tell nothing.",
            )
        ]
    return [
        DataIssue(
            "constant_feature",
            "low",
            f"“{feature.label}” has the same value in all {rows} rows.",
            {"feature": feature.name},
            f"Drop it: {override('dataset.drop', [feature.name])}",
        )
        for feature in features
    ]
