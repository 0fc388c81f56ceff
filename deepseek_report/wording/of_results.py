"""The texts in which the report of one run is written."""

from __future__ import annotations

from deepseek_report.artifacts.results import Results
from deepseek_report.wording.words import Wording, wording


def words_of(results: Results) -> Wording:
    """The texts of the language that the report is in, worded for what is predicted."""
    language = str((results.config.get("report") or {}).get("language") or "en")
    if not results.has("data"):
        return wording(language)
    schema = results.schema
    variant = "number" if schema.target.is_number else ""
    return wording(language, variant, schema.player_noun, str(results.card.get("name") or ""))
