"""Rows of one person stay together whatever file they come from."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
import yaml

CONF = Path(__file__).parents[2] / "conf" / "dataset"


def source_of(file: Path) -> type:
    module, _, name = yaml.safe_load(file.read_text("utf-8"))["_target_"].rpartition(".")
    source: type = getattr(import_module(module), name)
    return source


def names_of(key: str) -> set[str]:
    return {field.name for field in fields(source_of(CONF / f"{key}.yaml"))}


#: Sources whose label a person names: their rows are not known here.
OWN = [file.stem for file in sorted(CONF.glob("*.yaml")) if "target" in names_of(file.stem)]


@pytest.mark.parametrize("key", OWN)
def test_every_source_of_ones_own_rows_takes_an_entity(key: str) -> None:
    assert "entity" in names_of(key)


def test_tables_texts_images_and_series_can_be_ones_own() -> None:
    assert {"csv", "text_file", "image_folder", "series_file", "openml"} <= set(OWN)
