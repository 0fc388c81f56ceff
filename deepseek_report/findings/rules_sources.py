"""Rules on where differences between groups come from: proxies, explanations by group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings import records
from deepseek_report.findings.best_option import (
    NO_OPTION,
    NOTHING_TRIED,
    best_option,
    evidence_of_options,
    without_attributes,
)
from deepseek_report.findings.error_budget import explained_gaps, level_of
from deepseek_report.findings.severity import (
    DIRECT_USE,
    LARGE_DIRECT_USE,
    gravest,
    severity,
    severity_of_gap,
    size_of,
)
from deepseek_report.metrics.explanations.explanation_rows import ExplainedGroup
from deepseek_report.metrics.fairness.fairness_rows import (
    GAP_PARTS,
    ProxyFeature,
    SplitGap,
    SwappedAttribute,
)
from deepseek_report.wording import estimates

#: AUC of telling an attribute from the other features that is worth saying, and that is strong.
PROXY_NOTICEABLE, PROXY_STRONG = 0.65, 0.80


#: Explained cases under which nothing is said of how a group is explained.
FEWEST_EXPLAINED = 15


def direct_use(results: Results) -> Iterator[Finding]:
    """Whether the model decides by sensitive attributes themselves, and what that does to gaps."""
    turned = [
        score for score in results.find("decisions_turned") if finite(score.value) is not None
    ]
    used = [score for score in turned if estimates.ends(score)[0] >= DIRECT_USE]
    unused = [score for score in turned if score not in used]
    for scores, name in ((used, "direct_use"), (unused, "direct_use_none")):
        if scores:
            yield _direct_use(results, scores, name)


def _direct_use(results: Results, scores: Sequence[Score], message: str) -> Finding:
    scores = sorted(scores, key=lambda score: -estimates.ends(score)[0])
    used = [_use_of(results, score) for score in scores]
    attributes = [score.attribute for score in scores]
    tried = {**NO_OPTION, **NOTHING_TRIED}
    if message == "direct_use":
        tried |= best_option(results, attributes[0]) | without_attributes(results, attributes)
    values = {
        "attributes": [records.attribute_label(results, attribute) for attribute in attributes],
        "used": used,
        "decision": results.schema.target.favourable_class,
        "settled": all(estimates.ends(score)[1] < DIRECT_USE for score in scores),
        "least": DIRECT_USE,
        **tried,
    }
    grade, touches = gravest(map(_severity_of_use, scores)), max(score.value for score in scores)
    evidence = ("measures/direct_use", *evidence_of_options(results))
    return Finding(message, grade, message, values, evidence, "bias", touches=touches)


def _severity_of_use(score: Score) -> Severity:
    """Certain from `DIRECT_USE` on by the lower end, large from `LARGE_DIRECT_USE` on."""
    low, high = estimates.ends(score)
    return severity_of_gap(
        beyond_chance=low >= DIRECT_USE,
        surely_large=low >= LARGE_DIRECT_USE,
        maybe_large=high >= DIRECT_USE,
    )


def _use_of(results: Results, score: Score) -> dict[str, Any]:
    """The decisions that turn with an attribute, and the parts of its gap where they are known."""
    swaps = results.rows("direct_use", "swaps", SwappedAttribute)
    swap = records.first(row for row in swaps if row.attribute == score.attribute)
    split = records.first(row for row in _splits(results) if row.attribute == score.attribute)
    parts = split.parts if split else {}
    return {
        "attribute": records.attribute_label(results, score.attribute),
        "turned": estimates.of_score(score),
        "given": swap.is_input if swap else True,
        "features": swap.stand_in_labels if swap else [],
        "level": split.level if split else None,
        "reference": split.reference if split else None,
        **{name: parts.get(name) for name in GAP_PARTS},
    }


def surest_gap(results: Results) -> dict[str, Any] | None:
    """The parts of the gap in favourable decisions whose interval lies farthest from 0.

    Returns its groups and parts as in the values of `direct_use`; None where every gap may be 0, or
    where no gap was split.
    """
    gaps = {row.attribute: row.parts.get("gap") for row in _splits(results)}
    low = {name: gap.low for name, gap in gaps.items() if gap is not None and (gap.low or 0) > 0}
    known = [score for score in results.find("decisions_turned") if score.attribute in low]
    widest = max(known, key=lambda score: low[score.attribute] or 0.0, default=None)
    return None if widest is None else _use_of(results, widest)


def _splits(results: Results) -> list[SplitGap]:
    return results.rows("direct_use", "split", SplitGap)


def proxies(results: Results) -> Iterator[Finding]:
    """Attributes that the other features give away."""
    strong = [s for s in results.find("proxy_auc") if estimates.ends(s)[0] >= PROXY_NOTICEABLE]
    if not strong:
        return
    clear = any(estimates.ends(score)[0] >= PROXY_STRONG for score in strong)
    grade = severity("people", "large" if clear else "moderate", certain=False)
    given_away = [
        {
            "attribute": records.attribute_label(results, score.attribute),
            "auc": estimates.of_score(score),
            "features": proxy_features(results, score.attribute),
        }
        for score in strong
    ]
    attributes = [records.attribute_label(results, score.attribute) for score in strong]
    values = {"attributes": attributes, "found": given_away}
    yield Finding("proxies", grade, "proxy", values, ("measures/proxies",), "bias")


def proxy_features(results: Results, attribute: str) -> list[str]:
    """The three features that give an attribute away most, of those that surely do."""
    mine = [
        row
        for row in results.rows("proxies", "features", ProxyFeature)
        if row.attribute == attribute and (row.importance.low or 0) > 0
    ]
    return [row.label for row in sorted(mine, key=lambda row: -row.importance.value)[:3]]


#: By how much of the reachable gain a group is explained less well at least, moderate and large.
UNEQUAL = (0.1, 0.3)


def explanation_quality(results: Results) -> Iterator[Finding]:
    """Groups that the leading method explains better than others beyond chance.

    The gap is that of the share of the reachable gain, since less can be gained where predictions
    are near the baseline's; its permutation p-values are corrected for the attributes compared.
    """
    level = level_of(results, "explained_groups")
    for gap, p_value in explained_gaps(results):
        if p_value < level:
            yield from _unequal(results, gap, p_value)


class Counted(Protocol):
    """A row on so many explained cases of a group."""

    @property
    def n(self) -> int: ...


def is_enough(results: Results, row: Counted) -> bool:
    """Whether enough cases of a group were explained to say something of the group."""
    least = records.setting(results, "metrics", "explanation_by_group", "least", FEWEST_EXPLAINED)
    return row.n >= least


def _unequal(results: Results, gap: Score, p_value: float) -> Iterator[Finding]:
    """The levels of one attribute with the greatest and the smallest share of the gain reached."""
    levels = [
        (row.reached, row.level)
        for row in results.rows("explanation_by_group", "groups", ExplainedGroup)
        if (row.explainer, row.attribute) == (gap.explainer, gap.attribute)
        and is_enough(results, row)
        and row.reached is not None
    ]
    if len(levels) < 2:
        return
    (best_reached, best), (worst_reached, worst) = (
        choose(levels, key=lambda level: level[0].value) for choose in (max, min)
    )
    people = records.of_kind(results, gap.attribute, "person")
    values = {
        "explainer": records.explainer_label(results, gap.explainer),
        "attribute": records.attribute_label(results, gap.attribute),
        "worst": worst,
        "best": best,
        "worst_reached": worst_reached,
        "best_reached": best_reached,
        "gap": estimates.of_score(gap),
        "p": p_value,
        "people": people,
    }
    yield Finding(
        id=f"explained_unequally-{gap.explainer}-{gap.attribute}",
        severity=severity("method", size_of(gap.low or 0.0, *UNEQUAL)),
        message="explained_unequally",
        values=values,
        evidence=("measures/explanation_by_group",),
        section="bias" if people else "trust",
    )
