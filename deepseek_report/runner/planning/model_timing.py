"""Times the model of a plan on rows of its data: a counted number of passes, about a second."""

from __future__ import annotations

import time

import numpy as np

from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.models import BringsTrainer
from deepseek_report.artifacts.split import Dataset
from deepseek_report.config.experiment import Experiment
from deepseek_report.errors import DeepseekReportError
from deepseek_report.models.transformers.pretrained import Pretrained

#: Rows of one pass, and passes; fewer where a pass is slow.
_ROWS, _PASSES, _SECONDS = 256, 5, 0.7


def seconds_of_a_row(experiment: Experiment, dataset: Dataset, device: str) -> float | None:
    """Seconds in which the model, built with fresh weights, evaluates one row.

    None where that says nothing: an estimator must be fitted first, and a checkpoint is not loaded
    for a guess.
    """
    model = experiment.single["model"]
    if isinstance(model, Pretrained) and model.checkpoint is not None:
        return None
    if isinstance(model, BringsTrainer) and model.own_trainer() is not None:
        return None
    from deepseek_report.runner.execution.workers import one_thread

    try:
        with one_thread():
            module = model.build(dataset.schema, dataset.train, experiment.seeds.training)
            return _time_passes(model.wrap(module, dataset.schema, device), dataset)
    except (DeepseekReportError, RuntimeError, ValueError):
        return None  # the run itself will say what is wrong with the model


def _time_passes(classifier: Classifier, dataset: Dataset) -> float:
    inputs = dataset.test.inputs
    rows = inputs[np.arange(_ROWS) % len(inputs)]
    best, begun = float("inf"), time.perf_counter()
    for _ in range(_PASSES):  # the first one warms up
        started = time.perf_counter()
        classifier.logits(rows)
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() - begun > _SECONDS:
            break
    return best / _ROWS
