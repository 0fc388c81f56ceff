"""Local linear surrogates by the lime package, on the target's probability or the number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import Reveals
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.explainers import ExplainContext
from deepseek_report.artifacts.protocols.models import ModelPlugin
from deepseek_report.artifacts.protocols.traits import ExplainerPart
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers.shapley.screening import planned_questions
from deepseek_report.explainers.shared.attributions import subject

if TYPE_CHECKING:
    from deepseek_report.explainers.surrogates.lime_surrogate import Fit


@dataclass(frozen=True)
class Lime(ExplainerPart):
    """A linear model fitted to the classifier in the neighbourhood of each instance (lime package).

    Numeric features are cut at the quartiles of training rows; a neighbour keeps or redraws each
    feature, independently, by its training frequencies. Weighted ridge regression of the
    probability on "same as the instance" gives b; the attribution is b · (1 − frequency of the
    instance's own value), the Shapley value of the surrogate, so that base value plus sum is the
    surrogate's own prediction.

    In texts, images and series, and in tables of more than `columns_up_to` columns, a neighbour
    keeps or loses whole players: words (lost to the mask), patches, windows or groups of
    correlated columns (lost to the typical input). The attribution is b.
    At least `samples_per_player` neighbours are drawn for each of them. Which columns of a wide
    table are in small groups is decided by `screening` walks over training rows first.

    Reference: Ribeiro, Singh & Guestrin 2016, doi:10.1145/2939672.2939778.
    """

    reveals: ClassVar[Reveals] = "aggregate"
    num_samples: Annotated[int, Field(ge=50, le=100_000)] = 400
    kernel_width: Annotated[float, Field(gt=0)] | None = None
    ridge: Annotated[float, Field(gt=0)] = 1.0
    bins: Annotated[int, Field(ge=2, le=20)] = 4
    columns_up_to: Annotated[int, Field(ge=2)] = 64
    samples_per_player: Annotated[int, Field(ge=2)] = 10
    screening: Annotated[int, Field(ge=0, le=1000)] = 4

    def explain(self, context: ExplainContext) -> Explanation:
        """Fit one surrogate per instance.

        Returns
        -------
        Values in units of the output; `params` holds the surrogates' weighted R², and the
        completeness gap is the surrogate's error at the instance.
        """
        classifier = context.classifier
        before = classifier.calls
        context.progress.start("lime", len(context.inputs))
        fits, variant, meanings = self.suited_to(classifier.capabilities, classifier.schema)._fits(
            context
        )
        fidelity = np.array([fit.fidelity for fit in fits])
        return Explanation(
            values=np.array([fit.values for fit in fits]),
            standard_error=np.array([fit.standard_error for fit in fits]),
            predictions=np.array([fit.prediction for fit in fits]),
            base_values=np.array([fit.base for fit in fits]),
            method="lime",
            variant=variant,
            output_space=context.output_space,
            n_model_calls=classifier.calls - before,
            params=asdict(self)
            | {
                "fidelity_mean": float(fidelity.mean()),
                "fidelity_worst": float(fidelity.min()),
                "fidelity": fidelity.tolist(),
            },
            notes=(*meanings, _about_fidelity(fidelity)),
            **subject(context),
        )

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> Lime:
        """Without screening where there are no columns of a table to screen."""
        return self if kind_of(schema).named_columns else replace(self, screening=0)

    def _fits(self, context: ExplainContext) -> tuple[Sequence[Fit], Message, tuple[Message, ...]]:
        """The surrogates, how they were made, and what their values mean."""
        schema, rows = (
            context.classifier.schema,
            self._samples(len(context.classifier.schema.player_labels)),
        )
        kind, number = kind_of(schema), context.is_number
        if kind.named_columns and len(schema.features) <= self.columns_up_to:
            from deepseek_report.explainers.surrogates.lime_surrogate import Neighbourhoods

            near = Neighbourhoods(context, self.bins, self.kernel_width)
            variant = message("explainer_variants.lime_rows", rows=rows)
            meaning = message("explainer_notes.lime.rows", number=number)
            return near.fit_all(rows, self.ridge), variant, (meaning,)
        from deepseek_report.explainers.surrogates.lime_players import OnOff

        on_off = OnOff(context, self.kernel_width, self.columns_up_to, self.screening)
        unit = "groups" if on_off.are_joined else "players"
        meaning = message(
            f"explainer_notes.lime.{unit}.{kind.name}",
            number=number,
            spread=not on_off.are_columns,
        )
        variant = message(
            f"explainer_variants.lime_{unit}.{kind.name}", groups=on_off.groups, rows=rows
        )
        return on_off.fit_all(rows, self.ridge), variant, (meaning, *on_off.notes)

    def _samples(self, n_players: int) -> int:
        return max(self.num_samples, self.samples_per_player * min(n_players, self.columns_up_to))

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        wide = n_features > self.columns_up_to
        before = planned_questions(self.screening, n_features) if wide else 0
        return n_instances * self._samples(n_features) + before

    def refuses(self, model: ModelPlugin, nature: DataTraits) -> Message | None:
        return None


def _about_fidelity(fidelity: Floats) -> Message:
    return message(
        "explainer_notes.lime.fidelity",
        mean=float(fidelity.mean()),
        worst=float(fidelity.min()),
        n=len(fidelity),
    )
