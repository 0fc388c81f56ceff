"""Does `tracin` name the training rows that matter? Against fits without half of the rows.

    python benchmarks/training_influence.py [--seeds 2] [--fits 60] [model …]

A world is a table of 400 rows with an interaction and noisy labels. The model is fitted to many
random halves of the rows; for each of 30 test cases the sum of the pushes of the rows of a half
should then rank the answers of these fits (the linear datamodelling score, a rank correlation: Park
et al. 2023, arXiv:2303.14186). And the 5 % of the rows that pushed most toward a decision are taken
out: how often the answer then moves against it (mean over three seeds), and by how many log-odds,
beside as many rows drawn at random.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.metrics.cases.training_influence import pushes_of_networks, pushes_of_trees
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.models.perceptron.mlp import MLP
from deepseek_report.models.routed.deepseek import DeepSeek
from deepseek_report.runner.execution.refitting import ModelRefits
from deepseek_report.training.trainer import GradientTrainer

N, CASES, COLUMNS = 400, 30, 6
TRAINER = GradientTrainer(
    max_epochs=8, min_steps=0, batch_size=32, learning_rate=3e-3, tensorboard=False
)
MODELS: dict[str, Any] = {
    "mlp": MLP(hidden=(32, 16)),
    "deepseek": DeepSeek(width=16, layers=1, heads=2, experts=4, expert_width=16),
    "boosted": Sklearn("sklearn.ensemble.GradientBoostingClassifier", {"n_estimators": 40}),
    "histogram": Sklearn("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 40}),
    "forest": Sklearn("sklearn.ensemble.RandomForestClassifier", {"min_samples_leaf": 3}),
}


def world(seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    features = tuple(Feature(f"x{j}", f"x {j}", "numeric") for j in range(COLUMNS))
    schema = Schema(features, Target("y", "y", ("no", "yes"), explained=1))

    def part(rows: int, start: int) -> Split:
        x = rng.normal(size=(rows, COLUMNS))
        odds = 3 * x[:, 0] - 2 * x[:, 1] + 2.4 * x[:, 2] * x[:, 3]
        labels = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int64)
        return Split(x, labels, start + np.arange(rows))

    return Dataset(schema, part(N, 0), part(200, N), part(CASES, N + 200), {})


def log_odds(classifier: Any, rows: np.ndarray) -> np.ndarray:
    share = np.clip(classifier.probabilities(rows)[:, 1], 1e-6, 1 - 1e-6)
    return np.asarray(np.log(share / (1 - share)))


def forms(data: Dataset, model: Any, refits: ModelRefits) -> dict[str, np.ndarray]:
    """{form: (case, training row) pushes toward "yes"}."""
    rows, targets = data.test.inputs, np.ones(CASES, dtype=np.int64)
    final = refits(np.arange(N))
    if not refits.is_network:
        return {"leaves": pushes_of_trees(final, data.schema, data.train, rows, targets)}
    sets = {count: [*refits.checkpoints(count), final] for count in (0, 2, 4, 8)}
    return {
        f"{count} checkpoints": pushes_of_networks(models, data.train, rows, targets)
        for count, models in sets.items()
    }


def moved(
    answers: Callable[[np.ndarray, int], np.ndarray], pushes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(case, 2) change in log-odds toward the decision without the top rows, and others."""
    whole = np.mean([answers(np.arange(N), seed) for seed in range(3)], axis=0)
    changes = []
    for case in range(0, CASES, 3):
        toward = np.sign(whole[case])
        top = np.argsort(-toward * pushes[case])[: N // 20]
        drawn = rng.choice(N, N // 20, replace=False)
        changes.append(
            [
                toward
                * np.mean(
                    [
                        answers(np.setdiff1d(np.arange(N), out), seed)[case] - whole[case]
                        for seed in range(3)
                    ]
                )
                for out in (top, drawn)
            ]
        )
    return np.array(changes)


def main() -> None:
    from scipy.stats import spearmanr

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--fits", type=int, default=60)
    asked = parser.parse_args()
    print("model      form            rank correlation  moved  log-odds  at random")
    for name in asked.models:
        for seed in range(asked.seeds):
            data, rng = world(seed), np.random.default_rng(seed)
            experiment = SimpleNamespace(
                model=MODELS[name], trainer=TRAINER, seeds=SimpleNamespace(training=seed)
            )
            refits = ModelRefits(experiment, data, "cpu")  # type: ignore[arg-type]

            def answers(rows: np.ndarray, s: int, refits: Any = refits, data: Any = data) -> Any:
                return log_odds(refits(rows, s), data.test.inputs)

            kept = rng.random((asked.fits, N)) < 0.5
            fitted = np.array([answers(np.flatnonzero(k), at % 3) for at, k in enumerate(kept)])
            for form, pushes in forms(data, MODELS[name], refits).items():
                rho = [spearmanr(kept @ pushes[c], fitted[:, c])[0] for c in range(CASES)]
                row = f"{name:10s} {form:15s} {np.mean(rho):16.2f}"
                if form in ("0 checkpoints", "4 checkpoints", "leaves"):
                    change = moved(answers, pushes, rng)
                    row += f"  {np.mean(change[:, 0] < 0):5.2f}  {change[:, 0].mean():8.2f}"
                    row += f"  {change[:, 1].mean():9.2f}"
                print(row, flush=True)


if __name__ == "__main__":
    main()
