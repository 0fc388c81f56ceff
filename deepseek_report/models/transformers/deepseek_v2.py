"""DeepSeek-V2: the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.models.transformers.deepseek_family import DeepSeekFamily


@dataclass(frozen=True, kw_only=True)
class DeepSeekV2(DeepSeekFamily):
    """DeepSeek-V2 of transformers: latent attention, experts chosen by softmax; or a checkpoint.

    Reference: DeepSeek-AI 2024, doi 10.48550/arXiv.2405.04434.
    """

    name = "deepseek_v2"
    kind = "deepseek_v2"
    title = "DeepSeek-V2"
