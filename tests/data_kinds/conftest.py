"""One small data set of every kind, and a fifth kind that exists only here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import (
    Category,
    Feature,
    Layout,
    Schema,
    Target,
    as_vocabulary,
)
from deepseek_report.data_kinds import KINDS
from deepseek_report.data_kinds.base import DataKind, Disturbance, Structure

TARGET = Target("y", "y", ("no", "yes"), 0, 1)


class Basket(DataKind):
    """Sets of at most so many articles, in any order; one that is taken away leaves a gap."""

    name: ClassVar[str] = "basket"
    structure: ClassVar[Structure] = "tokens"
    views: ClassVar[tuple[str, ...]] = ("shelf",)
    axes: ClassVar[tuple[str, ...]] = ("article",)
    quotes: ClassVar[bool] = True
    player: ClassVar[str] = "article"
    becomes: ClassVar[str] = "taken out"

    def present(self, rows: Floats) -> Bools:
        return self.known(rows)

    def baseline(self, rows: Floats, train: Floats) -> Floats:
        return np.full(rows.shape, np.nan)

    def distances(self, rows: Floats, train: Floats) -> list[Floats]:
        """One minus the share of articles in common (Jaccard)."""
        return [np.array([1 - _shared(row, other) for other in train]) for row in rows]

    def disturbances(self) -> tuple[Disturbance, ...]:
        return (Disturbance("lose", "articles taken out", "missing", self._lose),)

    def _lose(
        self, inputs: Floats, train: Floats, level: float, rng: np.random.Generator
    ) -> Floats:
        return np.where(rng.random(inputs.shape) < level, np.nan, inputs)

    def nudged(
        self, inputs: Floats, train: Floats, radius: float, count: int, rng: np.random.Generator
    ) -> list[Floats]:
        return [self._lose(inputs, train, 1 / inputs.shape[1], rng) for _ in range(count)]

    def words(self, part: str) -> str:
        return f"the {part} of baskets"

    def nudging(self, radius: float) -> str:
        return "one article taken out on average"

    def display(self, row: Floats, player: int) -> str:
        return self.schema.features[player].display(float(row[player]))

    def mention(self, label: str, display: str) -> tuple[str, str]:
        return self.quoted(display), label

    def summary(self) -> str:
        return f"Baskets of up to {self.shape[0]} articles"


def _shared(first: Floats, second: Floats) -> float:
    a, b = set(first[~np.isnan(first)]), set(second[~np.isnan(second)])
    return len(a & b) / max(len(a | b), 1)


def _table() -> Schema:
    colours = (Category("r", "red"), Category("g", "green"))
    features = (
        Feature("age", "Age", "numeric", unit="years"),
        Feature("colour", "Colour", "categorical", categories=colours),
        Feature("income", "Income", "numeric"),
    )
    return Schema(features, TARGET)


def _baskets() -> Schema:
    articles = as_vocabulary([f"article {k}" for k in range(10)])
    places = range(6)
    features = tuple(Feature(f"p{j}", f"place {j}", "token", categories=articles) for j in places)
    labels = tuple(f"place {j + 1}" for j in places)
    return Schema(
        features, TARGET, layout=Layout("basket", (6,), tuple((j,) for j in places), labels)
    )


@dataclass(frozen=True)
class Sample:
    """A schema with inputs of its kind."""

    schema: Schema
    train: Floats
    inputs: Floats


def _inputs(schema: Schema, n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    columns = [_column(feature, n, rng) for feature in schema.features]
    inputs = np.stack(columns, axis=1)
    if not schema.features[0].is_numeric:  # tokens: some inputs end before the last place
        inputs[rng.random(n) < 0.5, -2:] = np.nan
    return inputs


def _column(feature: Feature, n: int, rng: np.random.Generator) -> Floats:
    if feature.is_numeric:
        return rng.normal(size=n)
    low = 4 if len(feature.categories) > 4 else 0
    return rng.integers(low, len(feature.categories), n).astype(np.float64)


@pytest.fixture(params=["table", "text", "image", "series", "basket"])
def sample(
    request: pytest.FixtureRequest,
    layout_schema: Callable[..., Schema],
    monkeypatch: pytest.MonkeyPatch,
) -> Sample:
    """Small data of each kind, the throw-away one included."""
    monkeypatch.setitem(KINDS, "basket", Basket)
    own = {"table": _table, "basket": _baskets}
    schema = own[request.param]() if request.param in own else layout_schema(request.param)
    return Sample(schema, _inputs(schema, 60, 0), _inputs(schema, 12, 1))
