"""Texts of the report that differ by kind of data are there for every kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.data_kinds import ALL_KINDS
from deepseek_report.wording.words import DEFAULT_LANGUAGE, read_catalog

#: Groups of messages that are said of some kinds alone.
SOME_KINDS = (".data.", ".architectures.", ".explainer_", ".tokens.")


def by_kind(texts: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, frozenset[str]]]:
    """(path, keys) of every mapping whose keys are kinds of data."""
    if len(ALL_KINDS & texts.keys()) > 1:
        yield path, frozenset(texts)
    for key, below in texts.items():
        if isinstance(below, Mapping):
            yield from by_kind(below, f"{path}.{key}")


def test_every_text_that_differs_by_kind_is_there_for_each() -> None:
    texts = read_catalog(shipped("templates") / "locale", DEFAULT_LANGUAGE)
    tables = dict(by_kind(texts))
    tables = {path: keys for path, keys in tables.items() if not path.startswith(SOME_KINDS)}
    assert len(tables) > 3
    assert {path: ALL_KINDS - keys for path, keys in tables.items() if ALL_KINDS - keys} == {}
