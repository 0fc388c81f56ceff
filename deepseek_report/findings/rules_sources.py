"""Rules on where differences between groups come from: proxies, explanations by group."""

from __future__ import annotations

from collections.abc import Sequence

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings import estimates
from deepseek_report.findings.estimates import finite
from deepseek_report.findings.explainers import leading_explainer
from deepseek_report.findings.records import (
    Row,
    attribute_label,
    explainer_label,
    rows,
    setting,
)

#: AUC of telling an attribute from the other features that is worth saying, and that is strong.
PROXY_NOTICEABLE, PROXY_STRONG = 0.65, 0.80


#: Explained cases under which nothing is said of how a group is explained.
FEWEST_EXPLAINED = 15


def proxies(results: Results) -> list[Finding]:
    """Attributes that the other features give away."""
    strong = [
        score
        for score in results.find("proxy_auc")
        if (score.value if score.low is None else score.low) >= PROXY_NOTICEABLE
    ]
    return [_proxy(results, strong)] if strong else []


def _proxy(results: Results, strong: Sequence[Score]) -> Finding:
    clear = any(score.value >= PROXY_STRONG for score in strong)
    return Finding(
        id="proxies",
        severity="medium" if clear else "low",
        message="proxy",
        values={
            "attributes": [attribute_label(results, score.attribute) for score in strong],
            "found": [
                {
                    "attribute": attribute_label(results, score.attribute),
                    "auc": estimates.of_score(score),
                    "features": proxy_features(results, score.attribute),
                }
                for score in strong
            ],
        },
        evidence=("measures/proxies",),
        section="bias",
    )


def proxy_features(results: Results, attribute: str) -> list[str]:
    """The three features that give an attribute away most."""
    mine = [
        row
        for row in rows(results, "proxies", "features")
        if row["attribute"] == attribute and (finite(row["importance"]) or 0) > 0
    ]
    return [row["label"] for row in sorted(mine, key=lambda row: -row["importance"])[:3]]


def explanation_quality(results: Results) -> list[Finding]:
    """Groups that the leading method explains clearly better than others."""
    leader = leading_explainer(results)
    table = [
        row
        for row in rows(results, "explanation_by_group", "groups")
        if row["explainer"] == leader and is_enough(results, row) and finite(row["low"]) is not None
    ]
    subjects = list(dict.fromkeys((row["explainer"], row["attribute"]) for row in table))
    found = [
        _unequal(results, [row for row in table if (row["explainer"], row["attribute"]) == pair])
        for pair in subjects
    ]
    return [one for one in found if one is not None]


def is_enough(results: Results, row: Row) -> bool:
    """Whether enough cases of a group were explained to say something of the group."""
    least = setting(results, "metrics", "explanation_by_group", "least", FEWEST_EXPLAINED)
    return int(row["n"]) >= least


def _unequal(results: Results, levels: Sequence[Row]) -> Finding | None:
    best = min(levels, key=lambda row: row["deletion"])
    worst = max(levels, key=lambda row: row["deletion"])
    if best["high"] >= worst["low"]:
        return None
    return Finding(
        id=f"explained_unequally-{worst['explainer']}-{worst['attribute']}",
        severity="low",
        message="explained_unequally",
        values={
            "explainer": explainer_label(results, worst["explainer"]),
            "attribute": attribute_label(results, worst["attribute"]),
            "worst": worst["level"],
            "best": best["level"],
            "worst_deletion": estimates.of_row(worst, "deletion"),
            "best_deletion": estimates.of_row(best, "deletion"),
        },
        evidence=("measures/explanation_by_group",),
        section="bias",
    )
