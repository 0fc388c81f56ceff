"""To which use a requirement speaks: what is decided, where, about whom, and by what kind of model.

What decisions are about is declared with the data (`dataset.sector`), as it is a fact of them;
where they are made with the report (`report.places`), as one model can be used in several places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.sections import Fit
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.problems import nearest_name
from deepseek_report.wording.words import wording

#: Where a run declares what decisions are about, and where they are made.
SECTOR, PLACES = "dataset.sector", "report.places"
#: Other usual codes of a place, and what YAML makes of Norway's.
_SPELLINGS = {"GB": "UK", "FALSE": "NO"}


@cache
def _members() -> Mapping[str, tuple[str, ...]]:
    """{place: places within it}, as `_places.yaml` has it; "" holds those that lie in no other."""
    file = shipped("templates") / "frameworks" / "_places.yaml"
    return {place: tuple(inside) for place, inside in bounded_yaml.load(file).items()}


@cache
def place_codes() -> frozenset[str]:
    """The codes of all places that can be declared."""
    return frozenset(place for inside in _members().values() for place in inside)


def is_within(place: str, other: str) -> bool:
    """Whether a place is another one, or lies in it, however deep."""
    inside = _members().get(other, ())
    return place == other or any(is_within(place, below) for below in inside)


def place_code(code: object) -> str:
    """The code of a place that a person wrote; ValueError says what is allowed where it is none."""
    text = str(code).strip()
    upper = _SPELLINGS.get(text.upper(), text.upper())
    if upper in place_codes():
        return upper
    labels = {wording().label("places", place): place for place in sorted(place_codes())}
    near = nearest_name(text.title(), labels)
    code = labels[near] if near else nearest_name(upper, place_codes())
    meant = f"; did you mean {code} ({wording().label('places', code)})?" if code else ""
    raise ValueError(f"the code of a place, such as EU, DE, US, US-CO, UK or CN{meant}")


#: The code of a place of `_places.yaml`.
Place = Annotated[str, BeforeValidator(place_code)]


@dataclass(frozen=True)
class Scope:
    """To which data a row speaks; empty: to all.

    sectors : the data must be declared as one of these. places : decisions must be made in one of
    these, where it is declared where they are made. groups : {what people call them: names of
    attributes}; the data must have one attribute of each. generates : the row speaks of models that
    generate content, and no run is about one.
    """

    sectors: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    generates: bool = False


@dataclass(frozen=True)
class DataDeclarations:
    """What a run declares: its sector, by what its data group people, and where it decides."""

    sector: str = ""
    groups: frozenset[str] = frozenset()
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Applicability:
    """outside : why the row does not concern these data, or "". lacks : what would be needed."""

    outside: Text = ""
    lacks: tuple[Message, ...] = ()


def read_scope(data: Mapping[str, Any] | None) -> Scope:
    """A scope as a framework file writes it."""
    data = data or {}
    groups = {name: tuple(names) for name, names in (data.get("groups") or {}).items()}
    sectors, places = (tuple(data.get(name) or ()) for name in ("sectors", "places"))
    return Scope(sectors, places, groups, bool(data.get("generates")))


def declared_by(results: Results) -> DataDeclarations:
    """What the data card, the schema and the config of a run declare."""
    places = tuple(results.report.get("places") or ())
    if not results.has("data"):
        return DataDeclarations(places=places)
    attributes = results.schema.attributes_of("person")
    return DataDeclarations(
        sector=str(results.card.get("sector") or ""),
        groups=frozenset(
            name.lower() for attribute in attributes for name in (attribute.name, attribute.label)
        ),
        places=places,
    )


def applicability(scope: Scope, declared: DataDeclarations) -> Applicability:
    """How a row stands to the data that a run is about, and to where it decides."""
    lacks: list[Message] = []
    sectors = list(scope.sectors)
    if scope.generates:
        return Applicability(message("compliance.generates"))
    if declared.places and not _in_force(scope, declared.places):
        values = {"places": list(scope.places), "declared": list(declared.places)}
        return Applicability(message("compliance.other_place", **values))
    if sectors and not declared.sector:
        lacks.append(message("compliance.lacks.sector", key=SECTOR, sectors=sectors))
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


def _in_force(scope: Scope, declared: Sequence[str]) -> list[str]:
    """The declared places in which a scope speaks; of one that names no place, all."""
    named = scope.places
    return [d for d in declared if not named or any(is_within(d, place) for place in named)]


def fit(scope: Scope, declared: DataDeclarations, *, voluntary: bool = False) -> Fit:
    """How a framework stands to what a run declares; voluntary : it binds nobody."""
    inside = _in_force(scope, declared.places)
    reasons = list(_against(scope, declared, inside))
    if reasons:
        why = message("compliance.fit.several", parts=reasons)
        return Fit(False, False, len(reasons) + voluntary == 1, why)
    about = {
        "sectors": [declared.sector] if scope.sectors else [],
        "inside": inside if scope.places else [],
        "places": [p for p in scope.places if any(is_within(d, p) for d in inside)],
    }
    kind = "voluntary" if voluntary else "applies"
    return Fit(not voluntary, voluntary, voluntary, message(f"compliance.fit.{kind}", **about))


def without_law(declared: Sequence[str], scopes: Iterable[Scope]) -> list[str]:
    """The declared places for which in particular none of these scopes is made."""
    named = {place for scope in scopes for place in scope.places}
    return [place for place in declared if place not in named]


def _against(scope: Scope, declared: DataDeclarations, inside: Sequence[str]) -> Iterator[Message]:
    """What stands against a framework that is made for this scope."""
    if scope.places and not inside:
        yield message("compliance.fit.other_place", places=list(scope.places))
    if scope.sectors and declared.sector not in scope.sectors:
        values = {"sectors": list(scope.sectors), "declared": declared.sector, "key": SECTOR}
        yield message("compliance.fit.other_sector", **values)
