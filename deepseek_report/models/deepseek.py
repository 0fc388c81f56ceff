"""The routed transformer over feature tokens: its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols import Capability
from deepseek_report.artifacts.schema import ALL_TASKS, Modality, Schema, Task
from deepseek_report.artifacts.split import Split

if TYPE_CHECKING:
    from deepseek_report.models.classifier import TorchClassifier


@dataclass(frozen=True)
class DeepSeek:
    """A transformer over features with routed heads, local and global attention, sparse experts.

    width : length of a token, a multiple of 2 · heads; heads : in each branch; window : reach of
    the local branch in columns; experts_per_token : how many of `experts` a token uses;
    expert_width : hidden units of one expert; shared_expert : whether one more expert serves every
    token; bins : quantile bins of a numeric feature; dropout, drop_path : shares dropped while
    training; pool : what the output reads, the summary token or the mean of all tokens.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {"module", "gradients", "attention", "routing", "experts"}
    )
    modalities: ClassVar[frozenset[Modality]] = frozenset({"table"})
    tasks: ClassVar[frozenset[Task]] = ALL_TASKS

    width: Annotated[int, Field(ge=4, le=1024)] = 32
    layers: Annotated[int, Field(ge=1, le=24)] = 2
    heads: Annotated[int, Field(ge=1, le=32)] = 2
    window: Annotated[int, Field(ge=1)] = 3
    experts: Annotated[int, Field(ge=1, le=64)] = 8
    experts_per_token: Annotated[int, Field(ge=1)] = 2
    expert_width: Annotated[int, Field(ge=1, le=4096)] = 16
    shared_expert: bool = True
    bins: Annotated[int, Field(ge=1, le=256)] = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.1
    pool: Literal["summary", "mean"] = "summary"

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} is not a multiple of twice the heads ({self.heads} in each of "
                "two branches); choose heads so that it is"
            )
        if self.experts_per_token > self.experts:
            raise ValueError(
                f"experts_per_token {self.experts_per_token} is more than experts {self.experts}; "
                "choose at most as many as there are"
            )

    def build(self, schema: Schema, train: Split, seed: int) -> Any:
        """The untrained module; statistics are taken from `train` alone."""
        from deepseek_report.models.deepseek_module import DeepSeekModule
        from deepseek_report.models.seeding import seeded

        with seeded(seed):
            return DeepSeekModule(self, schema, train)

    def wrap(self, module: Any, schema: Schema, device: str) -> TorchClassifier:
        """The trained module as a classifier of numpy arrays."""
        from deepseek_report.models.classifier import TorchClassifier

        return TorchClassifier(module, schema, "deepseek", self.capabilities, device)
