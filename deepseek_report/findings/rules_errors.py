"""Rules on whether errors fall evenly on groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import (
    Row,
    attribute_label,
    is_crossing,
    rows,
    unit_of,
)
from deepseek_report.findings.rules_groups import RATES, is_beyond_chance
from deepseek_report.wording import estimates

_GAPS = ("equalized_odds_difference", "equal_opportunity_difference")


def error_rates(results: Results) -> list[Finding]:
    """Whether errors fall evenly, by two differences and their permutation tests."""
    tests = [
        {"metric": metric, **row}
        for metric in _GAPS
        for row in rows(results, metric, "tests")
        if not is_crossing(row) and finite(row["value"]) is not None
    ]
    names = list(dict.fromkeys(row["attribute"] for row in tests))
    surest = [_surest([row for row in tests if row["attribute"] == name]) for name in names]
    apart = [row for row in surest if is_beyond_chance(row)]
    even = [row for row in surest if not is_beyond_chance(row)]
    findings = [_errors(results, apart, "apart")] if apart else []
    return findings + ([_errors(results, even, "even")] if even else [])


def _surest(tests: Sequence[Row]) -> Row:
    """The test that speaks most clearly for a difference."""

    def doubt(row: Row) -> float:
        p = finite(row.get("p_adjusted"))
        return 1.0 if p is None else p

    return min(tests, key=doubt)


def _errors(results: Results, tests: Sequence[Row], kind: str) -> Finding:
    """One finding on all attributes whose errors differ, or on all whose errors do not."""
    gaps = [_gap(results, row) for row in tests]
    measured = (ArtifactId.measure(name) for name in _GAPS if results.has(ArtifactId.measure(name)))
    return Finding(
        id=f"errors-{kind}",
        severity="medium" if kind == "apart" else "info",
        message=f"errors_{kind}",
        values={
            "gaps": gaps,
            "attributes": [gap["attribute"] for gap in gaps],
            "decision": results.schema.target.favourable_class,
            "threshold": len(results.schema.target.classes) == 2,
        },
        evidence=(*measured, *RATES),
        section="bias",
    )


def _gap(results: Results, row: Row) -> dict[str, Any]:
    gap = estimates.of_row(row, "value")
    return {
        "attribute": attribute_label(results, row["attribute"]),
        "gap": gap,
        "p": finite(row.get("p_adjusted")),
        "widest": row.get("widest_level"),
        "narrowest": row.get("narrowest_level"),
        **_rates_apart(results, row),
    }


def _rates_apart(results: Results, row: Row) -> dict[str, Any]:
    """The rate that lies apart: of those labelled with the favourable class, or of the others."""
    own = {
        group["level"]: group
        for group in rows(results, "group_rates", "groups")
        if group["attribute"] == row["attribute"]
    }
    ends = [own.get(row.get(side)) for side in ("narrowest_level", "widest_level")]
    low, high = ends
    if low is None or high is None:
        return {"rates": None, "deserving": True}
    keys = ("tpr",) if row["metric"] == "equal_opportunity_difference" else ("tpr", "fpr")
    key = max(keys, key=lambda name: _apart(low, high, name))
    rates = [estimates.of_row(group, key, key) for group in (low, high)]
    return {"rates": rates, "deserving": key == "tpr"}


def _apart(low: Row, high: Row, key: str) -> float:
    ends = finite(low.get(key)), finite(high.get(key))
    return -1.0 if None in ends else abs(ends[1] - ends[0])  # type: ignore[operator]


def error_gaps(results: Results) -> list[Finding]:
    """Groups for which predictions are further off, or off to one side."""
    table = rows(results, "group_rates", "tests")
    tests = [row for row in table if finite(row["p_adjusted"]) is not None]
    apart = [row for row in tests if is_beyond_chance(row)]
    if not tests:
        return []
    chosen = apart or [min(tests, key=lambda row: row["p_adjusted"])]
    return [
        Finding(
            id="error_gaps",
            severity="medium" if apart else "info",
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


def _mean_gap(row: Row) -> dict[str, Any]:
    return {
        "attribute": row["attribute_label"],
        "widest": row["widest_level"],
        "narrowest": row["narrowest_level"],
        "size": row["metric"] == "mae_gap",
        "gap": estimates.of_row(row, "value"),
        "p": finite(row["p_adjusted"]),
    }
