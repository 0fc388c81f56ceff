"""DeepSeek-V2 and V3: their configurations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from deepseek_report.artifacts.schema import Schema
from deepseek_report.models.transformers.pretrained import Pretrained
from deepseek_report.models.transformers.pretrained_settings import Train
from deepseek_report.tasks import task_of

if TYPE_CHECKING:
    from deepseek_report.models.transformers.transformer_module import PretrainedStart


Size = Annotated[int, Field(ge=1, le=65536)]


@dataclass(frozen=True, kw_only=True)
class DeepSeekFamily(Pretrained):
    """Sizes of a network of the DeepSeek architectures; with a checkpoint its own sizes count.

    width : numbers per token; layers, dense_layers : in all, and the first ones without experts;
    heads : of attention; query_rank, key_value_rank : length of the latent vectors that queries,
    keys and values are made from; head_width, rope_width, value_width : of one head, the part of
    queries and keys without and with position, and values; dense_width, expert_width : hidden units
    of a dense layer and of one expert; experts, experts_per_token, shared_experts : routed ones,
    how many of them a token uses, and how many serve every token; routed_scaling : factor of what
    the routed ones give; dropout : share of attention weights dropped while training.

    What follows is used without a checkpoint alone. masking : share of the words that training
    hides; embedding_dropout : share of the numbers of word embeddings that it drops; initial_spread
    : standard deviation of the first weights. None is 0.8 / √width, by which a layer gives numbers
    of about the size that it reads; with the 0.02 of transformers those of a narrow network are
    small. That is a rule of thumb for the start, not a setting found by measurement.
    With pool "model" every text ends in a token of its own, which the output reads.
    """

    kind: ClassVar[str]
    title: ClassVar[str]

    train: Train = "full"
    width: Size = 64
    layers: Annotated[int, Field(ge=1, le=128)] = 3
    dense_layers: Annotated[int, Field(ge=0)] = 1
    heads: Annotated[int, Field(ge=1, le=256)] = 4
    query_rank: Size | None = 32
    key_value_rank: Size = 16
    head_width: Size = 16
    rope_width: Size = 8
    value_width: Size = 16
    dense_width: Size = 128
    expert_width: Size = 32
    experts: Annotated[int, Field(ge=2, le=512)] = 8
    experts_per_token: Annotated[int, Field(ge=1)] = 2
    shared_experts: Annotated[int, Field(ge=1, le=16)] = 1
    routed_scaling: Annotated[float, Field(gt=0)] = 1.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    masking: Annotated[float, Field(ge=0, lt=1)] = 0.1
    embedding_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    initial_spread: Annotated[float, Field(gt=0, le=1)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.checkpoint is None and self.train != "full":
            raise ValueError(
                f'train "{self.train}" needs a checkpoint; give one, or choose train "full"'
            )
        if self.experts_per_token > self.experts:
            raise ValueError(
                f"experts_per_token {self.experts_per_token} is more than experts {self.experts}; "
                "choose at most as many as there are"
            )
        if self.rope_width % 2:
            raise ValueError(
                f"rope_width {self.rope_width} is odd, and positions turn pairs of numbers; choose "
                "an even one"
            )
        if self.width % self.heads:
            raise ValueError(
                f"width {self.width} is not a multiple of heads {self.heads}; choose one that is"
            )

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with the checkpoint, if there is one."""
        return [] if self.checkpoint is None else super().problems(trusted)

    def _start(self, schema: Schema) -> PretrainedStart:
        if self.checkpoint is not None:
            return super()._start(schema)
        from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

        from deepseek_report.models.shared.output_layers import start_by_code
        from deepseek_report.models.transformers.transformer_module import PretrainedStart

        end, mean = len(schema.vocabulary), self.pool == "mean"
        config = AutoConfig.for_model(
            self.kind,
            **self._facts(),
            vocab_size=end + 1,
            max_position_embeddings=len(schema.features) + 1,
            num_labels=task_of(schema.target).n_outputs(schema.target),
        )
        auto: Any = AutoModel if mean else AutoModelForSequenceClassification
        net = auto.from_config(config, attn_implementation="eager")
        if not mean:
            start_by_code(net.score, schema.target)
        return PretrainedStart(
            net=net,
            name=self.title,
            after=() if mean else (end,),
            mean=mean,
            masking=self.masking,
            dropout=self.embedding_dropout,
        )

    def _facts(self) -> Mapping[str, object]:
        """The configuration in the words of transformers."""
        if self.checkpoint is not None:
            return super()._facts()
        return {
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "first_k_dense_replace": min(self.dense_layers, self.layers),
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "q_lora_rank": self.query_rank,
            "kv_lora_rank": self.key_value_rank,
            "qk_nope_head_dim": self.head_width,
            "qk_rope_head_dim": self.rope_width,
            "v_head_dim": self.value_width,
            "intermediate_size": self.dense_width,
            "moe_intermediate_size": self.expert_width,
            "n_routed_experts": self.experts if self.dense_layers < self.layers else 0,
            "num_experts_per_tok": self.experts_per_token,
            "n_shared_experts": self.shared_experts,
            "routed_scaling_factor": self.routed_scaling,
            "attention_dropout": self.dropout,
            "initializer_range": self.initial_spread or 0.8 / math.sqrt(self.width),
            "pad_token_id": None,
            "bos_token_id": None,
            "eos_token_id": None,
        }


@dataclass(frozen=True, kw_only=True)
class DeepSeekV2(DeepSeekFamily):
    """DeepSeek-V2 of transformers: latent attention, experts chosen by softmax; or a checkpoint.

    Reference: DeepSeek-AI 2024, doi 10.48550/arXiv.2405.04434.
    """

    name = "deepseek_v2"
    kind = "deepseek_v2"
    title = "DeepSeek-V2"


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

    def _facts(self) -> Mapping[str, object]:
        facts = super()._facts()
        own = {"n_group": self.groups, "topk_group": self.groups_per_token, "num_mtp_layers": 0}
        return {**facts, **own} if self.checkpoint is None else facts
