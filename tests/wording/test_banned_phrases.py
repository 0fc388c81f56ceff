"""Phrases that no reader should meet, in the catalogs and in a whole report."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.wording.words import languages, read_catalog
from tests.conftest import SmallRun
from tests.worded import leaves

#: Riddles and padding; plain words stand in their place.
BANNED = (
    r"\bgrave\b(?!st)",
    r"\bmind, in this run\b",
    r"reasons are told by",
    r"known to make the label",
    r"\bmore of this kind\b",
    r"needs a model that hands out",
    r"(has none to|does not) hand out",
    r"parts? of the chosen sets",
    r"decides by (it|them) directly",
    r"” is decided for",
    r"\b(debias|unbiased|compliant)\w*",
)
FORBIDDEN = re.compile(
    r"\b(debias\w*|unbiased|solve[sd]?|compliant|unfair\w*|fair|fairness)\b", re.I
)
#: Texts that quote a requirement.
QUOTES = ("evidence_kinds.", "human_fields.", "exports.letters.regb.")
CATALOGS = sorted((shipped("templates") / "locale").rglob("*.yaml"))
#: What a reader does not see of a text: the logic of its template.
_TEMPLATE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_no_catalog_holds_a_banned_phrase(path: Any) -> None:
    catalog = yaml.safe_load(path.read_text(encoding="utf-8"))
    hits = [
        (key, text[:120])
        for key, text in leaves(catalog)
        for phrase in BANNED
        if re.search(phrase, _TEMPLATE.sub(" ", text), re.IGNORECASE)
    ]
    assert hits == []


@pytest.mark.parametrize("language", languages())
def test_no_text_claims_what_no_report_can_show(language: str) -> None:
    texts = leaves(read_catalog(shipped("templates") / "locale", language))
    claims = [key for key, text in texts if FORBIDDEN.search(text) and not key.startswith(QUOTES)]
    assert claims == []


def test_no_report_holds_a_banned_phrase(small_run: SmallRun) -> None:
    text = (small_run.folder / "report.qmd").read_text(encoding="utf-8").replace("\\", "")
    hits = {
        match[0]: text[max(0, match.start() - 60) : match.end() + 60]
        for phrase in BANNED
        for match in re.finditer(phrase, text, re.IGNORECASE)
    }
    assert hits == {}


def test_a_banned_phrase_would_be_seen() -> None:
    assert any(re.search(phrase, "And 3 more of this kind.") for phrase in BANNED)
