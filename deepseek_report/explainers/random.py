"""The control: attributions that know nothing of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.traits import ExplainerPart
from deepseek_report.artifacts.seeds import content_keys
from deepseek_report.explainers.attributions import subject


@dataclass(frozen=True)
class Random(ExplainerPart):
    """Random values for every feature: the control that every other method must beat.

    Values are standard normal, drawn from the seed and the content of the row. They do not depend
    on the model, so the parameter-randomisation check must give 1 for them, and an input that
    changes at all gets values that have nothing to do with the former ones. They play no game: in
    whatever game a method is judged, the control is judged in the same.
    """

    reveals = "aggregate"
    games = frozenset[Game]()

    def explain(self, context: ExplainContext) -> Explanation:
        """Draw one value per instance and feature.

        Returns an explanation with output space "none": the values are an order and no effect.
        """
        before = context.classifier.calls
        predictions = context.output(context.inputs)
        return Explanation(
            values=_draw(context),
            predictions=predictions,
            method="random",
            variant=message("explainer_variants.random"),
            output_space="none",
            n_model_calls=context.classifier.calls - before,
            notes=(message("explainer_notes.control"),),
            **subject(context),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.CONTROL, self, message("recommendation.control"), alone=False)]

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Message | None:
        return None


def _draw(context: ExplainContext) -> Floats:
    """By the content of the rows themselves, whatever draws others would get."""
    shape, seed = context.inputs.shape, context.seed
    keys = content_keys(context.inputs)
    drawn = [np.random.default_rng([seed, key]).standard_normal(shape[1]) for key in keys]
    return np.array(drawn).reshape(shape)
