"""What can be set of a checkpoint of transformers, and of what is trained of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Train = Literal["head", "full", "lora", "none"]


@dataclass(frozen=True, kw_only=True)
class PretrainedSettings:
    """Which checkpoint, and how it is trained; `Pretrained` says what each field means."""

    checkpoint: str | None = None
    revision: str = "main"
    train: Train = "head"
    pool: Literal["model", "mean"] = "model"
    lora_rank: Annotated[int, Field(ge=1, le=512)] = 8
    lora_alpha: Annotated[int, Field(ge=1)] = 16
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05

    def __post_init__(self) -> None:
        if self.train == "none" and self.pool == "mean":
            raise ValueError(
                'train "none" needs a head that is trained already, and pool "mean" makes a new '
                'one; choose pool "model", or train "head"'
            )
