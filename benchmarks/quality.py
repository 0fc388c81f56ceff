"""Does each model learn each kind of data? Test scores of models and baselines, with intervals.

    python benchmarks/quality.py [--store FOLDER] [data:model …]

Without pairs every pair below is trained. Each pair is one run of the command line with the
settings of its experiment, so the table is what a user gets; finished stages are taken from the
store. The baselines are those of the metric `baselines`: what a model must beat to be worth having.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

#: {experiment: models that take its data}
PAIRS: dict[str, tuple[str, ...]] = {
    "credit_risk": ("deepseek", "mlp", "sklearn", "xgboost", "lightgbm", "nam", "prototype"),
    "mortgage_decisions": ("deepseek", "mlp", "sklearn", "nam"),
    "breast_cancer": ("deepseek", "mlp", "sklearn", "nam", "prototype"),
    "diabetes_progression": ("deepseek", "mlp", "sklearn", "nam"),
    "wide": ("deepseek", "mlp", "sklearn", "nam"),
    "sentiment": ("deepseek", "deepseek_v2", "deepseek_v3", "sklearn"),
    "sentiment_zh": ("deepseek", "deepseek_v3", "sklearn"),
    "digits": ("deepseek", "mlp", "sklearn", "prototype"),
    "histology": ("deepseek", "mlp", "sklearn"),
    "surface_defects": ("deepseek", "mlp", "sklearn"),
    "sensor_faults": ("deepseek", "mlp", "sklearn", "prototype"),
}
#: What kinds of targets are compared by, the first that a run has: a score and its paired gain.
SCORES = {"roc_auc": "roc_auc_gain", "r2": "mae_gain"}
METRICS = ("accuracy", "roc_auc", "baselines")
OF_NUMBERS = ("r2", "mae", "baselines")
#: Experiments whose target is a number.
NUMBERS = {"diabetes_progression"}
HEAD = ["data", "model", "score", "test", "best baseline", "gain over it", "n", "seconds"]


def main(pairs: Sequence[tuple[str, str]], store: Path) -> None:
    rows = []
    for experiment, model in pairs:
        started = time.perf_counter()
        folder = run(experiment, model, store)
        seconds = time.perf_counter() - started
        failed = [[experiment, model, "failed", *[""] * (len(HEAD) - 3)]]
        rows += table(experiment, model, folder, seconds) if folder else failed
        print(*rows[-1], sep=" | ", flush=True)
    print("\n" + pd.DataFrame(rows, columns=HEAD).to_string(index=False))


def run(experiment: str, model: str, store: Path) -> Path | None:
    """Run one pair without explanations; its run folder, or None if it failed."""
    metrics = OF_NUMBERS if experiment in NUMBERS else METRICS
    command = [
        str(Path(sys.executable).with_name("deepseek-report")),
        f"experiment={experiment}",
        f"model={model}",
        "explainers=[random]",
        f"metrics=[{','.join(metrics)}]",
        "visualizations=[]",
        "sections=[summary]",
        "frameworks=[]",
        "report.thresholds=[]",
        f"paths.store={store / 'stages'}",
        f"paths.reports={store / 'reports'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        print(done.stderr or done.stdout, file=sys.stderr)
        return None
    return Path(done.stdout.strip().splitlines()[-1]).parent


def table(experiment: str, model: str, folder: Path, seconds: float) -> Iterator[list[object]]:
    """One row: the model's score, the best baseline's, and the paired gain."""
    scores = pd.read_parquet(folder / "scores.parquet")
    whole = scores[(scores["attribute"] == "") & (scores["explainer"] == "")]
    name = next(one for one in SCORES if (whole["metric"] == one).any())
    found = whole[whole["metric"] == name]
    mine = found[found["predictor"] == "model"].iloc[0]
    others = found[found["predictor"] != "model"].sort_values("value", ascending=False)
    best = others.iloc[0]
    gains = whole[(whole["metric"] == SCORES[name]) & (whole["predictor"] == best["predictor"])]
    gain = interval(gains.iloc[0]) if len(gains) else ""
    beside = f"{best['predictor']} {interval(best)}"
    yield [experiment, model, name, interval(mine), beside, gain, int(mine["n"]), round(seconds, 1)]


def interval(score: pd.Series) -> str:
    return f"{score['value']:.3f} ({score['low']:.3f} to {score['high']:.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="*", help="such as digits:deepseek")
    parser.add_argument("--store", type=Path, default=Path("reports/.quality"))
    given = parser.parse_args()
    chosen = [tuple(one.split(":")) for one in given.pairs]
    main(
        chosen or [(data, model) for data, models in PAIRS.items() for model in models], given.store
    )
