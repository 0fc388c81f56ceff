"""The line on the first page that says what the run folder holds of single persons."""

from __future__ import annotations

from deepseek_report.artifacts.results import Results
from deepseek_report.findings.records import rows
from deepseek_report.sections.shared.draft import Draft


def privacy_line(draft: Draft) -> str:
    """How many rows of what are in the folder, or what was left out; empty where none could be."""
    results = draft.results
    if results.privacy.is_full and not results.has_rows:
        return ""
    words = {
        name: draft.words.text(f"sections.data.{name}.{results.schema.modality}")
        for name in ("row", "rows")
    }
    return draft.text(
        f"privacy.{results.privacy.level}",
        **words,
        people=bool(results.schema.attributes_of("person")),
        tested=results.predicted.n if results.has("predictions/test") else 0,
        validation=_validated(results),
        neighbours=_neighbours(results),
        named=results.privacy.named,
        floor=results.privacy.floor,
        entity=(results.card.get("observations") or {}).get("entity"),
    )


def _validated(results: Results) -> int:
    """How many rows of the validation part the folder holds predictions of."""
    if not results.has("predictions/validation"):
        return 0
    parts = results.card.get("parts") or []
    return next((int(row["n"]) for row in parts if row.get("part") == "validation"), 0)


def _neighbours(results: Results) -> int:
    """How many training rows the case pages show."""
    return len({row["instance_id"] for row in rows(results, "cases", "neighbours")})
