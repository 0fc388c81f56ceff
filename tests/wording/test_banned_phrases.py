"""Phrases that no reader should meet, in the catalogs and in a whole report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.storage.local_paths import shipped
from tests.conftest import SmallRun

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
CATALOGS = sorted((shipped("templates") / "locale").rglob("*.yaml"))
#: What a reader does not see of a text: the logic of its template.
_TEMPLATE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)


def texts_of(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(key, text) of every text below a node of a catalog."""
    if isinstance(node, dict):
        for name, inside in node.items():
            yield from texts_of(inside, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list):
        for inside in node:
            yield from texts_of(inside, key)
    elif isinstance(node, str):
        yield key, _TEMPLATE.sub(" ", node)


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_no_catalog_holds_a_banned_phrase(path: Any) -> None:
    catalog = yaml.safe_load(path.read_text(encoding="utf-8"))
    hits = [
        (key, text[:120])
        for key, text in texts_of(catalog)
        for phrase in BANNED
        if re.search(phrase, text, re.IGNORECASE)
    ]
    assert hits == []


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
