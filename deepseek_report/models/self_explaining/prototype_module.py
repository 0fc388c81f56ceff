"""The prototype model: the module."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad, softplus

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Layout, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import DataKind, kind_of
from deepseek_report.models.self_explaining.prototype_settings import PrototypeSettings
from deepseek_report.models.shared.network_encoding import EncodedModule
from deepseek_report.models.shared.output_layers import contrast, describe


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
        # (shift, window, place) the unit that stands there; one past the last for none
        sources = pad(self.sources, (0, 1), value=self.sources.shape[1])[:, self.windows]
        moved = pad(cases, (0, 1))[:, sources].permute(2, 1, 0, 3)
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


#: ε of the similarity: a case that is the prototype itself has similarity log(1 + 1/ε).
NEAREST = 0.01
#: softplus of it is 1.
_ONE = math.log(math.e - 1)
_BATCH = 2048
#: Training cases over which the usual distances of images and series are taken.
_REFERENCE = 256


def similarity(distances: Tensor) -> Tensor:
    """log((d + 1) / (d + ε)): falls with the distance, towards 0."""
    return torch.log1p(distances) - torch.log(distances + NEAREST)


class PrototypeComparison(nn.Module):
    """What is learned: where each prototype lies, how columns weigh, and how much it counts.

    places : (prototype, unit), moved by the gradient; the prototype in use is the candidate of its
    class that is nearest to its place. pace : the numbers behind weights and strengths are kept
    divided by it, so that a step of the optimiser moves them so many times as far as a place.
    """

    def __init__(self, places: Tensor, classes: int, pace: float) -> None:
        super().__init__()
        self.pace = pace
        self.places = nn.Parameter(places)
        self.relevance = nn.Parameter(torch.full(places.shape, _ONE / pace))
        self.strength = nn.Parameter(torch.full((len(places),), _ONE / pace))
        self.bias = nn.Parameter(torch.zeros(classes))

    def reset_parameters(self) -> None:
        """Draw everything but the places at random."""
        nn.init.normal_(self.relevance, std=1 / self.pace)
        nn.init.normal_(self.strength, std=1 / self.pace)
        nn.init.zeros_(self.bias)

    def weights(self) -> Tensor:
        """(prototype, unit), at least 0."""
        return softplus(self.pace * self.relevance)

    def strengths(self) -> Tensor:
        """(prototype,), at least 0."""
        return softplus(self.pace * self.strength)


class PrototypeModule(EncodedModule):
    """See `Prototype`; the units are those of `EncodedModule`.

    While training the gradient of the prototype in use is passed on to its place (straight
    through: van den Oord et al. 2017, doi 10.48550/arXiv.1711.00937), so every loss, that of the
    validation part too, is one of a model whose prototypes are training cases.
    """

    cases: Tensor
    case_ids: Tensor
    case_classes: Tensor
    classes: Tensor
    chosen: Tensor
    scale: Tensor
    owners: Tensor

    def __init__(self, config: PrototypeSettings, schema: Schema, train: Split, seed: int) -> None:
        super().__init__(schema, train, config.bins)
        self.config = config
        self.kind = kind_of(schema)
        self.shift = shift_of(self.kind, config.shift)
        self.n_classes = len(schema.target.classes)
        positions = _candidates(train.labels, config.candidates, schema.target, seed)
        inputs = torch.as_tensor(train.inputs[positions], dtype=torch.float32)
        self.register_buffer("cases", inputs)
        self.register_buffer("case_ids", torch.as_tensor(train.instance_ids[positions]))
        self.register_buffer("case_classes", torch.as_tensor(train.labels[positions]))
        self.distances = self._measure(train, seed)
        with torch.no_grad():
            units = self.embed(self.cases).squeeze(-1)
        places, classes = _starts(units, self.case_classes, config.per_class, seed)
        self.register_buffer("classes", classes)
        self.register_buffer("chosen", torch.zeros(len(classes), dtype=torch.long))
        owners = torch.tensor(self.unit_features, dtype=torch.long)
        self.register_buffer("owners", owners, persistent=False)
        self.comparison = PrototypeComparison(places, self.n_classes, config.pace)
        self._project(units)

    def outputs_of(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> (instance, class)."""
        evidence, _ = self._evidence(embedded.squeeze(-1), self._in_use())
        return self.comparison.bias + evidence @ self._membership(evidence)

    def prototypes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (prototype, column), instance ids and classes (prototype,)."""
        return self.cases[self.chosen], self.case_ids[self.chosen], self.classes

    def evidence(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(instance, prototype) what each adds to the logit of its class, and the distances."""
        with torch.no_grad():
            return self._evidence(self.embed(inputs).squeeze(-1), self._in_use())

    def intrinsic(self, inputs: Tensor, target: int) -> tuple[Tensor, Tensor]:
        """How much nearer each column brings a case to the prototypes than is usual.

        Let dᵢₚⱼ be the part of column j in the distance of case i to prototype p, mₚⱼ its mean
        over the training part (images and series: over at most 256 cases of it), dᵢₚ and mₚ their
        sums over j, and s the similarity. The value of
        column j is `Σₚ cₚ aₚ · (s(dᵢₚ) − s(mₚ)) / (dᵢₚ − mₚ) · (dᵢₚⱼ − mₚⱼ)` with cₚ = 1 for
        prototypes of the target and −1 / (classes − 1) for others. Since the dᵢₚⱼ − mₚⱼ sum to
        dᵢₚ − mₚ, the values sum to the output less the base value, which is the output at the mean
        distances. This is the integrated gradient along the straight line of distances.

        Returns values (instance, column) and base values (instance,); see `IntrinsicModule`.
        """
        with torch.no_grad():
            units, cases = self.embed(inputs).squeeze(-1), self._in_use()
            weights = self.comparison.weights() / self.scale
            usual = self.distances.usual(cases, weights)
            distances, means = self.distances(units, cases, weights), usual.sum(1)
            counts = contrast(self._membership(units), target) * self.comparison.strengths()
            slopes = counts * _secant(distances, means)
            parts = self.distances.terms(units, cases, weights, slopes) - slopes @ usual
            values = parts.new_zeros(len(inputs), self.columns).index_add_(1, self.owners, parts)
            bias = contrast(self.comparison.bias.unsqueeze(0), target)
            base = bias + (counts * similarity(means)).sum()
        return values, base.expand(len(inputs))

    def reset_parameters(self) -> None:
        """Take any candidates as prototypes, whatever their class."""
        order = torch.randperm(len(self.case_ids), device="cpu")
        self.chosen.copy_(order[: len(self.chosen)])

    def architecture(self) -> dict[str, object]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        moves = message(f"architectures.moves.{self.kind.name}", shift=self.shift)
        summary = message(
            "architectures.prototype",
            prototypes=len(self.classes),
            columns=len(self.unit_features),
            moves=moves if self.shift else "",
        )
        return describe(self, "Prototype", summary, {"comparison": "weighted distances"})

    def _in_use(self) -> Tensor:
        """(prototype, unit) the training cases; in training with the gradient of their places."""
        if not self.training:
            return self.embed(self.cases[self.chosen]).squeeze(-1)
        with torch.no_grad():
            units = self.embed(self.cases).squeeze(-1)
            self._project(units)
        places = self.comparison.places
        return places + (units[self.chosen] - places).detach()

    def _project(self, units: Tensor) -> None:
        """Choose for each place the nearest candidate of its class; no case is taken twice."""
        with torch.no_grad():
            weights, places = self.comparison.weights() / self.scale, self.comparison.places
            for class_index in range(self.n_classes):
                own = torch.nonzero(self.classes == class_index).squeeze(1)
                cases = torch.nonzero(self.case_classes == class_index).squeeze(1)
                apart = column_distances(units[cases], places[own], weights[own]).T
                for row, prototype in enumerate(own):
                    nearest = apart[row].argmin()
                    self.chosen[prototype] = cases[nearest]
                    apart[:, nearest] = torch.inf

    def _evidence(self, units: Tensor, cases: Tensor) -> tuple[Tensor, Tensor]:
        distances = self.distances(units, cases, self.comparison.weights() / self.scale)
        return self.comparison.strengths() * similarity(distances), distances

    def _membership(self, like: Tensor) -> Tensor:
        """(prototype, class) 1 where a prototype is of the class."""
        return one_hot(self.classes, self.n_classes).to(like.dtype)

    def _measure(self, train: Split, seed: int) -> ColumnDistances | ShiftedDistances:
        """The distances, and a scale that makes usual ones 1."""
        mean = torch.zeros(len(self.unit_features), dtype=torch.float64)
        square = torch.zeros_like(mean)
        for start in range(0, len(train), _BATCH):
            units = self._units(train.inputs[start : start + _BATCH]).double()
            mean, square = mean + units.sum(0), square + (units**2).sum(0)
        mean, square = mean / len(train), square / len(train)
        scale = 2 * (square - mean**2).sum().clamp(min=1e-6)
        self.register_buffer("scale", scale.float())
        if not self.shift:
            return ColumnDistances(mean.float(), square.float())
        drawn = np.random.default_rng(seed).permutation(len(train))[:_REFERENCE]
        reference = self._units(train.inputs[np.sort(drawn)])
        return ShiftedDistances(self.kind.layout, self.shift, reference)

    def _units(self, inputs: Floats) -> Tensor:
        """(instance, column) -> (instance, unit)."""
        return self.embed(torch.as_tensor(inputs, dtype=torch.float32)).squeeze(-1)


