"""Every word that a picture shows comes from a catalog, or from the data."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Measurement
from deepseek_report.wording.pseudo import LANGUAGE, words_outside, write_catalog
from deepseek_report.wording.words import CATALOGS

from .conftest import number_results
from .test_every_picture import KEYS, built, plugin
from .wordings import draw

Build = Callable[..., Results]
_WORD = re.compile(r"[^\W\d_]{2,}")
#: What the schema says in place of a value or before it, and `layer_name` of a module's parts.
_OF_VALUES = {"missing", "mean", "layer"}


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("catalogs")).parent


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inside in value.values():
            yield from _strings(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _strings(inside)


def _of_the_data(results: Results) -> set[str]:
    """Words of names and values: of the schema, the cells of tables, and the training's score."""
    texts = list(_strings(results.schema.to_json())) + list(results.schema.player_labels)
    texts += _strings(results.training.get("score")) if results.has("training") else []
    folders = [path for name, path in results.paths.items() if name.startswith("measures/")]
    for table in (one for path in folders for one in Measurement.load(path).tables.values()):
        for column in table.columns:
            texts += [cell for cell in table[column] if isinstance(cell, str)]
    return {word for text in texts for word in _WORD.findall(text.replace("_", " ").lower())}


def _shown(picture: Picture) -> Iterator[list[str]]:
    """What is read in one go: the drawings, the twin, and each text beside them."""
    for svg in (picture.svg, picture.narrow):
        if svg is not None:
            root = ET.fromstring(svg)  # noqa: S314 - our own drawing
            yield [text.text or "" for text in root.iter() if text.tag.endswith("text")]
    if picture.interactive is not None:
        yield [re.sub("<[^>]*>", " ", text) for text in _of_twin(picture.interactive)]
    yield from ([str(text)] for text in (picture.title, picture.alt, picture.how_to_read))


def _of_twin(figure: dict[str, Any]) -> Iterator[str]:
    for trace in figure["data"]:
        yield from _strings([trace.get("text"), trace.get("name")])
    for value in figure["layout"].values():
        if isinstance(value, dict):
            yield from _strings([value.get("title", {}), value.get("ticktext")])
            inner = [inside for inside in value.values() if isinstance(inside, dict)]
            yield from _strings([inside.get("title") for inside in inner])


@pytest.mark.parametrize("key", KEYS)
def test_no_word_of_a_picture_stands_outside_of_the_catalogs(
    key: str, build: Build, catalogs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CATALOGS, str(catalogs))
    _check(plugin(key), built(key, build))


@pytest.mark.parametrize("key", ["group_rates", "part_performance", "robustness", "slices"])
def test_nor_does_a_word_of_what_is_drawn_of_a_number(
    key: str, catalogs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CATALOGS, str(catalogs))
    _check(plugin(key), number_results(tmp_path))


def _check(picture_plugin: Any, stored: Results) -> None:
    results = replace(stored, config={**stored.config, "report": {"language": LANGUAGE}})
    allowed = _of_the_data(results) | _OF_VALUES
    for picture in draw(picture_plugin, results):
        for texts in _shown(picture):
            assert not {word.lower() for word in words_outside(texts)} - allowed, texts
