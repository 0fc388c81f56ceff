"""How explanations differ between groups of people, or between other parts of the data."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.schema import AttributeKind
from deepseek_report.findings.explainers import leading_explainer
from deepseek_report.findings.records import attribute_label, explainer_label, of_kind, rows
from deepseek_report.findings.rules_sources import is_enough
from deepseek_report.findings.thresholds import CONTROL
from deepseek_report.sections.cells import count_cell, value_cell
from deepseek_report.sections.draft import Draft
from deepseek_report.wording import estimates

#: How many features of an explanation are compared between groups.
FEATURES = 5


def attribution(draft: Draft, kind: AttributeKind) -> list[dict[str, Any]]:
    """Mean strength of the leading features in each level, by the leading method."""
    leader = leading_explainer(draft.results)
    table = [r for r in rows(draft.results, "importance", "by_group") if r["explainer"] == leader]
    whole = [r for r in rows(draft.results, "importance", "importance") if r["explainer"] == leader]
    leading = {r["feature"] for r in sorted(whole, key=lambda r: r["rank"])[:FEATURES]}
    return [
        {
            "explainer": explainer_label(draft.results, row["explainer"]),
            "attribute": attribute_label(draft.results, row["attribute"]),
            "level": row["level"],
            "feature": row["label"],
            **value_cell("strength", estimates.of_row(row, "mean_absolute")),
            **count_cell("n", row["n"]),
        }
        for row in table
        if row["feature"] in leading
        and of_kind(draft.results, row["attribute"], kind)
        and is_enough(draft.results, row)
    ]


def quality(draft: Draft, kind: AttributeKind) -> list[dict[str, Any]]:
    """Deletion of each method in each level."""
    return [
        {
            "explainer": explainer_label(draft.results, row["explainer"]),
            "attribute": attribute_label(draft.results, row["attribute"]),
            "level": row["level"],
            **value_cell("deletion", estimates.of_row(row, "deletion")),
            **count_cell("n", row["n"]),
        }
        for row in rows(draft.results, "explanation_by_group", "groups")
        if row["explainer"] != CONTROL
        and of_kind(draft.results, row["attribute"], kind)
        and is_enough(draft.results, row)
    ]
