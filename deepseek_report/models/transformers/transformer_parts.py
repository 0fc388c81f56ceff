"""What a network of transformers is made of, for people; and all of it drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from deepseek_report.artifacts.message import Message, message
from deepseek_report.models.shared.architecture import count_parameters, describe

_MIXTURE = "mixture of experts"
#: Kinds of parts by a piece of their class's name; the first that fits.
_KINDS = (
    ("norm", "normalisation"),  # first, since some are called "post attention layernorm"
    ("router", "expert router"),
    ("shared_expert", "shared experts"),
    ("experts", "experts"),
    ("attention", "attention"),
    ("embed", "embedding"),
    ("moe", _MIXTURE),
    ("mlp", "feed-forward"),
    ("intermediate", "feed-forward"),
    ("pool", "pooling"),
    ("classif", "output"),
    ("score", "output"),
    ("outputs", "output"),
)


def describe_net(
    module: Any, name: str, layers: list[nn.Module], routers: Mapping[int, nn.Module]
) -> dict[str, Any]:
    """The content of `architecture.json`.

    All parameters are counted, `trained` says how many of them training changes, and a layer is
    named as frozen where it has none of these, as partly trained where it has some.
    """
    architecture = describe(module, name, _summary(module, layers, routers), _kinds(module, layers))
    architecture["trained"] = count_parameters(module)
    architecture["parameters"] = sum(parameter.numel() for parameter in module.parameters())
    for layer in architecture["layers"]:
        changed = {
            parameter.requires_grad
            for parameter in module.get_submodule(layer["name"]).parameters()
        }
        if layer["parameters"] and changed != {True}:
            layer["kind"] += ", partly trained" if True in changed else ", frozen"
    return architecture


def reinitialise(net: Any) -> None:
    """Draw all weights of a network as its own family does before training."""
    for tensor in (*net.parameters(), *net.buffers()):
        tensor._is_hf_initialized = False
    with torch.no_grad():
        for part in reversed(list(net.modules())):
            net._init_weights(part)
            again = getattr(part, "reset_lora_parameters", None)
            if again is not None:
                again("default", True)


def _kinds(module: Any, layers: list[nn.Module]) -> dict[str, str]:
    """{path: what it is} of parts that together hold every parameter; adapters with their layer."""
    opened = {id(part) for part in (*layers, module.net, module.encoder)}
    kinds: dict[str, str] = {}

    def visit(path: str, part: nn.Module) -> None:
        for key, child in part.named_children():
            if not any(True for _ in child.parameters()):
                continue
            kind = None if id(child) in opened else _kind(key, child)
            own = any(True for _ in child.parameters(recurse=False))
            whole = not list(child.children()) or hasattr(child, "base_layer")
            if kind or own or whole:
                kinds[path + key] = kind or type(child).__name__.lower()
            if kind in (None, _MIXTURE) and not hasattr(child, "base_layer"):
                visit(f"{path}{key}.", child)

    visit("", module)
    return kinds


def _kind(key: str, part: nn.Module) -> str | None:
    named = f"{type(part).__name__} {key}".lower()
    return next((kind for piece, kind in _KINDS if piece in named), None)


def _summary(module: Any, layers: list[nn.Module], routers: Mapping[int, nn.Module]) -> Message:
    config, trained = module.config, count_parameters(module)
    return message(
        "architectures.transformer",
        name=type(module.net).__name__,
        layers=len(layers),
        width=config.hidden_size,
        heads=config.num_attention_heads,
        routed=len(routers),
        chosen=config.num_experts_per_tok if routers else 0,
        experts=_experts(next(iter(routers.values()))) if routers else 0,
        shared=getattr(config, "n_shared_experts", 0) if routers else 0,
        partly=trained < sum(parameter.numel() for parameter in module.parameters()),
        trained=trained,
        reads=_reads(module),
    )


def _reads(module: Any) -> str:
    """What of the last layer the output is made from: "mean", "head", "end" or "last"."""
    if module.start.mean:
        return "mean"
    if not module.reads_last:
        return "head"
    return "end" if module.start.after else "last"


def _experts(router: Any) -> int:
    return len(router.weight)
