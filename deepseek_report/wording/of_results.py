"""The texts in which the report of one run is written."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.score import Score, tidy
from deepseek_report.data_kinds import kind_of
from deepseek_report.wording.words import DEFAULT_LANGUAGE, Wording, wording


def score_table(scores: Sequence[Score]) -> pd.DataFrame:
    """All scores as one long table, one row a score, with its sentences in English.

    The columns are those of `artifacts.score.Score`. Code reads this table, so it has one language
    whatever that of the report is; the artifacts keep the messages.
    """
    return tidy(scores, wording(DEFAULT_LANGUAGE).say)


def words_of(results: Results, language: str = "") -> Wording:
    """The texts of a language, by default that of the report, worded for what is predicted."""
    language = language or str((results.config.get("report") or {}).get("language") or "en")
    if not results.has("data"):
        return words_for(language, None)
    has_card = (results.paths["data"] / "card.json").is_file()
    name = results.card.get("name") if has_card else None
    return words_for(language, results.schema, str(name or ""))


def words_for(language: str, schema: Schema | None, data_set: str = "") -> Wording:
    """The texts of a language, worded for what such data predict and are made of."""
    if schema is None:
        return wording(language)
    return wording(language, schema.target.task, kind_of(schema).noun, data_set)
