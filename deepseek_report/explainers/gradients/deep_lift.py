"""DeepLIFT and Deep SHAP: differences from a reference, handed back through the layers."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.coalitions import distinct_rows
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import ModuleExplainer, contrasted, sum_units
from deepseek_report.statistics.ranking import systematic
from deepseek_report.statistics.resampling import batches_of, error_by_batches

if TYPE_CHECKING:
    from torch import Tensor, nn

#: The largest completeness gap, as a share of what there is to be explained, of a model whose
#: layers the rules hold for; float32 leaves about a ten-thousandth.
_MOST_GAP = 0.01
#: Instances on which it is first tried out whether the rules hold.
_TRIED = 8


@dataclass(frozen=True)
class RescaleRule(ModuleExplainer):
    """Base of the two methods, which differ in what an instance is compared with.

    Each layer hands the difference of its output from that of the reference back to its inputs:
    linear layers by their weights, an activation by the ratio of both differences (the rescale
    rule). The rules are those of `shap.DeepExplainer` for the torch layers that it knows: linear,
    convolution, pooling, dropout, batch normalisation in evaluation, and activations that read one
    number each and are used once. Elsewhere they mean nothing, so a model whose attributions do
    not add up to the difference is refused, and the refusal names by how much they miss it.
    """

    requires = frozenset({"gradients"})
    game: ClassVar[Literal["background", "baseline"]]

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds, or the logit less the mean of the others, or the number.

        Raises NotApplicableError : the attributions miss the difference that they should add up to.
        """
        classifier, n = context.classifier, len(context.inputs)
        before = classifier.calls
        logits = classifier.logits(context.inputs)
        predictions = contrasted(logits, context.target)
        starts, base, rows = self._starts(context)
        batches = np.zeros((max(start.batch for start in starts) + 1, *context.inputs.shape))
        sizes = np.bincount([s.batch for s in starts], [len(s.rows) for s in starts])
        context.progress.start(self.method, n * len(batches))
        tried = min(_TRIED, n)
        for first, done in ((0, tried), (tried, n)):  # a model that is refused is so at once
            self._attribute(context, starts, slice(first, done), batches)
            values = np.average(batches, axis=0, weights=sizes)
            distances = (predictions - base)[:done]
            gap = float(np.abs(values[:done].sum(axis=1) - distances).mean())
            scale = float(np.abs(distances).mean())
            share = gap / scale if scale > 0 else float(gap > 0)
            if share > _MOST_GAP:
                about = {"key": self.method, "model": classifier.name, "most": _MOST_GAP}
                raise NotApplicableError(
                    message("explainer_refusals.rescale_rule", share=share, n=done, **about)
                )
        classifier.calls += 2 * sum(len(start.rows) * len(start.at) for start in starts)
        several, unseen = logits.shape[1] > 2, context.unseen(rows) if rows else 0.0
        return self.explanation(
            context,
            before,
            values=values,
            standard_error=error_by_batches(batches, rows, unseen) if unseen else None,
            predictions=predictions,
            base_values=base,
            variant=message(f"explainer_variants.rescaled.{self.method}", rows=rows or 1),
            output_space=context.margin_space,
            game=self.game,
            notes=(
                message("explainer_notes.rescale_rule", share=share, n=n),
                *([message("explainer_notes.intrinsic.several_classes")] if several else []),
            ),
        )

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.SPARE, self, message(f"recommendation.rescaled.{self.method}"))]

    @abstractmethod
    def _starts(self, context: ExplainContext) -> tuple[list[_Start], Floats, int]:
        """What is compared with what, the (instance,) output there, and how many rows were drawn
        for it: none where nothing is.
        """

    def _attribute(
        self, context: ExplainContext, starts: list[_Start], part: slice, batches: Floats
    ) -> None:
        """Fill (batch, instance, column) the values of some of the instances."""
        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module, width = context.classifier.module, batches.shape[2]
        with gradients.evaluating(module):
            for start in starts:
                own = start.at[(start.at >= part.start) & (start.at < part.stop)]
                attributions = _rescaled(module, context.target, start.rows, context.inputs[own])
                for index, attributed in zip(own, attributions, strict=True):
                    per_unit = gradients.per_unit(attributed[None])
                    features = sum_units(per_unit, module.unit_features, width)
                    batches[start.batch, index] = features[0]
                    context.progress.advance()


