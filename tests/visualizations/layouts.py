"""Small made-up runs on texts, images and series of shapes that no shipped data have.

Several channels, parts of an image that may move, methods that differ in one test alone: for what
does not hang on such a shape the tests read real runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.conclusions import Conclusions
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Feature, Layout, Modality, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.findings import explainer_verdicts
from tests.builders import TARGET, explanation, laid_out, patches, predictions

N = 24
NUMBER = Target("y", "Y", ("days",), favourable=0, explained=0, task="regression", unit="days")
EXPLAINERS = ("shap", "integrated_gradients", "attention_rollout", "random")


def image_schema() -> Schema:
    """Of 12 × 12 pixels in patches of 4 × 4."""
    return laid_out("image", 12, 12, 1, players=patches(12, 4))


def series_schema(channels: int = 2) -> Schema:
    """Of 40 steps of each sensor in windows of 8."""
    names = [f"sensor {number}" for number in range(1, channels + 1)]
    features = tuple(
        Feature(f"t{step}_{name}", f"{name}, step {step}", "numeric", "bar")
        for step, name in product(range(1, 41), names)
    )
    windows = list(product(range(channels), range(0, 40, 8)))
    players = tuple(tuple((start + k) * channels + at for k in range(8)) for at, start in windows)
    labels = tuple(f"{names[at]}, steps {start + 1}–{start + 8}" for at, start in windows)
    layout = Layout("series", (40, channels), players, labels, channels=tuple(names))
    return Schema(features, TARGET, layout=layout)


SCHEMAS = {"image": image_schema, "series": series_schema}


def _truth(schema: Schema, inputs: np.ndarray) -> np.ndarray:
    owners = schema.owners
    truth = np.broadcast_to(owners == owners[len(owners) // 2], inputs.shape).copy()
    truth[0] = False
    return truth


def with_paths(results: Results, paths: Mapping[str, Path]) -> Results:
    """The same results with further artifacts."""
    return replace(results, paths={**results.paths, **paths})


def concluded(results: Results, folder: Path) -> Results:
    """The same results with what pictures read of their conclusions."""
    Conclusions(
        leading=explainer_verdicts.leading_explainer(results),
        leading_for_cases=explainer_verdicts.leading_for_cases(results),
        explainers=tuple(explainer_verdicts.verdicts(results).values()),
    ).save(folder / "conclusions")
    return with_paths(results, {"conclusions": folder / "conclusions"})


def layout_results(
    folder: Path, modality: Modality = "series", *, schema: Schema | None = None
) -> Results:
    """A run on such data."""
    schema, rng = schema or SCHEMAS[modality](), np.random.default_rng(3)
    columns = len(schema.features)
    inputs = rng.random((N, columns)) + np.linspace(0, 1, columns)
    paths: dict[str, Path] = {}

    def place(artifact: str) -> Path:
        paths[artifact] = folder / artifact
        paths[artifact].mkdir(parents=True, exist_ok=True)
        return paths[artifact]

    number = schema.target.is_number
    p = rng.random(N)
    labels: Any = rng.normal(10, 3, N) if number else (p > 0.4).astype(np.int64)
    ids = np.arange(N, dtype=np.int64) + 500
    save_json(place("data") / "schema.json", schema.to_json())
    rows = Split(inputs, labels, ids, truth=_truth(schema, inputs))
    rows.save(paths["data"] / "test.npz")
    own: dict[str, Any] = {"logits": np.column_stack([-p, p]), "explained": schema.target.explained}
    made = predictions(labels[:, None] + 1.0, rows) if number else predictions(p, rows, **own)
    made.save(place("predictions/test"))
    roles = {"most_certain_right": 1, "most_certain_wrong": 4, "nearest_threshold": 0}
    Cases(np.arange(N), roles).save(place("cases"))
    for name in EXPLAINERS:
        _explain(schema, name, inputs).save(place(f"explanations/{name}"))
    return concluded(Results(paths, {}), folder)


def _explain(schema: Schema, name: str, inputs: np.ndarray) -> Explanation:
    rng = np.random.default_rng(len(name))
    sizes = np.bincount(schema.owners)
    values = (rng.normal(0, 0.05, (len(inputs), len(sizes))) / sizes)[:, schema.owners]
    if name == "integrated_gradients":
        values = values * (1 + rng.random(values.shape))
    signed, number = name != "attention_rollout", schema.target.is_number
    space: Any = "value" if number else "probability" if name == "shap" else "logit"
    return explanation(
        values if signed else np.abs(values), inputs, predictions=0.3 + values.sum(axis=1),
        feature_names=tuple(schema.names), method=name, variant=name,
        target=schema.target.explained, seed=1, n_model_calls=10, signed=signed,
        output_space=space if signed and name != "random" else "none",
        base_values=np.full(len(inputs), 0.3) if name == "shap" else None,
    )  # fmt: skip
