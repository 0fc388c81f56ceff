"""Artifacts for tests that are about one or two of their fields: the others are plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split

COLOURS = tuple(Category(str(k), name) for k, name in enumerate(["red", "green", "blue"]))
TARGET = Target("y", "y", ("no", "yes"), favourable=0)
NUMBER = Target("y", "y", ("y",), explained=0, task="regression", unit="€")


class Answers:
    """A classifier of two classes: a function of (row, column) inputs gives the chance of the last.

    calls : how many rows it was asked about.
    """

    name, module, capabilities = "answers", None, frozenset[Any]()

    def __init__(self, chances: Callable[[Any], np.ndarray], schema: Schema | None = None) -> None:
        self.chances, self.schema, self.calls = chances, schema, 0

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        self.calls += len(rows)
        p = self.chances(rows)
        return np.column_stack([1 - p, p])


def logistic(score: Any) -> Any:
    """The probability of these log-odds."""
    return 1 / (1 + np.exp(-score))


def table(*names: str, target: Target = TARGET, **fields: Any) -> Schema:
    """The schema of numbers with these names."""
    return Schema(tuple(Feature(name, name, "numeric") for name in names), target, **fields)


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
