"""Whom the model treats differently, where that comes from, and what could be traded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.estimates import finite, in_sentence
from deepseek_report.findings.explainers import leading_explainer
from deepseek_report.findings.records import (
    Row,
    attribute_label,
    explainer_label,
    is_crossing,
    rows,
)
from deepseek_report.findings.rules_groups import (
    TOO_FEW,
    declared_ratio,
    is_beyond_chance,
)
from deepseek_report.findings.rules_sources import is_enough, proxy_features
from deepseek_report.findings.thresholds import CONTROL
from deepseek_report.sections.bias_numbers import answer_errors, error_values, few_groups
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
_METRICS = (
    *("group_rates", "impact_ratio"),
    *DIFFERENCES,
    *("group_errors", "proxies", "threshold_tradeoff", "explanation_by_group"),
)
_USES = frozenset(f"measures/{name}" for name in _METRICS) | {
    "pictures/group_rates",
    "pictures/group_errors",
}
#: How many features of an explanation are compared between groups.
FEATURES = 5


@dataclass(frozen=True)
class Bias:
    """Compares decisions, errors and explanations between groups of people."""

    title: ClassVar[str] = "Bias"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/group_rates"})

    def content(self, results: Results) -> SectionContent:
        draft = Draft("bias", results)
        _answer(draft)
        answer_errors(draft)
        _caveats(draft)
        draft.notes(_METRICS)
        groups = rows(results, "group_rates", "groups")
        names = list(dict.fromkeys(row["attribute"] for row in groups if not is_crossing(row)))
        draft.values |= {
            "attributes": [_attribute(draft, name, groups) for name in names],
            "crossings": [_group(draft, row) for row in groups if is_crossing(row)],
            **_ratios(draft),
            "differences": _differences(draft),
            "bound": estimates.bound(declared_ratio(results)),
            "explained": results.schema.target.explained_class,
            "favourable": results.schema.target.favourable_class,
            **_sources(draft),
            **error_values(draft),
            "policies": [
                _policy(draft, r) for r in rows(results, "threshold_tradeoff", "policies")
            ],
        }
        return draft.content(self.title, _needed(results, self.needs), _USES)


def _needed(results: Results, needs: frozenset[str]) -> frozenset[str]:
    """What must be there to compare groups: rates of decisions, or errors of numbers instead."""
    of_numbers = results.has("measures/group_errors") or (
        "measures/group_rates" in results.refused and "measures/group_errors" not in results.refused
    )
    return frozenset({"measures/group_errors"}) if of_numbers else needs


def _answer(draft: Draft) -> None:
    results = draft.results
    pairs = rows(results, "impact_ratio", "pairs")
    if pairs:
        judged = [row for row in pairs if row["verdict"] != TOO_FEW and not is_crossing(row)]
        crossings = [row for row in pairs if row["verdict"] != TOO_FEW and is_crossing(row)]
        below = [row for row in judged if row["verdict"] == "clear below"]
        crossed = [row for row in crossings if row["verdict"] == "clear below"]
        worst = min(crossed, key=lambda row: float(row["ratio"]), default={})
        draft.answer(
            "ratios",
            judged=len(judged),
            below=[f"“{row['level']}” ({row['attribute_label']})" for row in below],
            beyond=_beyond([row for row in judged if is_beyond_chance(row)]),
            crossings=len(crossings),
            crossed=len(crossed),
            worst=worst | {"ratio": estimates.of_row(worst, "ratio")},
            uncertain=sum("uncertain" in row["verdict"] for row in judged),
            bound=declared_ratio(results),
            decision=results.schema.target.favourable_class,
        )
    tests = [row for metric in DIFFERENCES[1:] for row in rows(results, metric, "tests")]
    known = [row for row in tests if finite(row["value"]) is not None]
    if tests:
        apart = dict.fromkeys(row["attribute"] for row in tests if is_beyond_chance(row))
        names = [attribute_label(results, name) for name in apart]
        draft.answer("errors", attributes=names, tests=len(known))


def _beyond(found: Sequence[Row]) -> list[str]:
    """The groups of each attribute: `“men” (sex)`."""
    levels: dict[str, list[str]] = {}
    for row in found:
        levels.setdefault(row["attribute_label"], []).append(f"“{row['level']}”")
    return [f"{estimates.listing(each)} ({in_sentence(name)})" for name, each in levels.items()]


def _caveats(draft: Draft) -> None:
    target = draft.results.schema.target
    if target.labels_are_decisions:
        draft.caveat("labels_are_decisions", target=target.label)
    few = [row for row in rows(draft.results, "group_rates", "groups") if row.get("too_few")]
    if few or few_groups(draft.results):
        draft.caveat("too_few", n=len(few) or few_groups(draft.results))
    draft.caveat("no_verdict")


def _attribute(draft: Draft, name: str, groups: Sequence[Row]) -> dict[str, Any]:
    mine = [row for row in groups if row["attribute"] == name]
    return {
        "name": name,
        "label": attribute_label(draft.results, name),
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
        | {"difference": _points(gap), "difference__sort": gap["value"]}
        | p_cell("p", row["p_adjusted"])
    )


def _points(gap: dict[str, Any]) -> str:
    """A signed difference of shares in points with its interval, without the unit."""
    return estimates.points(gap["value"]).removesuffix("\u00a0points") + _ends(gap)


def _ends(gap: dict[str, Any]) -> str:
    if gap["low"] is None or gap["high"] is None:
        return ""
    return f" ({estimates.interval(100 * gap['low'], 100 * gap['high'])})"


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


def _sources(draft: Draft) -> dict[str, Any]:
    """Where differences come from: proxies, attributions and explanation quality by group."""
    results = draft.results
    return {
        "proxy_scores": [
            {
                "attribute": attribute_label(results, score.attribute),
                **value_cell("auc", estimates.of_score(score)),
                "features": ", ".join(proxy_features(results, score.attribute)) or DASH,
                **count_cell("n", score.n),
            }
            for score in results.find("proxy_auc")
        ],
        "attribution": _attribution(draft),
        "quality": _quality(draft),
    }


def _attribution(draft: Draft) -> list[dict[str, Any]]:
    """Mean strength of the leading features in each group, by the leading method."""
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
        if row["feature"] in leading and is_enough(draft.results, row)
    ]


def _quality(draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "explainer": explainer_label(draft.results, row["explainer"]),
            "attribute": attribute_label(draft.results, row["attribute"]),
            "level": row["level"],
            **value_cell("deletion", estimates.of_row(row, "deletion")),
            **count_cell("n", row["n"]),
        }
        for row in rows(draft.results, "explanation_by_group", "groups")
        if row["explainer"] != CONTROL and is_enough(draft.results, row)
    ]


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
