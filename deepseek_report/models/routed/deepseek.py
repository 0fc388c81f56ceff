"""The routed transformer over features, words, patches or windows: its configuration."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import ALL_TASKS, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import ALL_KINDS
from deepseek_report.models.shared.loading import ModulePlugin


@dataclass(frozen=True)
class Sizes:
    """How large a module is; see `DeepSeek` for the fields."""

    width: int
    layers: int
    heads: int
    experts: int
    experts_per_token: int
    expert_width: int


SIZES = {
    "tiny": Sizes(32, 2, 2, 8, 2, 16),
    "small": Sizes(64, 3, 4, 8, 2, 64),
    "base": Sizes(192, 6, 6, 16, 2, 256),
}


@dataclass(frozen=True)
class DeepSeekSettings:
    """How the module is built; `DeepSeek` says what each field means."""

    size: Literal["tiny", "small", "base"] = "tiny"
    width: Annotated[int, Field(ge=4, le=1024)] | None = None
    layers: Annotated[int, Field(ge=1, le=24)] | None = None
    heads: Annotated[int, Field(ge=1, le=32)] | None = None
    experts: Annotated[int, Field(ge=1, le=64)] | None = None
    experts_per_token: Annotated[int, Field(ge=1)] | None = None
    expert_width: Annotated[int, Field(ge=1, le=4096)] | None = None
    shared_expert: bool = True
    bins: Annotated[int, Field(ge=1, le=256)] = 8
    patch: Annotated[int, Field(ge=1)] | None = None
    masking: Annotated[float, Field(ge=0, lt=1)] = 0.1
    window: Annotated[int, Field(ge=1)] | None = None
    global_keys: Annotated[int, Field(ge=2)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.1
    pool: Literal["summary", "mean"] | None = None

    def __post_init__(self) -> None:
        sizes = self.sizes
        if sizes.width % (2 * sizes.heads):
            raise ValueError(
                f"width {sizes.width} is not a multiple of twice the heads ({sizes.heads} in each "
                "of two branches); choose heads so that it is"
            )
        if sizes.experts_per_token > sizes.experts:
            raise ValueError(
                f"experts_per_token {sizes.experts_per_token} is more than experts "
                f"{sizes.experts}; choose at most as many as there are"
            )

    @property
    def sizes(self) -> Sizes:
        """Those of `size`, but for what is given."""
        overrides = {field.name: getattr(self, field.name) for field in fields(Sizes)}
        return replace(
            SIZES[self.size], **{k: value for k, value in overrides.items() if value is not None}
        )


@dataclass(frozen=True)
class DeepSeek(ModulePlugin, DeepSeekSettings):
    """A transformer over any kind of data, with routed heads, local and global, and sparse experts.

    A token is a feature of a table, a word of a text, a patch of an image or a window of a series;
    a summary token stands before them. size : width, layers, heads, experts, experts_per_token and
    expert_width of `SIZES`; each that is given here takes the place of the size's.

    width : length of a token, a multiple of 2 · heads; heads : in each branch; experts_per_token :
    how many of `experts` a token uses; expert_width : hidden units of one expert; shared_expert :
    whether one more expert serves every token; bins : quantile bins of a numeric feature; patch :
    pixels to a side of a patch, or steps of a window (None: the fewest with which there are at most
    64 tokens); masking : share of the words, patches or windows that training hides; window : reach
    of the local branch in tokens (None: 3, in images 1 to each side); global_keys : up to so many
    tokens the global branch reads them as they are, of more the means of neighbours; dropout,
    drop_path : shares dropped while training; pool : what the output reads, the summary token or
    the mean of all (None: the summary in tables, else the mean).
    """

    name = "deepseek"
    capabilities = frozenset({"module", "gradients", "attention", "routing", "experts"})
    modalities = ALL_KINDS
    tasks = ALL_TASKS

    def new_module(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        from deepseek_report.models.routed.deepseek_module import DeepSeekModule

        return DeepSeekModule(self, schema, train)
