"""The tables of the bias section on decisions: rates of groups, ratios, differences, policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.findings import estimates
from deepseek_report.findings.estimates import in_sentence
from deepseek_report.findings.records import Row, attribute_label, is_crossing, rows
from deepseek_report.findings.rules_groups import TOO_FEW, declared_ratio
from deepseek_report.findings.wording import sentence_case
from deepseek_report.sections.cells import (
    DASH,
    count_cell,
    number_cell,
    p_cell,
    percent_cell,
    share_cell,
    value_cell,
)
from deepseek_report.sections.draft import Draft

DIFFERENCES = (
    "demographic_parity_difference",
    "equal_opportunity_difference",
    "equalized_odds_difference",
)


def decision_values(draft: Draft) -> dict[str, Any]:
    """The tables on decisions by group; empty where nothing is decided."""
    results = draft.results
    groups = rows(results, "group_rates", "groups")
    names = list(dict.fromkeys(row["attribute"] for row in groups if not is_crossing(row)))
    return {
        "attributes": [_attribute(draft, name, groups) for name in names],
        "crossings": [_group(draft, row) for row in groups if is_crossing(row)],
        **_ratios(draft),
        "differences": _differences(draft),
        "bound": estimates.bound(declared_ratio(results)),
        "explained": results.schema.target.explained_class,
        **_declared(draft),
        "policies": [_policy(draft, r) for r in rows(results, "threshold_tradeoff", "policies")],
    }


def _declared(draft: Draft) -> dict[str, str]:
    """The favourable class and who says that it is; nothing where nobody does."""
    target = draft.results.schema.target
    if not target.is_judged:
        return {}
    by = draft.text(f"declared_by.{target.favourable_by}")
    return {"favourable": target.favourable_class, "declared_by": by}


def _attribute(draft: Draft, name: str, groups: Sequence[Row]) -> dict[str, Any]:
    mine = [row for row in groups if row["attribute"] == name]
    return {
        "name": name,
        "label": sentence_case(attribute_label(draft.results, name)),
        "inline": in_sentence(attribute_label(draft.results, name)),
        "rows": [_group(draft, row) for row in mine],
        "sentence": _spread(draft, mine),
    }


def _spread(draft: Draft, levels: Sequence[Row]) -> str:
    """The groups with the largest and the smallest share of favourable decisions."""
    judged = [r for r in levels if not r["too_few"] and finite(r["selection_rate"]) is not None]
    if len(judged) < 2:
        return draft.text("one_level")
    most = max(judged, key=lambda row: row["selection_rate"])
    least = min(judged, key=lambda row: row["selection_rate"])
    return draft.text(
        "spread",
        decision=draft.results.schema.target.favourable_class,
        most=most["level"],
        least=least["level"],
        most_rate=estimates.of_row(most, "selection_rate", "selection"),
        least_rate=estimates.of_row(least, "selection_rate", "selection"),
        most_base=estimates.of_row(most, "base_rate", "base"),
        least_base=estimates.of_row(least, "base_rate", "base"),
    )


def _group(draft: Draft, row: Row) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "attribute": attribute_label(draft.results, row["attribute"]),
        "level": row["level"],
        **count_cell("n", row["n"]),
    }
    if row["too_few"]:
        return cells | {"selection": draft.text("too_few"), "base": DASH}
    cells |= share_cell("selection", estimates.of_row(row, "selection_rate", "selection"))
    cells |= share_cell("base", estimates.of_row(row, "base_rate", "base"))
    for key in ("tpr", "fpr", "precision", "accuracy"):
        cells |= share_cell(key, estimates.of_row(row, key, key))
    cells |= value_cell("roc_auc", estimates.of_row(row, "roc_auc", "roc_auc"))
    return cells | percent_cell("mean_score", row["mean_score"]) | percent_cell("ece", row["ece"])


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
    found = []
    for metric in DIFFERENCES:
        for row in rows(draft.results, metric, "tests"):
            cells = {
                "metric": draft.words.label("metrics", metric),
                "attribute": attribute_label(draft.results, row["attribute"]),
                "levels": f"{row['narrowest_level']} to {row['widest_level']}",
            }
            cells |= value_cell("value", estimates.of_row(row, "value"))
            cells |= number_cell("chance", row["null_high"])
            found.append(cells | p_cell("p", row["p_adjusted"]) | count_cell("n", row["n"]))
    return found


def _policy(draft: Draft, row: Row) -> dict[str, Any]:
    return (
        {
            "attribute": attribute_label(draft.results, row["attribute"]),
            "policy": row["policy"],
            "thresholds": str(row["threshold_by_level"]),
        }
        | percent_cell("balanced_accuracy", row["balanced_accuracy"])
        | percent_cell("accuracy", row["accuracy"])
        | number_cell("ratio", row["ratio"])
        | {"difference": estimates.gap(estimates.estimate(row["difference"]))}
        | count_cell("changed", row["n_changed"])
    )