def _secant(distances: Tensor, means: Tensor) -> Tensor:
    """(s(d) − s(m)) / (d − m), and s'(m) where the two are as good as equal."""
    apart = distances - means
    close = apart.abs() < 1e-4 * (means + NEAREST)
    slope = 1 / (1 + means) - 1 / (means + NEAREST)
    secant = (similarity(distances) - similarity(means)) / torch.where(close, 1.0, apart)
    return torch.where(close, slope.expand_as(secant), secant)


def _candidates(labels: Ints, most: int, target: Target, seed: int) -> Ints:
    """Positions of at most so many cases of each class, drawn at random."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(np.flatnonzero(labels == class_index))[:most]
        for class_index in target.by_code
    ]
    return np.sort(np.concatenate(chosen))


def _starts(units: Tensor, labels: Tensor, per_class: int, seed: int) -> tuple[Tensor, Tensor]:
    """(prototype, unit) the means of clusters within each class, and the classes."""
    from sklearn.cluster import KMeans

    places, classes = [], []
    for label in labels.unique():
        own = units[labels == label].numpy()
        distinct = len(np.unique(own, axis=0))
        means = KMeans(min(per_class, distinct), n_init=1, random_state=seed).fit(own)
        places.append(torch.as_tensor(means.cluster_centers_, dtype=torch.float32))
        classes.append(label.repeat(len(places[-1])))
    return torch.cat(places), torch.cat(classes)
