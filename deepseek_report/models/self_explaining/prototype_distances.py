"""How far a case is from the prototypes: sums over units, so that they can be told by column."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from deepseek_report.artifacts.schema import Layout
from deepseek_report.data_kinds import DataKind


class ColumnDistances(nn.Module):
    """`d = Σⱼ wⱼ (uⱼ − vⱼ)²`: unit by unit.

    mean, square : (unit,) means of uⱼ and of uⱼ² over the training part.
    """

    mean: Tensor
    square: Tensor

    def __init__(self, mean: Tensor, square: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("square", square)

    def forward(self, units: Tensor, cases: Tensor, weights: Tensor) -> Tensor:
        """(instance, unit), (prototype, unit), (prototype, unit) -> (instance, prototype)."""
        return column_distances(units, cases, weights)

    def usual(self, cases: Tensor, weights: Tensor) -> Tensor:
        """(prototype, unit) the mean of each term over the training part."""
        return weights * (self.square - 2 * cases * self.mean + cases**2)

    def terms(self, units: Tensor, cases: Tensor, weights: Tensor, counts: Tensor) -> Tensor:
        """(instance, unit) the terms of all prototypes, times counts (instance, prototype)."""
        crossed = units**2 * (counts @ weights) - 2 * units * (counts @ (weights * cases))
        return crossed + counts @ (weights * cases**2)


class ShiftedDistances(nn.Module):
    """`d = Σ_window min_s Σ_{j in window} wⱼ (uⱼ − vⱼ₋ₛ)²`: each window where it fits best.

    A stroke or a spike that stands a little beside its place in the prototype is near it all the
    same. Windows are the players of the layout; s runs over all shifts of at most `shift` steps of
    a series, or pixels along each side of an image, the edges being repeated.

    reference : (case, unit) the training cases over which the usual terms are taken.

    Reference: Keysers et al. 2007, Deformation Models for Image Recognition,
    doi 10.1109/TPAMI.2007.1153 (the image distortion model).
    """

    windows: Tensor
    owners: Tensor
    sources: Tensor
    reference: Tensor

    def __init__(self, layout: Layout, shift: int, reference: Tensor) -> None:
        super().__init__()
        self.register_buffer("windows", _windows(layout), persistent=False)
        self.register_buffer("owners", torch.as_tensor(layout.owners), persistent=False)
        self.register_buffer("sources", _sources(layout, shift), persistent=False)
        self.register_buffer("reference", reference)

    def forward(self, units: Tensor, cases: Tensor, weights: Tensor) -> Tensor:
        """(instance, unit), (prototype, unit), (prototype, unit) -> (instance, prototype)."""
        return self._by_shift(units, cases, weights).amin(2).clamp(min=0.0).sum(0)

    def usual(self, cases: Tensor, weights: Tensor) -> Tensor:
        """(prototype, unit) the mean of each term over the reference."""
        best = self._by_shift(self.reference, cases, weights).argmin(2)
        return torch.stack(
            [
                self._terms(self.reference, cases[p], weights[p], best[..., p]).mean(0)
                for p in range(len(cases))
            ]
        )

    def terms(self, units: Tensor, cases: Tensor, weights: Tensor, counts: Tensor) -> Tensor:
        """(instance, unit) the terms of all prototypes, times counts (instance, prototype)."""
        best = self._by_shift(units, cases, weights).argmin(2)
        total = torch.zeros_like(units)
        for p in range(len(cases)):
            total += counts[:, p, None] * self._terms(units, cases[p], weights[p], best[..., p])
        return total

    def _by_shift(self, units: Tensor, cases: Tensor, weights: Tensor) -> Tensor:
        """(window, instance, shift, prototype), multiplied out as in `column_distances`."""
        own, weighed = self._cut(units), self._cut(weights)
        moved = pad(cases, (0, 1))[:, self._moved_windows()].permute(2, 1, 0, 3)
        times = weighed.unsqueeze(1) * moved
        crossed = torch.bmm(own, times.flatten(1, 2).mT).unflatten(2, times.shape[1:3])
        fixed = (times * moved).sum(3).unsqueeze(1)
        distances: Tensor = torch.bmm(own**2, weighed.mT).unsqueeze(2) - 2 * crossed + fixed
        return distances

    def _terms(self, units: Tensor, case: Tensor, weight: Tensor, best: Tensor) -> Tensor:
        """(instance, unit) the terms of one prototype, given the shifts (window, instance)."""
        shifts = best[self.owners].T
        moved = case[self.sources][shifts, torch.arange(units.shape[1], device=units.device)]
        return weight * (units - moved) ** 2

    def _cut(self, rows: Tensor) -> Tensor:
        """(row, unit) -> (window, row, place); places without a unit are 0."""
        return pad(rows, (0, 1))[:, self.windows].transpose(0, 1)

    def _moved_windows(self) -> Tensor:
        """(shift, window, place) the unit that stands there; one past the last for none."""
        nothing = self.sources.shape[1]
        return pad(self.sources, (0, 1), value=nothing)[:, self.windows]


def column_distances(units: Tensor, cases: Tensor, weights: Tensor) -> Tensor:
    """(instance, unit), (prototype, unit), (prototype, unit) -> (instance, prototype).

    `Σ w (u − v)²`, multiplied out so that no array of all three dimensions is needed.
    """
    crossed = units @ (weights * cases).T
    return (units**2 @ weights.T - 2 * crossed + (weights * cases**2).sum(1)).clamp(min=0.0)


def shift_of(kind: DataKind, shift: int | None) -> int:
    """The greatest shift: as set, else half of a window's side, at most `DataKind.most_shift`.

    A window of one column is not shifted, since it would fit anywhere; 0 for columns that have no
    places.
    """
    if not kind.most_shift:
        return 0
    if shift is not None:
        return shift
    *sides, channels = kind.shape
    places = max(len(player) for player in kind.layout.players) / channels
    return min(int(places ** (1 / len(sides)) / 2 + 1e-9), kind.most_shift)


def _windows(layout: Layout) -> Tensor:
    """(window, place) units of each window; one past the last unit where a window is shorter."""
    size = max(len(player) for player in layout.players)
    units = np.full((len(layout.players), size), math.prod(layout.shape))
    for window, columns in enumerate(layout.players):
        units[window, : len(columns)] = columns
    return torch.as_tensor(units)


def _sources(layout: Layout, most: int) -> Tensor:
    """(shift, unit) which unit comes to stand where; the first shift is none."""
    *sides, _ = layout.shape
    moves = np.indices([2 * most + 1] * len(sides)).reshape(len(sides), -1).T - most
    nearest_first = moves[np.argsort(np.abs(moves).sum(axis=1), kind="stable")]
    return torch.as_tensor(np.stack([_moved(layout.shape, move) for move in nearest_first]))


def _moved(shape: tuple[int, ...], move: np.ndarray) -> np.ndarray:
    """(unit,) positions of a grid moved by so many places along each side, edges repeated."""
    places = np.arange(math.prod(shape)).reshape(shape)
    for axis, step in enumerate(move):
        kept = np.clip(np.arange(shape[axis]) - step, 0, shape[axis] - 1)
        places = places.take(kept, axis=axis)
    return places.ravel()
