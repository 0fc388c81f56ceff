"""Artifacts for tests that are about one or two of their fields: the others are plain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import (
    Category,
    Feature,
    Layout,
    Modality,
    Schema,
    Target,
    as_vocabulary,
)
from deepseek_report.artifacts.split import Dataset, Split

COLOURS = tuple(Category(str(k), name) for k, name in enumerate(["red", "green", "blue"]))
TARGET = Target("y", "y", ("no", "yes"), favourable=0)
NUMBER = Target("y", "y", ("y",), explained=0, task="regression", unit="€")


class Answers(Classifier):
    """A model whose answers are a function of (row, column) inputs.

    answers : gives the chance of the last of two classes, (row, class) probabilities, or numbers
        where the target is one. calls : how many rows it was asked about.
    """

    name, module, capabilities = "answers", None, frozenset[Any]()
    trees: Any = None

    def __init__(self, answers: Callable[[Any], Any], schema: Schema | None = None) -> None:
        self.answers, self.schema, self.calls = answers, schema, 0

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        self.calls += len(rows)
        answers = self.answers(rows)
        if answers.ndim > 1:
            return answers
        is_number = self.schema is not None and self.schema.target.is_number
        return answers[:, None] if is_number else np.column_stack([1 - answers, answers])

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """The logarithms of the probabilities; a number as it is."""
        answers = self.probabilities(rows)
        return answers if answers.shape[1] == 1 else np.log(answers)


def logistic(score: Any) -> Any:
    """The probability of these log-odds."""
    return 1 / (1 + np.exp(-score))


def numeric(*names: str, **fields: Any) -> tuple[Feature, ...]:
    """Numbers that are called by their names."""
    return tuple(Feature(name, name, "numeric", **fields) for name in names)


def numbered(count: int) -> tuple[str, ...]:
    """The names `x0`, `x1` and so on."""
    return tuple(f"x{k}" for k in range(count))


def table(*names: str, target: Target = TARGET, **fields: Any) -> Schema:
    """The schema of numbers with these names."""
    return Schema(numeric(*names), target, **fields)


def of_classes(count: int, **fields: Any) -> Target:
    """A target with the classes `class 0`, `class 1` and so on."""
    return Target("y", "y", tuple(f"class {k}" for k in range(count)), **fields)


def laid_out(
    modality: Modality,
    *shape: int,
    players: Sequence[Sequence[int]] = (),
    words: Sequence[str] = (),
    target: Target = TARGET,
    **layout: Any,
) -> Schema:
    """The schema of a text of these words, an image or a series.

    players : the columns of each; by default every column is one.
    """
    columns = range(math.prod(shape))
    kind = {"kind": "token", "categories": as_vocabulary(words)} if words else {"kind": "numeric"}
    features = tuple(Feature(f"c{k}", f"column {k}", **kind) for k in columns)
    owned = tuple(map(tuple, players)) or tuple((k,) for k in columns)
    labels = tuple(f"part {k + 1}" for k in range(len(owned)))
    known = {"players": owned, "player_labels": labels, **layout}
    return Schema(features, target, layout=Layout(modality, shape, **known))


def patches(side: int, patch: int, channels: int = 1) -> list[list[int]]:
    """The columns of each square patch of a square image."""
    places = np.arange(side * side * channels).reshape(side, side, channels)
    starts = range(0, side, patch)
    return [
        places[top : top + patch, left : left + patch].ravel().tolist()
        for top in starts
        for left in starts
    ]


def dataset(schema: Schema, *parts: Split, **fields: Any) -> Dataset:
    """The data of training, validation and test part, or of one that stands for all."""
    train, validation, test = parts if len(parts) > 1 else parts * 3
    return Dataset(schema, train, validation, test, **{"card": {}, **fields})


def explanation(values: np.ndarray, inputs: np.ndarray, **fields: Any) -> Explanation:
    """Of (instance, feature) inputs, the first ones of the test part."""
    n = len(values)
    known = {"method": "shap", "variant": "", "target": 1, "output_space": "probability", "seed": 0}
    names = tuple(f"x{k}" for k in range(inputs.shape[1]))
    arrays = {"predictions": np.zeros(n), "positions": np.arange(n), "feature_names": names}
    settings: dict[str, Any] = {**known, "n_model_calls": 0, **arrays, **fields}
    return Explanation(values=values, inputs=inputs, **settings)


def predictions(
    answers: np.ndarray, rows: Split, threshold: float | None = 0.5, **fields: Any
) -> Predictions:
    """Of the rows: (instance,) or (instance, class) probabilities, or (instance, 1) numbers.

    Without a threshold the most probable class is decided.
    """
    answers = np.column_stack([1 - answers, answers]) if answers.ndim == 1 else answers
    n, classes = answers.shape
    if classes == 1:
        made = {"logits": answers, "probabilities": np.zeros((n, 0)), "explained": 0}
        threshold, decided = None, np.zeros(n, dtype=np.int64)
    else:
        made = {"probabilities": answers, "explained": classes - 1}
        made["logits"] = np.log(np.clip(answers, 1e-300, None))
        decided = answers.argmax(axis=1)
        if threshold is not None:
            decided = (answers[:, -1] >= threshold).astype(np.int64)
    made |= {"labels": rows.labels, "instance_ids": rows.instance_ids, "groups": rows.groups}
    made |= {"decisions": decided, "threshold": threshold, "rule": "declared"}
    return Predictions(**{**made, **fields})


def context(data: Dataset, classifier: Any = None, **fields: Any) -> MeasureContext:
    """What a metric may use: all test rows are explained, 20 training rows are the background.

    classifier : whose answers are the predictions, at a threshold of one half; none without it.
    """
    known = dict.fromkeys(("predictions", "validation_predictions"))
    if classifier is not None and "predictions" not in fields:
        parts = (data.test, data.validation)
        made = [predictions(classifier.probabilities(part.inputs), part) for part in parts]
        known = dict(zip(known, made, strict=True))
    cases = Cases(np.arange(len(data.test)), {})
    plain = {"cases": cases, "seed": 0, "background": data.train.inputs[:20], **known, **fields}
    return MeasureContext(dataset=data, classifier=classifier, **plain)


def value_of(measured: Measurement, metric: str) -> float:
    """The value of the first score of this name."""
    return next(score.value for score in measured.scores if score.metric == metric)
