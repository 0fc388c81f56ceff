"""The tables of the bias section: what groups get, ratios, differences, policies."""

from __future__ import annotations

from typing import Any

from deepseek_report.findings.records import Row, is_crossing, rows
from deepseek_report.findings.rules_groups import TOO_FEW, declared_ratio
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import ShownTable, View
from deepseek_report.sections.shared.task_columns import Levels, gap_table, levels_of
from deepseek_report.tasks import task_of

DIFFERENCES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
)


def decision_values(draft: Draft) -> dict[str, Any]:
    """The tables on what groups get; those on decisions are empty where nothing is decided."""
    results = draft.results
    task = task_of(results.schema.target)
    groups = rows(results, "group_rates", "groups")
    known = {column.key: column for column in task.group_table}
    levels = levels_of(draft, groups, known[task.group_columns[0]], "", ())
    return {
        "attributes": [_attribute(draft, each) for each in levels],
        "crossings": _crossings(draft, groups),
        **(_texts(draft) if groups else {}),
        **_ratios(draft),
        "differences": gap_table(
            draft, "bias-differences", "group_rates.tests", (*DIFFERENCES, "group_rates")
        ),
        **_declared(draft),
        "decides": task.decides,
        "policies": draft.metric_table(
            "threshold_tradeoff", "policies", _policies(draft), _POLICIES
        ),
    }


def _attribute(draft: Draft, levels: Levels) -> dict[str, Any]:
    """The table of an attribute, and a second one where the task has columns for it."""
    task = task_of(draft.results.schema.target)
    identity, slots = f"bias-{levels.name}", {"by": levels.inline, "told": draft.text("by_group")}
    tables = {
        "table": View(identity, "group_rates.groups", ("level", "n", *task.group_columns)),
        "quality": View(
            f"{identity}-quality", "group_rates.quality", _with_level(task.group_quality), True
        ),
    }
    return levels.values(
        **{
            name: draft.metric_table("group_rates", "groups", levels.rows, view, **slots)
            for name, view in tables.items()
        }
    )


def _with_level(columns: tuple[str, ...]) -> tuple[str, ...]:
    """With the level and its size before them; none where there are none."""
    return ("level", "n", *columns) if columns else ()


def _crossings(draft: Draft, groups: list[Row]) -> ShownTable:
    columns = ("attribute", "level", "n", *task_of(draft.results.schema.target).group_columns)
    crossed = [row for row in groups if is_crossing(row)]
    view = View("bias-crossings", "group_rates.crossings", columns)
    return draft.metric_table("group_rates", "groups", crossed, view)


def _texts(draft: Draft) -> dict[str, str]:
    """What stands around the tables."""
    declared = _declared(draft)
    keys = ("by_group", "columns_explained", "where_from")
    return {"intro": draft.text("intro", **declared)} | {key: draft.text(key) for key in keys}


def _declared(draft: Draft) -> dict[str, str]:
    """The favourable class and who says that it is; nothing where nobody does."""
    target = draft.results.schema.target
    if not target.is_judged:
        return {}
    by = draft.text(f"declared_by.{target.favourable_by}")
    return {"favourable": target.favourable_class, "declared_by": by}


_COMPARED = ("rate", "reference_rate", "ratio", "difference", "p_adjusted")
_PAIR = ("attribute", "level", "reference", "n", *_COMPARED, "verdict")
_POLICIES = View(
    "bias-policies",
    "threshold_tradeoff.policies",
    (
        *("attribute", "policy", "threshold_by_level", "balanced_accuracy", "accuracy"),
        *("difference", "ratio", "n_changed"),
    ),
)


def _ratios(draft: Draft) -> dict[str, ShownTable]:
    """Each group against its reference; those of crossings apart."""
    pairs = [_judged(row) for row in rows(draft.results, "impact_ratio", "pairs")]
    bound = draft.words.numbers.declared(declared_ratio(draft.results))
    views = {
        "ratios": View("bias-ratios", "impact_ratio.pairs", _PAIR),
        "crossed_ratios": View("bias-crossed-ratios", "impact_ratio.crossings", _PAIR, True),
    }
    return {
        name: draft.metric_table(
            "impact_ratio",
            "pairs",
            [row for row in pairs if is_crossing(row) == view.folded],
            view,
            bound=bound,
        )
        for name, view in views.items()
    }


def _judged(row: Row) -> Row:
    """A row without its numbers where they rest on too few people."""
    return row | dict.fromkeys(_COMPARED) if row["verdict"] == TOO_FEW else row


def _policies(draft: Draft) -> list[Row]:
    """The rows of the policies, their thresholds in words where they are the same for all."""
    return [
        row | {"threshold_by_level": _thresholds(draft, str(row["threshold_by_level"]))}
        for row in rows(draft.results, "threshold_tradeoff", "policies")
    ]


def _thresholds(draft: Draft, listed: str) -> str:
    """The thresholds of the levels, or the one of all."""
    if listed.replace(".", "", 1).isdigit():
        return draft.words.text("policy_thresholds.all", threshold=listed)
    parts = (part.rpartition(": ") for part in listed.split("; "))
    return "; ".join(f"{draft.words.name(level)}: {threshold}" for level, _, threshold in parts)
