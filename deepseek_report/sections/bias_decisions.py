"""The tables of the bias section: what groups get, ratios, differences, policies."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import (
    Row,
    attribute_label,
    is_crossing,
    rows,
)
from deepseek_report.findings.rules_groups import TOO_FEW, declared_ratio
from deepseek_report.sections.cells import (
    DASH,
    count_cell,
    number_cell,
    p_cell,
    percent_cell,
    value_cell,
)
from deepseek_report.sections.draft import Draft
from deepseek_report.sections.task_columns import (
    gap_cells,
    headings,
    level_cells,
    level_tables,
)
from deepseek_report.tasks import Task, task_of
from deepseek_report.wording import estimates

DIFFERENCES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
)


#: The first columns of a table of groups.
_LEVEL = {"level": "Group", "n": "n"}


def decision_values(draft: Draft) -> dict[str, Any]:
    """The tables on what groups get; those on decisions are empty where nothing is decided."""
    results = draft.results
    task = task_of(results.schema.target)
    groups = rows(results, "group_rates", "groups")
    columns = task.group_columns
    every = (*columns, *(one for one in task.group_quality if one not in columns))
    return {
        "attributes": level_tables(draft, groups, every, "", ()),
        "crossings": [level_cells(draft, r, columns, "") for r in groups if is_crossing(r)],
        "group_columns": _LEVEL | headings(columns, results),
        "crossing_columns": {"attribute": "Attributes"} | _LEVEL | headings(columns, results),
        "quality_columns": _quality(task, results),
        **(_texts(draft) if groups else {}),
        **_ratios(draft),
        "differences": _differences(draft),
        "bound": estimates.bound(declared_ratio(results)),
        "explained": results.schema.target.explained_class,
        **_declared(draft),
        "decides": task.decides,
        "policies": [_policy(draft, r) for r in rows(results, "threshold_tradeoff", "policies")],
    }


def _quality(task: Task, results: Results) -> dict[str, str]:
    """The columns of the second table; none where the task has none."""
    own = headings(task.group_quality, results)
    return _LEVEL | own if own else {}


def _texts(draft: Draft) -> dict[str, str]:
    """What stands around the tables."""
    told = _declared(draft)
    keys = ("by_group", "columns_explained", "where_from")
    return {"intro": draft.text("intro", **told)} | {key: draft.text(key) for key in keys}


def _declared(draft: Draft) -> dict[str, str]:
    """The favourable class and who says that it is; nothing where nobody does."""
    target = draft.results.schema.target
    if not target.is_judged:
        return {}
    by = draft.text(f"declared_by.{target.favourable_by}")
    return {"favourable": target.favourable_class, "declared_by": by}


def _ratios(draft: Draft) -> dict[str, Any]:
    """Each group against its reference; those of crossings apart."""
    pairs = rows(draft.results, "impact_ratio", "pairs")
    return {
        "ratios": [_ratio(draft, row) for row in pairs if not is_crossing(row)],
        "crossed_ratios": [_ratio(draft, row) for row in pairs if is_crossing(row)],
    }


def _ratio(draft: Draft, row: Row) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "attribute": attribute_label(draft.results, row["attribute"]),
        "level": row["level"],
        "reference": row["reference"],
        "verdict": draft.words.label("impact_verdicts", row["verdict"]),
        **count_cell("n", row["n"]),
    }
    if row["verdict"] == TOO_FEW:
        return cells | dict.fromkeys(("rate", "reference_rate", "ratio", "difference", "p"), DASH)
    gap = estimates.estimate(row["difference"], row["difference_low"], row["difference_high"])
    return (
        cells
        | percent_cell("rate", row["rate"])
        | percent_cell("reference_rate", row["reference_rate"])
        | value_cell("ratio", estimates.of_row(row, "ratio"))
        | {"difference": _points(gap), "difference__sort": finite(gap.value)}
        | p_cell("p", row["p_adjusted"])
    )


def _points(gap: Estimate) -> str:
    """A signed difference of shares in points with its interval, without the unit."""
    return estimates.points(finite(gap.value)).removesuffix("\u00a0points") + _ends(gap)


def _ends(gap: Estimate) -> str:
    if gap.low is None or gap.high is None:
        return ""
    return f" ({estimates.interval(100 * gap.low, 100 * gap.high)})"


def _differences(draft: Draft) -> list[dict[str, Any]]:
    """The largest differences between groups: of decisions, and of the errors of numbers."""
    return [
        gap_cells(draft, {"metric": metric, **row})
        for metric in (*DIFFERENCES, "group_rates")
        for row in rows(draft.results, metric, "tests")
    ]


def _thresholds(draft: Draft, listed: str) -> str:
    """The thresholds of the levels, or the one of all."""
    alone = listed.replace(".", "", 1).isdigit()
    return draft.words.text("policy_thresholds.all", threshold=listed) if alone else listed


def _policy(draft: Draft, row: Row) -> dict[str, Any]:
    return (
        {
            "attribute": attribute_label(draft.results, row["attribute"]),
            "policy": draft.words.table("policies").get(row["policy"], row["policy"]),
            "thresholds": _thresholds(draft, str(row["threshold_by_level"])),
        }
        | percent_cell("balanced_accuracy", row["balanced_accuracy"])
        | percent_cell("accuracy", row["accuracy"])
        | number_cell("ratio", row["ratio"])
        | {"difference": estimates.gap(estimates.estimate(row["difference"]))}
        | count_cell("changed", row["n_changed"])
    )
