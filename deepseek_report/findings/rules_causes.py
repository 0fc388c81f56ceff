"""Rules on a declared graph of causes: what contradicts it, which paths a model widens."""

from __future__ import annotations

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.table import SEPARATOR
from deepseek_report.findings.error_budget import is_under, level_of
from deepseek_report.findings.records import Row, attribute_label, rows, unit_of
from deepseek_report.wording import estimates

#: Contradictions that one finding tells.
_TOLD = 3
#: Claims and paths are corrected apart, and share one level.
_SETS = 2


def contradicted_claims(results: Results) -> list[Row]:
    """The claims that the data contradict, those that go together most first."""
    table = [row for row in rows(results, "causal_claims", "claims") if row["contradicted"]]
    return sorted(table, key=lambda row: -abs(float(row["correlation"])))


def contradiction(row: Row) -> Message:
    """One contradiction in a sentence."""
    return message(
        "causes.contradiction",
        first=row["first_label"],
        second=row["second_label"],
        held=row["held"].split(SEPARATOR) if row["held"] else [],
        correlation=float(row["correlation"]),
        p=float(row["p_adjusted"]),
        n=int(row["n"]),
    )


def contradictions(results: Results) -> list[Finding]:
    """That the data contradict the graph on which effects and paths rest."""
    against = contradicted_claims(results)
    if not against:
        return []
    level = level_of(results, "causes") / _SETS
    return [
        Finding(
            id="graph-contradicted",
            severity="medium" if any(is_under(row, level) for row in against) else "low",
            message="graph_contradicted",
            values={
                "n": len(against),
                "of": len(rows(results, "causal_claims", "claims")),
                "pairs": [contradiction(row) for row in against[:_TOLD]],
            },
            evidence=("measures/causal_claims",),
            section="causes",
        )
    ]


def widened(results: Results) -> list[Finding]:
    """Each path of a gap that is wider in the model's answers than in the labels."""
    level = level_of(results, "causes") / _SETS
    findings = []
    for row in rows(results, "causal_gaps", "paths"):
        if not row["widened"] or row["path"] == "total":
            continue
        parts = parts_of(row)
        findings.append(
            Finding(
                id=f"path-widened-{row['attribute']}-{row['compared']}-{row['path']}",
                severity="medium" if is_under(row, level) else "low",
                message="path_widened",
                values={
                    "attribute": attribute_label(results, row["attribute"]),
                    "path": message(f"causes.ways.{row['path']}"),
                    "kind": row["path"],
                    "compared": row["compared"],
                    "reference": row["reference"],
                    "points": "labels_points" in row,
                    "unit": unit_of(results),
                    "outcome": results.schema.target.explained_class,
                    "n": int(row["n"]),
                    **parts,
                },
                evidence=("measures/causal_gaps",),
                section="causes",
            )
        )
    return findings


def parts_of(row: Row) -> dict[str, Estimate]:
    """{labels, answers, difference: estimate} of one path."""
    of_classes: dict[str, object] = {
        "labels": "labels_points",
        "answers": "decisions_points",
        "difference": "difference_points",
    }
    named = {key: name if name in row else key for key, name in of_classes.items()}
    return {key: estimates.of_row(row, name, name) for key, name in named.items()}