@dataclass(frozen=True)
class _Start:
    """Rows that some instances are compared with.

    rows : (row, column). at : (instance,) positions of the instances. batch : of which of the
    batches of drawn rows these are; 0 where nothing is drawn.
    """

    rows: Floats
    at: Ints
    batch: int = 0


@dataclass(frozen=True)
class DeepShap(RescaleRule):
    """DeepLIFT against each of many training rows, averaged.

    references : training rows at the most, at even distances in the order of the model's output
    where there are more.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874 (section 4.2, Deep SHAP); Shrikumar,
    Greenside & Kundaje 2017, arXiv:1704.02685.
    """

    references: Annotated[int, Field(ge=1, le=10_000)] = 64

    reveals = "aggregate"
    method = "deep_shap"
    game = "background"

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        rows = max(min(self.references, n_background), 1)
        return n_instances * (1 + 2 * rows) + n_background

    def _starts(self, context: ExplainContext) -> tuple[list[_Start], Floats, int]:
        rows, n = context.background, len(context.inputs)
        outputs = contrasted(context.classifier.logits(rows), context.target)
        if len(rows) > self.references:
            chosen = systematic(outputs, 1, self.references)[0]
            rows, outputs = rows[chosen], outputs[chosen]
        drawn = batches_of(len(rows)) if context.unseen(len(rows)) else [np.arange(len(rows))]
        starts = [_Start(rows[batch], np.arange(n), k) for k, batch in enumerate(drawn)]
        return starts, np.full(n, outputs.mean()), len(rows)


@dataclass(frozen=True)
class DeepLift(RescaleRule):
    """DeepLIFT by its rescale rule, against the baseline of each instance.

    The baseline is the typical row of a table, the masks of a text, the typical pixels or course.

    Reference: Shrikumar, Greenside & Kundaje 2017, arXiv:1704.02685.
    """

    reveals = "aggregate"
    method = "deep_lift"
    game = "baseline"

    def planned_calls(self, n_instances: int, n_features: int, n_background: int) -> int:
        return 4 * n_instances

    def _starts(self, context: ExplainContext) -> tuple[list[_Start], Floats, int]:
        baselines = kind_of(context.classifier.schema).baseline(context.inputs, context.known_rows)
        base = contrasted(context.classifier.logits(baselines), context.target)
        first, copies = distinct_rows(baselines)
        places = enumerate(first)
        return [_Start(baselines[[at]], np.flatnonzero(copies == k)) for k, at in places], base, 0


def _rescaled(
    module: ExplainableModule, target: int, rows: Floats, inputs: Floats
) -> Iterator[Tensor]:
    """(unit, width) of each instance: mean of the attributions against each row."""
    import torch

    from deepseek_report.explainers.gradients.embedding_gradients import embed

    head, ends = _one_output(module, target), embed(module, inputs)
    with warnings.catch_warnings():  # of layers that are not known: what that costs is measured
        warnings.simplefilter("ignore")
        from shap import DeepExplainer

        explainer = DeepExplainer(head, embed(module, rows))
        for end in ends:
            values = explainer.shap_values(end[None], check_additivity=False)
            yield torch.as_tensor(values).reshape(end.shape)


def _one_output(module: ExplainableModule, target: int) -> nn.Module:
    """The module from its embedding on, with one linear function of its logits as output."""
    import torch
    from torch import nn

    class Contrast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, embedded: Tensor) -> Tensor:
            logits: Tensor = self.module.forward_embedded(embedded)
            if logits.shape[1] == 1:
                return logits
            others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
            return logits[:, [target]] - others.mean(dim=1, keepdim=True)

    return Contrast()
