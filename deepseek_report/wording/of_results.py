"""The texts in which the report of one run is written."""

from __future__ import annotations

from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.wording.words import Wording, wording


def words_of(results: Results) -> Wording:
    """The texts of the language that the report is in, worded for what is predicted."""
    language = str((results.config.get("report") or {}).get("language") or "en")
    if not results.has("data"):
        return wording(language)
    schema = results.schema
    return wording(language, "number" if schema.target.is_number else "", kind_of(schema).noun)
