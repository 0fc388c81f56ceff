"""What can be set of a checkpoint of transformers, and of what is trained of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.storage.local_paths import LocalPath

Train = Literal["head", "full", "lora", "none"]


@dataclass(frozen=True, kw_only=True)
class PretrainedSettings:
    """Which checkpoint, and how it is trained; `Pretrained` says what each field means."""

    checkpoint: LocalPath | None = None
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


@dataclass(frozen=True)
class SequenceRecipe:
    """How a language model is trained on a task whose sequences are drawn as they are needed.

    Sequences get harder, level by level: the next level begins once `next_level` of the answers of
    late batches are right. learning_rate : of embeddings and norms, by AdamW with betas 0.9 and
    0.95. matrix_rate : of the matrices inside, by Muon. Both rise over `warmup` steps, and fall
    over the last `settling` ones, once the hardest level is learnt.
    tokens : of a batch, of as many sequences as they make. hiding : in the last steps the share of
    the sequences in which tokens are hidden behind the mask, a share of them that is drawn anew for
    each, so that the mask means that nothing is known, and is no token that was never seen.
    patience : steps without a new level, after which the weights are drawn anew and training begins
    again: now and then they start where no step leads to the task. most_steps, most_sequences :
    after so many in all training ends, wherever it is; None sets no limit.
    """

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    matrix_rate: Annotated[float, Field(gt=0, le=1)] = 0.01
    warmup: Annotated[int, Field(ge=1)] = 60
    tokens: Annotated[int, Field(ge=64, le=1_000_000)] = 1000
    hiding: Annotated[float, Field(ge=0, lt=1)] = 0.5
    next_level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    settling: Annotated[int, Field(ge=0)] = 100
    patience: Annotated[int, Field(ge=10, le=1_000_000)] = 500
    most_steps: Annotated[int, Field(ge=1, le=1_000_000)] = 2500
    most_sequences: Annotated[int, Field(ge=1)] | None = None
