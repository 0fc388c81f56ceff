"""Rules on whom the model treats differently: favourable decisions, errors, proxies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.results import Results
from deepseek_report.findings import estimates
from deepseek_report.findings.estimates import finite
from deepseek_report.findings.records import (
    Row,
    attribute_label,
    first,
    is_crossing,
    rows,
    setting,
    words_of,
)

SIGNIFICANT = 0.05
TOO_FEW = "too few to judge"
_GRAVITY = ("clear below", "below but uncertain", "above but uncertain")
_MESSAGES: dict[str, tuple[str, Severity]] = {
    "clear below": ("impact_below", "high"),
    "below but uncertain": ("impact_uncertain_below", "medium"),
    "above but uncertain": ("impact_uncertain_above", "low"),
}


def impact(results: Results) -> list[Finding]:
    """Favourable decisions by group: each attribute that is in doubt, and those that are not."""
    pairs = rows(results, "impact_ratio", "pairs")
    judged = [row for row in pairs if row["verdict"] != TOO_FEW]
    plain = [row for row in judged if not is_crossing(row)]
    crossed = [row for row in judged if is_crossing(row) and _below(row)]
    names = list(dict.fromkeys(row["attribute"] for row in plain))
    gravest = [_gravest([row for row in plain if row["attribute"] == name]) for name in names]
    doubtful = [row for row in gravest if row["verdict"] in _MESSAGES]
    if crossed:
        doubtful.append(_gravest(crossed))
    found = [_impact(results, row) for row in doubtful]
    fine = [row for row in gravest if row["verdict"] not in _MESSAGES]
    return found + ([_impact_fine(results, fine)] if fine else []) + _too_few(results, pairs)


def _below(row: Row) -> bool:
    """Whether a crossing is under the declared ratio, by its interval or beyond chance."""
    verdict = row["verdict"]
    return verdict == "clear below" or (verdict == "below but uncertain" and is_beyond_chance(row))


def is_beyond_chance(row: Row) -> bool:
    """Whether a difference is significant after correction for the number of tests."""
    p = finite(row.get("p_adjusted"))
    return p is not None and p < SIGNIFICANT


def _gravest(pairs: Sequence[Row]) -> Row:
    """The row with the gravest verdict; among these the one with the smallest ratio."""

    def gravity(row: Row) -> tuple[int, float]:
        verdict = row["verdict"]
        rank = _GRAVITY.index(verdict) if verdict in _GRAVITY else len(_GRAVITY)
        return rank, float(row["ratio"])

    return min(pairs, key=gravity)


def _impact(results: Results, row: Row) -> Finding:
    message, severity = _MESSAGES[row["verdict"]]
    if severity == "low" and is_beyond_chance(row):
        severity = "medium"
    return Finding(
        id=f"impact-{row['attribute']}",
        severity=severity,
        message=message,
        values=_pair(results, row),
        evidence=("measures/impact_ratio", "measures/group_rates"),
        section="bias",
        limits=("labels_are_decisions",) if results.schema.target.labels_are_decisions else (),
    )


def _pair(results: Results, row: Row) -> dict[str, Any]:
    return {
        "attribute": attribute_label(results, row["attribute"]),
        "level": row["level"],
        "reference": row["reference"],
        "decision": results.schema.target.favourable_class,
        "rate": _selection(results, row, "level", row["rate"], row["n"]),
        "reference_rate": _selection(
            results, row, "reference", row["reference_rate"], row["n_reference"]
        ),
        "ratio": estimates.of_row(row, "ratio"),
        "difference": finite(row.get("difference")),
        "p": finite(row.get("p_adjusted")) if is_beyond_chance(row) else None,
        "bound": declared_ratio(results),
    }


def declared_ratio(results: Results) -> float:
    """The ratio of favourable decisions below which the config sees a difference."""
    return setting(results, "metrics", "impact_ratio", "threshold", 0.8)


def _selection(results: Results, row: Row, side: str, rate: float, n: float) -> dict[str, Any]:
    """The share of favourable decisions of one level, with its interval where it was measured."""
    match = first(
        one
        for one in rows(results, "group_rates", "groups")
        if one["attribute"] == row["attribute"] and one["level"] == row[side]
    )
    if match is None:
        return estimates.estimate(rate, n=n)
    return dict(estimates.of_row(match, "selection_rate", "selection"))


def _impact_fine(results: Results, gravest: Sequence[Row]) -> Finding:
    return Finding(
        id="impact-fine",
        severity="info",
        message="impact_fine",
        values={
            "pairs": [_pair(results, row) for row in gravest],
            "attributes": [attribute_label(results, row["attribute"]) for row in gravest],
            "decision": results.schema.target.favourable_class,
            "bound": declared_ratio(results),
        },
        evidence=("measures/impact_ratio", "measures/group_rates"),
        section="bias",
    )


def _too_few(results: Results, pairs: Sequence[Row]) -> list[Finding]:
    few = [row for row in pairs if row["verdict"] == TOO_FEW and not is_crossing(row)]
    if not few:
        return []
    groups = [
        {
            "attribute": attribute_label(results, row["attribute"]),
            "level": row["level"],
            "n": int(row["n"]),
        }
        for row in few
    ]
    return [
        Finding("groups_too_few", "low", "groups_too_few", {"groups": groups}, _RATES, "bias"),
    ]


_RATES = ("measures/group_rates",)


def error_rates(results: Results) -> list[Finding]:
    """Whether errors fall evenly, by two differences and their permutation tests."""
    tests = [
        {"metric": metric, **row}
        for metric in _ERROR_GAPS
        for row in rows(results, metric, "tests")
        if not is_crossing(row) and finite(row["value"]) is not None
    ]
    names = list(dict.fromkeys(row["attribute"] for row in tests))
    surest = [_surest([row for row in tests if row["attribute"] == name]) for name in names]
    apart = [row for row in surest if is_beyond_chance(row)]
    even = [row for row in surest if not is_beyond_chance(row)]
    found = [_errors_apart(results, row) for row in apart]
    return found + ([_errors_even(results, even)] if even else [])


_ERROR_GAPS = ("equalized_odds_difference", "equal_opportunity_difference")


def _surest(tests: Sequence[Row]) -> Row:
    """The test that speaks most clearly for a difference."""

    def doubt(row: Row) -> float:
        p = finite(row.get("p_adjusted"))
        return 1.0 if p is None else p

    return min(tests, key=doubt)


def _gap(results: Results, row: Row) -> dict[str, Any]:
    return {
        "attribute": attribute_label(results, row["attribute"]),
        "metric": words_of(results).label("metrics", row["metric"]),
        "gap": estimates.of_row(row, "value"),
        "chance": finite(row.get("null_high")),
        "p": finite(row.get("p_adjusted")),
        "widest": row.get("widest_level"),
        "narrowest": row.get("narrowest_level"),
    }


def _errors_apart(results: Results, row: Row) -> Finding:
    return Finding(
        id=f"errors-{row['attribute']}",
        severity="medium",
        message="errors_apart",
        values=_gap(results, row),
        evidence=(f"measures/{row['metric']}", *_RATES),
        section="bias",
    )


def _errors_even(results: Results, tests: Sequence[Row]) -> Finding:
    gaps = [_gap(results, row) for row in tests]
    return Finding(
        id="errors-even",
        severity="info",
        message="errors_even",
        values={"gaps": gaps, "attributes": [one["attribute"] for one in gaps]},
        evidence=(
            *(f"measures/{name}" for name in _ERROR_GAPS if results.has(f"measures/{name}")),
            *_RATES,
        ),
        section="bias",
    )
