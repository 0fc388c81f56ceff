"""What a model of transformers decided inside: its routers' choices, and heads switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import message
from deepseek_report.errors import NotApplicableError
from deepseek_report.models.routed.experts import balance_loss

_LAYER = re.compile(r"(?:^|\.)(\d+)\.")
#: Where an attention block joins its heads again, in the families of transformers.
_JOINS = ("o_proj", "out_proj", "out_lin", "c_proj", "output.dense", "o")


@dataclass(frozen=True)
class Choice:
    """What one router decided for a batch of packed places.

    shares : (place, expert) its scores, scaled to sum to 1. which : (place, k) the experts chosen.
    weights : (place, expert) what the chosen ones weigh, scaled to sum to 1; 0 for all others.
    """

    shares: Tensor
    which: Tensor
    weights: Tensor


def layers_of(net: Any) -> list[nn.Module]:
    """The layers of a model in their order; empty where they stand in no list."""
    count = getattr(net.config.get_text_config(), "num_hidden_layers", 0)
    lists = (part for part in net.modules() if isinstance(part, nn.ModuleList))
    return next((list(layers)[:count] for layers in lists if len(layers) >= count > 0), [])


def routers_of(net: nn.Module) -> dict[int, nn.Module]:
    """{layer: router} of a mixture of experts; empty where a model has none."""
    routers = {}
    for path, part in net.named_modules():
        layer = _LAYER.search(path)
        if layer and re.search(r"top_?k_?router", type(part).__name__, re.IGNORECASE):
            routers[int(layer.group(1))] = part
    return routers


@contextmanager
def listening(routers: Mapping[int, nn.Module]) -> Iterator[dict[int, Choice]]:
    """Fills a dictionary {layer: Choice} while the model runs inside of the block."""
    heard: dict[int, Choice] = {}

    def hook(layer: int) -> Any:
        def note(part: nn.Module, inputs: Any, output: Any) -> None:
            del inputs
            heard[layer] = _choice(part, output)

        return note

    handles = [part.register_forward_hook(hook(layer)) for layer, part in routers.items()]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _choice(router: nn.Module, output: tuple[Tensor, Tensor, Tensor]) -> Choice:
    """From what routers of transformers return: logits, weights of the chosen, the chosen."""
    logits, weights, which = output
    if weights.shape == logits.shape:
        weights = weights.gather(1, which)
    weights = (weights / weights.sum(1, keepdim=True)).to(logits.dtype)
    spread = torch.zeros_like(logits).scatter(1, which, weights)
    return Choice(_shares(router, logits), which, spread)


def _shares(router: nn.Module, logits: Tensor) -> Tensor:
    """(place, expert) a softmax; sigmoids over their sum in routers of the DeepSeek-V3 kind."""
    if hasattr(router, "e_score_correction_bias"):
        scores = logits.float().sigmoid()
        return scores / scores.sum(1, keepdim=True)
    return logits.float().softmax(1)


def imbalance(heard: Mapping[int, Choice], mask: Tensor, like: Tensor) -> Tensor:
    """Mean balance loss of the routers over places where a token stands; 0 without routers.

    `n · Σ_e f_e · p_e` as in `experts.balance_loss`, the form of Switch Transformers for softmax
    routers (DeepSeek-V2) and of DeepSeek-V3's own complementary balance loss for sigmoid routers.
    The bias that DeepSeek-V3 adds to the scores while it is pretrained stays as it is.

    References: Fedus et al. 2022, doi 10.48550/arXiv.2101.03961; DeepSeek-AI 2024, DeepSeek-V3,
    equations 17 to 20, doi 10.48550/arXiv.2412.19437.
    """
    if not heard:
        return like.new_zeros(())
    present = mask.flatten().bool()
    losses = [
        balance_loss(choice.shares[present], choice.which[present]) for choice in heard.values()
    ]
    return torch.stack(losses).mean()


@contextmanager
def masking(layers: list[nn.Module], heads: int, mask: Tensor | None) -> Iterator[None]:
    """Multiplies each head's output by 0 or 1 while the model runs inside of the block.

    mask : (layer, 1, head), or None, which masks nothing.
    Raises NotApplicableError : a layer has no place where its heads are joined that is known here.
    """
    if mask is None:
        yield
        return
    handles = [
        _join(layer).register_forward_pre_hook(_scale(heads, mask[position, 0]))
        for position, layer in enumerate(layers)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _scale(heads: int, mask: Tensor) -> Any:
    def scale(part: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        del part
        joined = inputs[0].unflatten(-1, (heads, -1)) * mask[:, None].to(inputs[0].dtype)
        return (joined.flatten(-2), *inputs[1:])

    return scale


def _join(layer: nn.Module) -> nn.Module:
    """The projection of an attention block that reads all heads side by side."""
    paths = [path for path, _ in layer.named_modules() if "att" in path.rpartition(".")[0]]
    for name in _JOINS:
        for path in paths:
            if path.endswith("." + name):
                return layer.get_submodule(path)
    raise NotApplicableError(message("model_refusals.heads", layer=type(layer).__name__))
