"""What contradicts a declared graph of causes, and which paths a model widens."""

from __future__ import annotations

import math
from collections.abc import Iterator

from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.extensions.causes.cause_rows import GapPath, TestedClaim, listed
from deepseek_report.findings.error_budget import corrected_p_values, family_of, is_under, level_of
from deepseek_report.findings.records import attribute_label, unit_of
from deepseek_report.statistics.graphical_procedure import FamilyOfTests

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


def contradictions(results: Results) -> Iterator[Finding]:
    """That the data contradict the graph on which effects and paths rest."""
    against = contradicted_claims(results)
    if against:
        level = level_of(results, "causes") / _SETS
        grade: Severity = "medium" if any(is_under(row, level) for row in against) else "low"
        values = {
            "n": len(against),
            "of": len(results.rows("causal_claims", "claims", TestedClaim)),
            "pairs": [contradiction(row) for row in against[:_TOLD]],
        }
        name, evidence = "graph-contradicted", ("measures/causal_claims",)
        yield Finding(name, grade, "graph_contradicted", values, evidence, "causes")


def widened(results: Results) -> Iterator[Finding]:
    """Each path of a gap that is wider in the model's answers than in the labels."""
    level = level_of(results, "causes") / _SETS
    for row in results.rows("causal_gaps", "paths", GapPath):
        if not row.widened or row.path == "total":
            continue
        values = {
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
        }
        name = f"path-widened-{row.attribute}-{row.compared}-{row.path}"
        grade: Severity = "medium" if is_under(row, level) else "low"
        yield Finding(name, grade, "path_widened", values, ("measures/causal_gaps",), "causes")


def _causes(results: Results) -> FamilyOfTests:
    """Claims of a declared graph, and paths of gaps that a model may widen: two corrected sets."""
    tables = (("causal_claims", "claims"), ("causal_gaps", "paths"))
    sets = [corrected_p_values(results, *table) for table in tables]
    made = [each for each in sets if each]
    return family_of(None if p is None else min(1.0, len(made) * p) for s in made for p in s)


#: {rule of the core: those that come before it}.
BEFORE = {"proxies": (contradictions, widened)}
#: {family: its tests, and the metrics that make its comparisons}.
FAMILIES = {"causes": (_causes, ("causal_claims", "causal_gaps"))}
