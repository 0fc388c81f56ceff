"""Rules on a declared graph of causes: what contradicts it, which paths a model widens."""

from __future__ import annotations

import math

from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.error_budget import is_under, level_of
from deepseek_report.findings.records import attribute_label, unit_of
from deepseek_report.metrics.causes.cause_rows import GapPath, TestedClaim, listed

#: Contradictions that one finding tells.
_TOLD = 3
#: Claims and paths are corrected apart, and share one level.
_SETS = 2


def contradicted_claims(results: Results) -> list[TestedClaim]:
    """The claims that the data contradict, those that go together most first."""
    claims = results.rows("causal_claims", "claims", TestedClaim)
    return sorted((row for row in claims if row.contradicted), key=lambda r: -abs(r.correlation))


def contradiction(row: TestedClaim) -> Message:
    """One contradiction in a sentence."""
    return message(
        "causes.contradiction",
        first=row.first_label,
        second=row.second_label,
        held=listed(row.held),
        correlation=row.correlation,
        p=math.nan if row.p_adjusted is None else row.p_adjusted,
        n=row.n,
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
                "of": len(results.rows("causal_claims", "claims", TestedClaim)),
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
    for row in results.rows("causal_gaps", "paths", GapPath):
        if not row.widened or row.path == "total":
            continue
        findings.append(
            Finding(
                id=f"path-widened-{row.attribute}-{row.compared}-{row.path}",
                severity="medium" if is_under(row, level) else "low",
                message="path_widened",
                values={
                    "attribute": attribute_label(results, row.attribute),
                    "path": message(f"causes.ways.{row.path}"),
                    "kind": row.path,
                    "compared": row.compared,
                    "reference": row.reference,
                    "points": row.in_points,
                    "unit": unit_of(results),
                    "outcome": results.schema.target.explained_class,
                    "n": row.n,
                    **row.parts,
                },
                evidence=("measures/causal_gaps",),
                section="causes",
            )
        )
    return findings
