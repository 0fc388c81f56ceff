"""Texts of the report that differ by kind of data are there for every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.data_kinds import ALL_KINDS


def by_kind(texts: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    """(path, keys) of every mapping whose keys are kinds of data."""
    if len(ALL_KINDS & texts.keys()) > 1:
        yield path, frozenset(texts)
    for key, below in texts.items():
        if isinstance(below, Mapping):
            yield from by_kind(below, f"{path}.{key}")


def test_every_text_that_differs_by_kind_is_there_for_each() -> None:
    texts = yaml.safe_load(
        (shipped("templates") / "locale" / "en.yaml").read_text(encoding="utf-8")
    )
    tables = dict(by_kind(texts))
    assert len(tables) > 3
    assert {path: ALL_KINDS - keys for path, keys in tables.items() if ALL_KINDS - keys} == {}
