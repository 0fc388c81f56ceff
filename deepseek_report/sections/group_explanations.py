"""How explanations differ between groups of people, or between other parts of the data."""

from __future__ import annotations

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.schema import AttributeKind
from deepseek_report.findings.explainer_verdicts import leading_explainer
from deepseek_report.findings.records import of_kind, rows
from deepseek_report.findings.rules_sources import is_enough
from deepseek_report.findings.thresholds import CONTROL
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, View

#: How many features of an explanation are compared between groups.
FEATURES = 5
_STRENGTH = ("attribute", "level", "label", "mean_absolute", "n")
_REACHED = ("explainer", "attribute", "level", "reached", "n")


def attribution(draft: Draft, identity: str, kind: AttributeKind) -> ShownTable:
    """Mean strength of the leading features in each level, by the leading method."""
    leader = leading_explainer(draft.results)
    table = [r for r in rows(draft.results, "importance", "by_group") if r["explainer"] == leader]
    whole = [r for r in rows(draft.results, "importance", "importance") if r["explainer"] == leader]
    leading = {r["feature"] for r in sorted(whole, key=lambda r: r["rank"])[:FEATURES]}
    shown = [
        row
        for row in table
        if row["feature"] in leading
        and of_kind(draft.results, row["attribute"], kind)
        and is_enough(draft.results, row)
    ]
    view = View(identity, f"importance.{_WORDS[kind]}", _STRENGTH, folded=True)
    return draft.metric_table("importance", "by_group", shown, view)


def quality(draft: Draft, identity: str, kind: AttributeKind) -> ShownTable:
    """What each method reaches in deletion in each level; nothing where that is not told."""
    shown = [
        row
        for row in rows(draft.results, "explanation_by_group", "groups")
        if row["explainer"] != CONTROL
        and of_kind(draft.results, row["attribute"], kind)
        and is_enough(draft.results, row)
        and finite(row.get("reached")) is not None
    ]
    view = View(identity, f"explanation_by_group.{_WORDS[kind]}", _REACHED, folded=True)
    return draft.metric_table("explanation_by_group", "groups", shown, view)


#: {kind of the attributes: how the table is called in the locale}.
_WORDS: dict[AttributeKind, str] = {"person": "groups", "other": "parts"}
