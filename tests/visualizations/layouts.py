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
WORDS = ("[UNK]", "[MASK]", "the", "crew", "was", "great", "but", "my", "flight", "late", "again")
NUMBER = Target("y", "Y", ("days",), favourable=0, explained=0, task="regression", unit="days")
EXPLAINERS = ("shap", "integrated_gradients", "attention_rollout", "random")


def text_schema(tokens: tuple[str, ...] = WORDS, places: int = 30) -> Schema:
    labels = tuple(f"word {at}" for at in range(1, places + 1))
    return laid_out("text", places, words=tokens, mask=1, player_labels=labels)


def image_schema(side: int = 12, channels: int = 1, patch: int = 4) -> Schema:
    labels = tuple(
        f"rows {top + 1}–{top + patch}, columns {left + 1}–{left + patch}"
        for top, left in product(range(0, side, patch), repeat=2)
    )
    squares = patches(side, patch, channels)
    return laid_out("image", side, side, channels, players=squares, player_labels=labels)


def series_schema(steps: int = 40, channels: int = 2, window: int = 8) -> Schema:
    names = [f"sensor {number}" for number in range(1, channels + 1)]
    features = tuple(
        Feature(f"t{step}_{name}", f"{name}, step {step}", "numeric", "bar", mutable=False)
        for step in range(1, steps + 1)
        for name in names
    )
    players, labels = [], []
    for channel in range(channels):
        for start in range(0, steps, window):
            players.append(
                tuple(step * channels + channel for step in range(start, start + window))
            )
            labels.append(f"{names[channel]}, steps {start + 1}–{start + window}")
    layout = Layout(
        "series", (steps, channels), tuple(players), tuple(labels), channels=tuple(names)
    )
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
