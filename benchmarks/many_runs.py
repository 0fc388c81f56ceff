"""What it takes to compare many runs: processor time, memory and the size of the page.

    python benchmarks/many_runs.py RUN [--methods 10] [--seeds 5] [--keep FOLDER]

The runs are copies of RUN, a run folder. Each method has another `model.dropout` and each run
another seed; log-odds and attributions are shifted at random, so that no two runs agree.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.store.run_folder import seal_results
from deepseek_report.tasks.loss import decide

#: Standard deviations of what is added: to all log-odds of a method, to those of a single row, and
#: to attributions in units of their own spread.
METHOD_NOISE, ROW_NOISE, ATTRIBUTION_NOISE = 0.1, 0.3, 0.3
_RESULTS = ("artifacts", "config.yaml", "run.json", "scores.parquet")


def copy_of(run: Path, target: Path, method: int, seed: int) -> Path:
    target.mkdir(parents=True)
    for name in _RESULTS:
        copy = shutil.copytree if (run / name).is_dir() else shutil.copyfile
        copy(run / name, target / name)
    record = load_json(run / "run.json")
    record["run_id"] = f"{method:06x}{seed:06x}"
    record["config"]["model"]["dropout"] = round(0.05 * method, 2)
    record["config"]["seeds"]["training"] = seed
    save_json(target / "run.json", record)
    shift(target / "artifacts", method, seed)
    seal_results(target)
    return target


def shift(artifacts: Path, method: int, seed: int) -> None:
    rng = np.random.default_rng([method, seed])
    test = artifacts / "predictions" / "test"
    p = Predictions.load(test)
    whole = np.random.default_rng(method).normal(0, METHOD_NOISE)
    logits = p.logits.copy()
    logits[:, p.explained] += whole + rng.normal(0, ROW_NOISE, len(logits))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    decisions = decide(probabilities, p.threshold, p.explained)
    replace(p, logits=logits, probabilities=probabilities, decisions=decisions).save(test)
    for folder in sorted((artifacts / "explanations").iterdir()):
        explanation = Explanation.load(folder)
        values = explanation.values
        noise = rng.normal(0, ATTRIBUTION_NOISE * values.std(), values.shape)
        replace(explanation, values=values + noise).save(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--methods", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="leave the runs and the page in this new folder")
    options = parser.parse_args()
    with ExitStack() as stack:
        place = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        runs = [
            copy_of(options.run, place / f"{method:02}-{seed:02}", method, seed)
            for method in range(1, options.methods + 1)
            for seed in range(1, options.seeds + 1)
        ]
        words = ["compare", *map(str, runs), "--output", str(place / "comparison")]
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "deepseek_report", *words], check=True)
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        page = (place / "comparison" / "report.html").stat().st_size
        print(
            f"{len(runs)} runs: {used.ru_utime + used.ru_stime:.1f} processor seconds, "
            f"{seconds:.1f} s, at most {used.ru_maxrss / 1024:.0f} MiB, page of {page / 1e6:.2f} MB"
        )


if __name__ == "__main__":
    main()
