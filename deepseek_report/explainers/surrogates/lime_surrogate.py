"""The surrogates of LIME for many instances at once: neighbours, outputs, ridge regressions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.explainers.attributions import chunks, seed_of

#: Numbers in the neighbours of one chunk of instances, so that they do not fill the memory.
MOST_CELLS = 2**20


@dataclass(frozen=True)
class Surrogates:
    """The surrogates of some instances, told as attributions.

    values, standard_error : (instance, column) contributions, and their Monte-Carlo errors.
    base, prediction, fidelity : (instance,) the surrogate's output where nothing contributes, the
        model's output, and the weighted R² of the surrogate.
    """

    values: Floats
    standard_error: Floats
    base: Floats
    prediction: Floats
    fidelity: Floats

    @classmethod
    def joined(cls, parts: list[Surrogates]) -> Surrogates:
        """Those of consecutive instances as one."""
        fields = ("values", "standard_error", "base", "prediction", "fidelity")
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in fields})


@dataclass(frozen=True)
class WeightedRidge:
    """Ridge regressions, one an instance, with the Monte-Carlo errors of their coefficients.

    Each minimises Σ wᵢ (yᵢ − a − xᵢ·b)² + α |b|². The samples are independent draws, so the
    sandwich A⁻¹ (Σ wᵢ² eᵢ² xᵢ xᵢᵀ) A⁻¹, A = Σ wᵢ xᵢ xᵢᵀ + αI, x centred, is the covariance of b.

    coefficients, standard_error : (instance, player) b and its errors. intercepts : (instance,) a.
    fidelity : (instance,) weighted R²; 1 where y is constant and fitted exactly.
    """

    coefficients: Floats
    standard_error: Floats
    intercepts: Floats
    fidelity: Floats

    @classmethod
    def fit(cls, x: Floats, y: Floats, weights: Floats, alpha: float) -> WeightedRidge:
        """Fit all of them.

        x, y, weights : (instance, sample, player), (instance, sample), (instance, sample) above 0.
        alpha : the penalty, above 0.
        """
        from_first, rise = x - x[:, :1], y - y[:, :1]  # exactly 0 for what never varies
        shares = (weights / weights.sum(axis=1, keepdims=True))[:, None]
        centre, level = shares @ from_first, (shares @ rise[..., None])[:, 0]
        centred, off_level = from_first - centre, rise - level
        weighted = centred * weights[..., None]
        penalty = alpha * np.eye(x.shape[2])
        inverse = np.linalg.inv(np.swapaxes(centred, 1, 2) @ weighted + penalty)
        coefficients = (inverse @ (np.swapaxes(weighted, 1, 2) @ off_level[..., None]))[..., 0]
        residuals = off_level - (centred @ coefficients[..., None])[..., 0]
        influence = (weighted * residuals[..., None]) @ inverse
        at_centre = (centre[:, 0] + x[:, 0]) * coefficients
        return cls(
            coefficients,
            np.sqrt((influence**2).sum(axis=1)),
            level[:, 0] + y[:, 0] - at_centre.sum(axis=1),
            _explained(off_level, residuals, weights),
        )


def _explained(off_level: Floats, residuals: Floats, weights: Floats) -> Floats:
    """(instance,) weighted R² of deviations from the weighted mean and from the fit."""
    total = (weights * off_level**2).sum(axis=1)
    left = (weights * residuals**2).sum(axis=1)
    share = np.divide(left, total, out=(left > 0).astype(np.float64), where=total > 0)
    return np.asarray(1 - share)


class Neighbourhoods(ABC):
    """What the neighbours of instances are, how near they are, and what a surrogate then says.

    width : of the kernel that turns distances into weights.
    """

    context: ExplainContext
    width: float

    def surrogates(self, num_samples: int, alpha: float) -> Surrogates:
        """One surrogate an instance, from so many neighbours; `alpha` is the ridge penalty."""
        parts = []
        for part in self._parts(num_samples):
            drawn, outputs = self.answers(part, num_samples)
            same = drawn.astype(np.float64)
            ridge = WeightedRidge.fit(same, outputs, self.weights(part, same), alpha)
            parts.append(self.attributions(part, ridge, outputs[:, 0]))
            self.context.progress.advance(part.stop - part.start)
        return Surrogates.joined(parts)

    def _parts(self, num_samples: int) -> Iterator[slice]:
        """Slices of the instances whose neighbours fit the memory."""
        n, columns = self.context.inputs.shape
        return chunks(n, max(1, MOST_CELLS // (num_samples * columns)))

    def uniform(self, part: slice, shape: tuple[int, ...]) -> Floats:
        """(instance, *shape) in [0, 1); those of an instance hang on its content alone."""
        seeds = (seed_of(self.context.seed, drawn) for drawn in self.context.draws[part])
        return np.stack([np.random.default_rng(seed).random(shape) for seed in seeds])

    def weights(self, part: slice, same: Floats) -> Floats:
        """(instance, neighbour) nearness: √exp(−d² / width²) of the distances d."""
        return np.asarray(np.sqrt(np.exp(-(self.distances(part, same) ** 2) / self.width**2)))

    @abstractmethod
    def answers(self, part: slice, num_samples: int) -> tuple[Bools, Floats]:
        """Neighbours of the instances of a slice, and what the model says of them.

        Returns (instance, neighbour, player) whether the player is as in the instance, and
        (instance, neighbour) outputs; the first neighbour of each is the instance itself.
        """

    @abstractmethod
    def distances(self, part: slice, same: Floats) -> Floats:
        """(instance, neighbour) from (instance, neighbour, player)."""

    @abstractmethod
    def attributions(self, part: slice, ridge: WeightedRidge, predictions: Floats) -> Surrogates:
        """What the regressions of a slice say of the columns."""
