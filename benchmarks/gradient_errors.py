"""How often the stated errors of methods that draw gradients hold.

    python benchmarks/gradient_errors.py

Three tables, a perceptron and the default model trained on each, 8 cases, 8 seeds of the
explainer. What an interval must hold is the mean of very many draws (2 048 for GradientSHAP, 1 024
copies for SmoothGrad); its own error is allowed for. GradientSHAP's gap, the sum of its values less
the distance that it explains, is held against the error that each explanation states. The table
goes to benchmarks/measured/performance.md.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

CASES, SEEDS, BACKGROUND = 8, 8, 64
PAGE = Path(__file__).resolve().parent / "measured" / "performance.md"


def main() -> None:
    from performance_page import write_block

    warnings.simplefilter("ignore")
    text = table(list(measured()))
    print(text)
    write_block(PAGE, "gradient_errors", text)


@dataclass(frozen=True)
class Coverage:
    """Shares of intervals that held, of one method on one model and table."""

    model: str
    data: str
    method: str
    held: float
    gap: float | None
    points: float


def measured() -> Iterator[Coverage]:
    from deepseek_report.explainers.gradients.local_gradients import SmoothGrad
    from deepseek_report.explainers.gradients.path_gradients import GradientShap

    for model, data, context in contexts():
        fine = GradientShap(tolerance=0, draws=2048).explain(replace(context, seed=999))
        for name, explainer in (
            ("GradientSHAP", GradientShap()),
            ("GradientSHAP, 128 points", GradientShap(draws=2 * BACKGROUND)),
        ):
            yield coverage(model, data, name, explainer, context, fine)
        smooth = SmoothGrad(copies=1024).explain(replace(context, seed=999))
        yield coverage(model, data, "SmoothGrad", SmoothGrad(), context, smooth)


def coverage(model: str, data: str, name: str, explainer: Any, context: Any, fine: Any) -> Coverage:
    held, gaps, calls = [], [], []
    for seed in range(SEEDS):
        drawn = explainer.explain(replace(context, seed=seed))
        error = np.hypot(drawn.standard_error, fine.standard_error)
        held.append(np.abs(drawn.values - fine.values) <= 1.96 * error + 1e-6)
        if drawn.base_values is not None:
            stated = np.asarray(drawn.params["stated_error"])
            gaps.append(np.abs(drawn.completeness_gap) <= stated + 1e-5)
        calls.append(drawn.params.get("draws_mean", getattr(explainer, "copies", 0)))
    gap = float(np.mean(gaps)) if gaps else None
    return Coverage(model, data, name, float(np.mean(held)), gap, float(np.mean(calls)))


def contexts() -> Iterator[tuple[str, str, Any]]:
    """A trained model and cases that it was not trained on, for each model and table."""
    from sklearn import datasets

    from deepseek_report.artifacts.protocols.explainers import ExplainContext
    from deepseek_report.artifacts.schema import Feature, Schema, Target
    from deepseek_report.artifacts.split import Split
    from deepseek_report.models.perceptron.mlp import MLP
    from deepseek_report.models.routed.deepseek import DeepSeek

    models = (("perceptron", MLP()), ("default model", DeepSeek()))
    loaders = ("load_breast_cancer", "load_wine", "load_diabetes")
    for (model_name, model), loader in ((m, name) for m in models for name in loaders):
        inputs, labels = getattr(datasets, loader)(return_X_y=True)
        if loader == "load_diabetes":
            labels = (labels > np.median(labels)).astype(int)
        elif loader == "load_wine":
            labels = (labels == 1).astype(int)
        order = np.random.default_rng(0).permutation(len(inputs))
        inputs, labels = inputs[order].astype(np.float64), labels[order]
        features = [Feature(f"x{j}", f"x{j}", "numeric") for j in range(inputs.shape[1])]
        schema = Schema(tuple(features), Target("y", "y", ("no", "yes"), favourable=0))
        train = Split(inputs[CASES:], labels[CASES:], np.arange(len(inputs) - CASES))
        module = model.build(schema, train, seed=0)
        fit(module, train)
        classifier = model.wrap(module.eval(), schema, "cpu")
        rows = inputs[CASES : CASES + BACKGROUND]
        context = ExplainContext(classifier, inputs[:CASES], np.arange(CASES), rows, 1, 0)
        yield model_name, loader.removeprefix("load_").replace("_", " "), context


def fit(module: Any, train: Any) -> None:
    """Forty epochs of Adam, which is enough for the gradients to be those of a fitted model."""
    import torch

    torch.manual_seed(0)
    inputs = torch.as_tensor(train.inputs, dtype=torch.float32)
    labels = torch.as_tensor(train.labels)
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    module.train()
    for _ in range(40):
        for part in torch.randperm(len(inputs)).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(module(inputs[part]), labels[part]).backward()
            optimiser.step()


def table(rows: list[Coverage]) -> str:
    head = (
        "How often the stated errors of drawn gradients hold, by `benchmarks/gradient_errors.py`: "
        f"{CASES} cases, {SEEDS} seeds each. “Held” is the share of intervals, value ± 1.96 "
        "standard errors, that hold the value of very many draws; “gap” the share of cases whose "
        "values miss the distance that they explain by no more than is stated.\n\n"
        "| model | table | method | points a case | held | gap |\n|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(
        f"| {row.model} | {row.data} | {row.method} | {row.points:.0f} | {row.held:.1%} | "
        f"{'' if row.gap is None else f'{row.gap:.1%}'} |"
        for row in rows
    )


if __name__ == "__main__":
    main()
