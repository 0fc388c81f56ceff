"""A small data set with groups, and a plain classifier of it, for the metrics of the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy.special import softmax

from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from tests.builders import COLOURS, Answers, context, dataset, numeric, predictions


def linear(inputs: np.ndarray, classes: int) -> np.ndarray:
    """(row, class) softmax of the first two features; a missing value counts as 0."""
    x = np.nan_to_num(inputs)
    signal = 0.05 * (x[:, 0] - 50) + 0.8 * (x[:, 1] == 2)
    steps = np.arange(classes) - 0.5
    return softmax(signal[:, None] * steps - 0.3 * steps**2, axis=1)


def toy_schema(n_classes: int) -> Schema:
    classes = ("repaid", "default") if n_classes == 2 else ("repaid", "late", "default")
    return Schema(
        features=(
            Feature("amount", "loan amount", "numeric", mutable=True, unit="€"),
            Feature("colour", "colour", "categorical", categories=COLOURS, mutable=True),
            *numeric("noise", mutable=True),
        ),
        target=Target("default", "default", classes, favourable=0, explained=n_classes - 1),
        attributes=(
            Attribute("sex", "sex", ("male", "female")),
            Attribute("region", "region", ("north", "south", "west"), source="colour"),
        ),
    )


def _split(classifier: Answers, n: int, first: int, rng: np.random.Generator) -> Split:
    sex = rng.integers(0, 2, n)
    colour = rng.integers(0, 3, n)
    amount = np.round(rng.normal(50 + 6 * sex, 20, n))
    inputs = np.column_stack([amount, colour, rng.normal(size=n)]).astype(np.float64)
    chances = classifier.probabilities(inputs).cumsum(axis=1)
    labels = (rng.random(n)[:, None] > chances).sum(axis=1)
    region = np.where(rng.random(n) < 0.9, colour, -1)
    ids = np.arange(first, first + n)
    return Split(inputs, labels.astype(np.int64), ids, {"sex": sex, "region": region})


@pytest.fixture(scope="session")
def toy() -> Callable[..., MeasureContext]:
    """Builds the context for two or more classes; the same arguments give the same rows."""

    def build(n_classes: int = 2, n: int = 600, seed: int = 0) -> MeasureContext:
        rng = np.random.default_rng(seed)
        schema = toy_schema(n_classes)
        classifier = Answers(partial(linear, classes=n_classes), schema)
        threshold = 0.45 if n_classes == 2 else None
        train, validation, test = (
            _split(classifier, size, first, rng)
            for size, first in ((2 * n, 0), (n, 2 * n), (n, 3 * n))
        )
        made = {
            name: predictions(classifier.probabilities(part.inputs), part, threshold)
            for name, part in (("predictions", test), ("validation_predictions", validation))
        }
        cases, background = Cases(np.arange(40), {}), train.inputs[:50]
        data = dataset(schema, train, validation, test)
        return context(data, classifier, **made, cases=cases, seed=seed, background=background)

    return build
