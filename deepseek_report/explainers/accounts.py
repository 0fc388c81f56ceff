"""What no method works out: a model's own account, given attributions, and the random control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.explanation import CONTROL, Explanation, Game
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.protocols.traits import GivenInPython, not_held
from deepseek_report.artifacts.seeds import content_keys
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import Explainer, ModuleExplainer, contrasted
from deepseek_report.metrics.internals.tracing import own_terms
from deepseek_report.metrics.performance.predicting import log_odds, softmax
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class Intrinsic(ModuleExplainer):
    """The model's own account: the terms that a self-explaining model adds up.

    The base value is what the model's terms come to for its training part (an additive model: the
    mean output; a prototype model: the output at the mean distances). So it is compared with the
    training rows, whatever a run asks.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.
    """

    reveals = "aggregate"
    games = frozenset({"background"})
    chunk: Annotated[int, Field(ge=1)] = 250

    requires = frozenset({"intrinsic"})
    method = "intrinsic"

    def explain(self, context: ExplainContext) -> Explanation:
        """Read the model's terms; values are in log-odds, or in the target's unit."""
        classifier, target = context.classifier, context.target
        before = classifier.calls
        logits = classifier.logits(context.inputs)
        values, base = np.zeros(context.inputs.shape), np.zeros(len(context.inputs))
        for part in self.parts(context):
            values[part], base[part] = own_terms(classifier, context.inputs[part], target)
        several = [message("explainer_notes.intrinsic.several_classes")]
        return self.explanation(
            context,
            before,
            values=values,
            predictions=contrasted(logits, target),
            base_values=base,
            variant=message("explainer_variants.intrinsic"),
            output_space=context.margin_space,
            game="background",
            notes=(
                message("explainer_notes.intrinsic.own"),
                *(several if logits.shape[1] > 2 else []),
            ),
        )

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.ACCOUNT, self, message("recommendation.intrinsic"))]


@dataclass(frozen=True)
class Random(Explainer):
    """Random values for every feature: the control that every other method must beat.

    Values are standard normal, drawn from the seed and the content of the row. They do not depend
    on the model, so the parameter-randomisation check must give 1 for them, and an input that
    changes at all gets values that have nothing to do with the former ones. They play no game: in
    whatever game a method is judged, the control is judged in the same.
    """

    reveals = "aggregate"
    games = frozenset[Game]()
    method = CONTROL

    def explain(self, context: ExplainContext) -> Explanation:
        """Draw one value per instance and feature.

        Returns an explanation with output space "none": the values are an order and no effect.
        """
        before, (n, columns) = context.classifier.calls, context.inputs.shape
        draws = (np.random.default_rng([context.seed, k]) for k in content_keys(context.inputs))
        return self.explanation(
            context,
            before,
            values=np.array([rng.standard_normal(columns) for rng in draws]).reshape(n, columns),
            predictions=context.output(context.inputs),
            variant=message("explainer_variants.random"),
            output_space="none",
            notes=(message("explainer_notes.control"),),
        )

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return n_instances

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.CONTROL, self, message("recommendation.control"), alone=False)]


@dataclass(frozen=True)
class HeldAttributions:
    """Attributions of the test rows as they were given.

    values : (row, feature), in the order of `names`. base_values : (row,) the output that the
    values start from, or None.
    """

    values: Floats
    names: Sequence[str]
    base_values: Floats | None = None


@dataclass(frozen=True)
class GivenAttributions(GivenInPython, Explainer):
    """Attributions that were given in Python (`deepseek_report.report`), by any method.

    method : what the person calls it. space : of which output the values are shares. sha256 : of
    the values and the base values.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    samples: ClassVar[bool] = False

    method: str = "given"
    space: Literal["probability", "logit"] = "probability"
    sha256: str = ""

    def explain(self, context: ExplainContext) -> Explanation:
        """The values of these rows; nothing is computed.

        Raises NotApplicableError : other rows are asked about than were given, or features are
        missing.
        """
        if self.held is None:
            raise NotApplicableError(not_held("the attributions", plural=True))
        if context.instance_ids is None:
            raise NotApplicableError(message("explainer_refusals.other_rows"))
        names, wanted = list(self.held.names), context.classifier.schema.names
        if missing := [name for name in wanted if name not in names]:
            raise NotApplicableError(message("explainer_refusals.no_column", columns=missing[:5]))
        rows, base = context.instance_ids, self.held.base_values
        return self.explanation(
            context,
            context.classifier.calls,
            values=self.held.values[rows][:, [names.index(name) for name in wanted]],
            predictions=self._explained(context, rows),
            base_values=None if base is None else base[rows],
            variant="attributions that were computed elsewhere and given in Python",
            output_space=context.margin_space if self.space == "logit" else context.output_space,
            n_model_calls=0,
            params={},
        )

    def _explained(self, context: ExplainContext, rows: Ints) -> Floats:
        """(row,) the output that the values are shares of."""
        logits = context.classifier.logits_of(rows)
        if logits is None:
            wanted = context.margin if self.space == "logit" else context.output
            return wanted(context.inputs)
        decides = task_of(context.classifier.schema.target).decides
        if self.space == "logit" or not decides:
            return log_odds(logits, context.target)
        return np.asarray(softmax(logits)[:, context.target])

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        """How many rows the model will evaluate: none but those of its predictions."""
        return n_instances

    def refuses(self, model: ModelPart, nature: DataTraits) -> str | None:
        """Why this cannot be shown, or None."""
        return not_held("the attributions", plural=True) if self.held is None else None
