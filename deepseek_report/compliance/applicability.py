"""Whether a requirement speaks of such data at all: its sector, and the groups that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results


@dataclass(frozen=True)
class Scope:
    """To which data a row speaks; empty: to all.

    sectors : the data must be declared as one of these. groups : {what people call them: names of
    attributes}; the data must have one attribute of each.
    """

    sectors: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class DataDeclarations:
    """What the data set declares of itself: its sector, and by what it groups people."""

    sector: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Applicability:
    """outside : why the row does not concern these data, or "". lacks : what would be needed."""

    outside: Text = ""
    lacks: tuple[Message, ...] = ()


def read_scope(data: Mapping[str, Any] | None) -> Scope:
    """A scope as a framework file writes it."""
    data = data or {}
    groups = {name: tuple(names) for name, names in (data.get("groups") or {}).items()}
    return Scope(tuple(data.get("sectors") or ()), groups)


def declared_by(results: Results) -> DataDeclarations:
    """What the data card and the schema of a run declare."""
    if not results.has("data"):
        return DataDeclarations()
    attributes = results.schema.attributes_of("person")
    return DataDeclarations(
        sector=str(results.card.get("sector") or ""),
        groups=frozenset(
            name.lower() for attribute in attributes for name in (attribute.name, attribute.label)
        ),
    )


def applicability(scope: Scope, declared: DataDeclarations) -> Applicability:
    """How a row stands to the data that a run is about."""
    lacks: list[Message] = []
    sectors = list(scope.sectors)
    if sectors and not declared.sector:
        lacks.append(message("compliance.lacks.sector", key="dataset.sector", sectors=sectors))
    elif sectors and declared.sector not in sectors:
        return Applicability(
            message("compliance.other_sector", sectors=sectors, declared=declared.sector)
        )
    lacks += [
        message("compliance.lacks.groups", group=label)
        for label, names in scope.groups.items()
        if not declared.groups & {name.lower() for name in names}
    ]
    return Applicability(lacks=tuple(lacks))
