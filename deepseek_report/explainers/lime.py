"""Local linear surrogates of the target's probability, or of the number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.explainers.attributions import Explainer
from deepseek_report.explainers.lime_surrogate import (
    CodedNeighbourhoods,
    PlayerNeighbourhoods,
    Surrogates,
)
from deepseek_report.explainers.shapley.shap_settings import planned_questions


@dataclass(frozen=True)
class Lime(Explainer):
    """A linear model fitted to the classifier in the neighbourhood of each instance.

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

    algorithm : "batched" fits many instances at a time and asks about rows that are the same once;
        "package" leaves each to the lime package: other draws for a table, the same for players.

    Reference: Ribeiro, Singh & Guestrin 2016, doi:10.1145/2939672.2939778.
    """

    reveals = "aggregate"
    games = frozenset({"neighbours", "baseline"})
    num_samples: Annotated[int, Field(ge=50, le=100_000)] = 400
    kernel_width: Annotated[float, Field(gt=0)] | None = None
    ridge: Annotated[float, Field(gt=0)] = 1.0
    bins: Annotated[int, Field(ge=2, le=20)] = 4
    columns_up_to: Annotated[int, Field(ge=2)] = 64
    samples_per_player: Annotated[int, Field(ge=2)] = 10
    screening: Annotated[int, Field(ge=0, le=1000)] = 4
    algorithm: Literal["batched", "package"] = "batched"

    method = "lime"

    def explain(self, context: ExplainContext) -> Explanation:
        """Fit one surrogate per instance.

        Returns values in units of the output; `params` holds the surrogates' weighted R², and the
        completeness gap is the surrogate's error at the instance.
        """
        classifier = context.classifier
        before = classifier.calls
        context.progress.start(self.method, len(context.inputs))
        suited = self.suited_to(classifier.capabilities, classifier.schema)
        of_columns = suited._is_of_columns(classifier.schema)
        surrogates = suited._of_table if of_columns else suited._of_players
        fits, variant, meanings = surrogates(context)
        fidelity = {"mean": float(fits.fidelity.mean()), "worst": float(fits.fidelity.min())}
        about = message("explainer_notes.lime.fidelity", **fidelity, n=len(fits.fidelity))
        return self.explanation(
            context,
            before,
            values=fits.values,
            standard_error=fits.standard_error,
            predictions=fits.prediction,
            base_values=fits.base,
            variant=variant,
            game="neighbours" if of_columns else "baseline",
            params=vars(self)
            | {f"fidelity_{name}": share for name, share in fidelity.items()}
            | {"fidelity": fits.fidelity.tolist()},
            notes=(*meanings, about),
        )

    def suited_to(self, capabilities: frozenset[Capability], schema: Schema) -> Lime:
        """Without screening where there are no columns of a table to screen."""
        return self if kind_of(schema).named_columns else replace(self, screening=0)

    def _is_of_columns(self, schema: Schema) -> bool:
        """Whether columns of a table are drawn anew; else players are lost to the baseline."""
        return kind_of(schema).named_columns and len(schema.features) <= self.columns_up_to

    def _of_table(self, context: ExplainContext) -> tuple[Surrogates, Message, tuple[Message, ...]]:
        """The surrogates, how they were made, and what their values mean."""
        near = CodedNeighbourhoods(context, self.bins, self.kernel_width)
        rows = self._samples(len(near.codings))
        meaning = message("explainer_notes.lime.rows", number=context.is_number)
        package = self.algorithm == "package"
        variant = message("explainer_variants.lime_rows", rows=rows, package=package)
        if package:
            from deepseek_report.explainers.lime_package import of_table

            return of_table(near, rows, self.ridge), variant, (meaning,)
        return near.surrogates(rows, self.ridge), variant, (meaning,)

    def _of_players(
        self, context: ExplainContext
    ) -> tuple[Surrogates, Message, tuple[Message, ...]]:
        schema = context.classifier.schema
        near = PlayerNeighbourhoods(context, self.kernel_width, self.columns_up_to, self.screening)
        rows, kind = self._samples(len(schema.player_labels)), kind_of(schema)
        package = self.algorithm == "package"
        unit = "groups" if near.are_joined else "players"
        meaning = message(
            f"explainer_notes.lime.{unit}.{kind.name}",
            number=context.is_number,
            spread=not near.are_columns,
        )
        variant = message(
            f"explainer_variants.lime_{unit}.{kind.name}",
            groups=near.groups,
            rows=rows,
            package=package,
        )
        notes = (meaning, *near.notes)
        if package:
            from deepseek_report.explainers.lime_package import of_players

            return of_players(near, rows, self.ridge), variant, notes
        return near.surrogates(rows, self.ridge), variant, notes

    def _samples(self, n_players: int) -> int:
        return max(self.num_samples, self.samples_per_player * min(n_players, self.columns_up_to))

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        wide = n_features > self.columns_up_to
        before = planned_questions(self.screening, n_features) if wide else 0
        return n_instances * self._samples(n_features) + before

    def offers(self, situation: Situation) -> Sequence[Offer]:
        """In one size alone: fewer neighbours give other attributions with every draw."""
        rows = self._samples(situation.players)
        if "gradients" in situation.capabilities:
            return [Offer(Turn.SPARE, self, message("recommendation.lime.spare", rows=rows))]
        return [Offer(Turn.SURROGATE, self, message("recommendation.lime.second", rows=rows))]
