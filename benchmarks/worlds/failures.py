"""Conclusions on where a model fails, in worlds whose truth is known.

Labels are drawn from known probabilities, and the model states these probabilities, or what the
world makes of them. Metrics and rules run on them as in a run; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.performance.threshold_choice import choose_threshold
from deepseek_report.tasks.decisions import decide

NUMBERS = 6
COLOURS, REGIONS = 4, 5
#: Shares of the levels of the attribute that the model does not see.
GROUPS = (0.5, 0.29, 0.12, 0.06, 0.03)


def schema() -> Schema:
    """Six numbers, two categories, an attribute of people with small levels; two classes."""
    numbers = tuple(Feature(f"x{j}", f"amount {j}", "numeric") for j in range(NUMBERS))

    def categorical(name: str, levels: int) -> Feature:
        codes = tuple(Category(str(k), f"{name} {k}") for k in range(levels))
        return Feature(name, name, "categorical", categories=codes)

    levels = tuple(f"group {k}" for k in range(len(GROUPS)))
    return Schema(
        (*numbers, categorical("colour", COLOURS), categorical("region", REGIONS)),
        Target("late", "late", ("paid", "late"), favourable=0, explained=1),
        (Attribute("origin", "Origin", levels),),
    )


@dataclass(frozen=True)
class World:
    """Cases with their true chances, and what is stated of them.

    inputs : (instance, feature). groups : (instance,). chances : (instance,) true probability of
    the second class. stated : (instance,) what the model says. labels : (instance,).
    """

    inputs: Floats
    groups: Ints
    chances: Floats
    stated: Floats
    labels: Ints

    @property
    def truths(self) -> Bools:
        return np.asarray(self.labels == 1)

    def with_chances(self, chances: Floats, rng: np.random.Generator) -> World:
        """The same model where the truth is another one."""
        labels = (rng.random(len(chances)) < chances).astype(np.int64)
        return replace(self, chances=chances, labels=labels)


def logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))


def world(n: int, rng: np.random.Generator, sharpness: float = 1.2) -> World:
    """A calibrated model whose log-odds have this standard deviation, about 27 % positive."""
    numbers = rng.normal(size=(n, NUMBERS))
    colour, region = rng.integers(0, COLOURS, n), rng.integers(0, REGIONS, n)
    signal = numbers @ np.array([1.0, 0.7, 0.5, 0.3, 0.0, 0.0])
    signal = signal + 0.4 * numbers[:, 0] * numbers[:, 1]
    signal = signal + 0.5 * (colour == 1) - 0.3 * (region == 2)
    chances = logistic(-1.2 + sharpness * (signal - signal.mean()) / signal.std())
    groups = rng.choice(len(GROUPS), size=n, p=GROUPS)
    labels = (rng.random(n) < chances).astype(np.int64)
    return World(np.column_stack([numbers, colour, region]), groups, chances, chances, labels)


def predictions(of: World, threshold: float) -> Predictions:
    """What the model says of these cases, decided at a threshold."""
    p = np.column_stack([1 - of.stated, of.stated])
    n = len(of.labels)
    return Predictions(
        logits=np.log(np.clip(p, 1e-12, 1)),
        probabilities=p,
        labels=of.labels,
        instance_ids=np.arange(n),
        decisions=decide(p, threshold, 1),
        threshold=threshold,
        rule="declared",
        explained=1,
        groups={"origin": of.groups},
    )


def context(test: World, validation: World, seed: int) -> MeasureContext:
    """What a metric gets; training and validation part are one and the same."""
    threshold = choose_threshold("balanced_accuracy", validation.stated, validation.truths)
    parts = [
        Split(of.inputs, of.labels, np.arange(len(of.labels)), {"origin": of.groups})
        for of in (validation, validation, test)
    ]
    return MeasureContext(
        dataset=Dataset(schema(), *parts, card={}),
        predictions=predictions(test, threshold),
        validation_predictions=predictions(validation, threshold),
        cases=Cases(np.arange(3), {}),
        classifier=None,  # type: ignore[arg-type]
        seed=seed,
        background=validation.inputs[:5],
    )


#: From a world to one with something planted.
Plant = Callable[[World, np.random.Generator], World]


def opposite_rule(level: int) -> Plant:
    """For people of one level the chances are turned about."""

    def planted(of: World, rng: np.random.Generator) -> World:
        turned = np.where(of.groups == level, 1 - of.chances, of.chances)
        return of.with_chances(turned, rng)

    return planted


def noisy(inside: Callable[[World], Bools], share: float) -> Plant:
    """In a part of the data this share of the labels is flipped."""

    def planted(of: World, rng: np.random.Generator) -> World:
        flipped = (rng.random(len(of.labels)) < share) & inside(of)
        return replace(of, labels=np.where(flipped, 1 - of.labels, of.labels))

    return planted


def corner(of: World) -> Bools:
    """A slice of two conditions that holds 5 % of the cases."""
    return np.asarray((of.inputs[:, NUMBERS + 1] == 3) & (of.inputs[:, 4] > 0.6745))
