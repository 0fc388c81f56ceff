"""Any sequence classifier of transformers: the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from deepseek_report.models.transformers.pretrained import Pretrained


@dataclass(frozen=True, kw_only=True)
class HuggingFace(Pretrained):
    """Any text encoder or classifier of transformers from a folder or the hub; see `Pretrained`."""

    name = "huggingface"
