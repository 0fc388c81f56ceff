"""LIME on players: words, patches and windows, or groups of a wide table's columns, on or off.

As in the package's explainers of texts and images, neighbours differ from the instance in which
players are there, and nearness is the cosine distance of that.
"""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.protocols.classifier import AnswersMixtures
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import Coalitions
from deepseek_report.data_kinds.players import player_sums, spread_evenly
from deepseek_report.explainers.shapley.partition import groups_of, partition_order
from deepseek_report.explainers.shapley.screening import about_screening, elementary_effects
from deepseek_report.explainers.surrogates.lime_surrogate import (
    DrawnNeighbours,
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
        self.references = kind.baseline(context.inputs, context.background)
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
        self.groups = self.present.shape[1]
        self.are_columns = self.groups == len(self.owners)
        self.width = width or KERNEL_WIDTH

    def drawn(self, part: slice, num_samples: int) -> DrawnNeighbours:
        """Players that an instance does not have are never lost."""
        same = self._same(part, num_samples)
        inputs, references = self.context.inputs[part], self.references[part]
        rows = np.where(same[..., self.owners], inputs[:, None], references[:, None])
        return DrawnNeighbours(same, rows)

    def answers(self, part: slice, num_samples: int) -> tuple[Bools, Floats]:
        """Models that answer mixtures of two rows are not asked about whole rows."""
        context, model = self.context, self.context.classifier
        if not isinstance(model, AnswersMixtures):
            return super().answers(part, num_samples)
        same = self._same(part, num_samples)
        pairs = zip(same, context.inputs[part], self.references[part], strict=True)
        outputs = [
            Coalitions(model, row, self.owners, reference[None]).probabilities(kept)
            for kept, row, reference in pairs
        ]
        return same, np.stack(outputs)[..., context.target]

    def _same(self, part: slice, num_samples: int) -> Bools:
        """(instance, neighbour, player) what is kept; all of the first neighbour."""
        uniform = self.uniform(part, (num_samples, self.groups))
        same = (uniform < 0.5) | ~self.present[part][:, None]
        same[:, 0] = True
        return same

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
