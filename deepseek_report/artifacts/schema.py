"""What the columns of a data set mean, so that people read values and models read numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.message import as_tuples, message
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.errors import ArtifactError, NotApplicableError

Kind = Literal["numeric", "ordinal", "categorical", "token"]
#: Name of a kind of data: table, text, image, series; what it means is in `data_kinds`.
Modality = str
#: What is predicted: one of several classes, a number, or any subset of several labels.
TaskName = Literal["classification", "regression", "multi_label"]
#: What an attribute cuts the data into: groups of people, or other parts (sites, machines, topics).
AttributeKind = Literal["person", "other"]
#: Which way a person can move a value: to higher numbers or later categories, to lower, or both.
Direction = Literal["increase", "decrease", "either"]
ALL_TASKS: frozenset[TaskName] = frozenset(get_args(TaskName))
#: Tasks where something is decided: each of several labels is reported as two classes.
CLASS_TASKS: frozenset[TaskName] = frozenset({"classification", "multi_label"})
NUMBER_TASKS: frozenset[TaskName] = frozenset({"regression"})
LABEL_TASKS: frozenset[TaskName] = frozenset({"multi_label"})


#: Kinds of attributes that a part may need to compare by.
PEOPLE: frozenset[AttributeKind] = frozenset({"person"})
PARTS: frozenset[AttributeKind] = frozenset({"other"})
#: What the level is called of instances of which nobody knows it.
UNKNOWN = "unknown"
#: The attribute that the package makes of texts.
LENGTH_BAND = "length_band"
#: Joins the names and the levels of two attributes that are crossed.
CROSS = " × "

#: Who says which class is favourable: the config of the person, or the data set's own module.
Declarer = Literal["config", "data set"]
#: Why nothing is concluded on groups of people where nobody says which class is good for them.
NOT_JUDGED = message("refusals.not_judged")


@dataclass(frozen=True)
class Category:
    """One value that an ordinal or categorical feature can take.

    `code` is the value in the source file, `label` what a person reads, and `documented` says
    whether the source's code book knows the code.
    """

    code: str
    label: str
    documented: bool = True


def readable_name(name: str) -> str:
    """The label of a column for which none is declared.

    >>> readable_name("years_employed")
    'years employed'
    """
    return " ".join(name.replace("_", " ").split()) or name


@dataclass(frozen=True)
class Feature:
    """One input column.

    Numeric features are stored in their own unit. Ordinal and categorical features are stored as
    the *position* (0, 1, …) of the value in `categories`. NaN means missing in both. A token is a
    place in a text: its categories are the vocabulary, one tuple that all places share, and NaN
    means that the text has ended.

    mutable : it is declared that the person concerned can change it. direction : which way, as
    values are stored. step : the smallest change that makes sense, in the feature's unit, or None
    where nobody says.
    """

    name: str
    label: str
    kind: Kind
    unit: str | None = None
    categories: tuple[Category, ...] = ()
    sensitive: bool = False
    mutable: bool = False
    description: str = ""
    direction: Direction = "either"
    step: float | None = None

    @property
    def is_numeric(self) -> bool:
        return self.kind == "numeric"

    @property
    def is_token(self) -> bool:
        """Whether it is a place in a text."""
        return self.kind == "token"

    @property
    def is_named_as_in_data(self) -> bool:
        """Whether people read the name of the column, since nobody gives it a label."""
        return self.label == readable_name(self.name)

    @property
    def can_move(self) -> bool:
        """Whether a change of it may be proposed: never of what groups of people are made of."""
        return self.mutable and not self.sensitive

    @property
    def own_categories(self) -> tuple[Category, ...]:
        """Its categories, but not the vocabulary that all places of a text share."""
        return () if self.is_token else self.categories

    def renamed(self, naming: Callable[[str], str]) -> Feature:
        """The feature with other names for people; the words of a text stay."""
        own = tuple(replace(each, label=naming(each.label)) for each in self.own_categories)
        unit = self.unit and naming(self.unit)
        return replace(self, label=naming(self.label), unit=unit, categories=own or self.categories)

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

    `source` is the feature it was made from, or None if the model never sees it. `kind` says
    whether the levels are groups of people, to whom law and measures of unequal treatment apply, or
    other parts of the data (a site, a machine, the length of a text), where the model may only do
    better or worse. `in_time` says that the levels are periods, the earliest first. `partial` says
    that some instances are of no level by nature, as a sound piece has no kind of defect: else an
    instance without a level is one of which nobody knows it.
    """

    name: str
    label: str
    levels: tuple[str, ...]
    source: str | None = None
    kind: AttributeKind = "person"
    in_time: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Target:
    """What is predicted.

    classification : `classes` are names for people ("no default", "default"), `codes` the values
        of the source that they stand for; `favourable` is the position of the class that is good
        for the person concerned, as `favourable_by` declares it, or None where nobody does, since
        it is never guessed; `explained` the position of the class whose probability the
        explanations are about.
    regression : a number in `unit`; `classes` holds the one name of it, and `explained` is 0.
    multi_label : each of `labels` is given or not. The report is about one of them, `label_index`:
        `classes` are "without" and "with" it, and `explained` is 1.
    """

    name: str
    label: str
    classes: tuple[str, ...]
    favourable: int | None = None
    explained: int = 1
    labels_are_decisions: bool = False
    task: TaskName = "classification"
    unit: str | None = None
    labels: tuple[str, ...] = ()
    label_index: int = 0
    codes: tuple[str, ...] = ()
    favourable_by: Declarer = "data set"

    def renamed(self, naming: Callable[[str], str]) -> Target:
        """The target with other names for people."""
        return replace(
            self,
            label=naming(self.label),
            classes=tuple(map(naming, self.classes)),
            unit=self.unit and naming(self.unit),
            labels=tuple(map(naming, self.labels)),
        )

    @property
    def by_code(self) -> list[int]:
        """Positions of the classes in the order of their codes, which no declaration moves.

        Whatever is drawn for one class after the other is drawn in this order.
        """
        return sorted(range(len(self.classes)), key=lambda i: self.codes[i : i + 1])

    @property
    def explained_class(self) -> str:
        return self.classes[self.explained]

    @property
    def declared_favourable(self) -> int:
        """Position of the favourable class; raises NotApplicableError: nobody declares it."""
        if self.favourable is None:
            raise NotApplicableError(NOT_JUDGED)
        return self.favourable

    @property
    def favourable_class(self) -> str:
        """Name of the favourable class; raises as `declared_favourable` does."""
        return self.classes[self.declared_favourable]

    @property
    def counted_class(self) -> int:
        """Position of the class whose share of all decisions is told: the favourable one.

        The explained one where nobody declares which class is favourable.
        """
        return self.explained if self.favourable is None else self.favourable

    @property
    def is_judged(self) -> bool:
        """Whether decisions can be called favourable, so that groups of people can be judged."""
        return self.favourable is not None

    @property
    def is_number(self) -> bool:
        return self.task in NUMBER_TASKS


