"""Every word that a picture shows comes from a catalog, or from the data."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.wording.pseudo import LANGUAGE, mark_template, words_outside
from deepseek_report.wording.words import CATALOGS

from .conftest import credit_schema, number_results, number_schema
from .layouts import SCHEMAS
from .test_every_picture import KEYS, built, plugin
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
    own = [*results.schema.vocabulary, *([] if points is None else points["parameter"])]
    return {word for text in own for word in _WORD.findall(text.lower())}


@pytest.fixture(scope="module")
def catalogs(marked_catalogs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Marked texts, with the names of every made-up run as those of data of the package."""
    folder = tmp_path_factory.mktemp("toy_catalogs")
    shutil.copy(marked_catalogs / f"{LANGUAGE}.yaml", folder)
    schemas = [credit_schema(), *(schema() for schema in SCHEMAS.values()), number_schema()]
    own = sorted({name for schema in schemas for name in schema.own_names})
    names = {"data_sets": {"toy": {"names": {name: mark_template(name) for name in own}}}}
    (folder / LANGUAGE).mkdir()
    text = yaml.safe_dump(names, allow_unicode=True)
    (folder / LANGUAGE / "toy.yaml").write_text(text, encoding="utf-8")
    return folder


def _shipped(stored: Results, folder: Path) -> Results:
    """The results as those of data that come with the package."""
    data = shutil.copytree(stored.paths["data"], folder / "data")
    title = message("data_sets.toy.about.title").to_json()
    save_json(data / "card.json", {"name": "toy", "title": title})
    config = {**stored.config, "report": {"language": LANGUAGE}}
    return replace(stored, config=config, paths={**stored.paths, "data": data})


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


@pytest.fixture
def marked(catalogs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CATALOGS, str(catalogs))


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("key", KEYS)
def test_no_word_of_a_picture_stands_outside_of_the_catalogs(
    key: str, build: Build, tmp_path: Path
) -> None:
    _check(plugin(key), built(key, build), tmp_path)


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("key", ["group_rates", "part_performance", "robustness", "slices"])
def test_nor_does_a_word_of_what_is_drawn_of_a_number(key: str, tmp_path: Path) -> None:
    _check(plugin(key), number_results(tmp_path), tmp_path)


def _check(picture_plugin: Any, stored: Results, folder: Path) -> None:
    results = _shipped(stored, folder / "shipped")
    allowed = _not_ours(results)
    for picture in draw(picture_plugin, results):
        for texts in _shown(picture):
            assert not {word.lower() for word in words_outside(texts)} - allowed, texts
