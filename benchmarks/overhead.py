"""What our explainers cost over calling shap and lime by hand, and over the bare model calls.

    python benchmarks/overhead.py [--instances N] [--turns N] [--write]

Everything runs in this one process, one thread, in turn: by hand, ours, bare, by hand, … on the
same trained model and the same rows, with as many samples. Printed are medians of CPU seconds and
of ratios formed within a turn, so that a machine whose speed drifts does not matter. The bare
calls are for as many rows as the explainer planned, each of them an instance mixed with a
background row. `--write` puts the table in benchmarks/measured/performance.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # as in the processes that explain

import numpy as np  # noqa: E402
import torch  # noqa: E402
from performance_page import write_block  # noqa: E402

from deepseek_report.artifacts.protocols.explainers import ExplainContext  # noqa: E402
from deepseek_report.artifacts.protocols.models import TrainingPlace  # noqa: E402
from deepseek_report.artifacts.protocols.progress import Silent  # noqa: E402
from deepseek_report.config.compose import compose  # noqa: E402
from deepseek_report.config.validate import validate  # noqa: E402

warnings.simplefilter("ignore")
import shap  # noqa: E402
from lime.lime_tabular import LimeTabularExplainer  # noqa: E402

PAGE = Path(__file__).parent / "measured" / "performance.md"
BACKGROUND = 64
MODELS = {
    "transformer": (),
    "MLP": ("model=mlp",),
    "forest": ("model=sklearn", "model.estimator=sklearn.ensemble.RandomForestClassifier"),
}


def main(instances: int, turns: int, write: bool) -> None:
    torch.set_num_threads(1)
    rows = [
        "| model | method | rows asked about | by hand, s | ours, s | bare calls, s "
        "| ours / by hand | ours / bare |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model, settings in MODELS.items():
        experiment = validate(compose(["debug=fast", "dataset.rows=8000", *settings]))
        context, train = prepare(experiment, instances)
        explainers = experiment.explainers
        shapley = replace(explainers["shap"], algorithm="pairs")  # a forest's trees are walked
        for name, explainer, by_hand in (
            ("shap", shapley, shap_by_hand),
            ("lime", explainers["lime"], lime_by_hand),
        ):
            work = partial(by_hand, explainer, context, train)
            rows.append(f"| {model} | {compared(name, explainer, context, work, turns)}")
            print(rows[-1], flush=True)
    features = context.inputs.shape[1]
    text = "\n".join(
        [
            "## Over the bare calls of the model",
            "",
            "Goal: at most 1.05 times the bare calls on the transformer, 1.5 on the others. Made",
            "by `benchmarks/overhead.py`:",
            f"{instances} instances, {features} features, {turns} turns, one thread; CPU seconds. "
            "Of `shap`, most of the rest is the",
            "fit of the trees that stand for the model. It takes as long for any number of rows "
            "asked about, and brings the error to a",
            "third (see the errors of Shapley values).",
            "",
            *rows,
        ]
    )
    print(text)
    if write:
        write_block(PAGE, "overhead", text)


def prepare(experiment: Any, instances: int) -> tuple[ExplainContext, np.ndarray]:
    dataset = experiment.dataset.load(1, Silent())
    model = experiment.model
    module = model.build(dataset.schema, dataset.train, 1)
    with TemporaryDirectory() as folder:
        trainer = model.own_trainer() or experiment.trainer
        trainer.fit(module, dataset, TrainingPlace(Path(folder), 1, "cpu"), Silent())
    classifier = model.wrap(module, dataset.schema, "cpu")
    rows = np.random.default_rng(0).permutation(len(dataset.test))[:instances]
    background = dataset.train.inputs[:BACKGROUND]
    context = ExplainContext(classifier, dataset.test.inputs[rows], rows, background, 1, seed=1)
    return context, dataset.train.inputs


def compared(
    name: str, explainer: Any, context: ExplainContext, by_hand: Callable[[], None], turns: int
) -> str:
    """A row of the table: seconds of each, and the ratios."""
    calls = explainer.explain(context).n_model_calls  # warm-up
    by_hand()
    planned = explainer.planned_calls(*context.inputs.shape, len(context.background))
    shape = (planned, context.inputs.shape[1])
    kept = np.random.default_rng(0).random(shape) < 0.5
    rows = np.where(kept, np.resize(context.inputs, shape), np.resize(context.background, shape))
    works = (
        by_hand,
        lambda: explainer.explain(context),
        lambda: context.classifier.probabilities(rows),
    )
    runs = [tuple(seconds(work) for work in works) for _ in range(turns)]
    hand, ours, bare = (statistics.median(column) for column in zip(*runs, strict=True))
    over_hand = statistics.median(b / a for a, b, _ in runs)
    over_bare = statistics.median(b / c for _, b, c in runs)
    middles = f"{hand:.2f} | {ours:.2f} | {bare:.2f} | {over_hand:.2f} | {over_bare:.2f}"
    return f"{name} | {calls} of {planned} planned | {middles} |"


def seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def shap_by_hand(explainer: Any, context: ExplainContext, train: np.ndarray) -> None:
    """The permutation explainer of shap, as its documentation shows it: once for each round."""

    def probability(rows: np.ndarray) -> np.ndarray:
        return context.classifier.probabilities(rows)[:, 1]

    features = context.inputs.shape[1]
    for round_ in range(explainer.rounds):
        start = round_ * explainer.background_rows
        background = context.background[start : start + explainer.background_rows]
        masker = shap.maskers.Independent(background, max_samples=len(background))
        by_hand = shap.PermutationExplainer(probability, masker, seed=round_)
        by_hand(context.inputs, max_evals=2 * features + 1, silent=True)


def lime_by_hand(explainer: Any, context: ExplainContext, train: np.ndarray) -> None:
    """The tabular explainer of lime, as its documentation shows it: one instance at a time."""
    features = context.classifier.schema.features
    categorical = [position for position, one in enumerate(features) if not one.is_numeric]
    by_hand = LimeTabularExplainer(
        train,
        feature_names=context.classifier.schema.names,
        categorical_features=categorical,
        random_state=1,
    )
    for row in context.inputs:
        by_hand.explain_instance(
            row,
            context.classifier.probabilities,
            labels=(1,),
            num_features=len(features),
            num_samples=explainer.num_samples,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    main(arguments.instances, arguments.turns, arguments.write)
