"""Every word that a picture shows comes from a catalog, or from the data."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.modules import layer_name
from deepseek_report.artifacts.results import Results
from deepseek_report.wording.pseudo import LANGUAGE
from deepseek_report.wording.words import CATALOGS
from tests.wording.marked_page import words_outside

from .test_every_picture import KEYS, built, plugin
from .varied import carried
from .wordings import draw

Build = Callable[..., Results]
_WORD = re.compile(r"[^\W\d_]{2,}")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inside in value.values():
            yield from _strings(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _strings(inside)


def _not_ours(results: Results) -> set[str]:
    """Words of texts, which are the data themselves, and of the names of a model's parameters."""
    points = results.table("parameter_projection", "points")
    layers = results.table("layer_profile", "layers")
    own = [*results.schema.vocabulary, *([] if points is None else points["parameter"])]
    own += [] if layers is None else map(layer_name, layers["layer"])
    texts = results.test.texts
    own += [] if texts is None else map(texts.text, range(len(texts.ends)))
    return {word for text in own for word in _WORD.findall(text.lower())}


def _in_marks(stored: Results) -> Results:
    """The results as they are told in the language of marks."""
    config = {**stored.config, "report": {"language": LANGUAGE}}
    return carried(stored, replace(stored, config=config))


def _shown(picture: Picture) -> Iterator[list[str]]:
    """What is read in one go: the drawings, the twin, and each text beside them."""
    for svg in (picture.svg, picture.narrow):
        if svg is not None:
            root = ET.fromstring(svg)  # noqa: S314 - our own drawing
            yield [text.text or "" for text in root.iter() if text.tag.endswith("text")]
    if picture.interactive is not None:
        yield [
            html.unescape(re.sub("<[^>]*>", " ", text)) for text in _of_twin(picture.interactive)
        ]
    yield from ([str(text)] for text in (picture.title, picture.alt, picture.how_to_read))


def _of_twin(figure: dict[str, Any]) -> Iterator[str]:
    for trace in figure["data"]:
        yield from _strings([trace.get("text"), trace.get("name")])
    for value in figure["layout"].values():
        if isinstance(value, dict):
            yield from _strings([value.get("title", {}), value.get("ticktext")])
            inner = [inside for inside in value.values() if isinstance(inside, dict)]
            yield from _strings([inside.get("title") for inside in inner])


@pytest.fixture
def marked(marked_catalogs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CATALOGS, str(marked_catalogs))


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("key", KEYS)
def test_no_word_of_a_picture_stands_outside_of_the_catalogs(key: str, build: Build) -> None:
    _check(plugin(key), built(key, build))


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("key", ["group_rates", "robustness"])
def test_nor_does_a_word_of_what_is_drawn_of_a_number(key: str, build: Build) -> None:
    _check(plugin(key), build("number"))


def _check(picture_plugin: Any, stored: Results) -> None:
    results = _in_marks(stored)
    allowed = _not_ours(results)
    for picture in draw(picture_plugin, results):
        for texts in _shown(picture):
            assert not {word.lower() for word in words_outside(texts)} - allowed, texts
