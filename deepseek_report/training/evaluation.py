"""Loss and ranking quality on the validation part."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

ROWS_AT_ONCE = 256


def evaluate(module: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy (no smoothing) and ROC AUC in evaluation mode."""
    logits = predict(module, inputs)
    loss = cross_entropy(logits, labels.cpu()).item()
    return loss, roc_auc(logits.softmax(1).numpy(), labels.cpu().numpy())


def predict(module: nn.Module, inputs: Tensor) -> Tensor:
    """(instance, feature) -> logits (instance, class) as float32 on the CPU."""
    module.eval()
    with torch.no_grad():
        parts = [module(rows).float().cpu() for rows in torch.split(inputs, ROWS_AT_ONCE)]
    return torch.cat(parts)


def roc_auc(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Area under the ROC curve; with more than two classes the mean of one class against the rest.

    `(mean rank of the positives − (n₊ + 1)/2) / n₋`, ties share their rank.

    Returns
    -------
    A value in [0, 1]; 0.5 means that the scores order at random, NaN that only one class is there.

    Reference: Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [_binary_auc(probabilities[:, c], labels == c) for c in classes]
    return float(np.mean(areas))


def _binary_auc(scores: NDArray[np.float32], positive: NDArray[np.bool_]) -> float:
    from scipy.stats import rankdata

    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    mean_rank = float(rankdata(scores)[positive].mean())
    return (mean_rank - (n_positive + 1) / 2) / n_negative
