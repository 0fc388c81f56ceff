"""Models small enough to be explained by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.modules import LayerTrace
from deepseek_report.artifacts.schema import Category, Feature, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kind_of
from tests.builders import Answers, numbered, numeric, of_classes


def toy_schema(n_numeric: int, n_classes: int = 2, categories: int = 0) -> Schema:
    codes = tuple(Category(str(k), f"c{k}") for k in range(categories))
    coded = [Feature("kind", "kind", "categorical", categories=codes)] if categories else []
    features = (*numeric(*numbered(n_numeric)), *coded)
    return Schema(features, of_classes(n_classes, favourable=0))


def drawn(schema: Schema, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of normal numbers and of even categories."""
    columns = [
        rng.normal(size=count)
        if feature.is_numeric
        else rng.integers(0, len(feature.categories), count).astype(float)
        for feature in schema.features
    ]
    return np.stack(columns, axis=1)


def untrained(model: Any, schema: Schema) -> Any:
    """The classifier of a model that was built and not trained."""
    rng = np.random.default_rng(0)
    inputs = drawn(schema, 60, rng)
    train = Split(inputs, rng.integers(0, len(schema.target.classes), 60), np.arange(60))
    return model.wrap(model.build(schema, train, seed=0).eval(), schema, "cpu")


class ToyClassifier(Answers):
    """Answers by a function of the rows, or by the logits of a module."""

    name, capabilities = "toy", frozenset({"gradients", "attention"})

    def __init__(self, schema: Schema, probability: Any = None, module: Any = None) -> None:
        super().__init__(probability or self._of_module, schema)
        self.module = module

    def _of_module(self, inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            logits = self.module(torch.as_tensor(inputs, dtype=torch.float32)).double().numpy()
        return softmax(logits, axis=1)

    def log_odds(self, inputs: np.ndarray, target: int) -> np.ndarray:
        logits = self.logits(inputs)
        return logits[:, target] - np.logaddexp.reduce(np.delete(logits, target, axis=1), axis=1)


class OddsModule(nn.Module):
    """Two classes by log-odds of (instance, column); every column is a unit, a missing value 0."""

    def __init__(self, odds: Callable[[torch.Tensor], torch.Tensor], columns: int = 3) -> None:
        super().__init__()
        self.odds, self.unit_features = odds, tuple(range(columns))

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.nan_to_num(inputs)[:, :, None]

    def forward_embedded(self, embedded: torch.Tensor) -> torch.Tensor:
        odds = self.odds(embedded[:, :, 0])
        return torch.stack([torch.zeros_like(odds), odds], dim=1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.forward_embedded(self.embed(inputs))


class LinearModule(nn.Module):
    """Logits x W; every feature is a unit of width 1, after a summary unit that is always 1."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.as_tensor(weights, dtype=torch.float32))
        self.unit_features = (-1, *range(len(weights)))
        self.token_columns = ((), *((feature,) for feature in range(len(weights))))

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.ones(len(inputs), 1), inputs], dim=1)[:, :, None]

    def forward_embedded(self, embedded: torch.Tensor) -> torch.Tensor:
        return embedded[:, 1:, 0] @ self.weights

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.forward_embedded(self.embed(inputs))


class AttentionModule(LinearModule):
    """Hands out attention and routes that were given to it, the same for every instance."""

    def __init__(self, weights: np.ndarray, layers: list[tuple[Any, Any]]) -> None:
        super().__init__(weights)
        self.layers = layers

    def trace(self, inputs: torch.Tensor) -> Any:
        n = len(inputs)

        def repeat(parts: Any) -> Any:
            if parts is None:
                return None
            return {k: torch.as_tensor(v)[None].expand(n, *np.shape(v)) for k, v in parts.items()}

        traces = [LayerTrace(attention=repeat(a), routes=repeat(r)) for a, r in self.layers]
        return self(inputs), traces


def context(classifier: Any, n: int = 5, n_background: int = 30, **changes: Any) -> ExplainContext:
    """Instances and training rows drawn anew for a classifier; changes by keyword."""
    rng = np.random.default_rng(3)

    fields = {
        "classifier": classifier,
        "inputs": drawn(classifier.schema, n, rng),
        "positions": np.arange(n) * 3,
        "background": drawn(classifier.schema, n_background, rng),
        "target": 1,
        "seed": 7,
        "question": kind_of(classifier.schema).compared_with,
    }
    return ExplainContext(**(fields | changes))


def toy(
    *columns: int,
    n_classes: int = 2,
    categories: int = 0,
    probability: Any = None,
    module: Any = None,
    **changes: Any,
) -> ExplainContext:
    """The context of a toy classifier of so many numeric columns, and perhaps a categorical one."""
    schema = toy_schema(*columns, n_classes=n_classes, categories=categories)
    return context(ToyClassifier(schema, probability, module), **changes)


def additive_layout(schema: Schema, modality: str) -> tuple[ExplainContext, np.ndarray]:
    """An additive model of the columns that are unlike the reference, and its true effects."""
    effects = np.random.default_rng(1).normal(0, 0.02, len(schema.features))

    def probability(rows: np.ndarray) -> np.ndarray:
        present = (rows == 2) if modality == "text" else np.nan_to_num(rows)
        return 0.5 + present @ effects

    to_explain = context(ToyClassifier(schema, probability))
    if modality == "text":
        inputs = np.full((5, 8), 2.0)
        inputs[0, 3:] = np.nan
        inputs[1, 5] = 4
        return replace(to_explain, inputs=inputs), (inputs == 2) * effects
    centre = np.median(to_explain.background, axis=0)
    return to_explain, (to_explain.inputs - centre) * effects
