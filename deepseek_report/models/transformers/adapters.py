"""Low-rank adapters (LoRA) beside the linear layers of a network, through peft."""

from __future__ import annotations

from typing import Any

from deepseek_report.models.transformers.pretrained_settings import PretrainedSettings


def add_adapters(net: Any, settings: PretrainedSettings, head: frozenset[str]) -> frozenset[str]:
    """Put adapters beside all linear layers but those of the head, in place.

    `y = W x + (α / r) · B A x` with A (r, in) and B (out, r), B starting at 0, so that the network
    first does what it did before.

    Parameters
    ----------
    head : names of parameters that are trained whole, so need no adapter.

    Returns
    -------
    Names of the adapters' parameters.

    Reference: Hu et al. 2022, LoRA, doi 10.48550/arXiv.2106.09685.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from torch import nn

    kept = {name.rpartition(".")[0] for name in head}
    linear = [
        path
        for path, part in net.named_modules()
        if isinstance(part, nn.Linear) and path not in kept
    ]
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=linear,
    )
    inject_adapter_in_model(config, net)
    return frozenset(name for name, _ in net.named_parameters() if ".lora_" in name)
