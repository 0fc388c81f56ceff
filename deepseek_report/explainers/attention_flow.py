"""Explanations read from attention: rollout, and AttnLRP, which passes relevance back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.explanation import Explanation, Game
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.explainers import ExplainContext, Offer, Situation, Turn
from deepseek_report.artifacts.protocols.modules import ExplainableModule, SaysWhatIsRead
from deepseek_report.errors import NotApplicableError
from deepseek_report.explainers.attributions import ModuleExplainer, sum_units

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class AttentionRollout(ModuleExplainer):
    """Attention weights multiplied through the layers, heads weighted by the router.

    Per layer the heads of all branches are averaged by their route weights, the residual path is
    added, Ã = (1 − r) A + r I, and R = Ã_L … Ã_1. Read at the summary token (or averaged over
    all tokens where there is none), summed over the tokens of a feature; each row sums to 1. It is
    an order, which takes nothing away and plays no game of its own.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Abnar & Zuidema 2020, arXiv:2005.00928.
    """

    reveals = "aggregate"
    games = frozenset[Game]()
    residual: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    chunk: Annotated[int, Field(ge=1)] = 250

    requires = frozenset({"attention"})
    method = "attention_rollout"

    def explain(self, context: ExplainContext) -> Explanation:
        """Roll the attention out to the features.

        Returns an unsigned explanation with output space "none"; each row sums to 1.
        """
        routed = "routing" in context.classifier.capabilities
        variant = message("explainer_variants.rollout", routed=routed)
        return self.in_one_pass(
            context, self._values, variant, message("explainer_notes.magnitude"), order=True
        )

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.BESIDE, self, message("recommendation.attention"), alone=False)]

    def _values(self, context: ExplainContext) -> Floats:
        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        for part in self.parts(context):
            rolled = rollout(attention_layers(module, context.inputs[part]), self.residual)
            reading = _reading(module, context.inputs[part])
            values[part] = read_out(rolled, module.token_columns, context.inputs.shape[1], reading)
        return values


def attention_layers(module: ExplainableModule, inputs: Floats) -> list[Floats]:
    """Per layer one attention matrix (instance, query, key): heads weighted by their routes.

    Raises NotApplicableError : no layer of the module hands out attention weights.
    """
    import torch

    from deepseek_report.explainers.gradients import embedding_gradients

    with embedding_gradients.evaluating(module), torch.no_grad():
        _, traces = module.trace(embedding_gradients.as_tensor(module, inputs))
    layers = [combine(trace.attention, trace.routes) for trace in traces if trace.attention]
    if not layers:
        raise NotApplicableError(message("explainer_refusals.no_attention"))
    return layers


def combine(attention: Mapping[str, Tensor], routes: Mapping[str, Tensor] | None) -> Floats:
    """Weighted mean over the heads of all branches; equal weights where there is no router.

    attention : {branch: (instance, head, query, key)}, rows sum to 1.
    routes : {branch: (instance, head)}, the weight of each head.
    Returns (instance, query, key); rows sum to 1.
    """
    maps = {
        name: branch_weights.double().cpu().numpy() for name, branch_weights in attention.items()
    }
    heads = np.concatenate([maps[name] for name in sorted(maps)], axis=1)
    if routes is None:
        return np.asarray(heads.mean(axis=1))
    weights = np.concatenate([routes[name].double().cpu().numpy() for name in sorted(maps)], axis=1)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("nhqk,nh->nqk", heads, weights))


def rollout(layers: Sequence[Floats], residual: float) -> Floats:
    """R = Ã_L … Ã_1 with Ã = (1 − residual) A + residual I, first layer first in the list."""
    identity = np.eye(layers[0].shape[-1])
    rolled = np.broadcast_to(identity, layers[0].shape)
    for attention in layers:
        rolled = ((1 - residual) * attention + residual * identity) @ rolled
    return np.asarray(rolled)


def read_out(
    rolled: Floats,
    token_columns: Sequence[Sequence[int]],
    n_features: int,
    reading: Floats | None = None,
) -> Floats:
    """What reaches the output from each column, as shares of one.

    reading : (instance, token) how much the output reads of each token's last state. Without it
    the row of the summary token (no columns) is read if there is one, else the mean of all rows.
    The share of a token with several columns is spread evenly over them.
    """
    summary = [token for token, columns in enumerate(token_columns) if not len(columns)]
    if reading is not None:
        row = np.einsum("nq,nqk->nk", reading, rolled)
    else:
        row = rolled[:, summary].mean(axis=1) if summary else rolled.mean(axis=1)
    spread = np.zeros((len(token_columns), n_features))
    for token, columns in enumerate(token_columns):
        spread[token, list(columns)] = 1 / max(len(columns), 1)
    values = row @ spread
    total = values.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(values, total, out=np.zeros_like(values), where=total > 0))


def _reading(module: ExplainableModule, inputs: Floats) -> Floats | None:
    """What the output reads, where the module says it."""
    import torch

    from deepseek_report.explainers.gradients import embedding_gradients

    if not isinstance(module, SaysWhatIsRead):
        return None
    with embedding_gradients.evaluating(module), torch.no_grad():
        shares = module.reading(embedding_gradients.as_tensor(module, inputs))
    return np.asarray(shares.double().cpu().numpy())


@dataclass(frozen=True)
class AttnLRP(ModuleExplainer):
    """Layer-wise relevance propagation with rules for attention, norms and gated products.

    The log-odds of the target, or the number, are passed back to the inputs. Each linear map
    divides relevance among its terms, a product of two activations gives each of them half, a norm
    passes on as if its scale were constant, and a softmax by the first terms of its Taylor series.
    What is passed on is conserved but for what biases, learned tokens and the softmax keep, which
    the explanation tells. It takes a model apart instead of taking inputs away, so no game is
    played, and there is no base value. One gradient per instance.

    chunk : instances that are explained and stored at a time; a killed run goes on after them.

    Reference: Achtibat et al. 2024, AttnLRP: attention-aware layer-wise relevance propagation for
    transformers, arXiv:2402.05602.
    """

    reveals = "aggregate"
    chunk: Annotated[int, Field(ge=1)] = 100

    requires = frozenset({"gradients", "attention"})
    method = "attn_lrp"

    def explain(self, context: ExplainContext) -> Explanation:
        """Attribute the log-odds of the target, or the number.

        Raises NotApplicableError : the model does something for which there is no rule.
        """
        explanation = self.in_one_pass(
            context, self._values, message("explainer_variants.attn_lrp")
        )
        carried = explanation.values.sum(axis=1)
        note = message(
            "explainer_notes.attn_lrp",
            carried=float(np.abs(carried).mean()),
            kept=float(np.abs(explanation.predictions - carried).mean()),
            space=context.margin_space,
        )
        return replace(explanation, notes=(note,))

    def offers(self, situation: Situation) -> Sequence[Offer]:
        return [Offer(Turn.BESIDE, self, message("recommendation.attn_lrp"), alone=False)]

    def _values(self, context: ExplainContext) -> Floats:
        from deepseek_report.explainers import relevance_rules
        from deepseek_report.explainers.gradients import embedding_gradients as gradients

        module, values = context.classifier.module, np.zeros(context.inputs.shape)
        with gradients.evaluating(module), relevance_rules.constant_weights(module):
            answer = gradients.embedded_log_odds(module, context.target)
            for part in self.parts(context):
                embedded = gradients.embed(module, context.inputs[part])
                per_unit = gradients.per_unit(relevance_rules.relevance(answer, embedded))
                values[part] = sum_units(per_unit, module.unit_features, context.inputs.shape[1])
        return values
