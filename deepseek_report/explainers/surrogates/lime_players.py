"""LIME on players: words, patches and windows, or groups of a wide table's columns, on or off.

As the package's own explainers of texts and images: neighbours differ from the instance in which
players are there, nearness is the cosine distance of that, and a weighted ridge regression is
fitted to the model's answers. The fit itself is that of the package (`LimeBase`).
"""

from __future__ import annotations

import numpy as np
from lime.lime_base import LimeBase

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.players import player_sums, spread_evenly
from deepseek_report.explainers.shapley.partition import groups_of, partition_order
from deepseek_report.explainers.shapley.screening import about_screening, elementary_effects
from deepseek_report.explainers.shared.attributions import seed_of
from deepseek_report.explainers.shared.coalitions import outputs_of
from deepseek_report.explainers.surrogates.lime_surrogate import Fit, Ridge, Surrogates

#: Width of the kernel over cosine distances, as in the package's explainer of images.
KERNEL_WIDTH = 0.25


class OnOff(Surrogates):
    """Surrogates of many instances on "this player is there".

    A player that is off becomes the mask or typical. More than `most` players are joined to groups
    of neighbours or correlated columns; `groups` is how many are told apart, `are_joined`
    whether they were joined, and `are_columns` whether each is one column. Columns that
    `screening` walks find to do much are in small groups.
    """

    def __init__(
        self, context: ExplainContext, kernel_width: float | None, most: int, screening: int = 0
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
        width = kernel_width or KERNEL_WIDTH
        self.base = LimeBase(lambda apart: np.sqrt(np.exp(-(apart**2) / width**2)))

    def _fit(self, index: int, num_samples: int, ridge: Ridge) -> Fit:
        position = int(self.context.positions[index])
        rng = np.random.default_rng(seed_of(self.context.seed, position))
        players = np.flatnonzero(self.present[index])
        kept = np.ones((num_samples, self.groups), dtype=bool)
        kept[1:, players] = rng.random((num_samples - 1, len(players))) < 0.5
        answers = self._answers(index, kept)
        on = kept[:, players].astype(np.float64)
        _, _, fidelity, _ = self.base.explain_instance_with_data(
            on,
            answers[:, None],
            cosine_distances(on),
            label=0,
            num_features=len(players),
            feature_selection="none",
            model_regressor=ridge,
        )
        return Fit(
            values=self._spread(players, ridge.coef_),
            standard_error=self._spread(players, ridge.standard_error_),
            base=ridge.intercept_,
            prediction=float(answers[0]),
            fidelity=float(fidelity),
        )

    def _spread(self, players: Ints, coefficients: Floats) -> Floats:
        values = np.zeros(self.groups)
        values[players] = coefficients
        return spread_evenly(values, self.owners)

    def _answers(self, index: int, kept: Bools) -> Floats:
        """(neighbour,) outputs; the first neighbour is the instance itself."""
        row, references = self.context.inputs[index], self.references[index][None]
        which = np.zeros(len(kept), dtype=np.int64)
        return outputs_of(self.context, row, self.owners, kept, references, which)


def cosine_distances(on: Floats) -> Floats:
    """(neighbour,) 1 − cosine of each row with the first, which is all ones; 1 for no player.

    The cosine of a row of n ones out of N with all ones is √(n / N).
    """
    if not on.shape[1]:
        return np.zeros(len(on))
    return np.asarray(1 - np.sqrt(player_sums(on, np.zeros(on.shape[1], int))[:, 0] / on.shape[1]))
