"""How well decisions and probabilities fit the labels, with intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.intervals import mean_of_rates, rate
from deepseek_report.statistics.ranking import average_precision_statistic, one_vs_rest
from deepseek_report.statistics.resampling import (
    Replicates,
    Resampling,
    bootstrap,
    bootstrap_rates,
    bootstrapped,
)


def require_both(labels: Ints) -> None:
    """Refuse labels of one class only, with the reason."""
    if len(np.unique(labels)) < 2:
        raise NotApplicableError(message("refusals.one_class", rows=len(labels)))


def balanced_accuracy(
    labels: Ints, decisions: Ints, n_resamples: int, seed: int, resampling: Resampling | None = None
) -> Estimate:
    """Mean over the classes that occur of the share decided correctly; 1/classes is guessing.

    Where a class is always or never decided correctly, resamples of it do not vary, and the
    intervals of the classes are joined instead. Entities are drawn whatever their classes.
    """
    drawn = resampling or Resampling(len(labels))
    member = labels[:, None] == np.unique(labels)
    hits = member & (labels == decisions)[:, None]
    trials, right = member.sum(axis=0), hits.sum(axis=0)
    if np.any((right == 0) | (right == trials)):
        effective = [drawn.counts(own, among) for own, among in zip(hits.T, member.T, strict=True)]
        successes, tried = np.array(effective).T
        joined = mean_of_rates(successes, tried)
        value = float(np.mean(right / trials))
        return replace(joined, value=value, n=len(labels), method=drawn.describe(joined.method))
    rng = np.random.default_rng(seed)
    if drawn.units is None:
        replicates = bootstrap_rates(
            right, trials, lambda rates: rates.mean(axis=1), n_resamples, rng
        )
        return bootstrapped(replicates, len(labels), seed, drawn="within_classes")

    def statistic(weights: Floats) -> Floats:
        return np.asarray((weights @ hits / np.maximum(weights @ member, 1e-9)).mean(axis=1))

    return bootstrapped(bootstrap(statistic, drawn, n_resamples, rng), len(labels), seed)


def brier_errors(labels: Ints, probabilities: Floats, explained: int) -> Floats:
    """(instance,) squared error of the probabilities.

    With two classes (p − y)² of the explained class, in [0, 1]; with more the sum over classes, in
    [0, 2].

    Reference: Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    >>> probabilities = np.array([[0.2, 0.8], [0.5, 0.5]])
    >>> brier_errors(np.array([1, 0]), probabilities, explained=1).round(2).tolist()
    [0.04, 0.25]
    """
    truth = labels[:, None] == np.arange(probabilities.shape[1])
    squares = (probabilities - truth) ** 2
    if probabilities.shape[1] == 2:
        return np.asarray(squares[:, explained])
    return np.asarray(squares.sum(axis=1))


def average_precision_and_brier(
    labels: Ints,
    probabilities: Floats,
    explained: int,
    n_resamples: int,
    seed: int,
    resampling: Resampling | None = None,
) -> tuple[Estimate, Estimate]:
    """Average precision (macro over classes beyond two) and mean Brier error, on the same draws.

    Where the order is perfect, or no probability is off at all, resamples do not vary: the open end
    is then that of a rate's exact interval, for as many trials as the rarest class has instances,
    and for all instances.
    """
    rankings = [
        average_precision_statistic(*ranking)
        for ranking in one_vs_rest(labels, probabilities, explained)
    ]
    errors = brier_errors(labels, probabilities, explained)

    def statistic(weights: Floats) -> Floats:
        ranked = np.mean([statistic_of(weights) for statistic_of in rankings], axis=0)
        brier = weights @ errors / weights.sum(axis=1)
        return np.stack([ranked, brier], axis=1)

    drawn = resampling or Resampling(len(labels))
    replicates = bootstrap(statistic, drawn, n_resamples, seed)
    n, worst = len(labels), float(probabilities.shape[1] - 1 if probabilities.shape[1] == 2 else 2)
    ranked = bootstrapped(replicates.of(0), n, seed)
    if ranked.value == 1.0:
        fewest = drawn.smallest_class(labels)
        method = drawn.describe(message("interval_methods.blaker_smaller_class"))
        ranked = replace(rate(fewest, fewest), n=n, method=method)
    return ranked, brier_estimate(replicates.of(1), errors, seed, (0.0, worst))


def brier_estimate(
    replicates: Replicates, errors: Floats, seed: int, bounds: tuple[float, float]
) -> Estimate:
    """The mean of (instance,) Brier errors with its interval; exact where none is off at all."""
    if not errors.any():
        drawn = replicates.resampling or Resampling(len(errors))
        return drawn.rate(np.zeros(len(errors), bool))
    return bootstrapped(replicates, len(errors), seed, bounds)


def equal_mass_bins(scores: Floats, n_bins: int) -> tuple[Ints, Floats]:
    """Bins that hold equally many scores; equal scores share a bin.

    Returns bins : (instance,) 0, 1, …; edges : (bin + 1,) ascending, fewer bins where scores are
        tied.

    >>> bins, edges = equal_mass_bins(np.array([0.1, 0.2, 0.6, 0.9]), 2)
    >>> bins.tolist()
    [0, 0, 1, 1]
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, n_bins + 1)))
    if len(edges) == 1:
        return np.zeros(len(scores), np.int64), np.repeat(edges, 2)
    bins = np.searchsorted(edges[1:-1], scores, side="left")
    return bins, edges


def calibration_error(
    happened: Bools, scores: Floats, bins: Ints, weights: Floats | None = None
) -> Floats:
    """Expected calibration error Σ_b (n_b / n) |mean of y − mean of p in b|, L1.

    happened, scores, bins : (instance,). weights : (resample, instance), or None for one of each.

    Returns (resample,) in [0, 1]; 0 means that the mean prediction in each bin comes true.

    Reference: Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602; equal mass: Nixon et al. 2019,
    arXiv:1904.01685.

    >>> happened, scores = np.array([True, False]), np.array([0.8, 0.8])
    >>> calibration_error(happened, scores, np.array([0, 0])).round(2).tolist()
    [0.3]
    """
    if weights is None:
        weights = np.ones((1, len(scores)))
    gaps = (happened - scores)[:, None] * (bins[:, None] == np.arange(bins.max() + 1))
    return np.asarray(np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1))


def cross_entropy(logits: Floats, labels: Ints) -> Floats:
    """(instance,) −log p of the label, in nats.

    >>> cross_entropy(np.array([[0.0, 0.0]]), np.array([1])).round(4).tolist()  # −log ½
    [0.6931]
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(log_total - shifted[np.arange(len(labels)), labels])
