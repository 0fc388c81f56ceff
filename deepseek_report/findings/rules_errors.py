"""Rules on whether errors fall evenly on groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.conclusions import Verdict
from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import (
    Row,
    SurestPair,
    attribute_label,
    is_crossing,
    rows,
    unit_of,
)
from deepseek_report.findings.rules_groups import (
    RATES,
    gravest,
    is_beyond_chance,
    said_promises,
    unkept,
)
from deepseek_report.findings.severity import LARGE_GAP, severity, severity_of_gap
from deepseek_report.findings.thresholds import severity_of_promise, within_promise
from deepseek_report.wording import estimates

#: The whole before its part, see `metrics.fairness.group_gaps.ErrorGap`.
_GAPS = ("equalized_odds_difference", "equal_opportunity_difference")


def error_rates(results: Results) -> list[Finding]:
    """Whether errors fall evenly, by two differences and their permutation tests."""
    surest = _surest_tests(results)
    apart = [row for row in surest if is_beyond_chance(results, row)]
    even = [row for row in surest if not is_beyond_chance(results, row)]
    findings = [_uneven(results, apart)] if apart else []
    return findings + ([_even(results, even)] if even else [])


def has_uneven_errors(results: Results, verdict: Verdict) -> bool:
    """Whether a promise is about errors by an attribute that has a finding on them."""
    return verdict.metric in _GAPS and any(
        row["attribute"] == verdict.attribute and is_beyond_chance(results, row)
        for row in _surest_tests(results)
    )


def _surest_tests(results: Results) -> list[Row]:
    """Of each attribute the test that speaks most clearly for a difference."""
    tests = [
        {"metric": metric, **row}
        for metric in _GAPS
        for row in rows(results, metric, "tests")
        if not is_crossing(row) and finite(row["value"]) is not None
    ]
    names = dict.fromkeys(row["attribute"] for row in tests)
    return [min((row for row in tests if row["attribute"] == name), key=_doubt) for name in names]


def _doubt(row: Row) -> float:
    p = finite(row.get("p_adjusted"))
    return 1.0 if p is None else p


def _uneven(results: Results, tests: Sequence[Row]) -> Finding:
    """One finding on all attributes whose errors differ; not below a promise that is not kept."""
    promises = [v for row in tests for v in unkept(results, _GAPS, row["attribute"])]
    graves = [
        *(
            within_promise(
                results, _severity(SurestPair.of(row).gap), row["metric"], row["attribute"]
            )
            for row in tests
        ),
        *(severity_of_promise(promise) for promise in promises),
    ]
    values = _values(results, tests) | {"promises": said_promises(results, promises)}
    return _finding(results, "apart", gravest(graves), values)


def _even(results: Results, tests: Sequence[Row]) -> Finding:
    return _finding(results, "even", "info", _values(results, tests))


def _finding(results: Results, kind: str, severity: Severity, values: dict[str, Any]) -> Finding:
    measured = (ArtifactId.measure(name) for name in _GAPS if results.has(ArtifactId.measure(name)))
    return Finding(
        id=f"errors-{kind}",
        severity=severity,
        message=f"errors_{kind}",
        values=values,
        evidence=(*measured, *RATES),
        limits=("errors_of_one_kind",) if values["one_kind"] else (),
        section="bias",
    )


def _severity(gap: Estimate) -> Severity:
    """Of a gap that is beyond chance; large from `LARGE_GAP` on."""
    low, high = gap.ends or (gap.value, gap.value)
    return severity_of_gap(
        beyond_chance=True, surely_large=low >= LARGE_GAP, maybe_large=high >= LARGE_GAP
    )


def _values(results: Results, tests: Sequence[Row]) -> dict[str, Any]:
    gaps = sorted((_gap(results, row) for row in tests), key=_largest_first)
    return {
        "gaps": gaps,
        "attributes": [gap["attribute"] for gap in gaps],
        "decision": results.schema.target.favourable_class,
        "threshold": len(results.schema.target.classes) == 2,
        "one_kind": [kind for row in tests for kind in _one_kind(results, row["attribute"])],
    }


def _one_kind(results: Results, attribute: str) -> list[dict[str, Any]]:
    """Whose errors alone were compared, where of the others fewer than two groups have enough."""
    return [
        {"attribute": attribute_label(results, attribute), "deserving": row["rates"] == "tpr"}
        for row in rows(results, "equalized_odds_difference", "tests")
        if row["attribute"] == attribute and row.get("rates") in {"tpr", "fpr"}
    ]


def _largest_first(gap: dict[str, Any]) -> float:
    """By the end of the interval that is nearer to no gap."""
    apart: Estimate = gap["gap"]
    return -(apart.value if apart.low is None else apart.low)


def _gap(results: Results, row: Row) -> dict[str, Any]:
    pair = SurestPair.of(row)
    return {
        "attribute": attribute_label(results, row["attribute"]),
        "gap": pair.gap,
        "p": finite(row.get("p_adjusted")),
        "widest": pair.highest,
        "narrowest": pair.lowest,
        **_rates_apart(results, row),
    }


def _rates_apart(results: Results, row: Row) -> dict[str, Any]:
    """The rate that lies apart: of those labelled with the favourable class, or of the others."""
    own = {
        group["level"]: group
        for group in rows(results, "group_rates", "groups")
        if group["attribute"] == row["attribute"]
    }
    key = row.get("surest_rate")
    ends = [own.get(row.get(f"surest_{side}")) for side in ("lowest", "highest")]
    if not key or None in ends:
        return {"rates": None, "denied": None, "deserving": True}
    rates = [estimates.of_row(group, key, key) for group in ends if group is not None]
    denied = [rate.complement() for rate in rates]
    return {"rates": rates, "denied": denied, "deserving": key == "tpr"}


def error_gaps(results: Results) -> list[Finding]:
    """Groups for which predictions are further off, or off to one side."""
    table = rows(results, "group_rates", "tests")
    tests = [row for row in table if finite(row["p_adjusted"]) is not None]
    apart = [row for row in tests if is_beyond_chance(results, row)]
    if not tests:
        return []
    chosen = apart or [min(tests, key=lambda row: row["p_adjusted"])]
    return [
        Finding(
            id="error_gaps",
            severity=severity("people", "moderate") if apart else "info",
            message="error_gaps_apart" if apart else "error_gaps_even",
            values={
                "gaps": [_mean_gap(row) for row in chosen],
                "tests": len(tests),
                "unit": unit_of(results),
            },
            evidence=("measures/group_rates",),
            section="bias",
        )
    ]


def told_gap(results: Results, metric: str) -> Row | None:
    """The gap in this error that speaks most clearly for a difference, where any is tested."""
    tests = [
        row
        for row in rows(results, "group_rates", "tests")
        if row["metric"] == metric and finite(row["p_adjusted"]) is not None
    ]
    return min(tests, key=_doubt, default=None)


def _mean_gap(row: Row) -> dict[str, Any]:
    pair = SurestPair.of(row)
    return {
        "attribute": row["attribute_label"],
        "widest": pair.highest,
        "narrowest": pair.lowest,
        "size": row["metric"] == "mae_gap",
        "gap": pair.gap,
        "p": finite(row["p_adjusted"]),
    }