@dataclass(frozen=True)
class Layout:
    """How the columns of a text, an image or a series are arranged, and what is explained as one.

    shape : text (place,), image (row, column, channel), series (step, channel); the columns are in
        C order, so that `inputs.reshape(-1, *shape)` undoes the flattening.
    players : positions of the columns that belong together (a patch, a window, a word), each
        column in exactly one; methods that take features away take a player away at once.
    player_labels : what a person calls them ("rows 1–4 × columns 5–8", "steps 12–22", "word 3").
    mask : text only: position in the vocabulary of the token that stands for "taken away".
    channels : image and series: what the channels are called, in the order of the last axis.
    """

    modality: Modality
    shape: tuple[int, ...]
    players: tuple[tuple[int, ...], ...]
    player_labels: tuple[str, ...]
    mask: int | None = None
    channels: tuple[str, ...] = ()

    @cached_property
    def owners(self) -> Ints:
        """(column,) position of the player that it belongs to."""
        owners = np.full(math.prod(self.shape), -1, dtype=np.int64)
        for player, columns in enumerate(self.players):
            owners[list(columns)] = player
        return owners

    def channel(self, position: int) -> str:
        """What a channel is called; its number, from 1, where the data do not name it."""
        return self.channels[position] if self.channels else str(position + 1)


