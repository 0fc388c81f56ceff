"""What the columns of a data set mean, so that people read values and models read numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from deepseek_report.artifacts.numbers import quantity

Kind = Literal["numeric", "ordinal", "categorical"]


@dataclass(frozen=True)
class Category:
    """One value that an ordinal or categorical feature can take.

    `code` is the value in the source file, `label` what a person reads, and `documented` says
    whether the source's code book knows the code.
    """

    code: str
    label: str
    documented: bool = True


@dataclass(frozen=True)
class Feature:
    """One input column.

    Numeric features are stored in their own unit. Ordinal and categorical features are stored as
    the *position* (0, 1, …) of the value in `categories`. NaN means missing in both.
    """

    name: str
    label: str
    kind: Kind
    unit: str | None = None
    categories: tuple[Category, ...] = ()
    sensitive: bool = False
    mutable: bool = True
    description: str = ""

    @property
    def is_numeric(self) -> bool:
        return self.kind == "numeric"

    def display(self, value: float) -> str:
        """The value as a person writes it: `"2 months late"`, `"NT$ 50 000"`, `"missing"`."""
        if math.isnan(value):
            return "missing"
        if self.is_numeric:
            return quantity(value, self.unit)
        return self.categories[int(value)].label


@dataclass(frozen=True)
class Attribute:
    """A grouping of instances by which outcomes are compared, such as sex or age band.

    `source` is the feature it was made from, or None if the model never sees it.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    source: str | None = None


@dataclass(frozen=True)
class Target:
    """What is predicted.

    `classes` are names for people ("no default", "default"); `favourable` is the position of the
    class that is good for the person concerned; `explained` the position of the class whose
    probability the explanations are about.
    """

    name: str
    label: str
    classes: tuple[str, ...]
    favourable: int
    explained: int = 1
    labels_are_decisions: bool = False

    @property
    def explained_class(self) -> str:
        return self.classes[self.explained]

    @property
    def favourable_class(self) -> str:
        return self.classes[self.favourable]


@dataclass(frozen=True)
class Schema:
    """The features in column order, the target, and the attributes to compare groups by."""

    features: tuple[Feature, ...]
    target: Target
    attributes: tuple[Attribute, ...] = ()

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def labels(self) -> list[str]:
        return [feature.label for feature in self.features]

    def position(self, name: str) -> int:
        return self.names.index(name)

    def feature(self, name: str) -> Feature:
        return self.features[self.position(name)]

    def attribute(self, name: str) -> Attribute:
        return next(one for one in self.attributes if one.name == name)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        return cls(
            features=tuple(
                Feature(**{**one, "categories": tuple(Category(**c) for c in one["categories"])})
                for one in data["features"]
            ),
            target=Target(**{**data["target"], "classes": tuple(data["target"]["classes"])}),
            attributes=tuple(
                Attribute(**{**one, "levels": tuple(one["levels"])}) for one in data["attributes"]
            ),
        )
