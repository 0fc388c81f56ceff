"""The texts in which the report of one run is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.score import Score, tidy
from deepseek_report.data_kinds import kind_of
from deepseek_report.wording.words import DEFAULT_LANGUAGE, CaseWords, Wording, wording


def score_table(scores: Sequence[Score]) -> pd.DataFrame:
    """All scores as one long table, one row a score, with its sentences in English.

    The columns are those of `artifacts.score.Score`. Code reads this table, so it has one language
    whatever that of the report is; the artifacts keep the messages.
    """
    return tidy(scores, wording(DEFAULT_LANGUAGE).say)


def words_of(results: Results, language: str = "") -> Wording:
    """The texts of a language, by default that of the report, worded for what is predicted."""
    language = language or str(results.report.get("language") or "en")
    if ("words", language) not in results.derived:
        results.derived["words", language] = _words_of(results, language)
    words: Wording = results.derived["words", language]
    return words


def _words_of(results: Results, language: str) -> Wording:
    own = CaseWords.of(results.report.get("words"))
    if results.has("data"):
        has_card = (results.path_of("data") / "card.json").is_file()
        card = results.card if has_card else {}
        named = results.naming is not None
        words = words_for(language, results.schema, card, named=named, words=own)
    else:
        words = words_for(language, None, words=own)
    from_python = (results.config.get("dataset") or {}).get("given_in") == "Python"
    return words.for_python() if from_python else words


def words_for(
    language: str,
    schema: Schema | None,
    card: Mapping[str, object] = MappingProxyType({}),
    *,
    named: bool = False,
    words: CaseWords | None = None,
) -> Wording:
    """The texts of a language, worded for what such data predict and are made of.

    card : of the data, as far as it is there; where they come with the package, their names are
    those of the catalogs. named : whether the schema has its names in this language already.
    words : what a config calls its cases.
    """
    if schema is None:
        general = wording(language)
        return general.for_cases(_case_words(general, "table", None, words or CaseWords(), {}))
    shipped = _shipped(card)
    own_names = frozenset() if shipped and not named else schema.own_names
    noun, written = kind_of(schema).noun, schema.undeclared_labels if own_names else frozenset()
    worded = wording(language, schema.target.task, noun, shipped, own_names, written)
    labels = {attribute.name: worded.name(attribute.label) for attribute in schema.attributes}
    slots = _case_words(worded, kind_of(schema).name, schema.target, words or CaseWords(), labels)
    return worded.for_cases(slots)


def _case_words(
    worded: Wording, kind: str, target: Target | None, own: CaseWords, labels: Mapping[str, str]
) -> dict[str, object]:
    """What cases and decisions are called: as the config says, else by the kind of data."""
    decided = _decisions(worded, target) if target is not None and target.is_judged else ("", "")
    return {
        "case_one": own.case or worded.text(f"cases_as.{kind}.one"),
        "case_numbered": own.case or worded.text(f"cases_as.{kind}.numbered"),
        "case_many": own.cases or worded.text(f"cases_as.{kind}.many"),
        "decided_for": own.favourable or decided[0],
        "decided_against": own.unfavourable or decided[1],
        "deciders": own.deciders,
        "group_names": own.group_names(labels),
    }


def _decisions(worded: Wording, target: Target) -> tuple[str, str]:
    """What a case is when it is decided favourably, and otherwise, by the names of the classes."""
    others = [name for name in target.classes if name != target.favourable_class]
    favourable = worded.text("decided.as", name=target.favourable_class)
    if len(others) == 1:
        return favourable, worded.text("decided.as", name=others[0])
    return favourable, worded.text("decided.otherwise", name=target.favourable_class)


def _shipped(card: Mapping[str, object]) -> str:
    """The name of data that come with the package, whose title is a text of the catalogs."""
    title = card.get("title")
    ships = isinstance(title, Message) and title.id.startswith("data_sets.")
    return str(card.get("name") or "") if ships else ""


def in_words(results: Results) -> Results:
    """The results with the names in schema and tables in the language of the report."""
    return replace(results, naming=words_of(results).name)
