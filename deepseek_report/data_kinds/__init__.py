"""Kinds of data as objects: table, text, image, series. `kind_of` is the one place to ask.

A new kind is a module here with a subclass of `DataKind`, and a line in `KINDS`.
"""

from __future__ import annotations

from deepseek_report.artifacts.schema import Modality, Schema
from deepseek_report.data_kinds.base import DataKind, Structure
from deepseek_report.data_kinds.grid import ImageKind, SeriesKind
from deepseek_report.data_kinds.table import TableKind
from deepseek_report.data_kinds.text import TextKind

#: {name: kind}; the order is that in which sentences list them.
KINDS: dict[Modality, type[DataKind]] = {
    kind.name: kind for kind in (TableKind, TextKind, ImageKind, SeriesKind)
}
#: For plug-ins that take every kind.
ALL_KINDS: frozenset[Modality] = frozenset(KINDS)


def kinds_of_structure(*structures: Structure) -> frozenset[Modality]:
    """The kinds whose columns are one of these."""
    return frozenset(name for name, kind in KINDS.items() if kind.structure in structures)


def kind_of(schema: Schema) -> DataKind:
    """The data of this schema as data of their kind."""
    return KINDS[schema.modality](schema)


__all__ = ["ALL_KINDS", "KINDS", "DataKind", "kind_of", "kinds_of_structure"]
