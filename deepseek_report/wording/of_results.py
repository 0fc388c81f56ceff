"""The texts in which the report of one run is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from deepseek_report.artifacts.message import Message
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
    card = results.card if has_card else {}
    return words_for(language, results.schema, card, named=results.naming is not None)


def words_for(
    language: str,
    schema: Schema | None,
    card: Mapping[str, Any] = MappingProxyType({}),
    *,
    named: bool = False,
) -> Wording:
    """The texts of a language, worded for what such data predict and are made of.

    card : of the data, as far as it is there; where they come with the package, their names are
    those of the catalogs. named : whether the schema has its names in this language already.
    """
    if schema is None:
        return wording(language)
    shipped = _shipped(card)
    own_names = frozenset() if shipped and not named else schema.own_names
    return wording(language, schema.target.task, kind_of(schema).noun, shipped, own_names)


def _shipped(card: Mapping[str, Any]) -> str:
    """The name of data that come with the package, whose title is a text of the catalogs."""
    title = card.get("title")
    ships = isinstance(title, Message) and title.id.startswith("data_sets.")
    return str(card.get("name") or "") if ships else ""


def in_words(results: Results) -> Results:
    """The results with the names in schema and tables in the language of the report."""
    return replace(results, naming=words_of(results).name)
