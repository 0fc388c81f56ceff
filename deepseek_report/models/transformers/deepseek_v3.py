"""DeepSeek-V3: the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from deepseek_report.models.transformers.deepseek_family import DeepSeekFamily


@dataclass(frozen=True, kw_only=True)
class DeepSeekV3(DeepSeekFamily):
    """DeepSeek-V3 of transformers: latent attention, experts chosen by sigmoid; or a checkpoint.

    groups, groups_per_token : the experts stand in groups, and a token may use those of so many.

    Reference: DeepSeek-AI 2024, doi 10.48550/arXiv.2412.19437.
    """

    name = "deepseek_v3"
    kind = "deepseek_v3"
    title = "DeepSeek-V3"

    groups: Annotated[int, Field(ge=1)] = 1
    groups_per_token: Annotated[int, Field(ge=1)] = 1
    routed_scaling: Annotated[float, Field(gt=0)] = 2.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.experts % self.groups or self.experts // self.groups < 2:
            raise ValueError(
                f"experts {self.experts} in groups {self.groups}: a group is judged by its two "
                "best experts; choose groups that divide the experts and hold two at least"
            )
        if self.groups_per_token > self.groups:
            raise ValueError(
                f"groups_per_token {self.groups_per_token} is more than groups {self.groups}; "
                "choose at most as many as there are"
            )
        if self.experts_per_token > self.groups_per_token * (self.experts // self.groups):
            raise ValueError(
                f"experts_per_token {self.experts_per_token} is more than the experts of "
                f"{self.groups_per_token} groups; let a token use more groups"
            )

    def _facts(self) -> Mapping[str, Any]:
        facts = super()._facts()
        own = {"n_group": self.groups, "topk_group": self.groups_per_token, "num_mtp_layers": 0}
        return {**facts, **own} if self.checkpoint is None else facts
