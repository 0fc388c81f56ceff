"""Occlusion: what the output loses where one feature, word, patch or window is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import (
    Coalitions,
    PairedCoalitions,
    differing,
    player_sums,
    spread_evenly,
)
from deepseek_report.explainers.attributions import Explainer, chunks
from deepseek_report.statistics.intervals import error_of_mean
from deepseek_report.statistics.ranking import systematic


@dataclass(frozen=True)
class Occlusion(Explainer):
    """The output less what it is without one player, everything else left as it is.

    A player is a feature, a word, a patch or a window. What is taken away is replaced by that of
    each background row in turn, and the outputs are averaged, or by the baseline, as the run asks.
    Any model can be asked; nothing is drawn. The values need not add up to anything: of two
    features that stand for each other neither loses much alone, and both together may.

    reference : what replaces a player; auto: what the run asks about, or else what is usual for
    such data. references : training rows that replace a player at the most, at even distances in
    the order of its own values where there are more. chunk : instances that are asked about
    together.

    Reference: Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53; Robnik-Šikonja & Kononenko
    2008, doi:10.1109/TKDE.2007.190734 (averages over rows); Li, Monroe & Jurafsky 2016,
    arXiv:1612.08220 (words).
    """

    reveals = "aggregate"
    reference: Literal["auto", "background", "baseline"] = "auto"
    references: Annotated[int, Field(ge=1, le=10_000)] = 64
    chunk: Annotated[int, Field(ge=1)] = 25

    samples = False
    method = "occlusion"

    def explain(self, context: ExplainContext) -> Explanation:
        """Ask the model without each player of each instance, once against each row.

        Returns values in units of the output, without a base value.
        """
        classifier, playing = context.classifier, self.playing(context.question)
        occlusion = playing.suited_to(classifier.capabilities, classifier.schema)
        before = classifier.calls
        predictions, kind = context.output(context.inputs), kind_of(classifier.schema)
        context.progress.start(self.method, len(context.inputs))
        error = None
        if occlusion.reference == "baseline":
            lost = occlusion._against_baseline(context, predictions)
        else:
            lost, error = occlusion._against_rows(context, predictions)
        owners, notes = classifier.schema.owners, [message("explainer_notes.occlusion.alone")]
        if lost.shape[1] < len(owners):
            notes.append(message("explainer_notes.players.whole"))
        return occlusion.explanation(
            context,
            before,
            values=spread_evenly(np.where(kind.present(context.inputs), lost, 0.0), owners),
            standard_error=None if error is None else spread_evenly(error, owners),
            predictions=predictions,
            variant=message(
                "explainer_variants.occlusion", rows=occlusion._rows(len(context.background))
            ),
            game="baseline" if occlusion.reference == "baseline" else "background",
            notes=tuple(notes),
        )

    def playing(self, question: Game) -> Occlusion:
        """With the reference that answers the question, where "auto" leaves it to that."""
        if self.reference != "auto" or question not in ("background", "baseline"):
            return self
        return replace(self, reference=question)

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> Occlusion:
        """With what is usual for such data, where neither a field nor the question says it."""
        if self.reference != "auto":
            return self
        return replace(self, reference=kind_of(schema).compared_with)

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances * (1 + n_features * max(self._rows(n_background), 1))

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """The simplest account; it shares nothing between features that act together."""
        rows = max(self._rows(situation.background), 1)
        return [Offer(Turn.SPARE, self, message("recommendation.occlusion", background=rows))]

    def _rows(self, background: int) -> int:
        """How many background rows replace a player; none where the baseline does."""
        return 0 if self.reference == "baseline" else max(min(self.references, background), 1)

    def _against_rows(
        self, context: ExplainContext, predictions: Floats
    ) -> tuple[Floats, Floats | None]:
        """(instance, player) what was lost on average over the rows that replaced it, and the
        standard error of having drawn these rows; None where nothing was drawn.
        """
        classifier, rows = context.classifier, context.background
        owners, players = classifier.schema.owners, len(classifier.schema.player_labels)
        count = self._rows(len(rows))
        without = np.repeat(~np.eye(players, dtype=bool), count, axis=0)
        which = np.tile(np.arange(count), players)
        if count < len(rows):  # by the order of what each row has of the player
            own = player_sums(rows, owners).T
            which = np.concatenate([systematic(column, 1, count)[0] for column in own])
        lost, error = np.zeros((2, len(predictions), players))
        unseen = context.unseen(len(rows)) * count / len(rows)  # at even distances they tell of all
        for index, row in enumerate(context.inputs):
            outputs = Coalitions(classifier, row, owners, rows).probabilities(without, which)
            means = outputs[:, context.target].reshape(players, -1)
            lost[index] = predictions[index] - means.mean(axis=1)
            error[index] = error_of_mean(means.T, unseen)
            context.progress.advance()
        moves = differing(context.inputs, rows, owners)
        return np.where(moves, lost, 0.0), np.where(moves, error, 0.0) if unseen else None

    def _against_baseline(self, context: ExplainContext, predictions: Floats) -> Floats:
        """(instance, player) what was lost, of many instances at a time."""
        classifier, kind = context.classifier, kind_of(context.classifier.schema)
        players = len(classifier.schema.player_labels)
        owners, without = classifier.schema.owners, ~np.eye(players, dtype=bool)
        lost = np.zeros((len(predictions), players))
        for part in chunks(len(predictions), self.chunk):
            inputs = context.inputs[part]
            baselines = kind.baseline(inputs, context.known_rows)
            pairs = PairedCoalitions(classifier, inputs, owners, baselines)
            count = len(inputs)
            outputs = pairs.probabilities(
                np.tile(without, (count, 1)), np.repeat(np.arange(count), players)
            )
            answers = outputs[:, context.target].reshape(count, players)
            moves = differing(inputs, baselines[:, None], owners)
            lost[part] = np.where(moves, predictions[part, None] - answers, 0.0)
            context.progress.advance(count)
        return lost
