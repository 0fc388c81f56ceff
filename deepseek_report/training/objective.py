"""What training minimises, and by which score a person follows it: one for each kind of target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.statistics.ranking import binary_auc
from deepseek_report.tasks import task_of


class Objective(Protocol):
    """A loss and a score; `score_name` is what a person calls the score."""

    @property
    def score_name(self) -> str: ...

    def truths(self, part: Split) -> Tensor:
        """What the outputs are compared with."""

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean loss of a batch; `smoothing` in [0, 1) draws the truths toward chance."""

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        """How good all outputs of a part are; higher is better, NaN where it is not defined."""


@dataclass(frozen=True)
class Classes:
    """Cross-entropy of one of several classes; ROC AUC."""

    score_name: str = "ROC AUC"

    def truths(self, part: Split) -> Tensor:
        return torch.as_tensor(part.labels)

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        return cross_entropy(outputs, truths, label_smoothing=smoothing)

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        return roc_auc(outputs.softmax(1).numpy(), truths.numpy())


@dataclass(frozen=True)
class Labels:
    """Binary cross-entropy of each label on its own; the mean of their ROC AUC."""

    score_name: str = "mean ROC AUC of the labels"

    def truths(self, part: Split) -> Tensor:
        assert part.all_labels is not None, "a multi-label data set has all_labels"  # noqa: S101
        return torch.as_tensor(part.all_labels, dtype=torch.float32)

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        return binary_cross_entropy_with_logits(outputs, truths * (1 - smoothing) + smoothing / 2)

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        columns = zip(outputs.numpy().T, truths.numpy().T, strict=True)
        areas = np.array([binary_auc(scores, truth > 0) for scores, truth in columns])
        return float(areas[~np.isnan(areas)].mean()) if not np.isnan(areas).all() else float("nan")


@dataclass(frozen=True)
class Number:
    """Squared error in units of the training part's variance, so 1 is what its mean gives; R²."""

    variance: float
    score_name: str = "R²"

    def truths(self, part: Split) -> Tensor:
        return torch.as_tensor(part.labels, dtype=torch.float32)

    def loss(self, outputs: Tensor, truths: Tensor, smoothing: float = 0.0) -> Tensor:
        del smoothing
        return ((outputs[:, 0] - truths) ** 2).mean() / self.variance

    def score(self, outputs: Tensor, truths: Tensor) -> float:
        spread = truths.var(correction=0)
        return float(1 - ((outputs[:, 0] - truths) ** 2).mean() / spread) if spread > 0 else np.nan


def objective_for(schema: Schema, train: Split) -> Objective:
    """The objective that fits the target; statistics come from the training part alone."""
    task = task_of(schema.target)
    if not task.decides:
        return Number(float(np.var(train.labels)) or 1.0)
    return Labels() if task.several else Classes()


def roc_auc(probabilities: NDArray[np.float32], labels: Ints) -> float:
    """Area under the ROC curve; with more than two classes the mean of one class against the rest.

    Returns A value in [0, 1]; 0.5 means that the scores order at random, NaN that only one class is
    there.

    Reference: Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    return float(np.mean([binary_auc(probabilities[:, c], labels == c) for c in classes]))
