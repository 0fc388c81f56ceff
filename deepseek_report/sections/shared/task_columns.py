"""What is told of the levels of attributes, and the tables of the gaps between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.schema import CROSS, AttributeKind
from deepseek_report.artifacts.table import Column
from deepseek_report.artifacts.table_rows import cells_of
from deepseek_report.findings.error_budget import is_under, level_of
from deepseek_report.findings.explainer_verdicts import leading_explainer
from deepseek_report.findings.records import attribute_label, of_kind, unit_of
from deepseek_report.findings.rules_sources import is_enough
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.metrics.explanations.explanation_rows import (
    ExplainedGroup,
    FeatureImportance,
    GroupImportance,
)
from deepseek_report.metrics.failures.failure_rows import PartLevel
from deepseek_report.metrics.fairness.fairness_rows import GapTest
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, Values, View
from deepseek_report.wording import estimates
from deepseek_report.wording.words import sentence_case

# --- How explanations differ between groups of people, or between other parts of the data ---------

#: How many features of an explanation are compared between groups.
FEATURES = 5
_STRENGTH = ("attribute", "level", "label", "mean_absolute", "n")
_REACHED = ("explainer", "attribute", "level", "reached", "n")


def attribution(draft: Draft, identity: str, kind: AttributeKind) -> ShownTable:
    """Mean strength of the leading features in each level, by the leading method."""
    leader = leading_explainer(draft.results)
    table = draft.results.rows("importance", "by_group", GroupImportance)
    importance = draft.results.rows("importance", "importance", FeatureImportance)
    whole = sorted((r for r in importance if r.explainer == leader), key=lambda r: r.rank)
    leading = {r.feature for r in whole[:FEATURES]}
    shown = [
        row
        for row in table
        if row.explainer == leader
        and row.feature in leading
        and of_kind(draft.results, row.attribute, kind)
        and is_enough(draft.results, row)
    ]
    view = View(identity, f"importance.{_WORDS[kind]}", _STRENGTH, folded=True)
    return draft.metric_table("importance", "by_group", shown, view)


def quality(draft: Draft, identity: str, kind: AttributeKind) -> ShownTable:
    """What each method reaches in deletion in each level; nothing where that is not told."""
    shown = [
        row
        for row in draft.results.rows("explanation_by_group", "groups", ExplainedGroup)
        if row.explainer != CONTROL
        and of_kind(draft.results, row.attribute, kind)
        and is_enough(draft.results, row)
        and row.reached is not None
    ]
    view = View(identity, f"explanation_by_group.{_WORDS[kind]}", _REACHED, folded=True)
    return draft.metric_table("explanation_by_group", "groups", shown, view)


#: {kind of the attributes: how the table is called in the locale}.
_WORDS: dict[AttributeKind, str] = {"person": "groups", "other": "parts"}


# --- What is told of the levels of attributes, and the tables of the gaps between them ------------


@dataclass(frozen=True)
class Levels:
    """The levels of an attribute, one row each, and a sentence on two that differ.

    label, inline : the attribute as a heading, and within a sentence.
    """

    name: str
    label: str
    inline: str
    rows: tuple[PartLevel, ...]
    sentence: str

    def values(self, **tables: ShownTable) -> Values:
        """What a template is told, with the tables that show the rows."""
        return {"label": self.label, "sentence": self.sentence, **tables}


def levels_of(
    draft: Draft,
    table: Sequence[PartLevel],
    judged_by: Column,
    texts: str,
    tests: Sequence[GapTest],
) -> list[Levels]:
    """The levels of every attribute of a table of parts of the data; crossings of two are left out.

    texts : key of the texts `one_level` and `spread`, with a dot at the end, or nothing.
    """
    names = dict.fromkeys(row.attribute for row in table if CROSS not in row.attribute)
    levels = []
    for name in names:
        mine = [row for row in table if row.attribute == name]
        label = attribute_label(draft.results, name)
        own = [row for row in tests if row.attribute == name]
        sentence = _spread(draft, mine, judged_by, texts, own)
        levels.append(
            Levels(name, sentence_case(label), draft.words.inline(label), tuple(mine), sentence)
        )
    return levels


def _spread(
    draft: Draft, levels: Sequence[PartLevel], column: Column, texts: str, tests: Sequence[GapTest]
) -> str:
    """Two levels with their values of a column, see `_ends`."""
    judged = [r for r in levels if not r.too_few and finite(r.cells[column.key]) is not None]
    if len(judged) < 2:
        return draft.text(f"{texts}one_level")
    level = level_of(draft.results, "parts")
    beyond = bool(tests) and is_under(tests[0], level)
    ends = _ends(judged, column, tests if beyond else [])
    target = draft.results.schema.target
    values: Values = {}
    for name, row in zip(("most", "least"), ends, strict=True):
        values[name] = row.level
        low, high = row.cells.get(column.low), row.cells.get(column.high)
        values[f"{name}_value"] = Estimate.of(row.cells[column.key], low, high, row.n)
        values[f"{name}_base"] = estimates.of_row(row.cells, "base_rate", "base")
    return draft.text(
        f"{texts}spread",
        **values,
        decision=target.favourable_class if target.is_judged else "",
        p=tests[0].p_adjusted if tests else None,
        beyond=beyond,
        level=level if tests and not beyond and is_under(tests[0], SIGNIFICANT) else None,
        unit=unit_of(draft.results),
    )


def _ends(judged: Sequence[PartLevel], column: Column, tests: Sequence[GapTest]) -> list[PartLevel]:
    """The two levels that a test shows to differ, else those with most and least of a column."""
    if tests:
        pair, known = tests[0], {row.level: row for row in judged}
        if {pair.highest, pair.lowest} <= set(known):
            return [known[pair.highest], known[pair.lowest]]
    return [choose(judged, key=lambda row: float(row.cells[column.key])) for choose in (max, min)]


#: What is shown of a gap; the levels that it lies between are made of two columns.
_OF_GAP = ("metric", "attribute", "value", "null_high", "p_adjusted", Column("levels"), "n")


def gap_table(
    draft: Draft, identity: str, words: str, metrics: Iterable[str], *, folded: bool = False
) -> ShownTable:
    """The gaps that these metrics tested, beside what chance alone would give."""
    measured = {metric: draft.results.rows(metric, "tests", GapTest) for metric in metrics}
    tested = [
        {"metric": metric, **cells_of(row), "levels": _apart(draft, row)}
        for metric, gaps in measured.items()
        for row in gaps
    ]
    first = next((metric for metric, gaps in measured.items() if gaps), "")
    return draft.metric_table(first, "tests", tested, View(identity, words, _OF_GAP, folded))


def _apart(draft: Draft, row: GapTest) -> str:
    return draft.words.text("cells.from_to", least=row.narrowest_level, most=row.widest_level)
