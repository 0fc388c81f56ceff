"""What is gained on a table of 1500 columns: time by the terms of nam, and truth by screening.

    python benchmarks/wide.py [instances] [turns]

A `nam` is trained on the generated table of `experiment=wide`, whose informative columns are known.
Side by side in this one process, one thread, in turn: the same explainer on the model asked row by
row and on the model that adds up the terms of the few values asked about; and the explainer with
and without screening. Printed are medians of seconds, the ratio formed within a turn, the largest
difference of the values, and the area under the ROC curve of "is informative" by magnitude.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import TrainingPlace
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.models.shared.module_classifier import TorchClassifier

warnings.simplefilter("ignore")
BACKGROUND = 64


def main(instances: int = 12, turns: int = 3) -> None:
    torch.set_num_threads(1)
    experiment = validate(compose(["experiment=wide"]))
    dataset = experiment.dataset.load(1, Silent())
    context = prepare(experiment, dataset, instances)
    truth = dataset.test.truth[context.positions]
    terms = context.classifier
    rows = TorchClassifier(terms.module, terms.schema, terms.name, terms.capabilities, terms.device)
    print(f"{instances} instances, {context.inputs.shape[1]} columns, {turns} turns, one thread")
    for name in ("shap", "lime"):
        explainer = experiment.explainers[name]
        by_terms, by_rows, unscreened = [], [], []
        for _ in range(turns):
            by_terms.append(timed(explainer, context))
            by_rows.append(timed(explainer, replace(context, classifier=rows)))
            unscreened.append(timed(replace(explainer, screening=0), context))
        ratio = statistics.median(b[0] / a[0] for a, b in zip(by_terms, by_rows, strict=True))
        apart = np.abs(by_terms[0][1].values - by_rows[0][1].values).max()
        print(f"{name}: {by_terms[0][1].n_model_calls} rows asked about")
        print(
            f"  row by row {middle(by_rows):.2f} s   by terms {middle(by_terms):.2f} s   "
            f"ratio {ratio:.1f}   largest difference {apart:.1e}"
        )
        print(
            f"  found with screening {found(by_terms[0][1], truth):.3f}   "
            f"without {found(unscreened[0][1], truth):.3f} in {middle(unscreened):.2f} s"
        )


def prepare(experiment: Any, dataset: Any, instances: int) -> ExplainContext:
    model = experiment.model
    module = model.build(dataset.schema, dataset.train, 1)
    with TemporaryDirectory() as folder:
        experiment.trainer.fit(module, dataset, TrainingPlace(Path(folder), 1, "cpu"), Silent())
    rows = np.random.default_rng(0).permutation(len(dataset.test))[:instances]
    return ExplainContext(
        model.wrap(module, dataset.schema, "cpu"),
        dataset.test.inputs[rows],
        rows,
        dataset.train.inputs[:BACKGROUND],
        dataset.schema.target.explained,
        seed=1,
    )


def timed(explainer: Any, context: ExplainContext) -> tuple[float, Explanation]:
    started = time.perf_counter()
    explanation = explainer.explain(context)
    return time.perf_counter() - started, explanation


def middle(runs: list[tuple[float, Explanation]]) -> float:
    return statistics.median(seconds for seconds, _ in runs)


def found(explanation: Explanation, truth: np.ndarray) -> float:
    """Mean over instances of the chance that an informative column ranks above another one."""
    sizes = np.abs(explanation.values)
    return float(np.mean([roc_auc_score(t, s) for t, s in zip(truth, sizes, strict=True)]))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
