"""What our explainers cost over calling shap and lime by hand, and over the bare model calls.

    python benchmarks/overhead.py [instances] [repeats]

Everything runs in this one process, one thread, in turn: by hand, ours, bare, by hand, … on the
same trained model and the same rows, with as many samples. Printed are medians of CPU seconds and
of ratios formed within a turn, so that a machine whose speed drifts does not matter. The bare
calls are for as many rows as the explainer planned, each of them an instance mixed with a
background row.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import BringsTrainer
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate

warnings.simplefilter("ignore")
import shap  # noqa: E402
from lime.lime_tabular import LimeTabularExplainer  # noqa: E402

BACKGROUND = 64
MODELS = {
    "transformer": (),
    "MLP": ("model=mlp",),
    "forest": ("model=sklearn", "model.estimator=sklearn.ensemble.RandomForestClassifier"),
}


def main(instances: int = 100, repeats: int = 5) -> None:
    torch.set_num_threads(1)
    for model, settings in MODELS.items():
        experiment = validate(compose(["debug=fast", "dataset.rows=8000", *settings]))
        context, train = prepare(experiment, instances)
        features = context.inputs.shape[1]
        print(f"{model}: {instances} instances, {features} features, {repeats} turns, one thread")
        explainers = experiment.multiple["explainers"]
        shapley = replace(explainers["shap"], algorithm="pairs")  # a forest's trees are walked
        for name, explainer, by_hand in (
            ("shap", shapley, shap_by_hand),
            ("lime", explainers["lime"], lime_by_hand),
        ):
            work = partial(by_hand, explainer, context, train)
            compare(name, explainer, context, work, repeats)


def prepare(experiment: Any, instances: int) -> tuple[ExplainContext, np.ndarray]:
    dataset = experiment.single["dataset"].load(1, Silent())
    model = experiment.single["model"]
    module = model.build(dataset.schema, dataset.train, 1)
    with TemporaryDirectory() as folder:
        own = model.own_trainer() if isinstance(model, BringsTrainer) else None
        trainer = own or experiment.single["trainer"]
        trainer.fit(module, dataset, Path(folder), 1, "cpu", Silent())
    classifier = model.wrap(module, dataset.schema, "cpu")
    rows = np.random.default_rng(0).permutation(len(dataset.test))[:instances]
    background = dataset.train.inputs[:BACKGROUND]
    context = ExplainContext(classifier, dataset.test.inputs[rows], rows, background, 1, seed=1)
    return context, dataset.train.inputs


def compare(
    name: str, explainer: Any, context: ExplainContext, by_hand: Callable[[], None], repeats: int
) -> None:
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
    runs = [tuple(seconds(work) for work in works) for _ in range(repeats)]
    hand, ours, bare = (statistics.median(column) for column in zip(*runs, strict=True))
    over_hand = statistics.median(b / a for a, b, _ in runs)
    over_bare = statistics.median(b / c for _, b, c in runs)
    print(f"{name}: {calls} rows evaluated, {planned} planned")
    print(f"  by hand {hand:.2f} s   ours {ours:.2f} s   the bare model calls {bare:.2f} s")
    print(f"  ours / by hand {over_hand:.2f}   ours / bare {over_bare:.2f}")


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
    main(*(int(argument) for argument in sys.argv[1:]))