@dataclass(frozen=True)
class Schema:
    """The features in column order, the target, the attributes to compare groups by, the layout.

    relations : what is declared to hold between the features of every row of a table, in the
        grammar of `data_kinds/row_conditions.py`: `paid <= owed`.
    """

    features: tuple[Feature, ...]
    target: Target
    attributes: tuple[Attribute, ...] = ()
    layout: Layout | None = None
    relations: tuple[str, ...] = ()

    @property
    def modality(self) -> Modality:
        return self.layout.modality if self.layout else "table"

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @property
    def labels(self) -> list[str]:
        return [feature.label for feature in self.features]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The tokens of a text, position by position; empty for other data."""
        tokens = (feature.categories for feature in self.features if feature.is_token)
        return tuple(token.label for token in next(tokens, ()))

    @property
    def player_labels(self) -> list[str]:
        """What the players are called; in a table every feature is one."""
        return list(self.layout.player_labels) if self.layout else self.labels

    @cached_property
    def owners(self) -> Ints:
        """(feature,) position of the player that it belongs to."""
        return self.layout.owners if self.layout else np.arange(len(self.features))

    def position(self, name: str) -> int:
        return self.names.index(name)

    @property
    def positions(self) -> dict[str, int]:
        """{label or name of a feature: its position}; what is both is taken as the name."""
        by_label = {feature.label: place for place, feature in enumerate(self.features)}
        return by_label | {feature.name: place for place, feature in enumerate(self.features)}

    def feature(self, name: str) -> Feature:
        return self.features[self.position(name)]

    def attributes_of(self, kind: AttributeKind) -> list[Attribute]:
        """The attributes that group people, or those that cut the data into other parts."""
        return [attribute for attribute in self.attributes if attribute.kind == kind]

    def attribute(self, name: str) -> Attribute:
        return next(attribute for attribute in self.attributes if attribute.name == name)

    @cached_property
    def own_names(self) -> frozenset[str]:
        """What the data call their columns, values, units, classes, groups and channels.

        Players, places and bands of numbers are called by the package, and the words of texts are
        no names.
        """
        names: set[str] = set()
        named = replace(
            self,
            features=() if self.layout else self.features,
            attributes=tuple(
                replace(attribute, levels=()) if self._is_banded(attribute) else attribute
                for attribute in self.attributes
            ),
            layout=self.layout and replace(self.layout, player_labels=()),
        )
        named.renamed(lambda name: names.add(name) or name)  # type: ignore[func-returns-value]
        return frozenset(names | {feature.unit for feature in self.features if feature.unit})

    @property
    def undeclared_labels(self) -> frozenset[str]:
        """Labels of columns for which nobody declared one: the name that the file has."""
        named: list[Feature | Attribute | Target] = [*self.features, *self.attributes, self.target]
        return frozenset(each.label for each in named if each.label == readable_name(each.name))

    def _is_banded(self, attribute: Attribute) -> bool:
        """Whether the levels of an attribute are bands of a number, which the package names."""
        if attribute.source is None:
            return attribute.name == LENGTH_BAND
        return attribute.source in self.names and self.feature(attribute.source).is_numeric

    def renamed(self, naming: Callable[[str], str]) -> Schema:
        """The schema with other names for people; keys and the words of texts stay."""
        layout = self.layout and replace(
            self.layout,
            player_labels=tuple(map(naming, self.layout.player_labels)),
            channels=tuple(map(naming, self.layout.channels)),
        )
        attributes = tuple(
            replace(each, label=naming(each.label), levels=tuple(map(naming, each.levels)))
            for each in self.attributes
        )
        features = tuple(feature.renamed(naming) for feature in self.features)
        target = self.target.renamed(naming)
        return Schema(features, target, attributes, layout, self.relations)

    def to_json(self) -> dict[str, object]:
        """Plain data; the vocabulary, which all places of a text share, is written once."""
        features = [
            {name: value for name, value in vars(feature).items() if name != "categories"}
            | {"categories": [asdict(category) for category in feature.own_categories]}
            for feature in self.features
        ]
        return {
            "features": features,
            "vocabulary": list(self.vocabulary),
            "target": asdict(self.target),
            "attributes": [asdict(attribute) for attribute in self.attributes],
            "layout": asdict(self.layout) if self.layout else None,
            "relations": list(self.relations),
        }

    @classmethod
    def load(cls, folder: Path) -> Schema:
        """The schema of stored data.

        Raises ArtifactError: it is not there, or what lies there describes no columns.
        """
        file = folder / "schema.json"
        try:
            return cls.from_json(load_json(file))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise ArtifactError(
                f"{file}: damaged, since it describes no columns ({reason}); remove the folder "
                "that it lies in, and run again"
            ) from None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        record = as_tuples(dict(data))
        tokens, stored = as_vocabulary(record.get("vocabulary", ())), record.get("layout")
        features = []
        for plain in record["features"]:
            own = tuple(Category(**category) for category in plain.pop("categories"))
            feature = Feature(**plain, categories=own)
            features.append(replace(feature, categories=tokens) if feature.is_token else feature)
        return cls(
            features=tuple(features),
            target=Target(**record["target"]),
            attributes=tuple(Attribute(**attribute) for attribute in record["attributes"]),
            layout=Layout(**stored) if stored else None,
            relations=record.get("relations", ()),
        )


def as_vocabulary(tokens: Sequence[str]) -> tuple[Category, ...]:
    """Tokens as the categories of a token feature; share the result between all places."""
    return tuple(Category(token, token) for token in tokens)
