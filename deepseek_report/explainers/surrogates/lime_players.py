"""LIME on players: words, patches and windows, or groups of a wide table's columns, on or off.

As in the package's explainers of texts and images, neighbours differ from the instance in which
players are there, and nearness is the cosine distance of that.
"""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import PairedCoalitions
from deepseek_report.data_kinds.players import player_sums, spread_evenly
from deepseek_report.explainers.shapley.partition import groups_of, partition_order
from deepseek_report.explainers.shapley.screening import about_screening, elementary_effects
from deepseek_report.explainers.surrogates.lime_surrogate import (
    Neighbourhoods,
    Surrogates,
    WeightedRidge,
)

#: Width of the kernel over cosine distances, as in the package's explainer of images.
KERNEL_WIDTH = 0.25


class PlayerNeighbourhoods(Neighbourhoods):
    """Neighbours that keep each player or lose it to the mask or the typical input.

    More than `most` players are joined to groups of neighbours or correlated columns; `groups` is
    how many are told apart, `are_joined` whether they were joined, and `are_columns` whether each
    is one column. Columns that `screening` walks find to do much are in small groups.
    """

    def __init__(
        self, context: ExplainContext, width: float | None, most: int, screening: int = 0
    ) -> None:
        self.context = context
        schema = context.classifier.schema
        kind = kind_of(schema)
        references = kind.baseline(context.inputs, context.background)
        self.owners, self.present = schema.owners, kind.present(context.inputs)
        self.notes: tuple[Message, ...] = ()
        self.are_joined = self.present.shape[1] > most
        if self.are_joined:
            effects = elementary_effects(context, screening) if screening else None
            order = partition_order(schema, context.background, effects, most)
            groups = groups_of(order, most, effects)
            if screening:
                self.notes = (about_screening(screening, len(order)),)
            self.owners = groups[self.owners]
            self.present = player_sums(self.present.astype(np.float64), groups) > 0
        self.coalitions = PairedCoalitions(
            context.classifier, context.inputs, self.owners, references
        )
        self.groups = self.present.shape[1]
        self.are_columns = self.groups == len(self.owners)
        self.width = width or KERNEL_WIDTH

    def answers(self, part: slice, num_samples: int) -> tuple[Bools, Floats]:
        """Players that an instance does not have are never lost."""
        uniform = self.uniform(part, (num_samples, self.groups))
        same = (uniform < 0.5) | ~self.present[part][:, None]
        same[:, 0] = True
        of = np.arange(len(self.present))[part].repeat(num_samples)
        outputs = self.coalitions.probabilities(same.reshape(len(of), -1), of)
        return same, outputs[:, self.context.target].reshape(same.shape[:2])

    def distances(self, part: slice, same: Floats) -> Floats:
        return cosine_distances(same, self.present[part].astype(np.float64))

    def attributions(self, part: slice, ridge: WeightedRidge, predictions: Floats) -> Surrogates:
        del part
        return Surrogates(
            values=spread_evenly(ridge.coefficients, self.owners),
            standard_error=spread_evenly(ridge.standard_error, self.owners),
            base=ridge.intercepts,
            prediction=predictions,
            fidelity=ridge.fidelity,
        )


def cosine_distances(same: Floats, present: Floats) -> Floats:
    """(instance, neighbour) 1 − cosine of what a neighbour has with all that there is.

    The cosine of n ones out of N with all ones is √(n / N); an instance without players gets 0.

    Parameters
    ----------
    same, present : array
        (instance, neighbour, player) and (instance, player), 1 or 0.
    """
    kept = (same @ present[..., None])[..., 0]
    whole = present.sum(axis=1)[:, None]
    return np.asarray(1 - np.sqrt(np.where(whole > 0, kept, 1) / np.maximum(whole, 1)))
