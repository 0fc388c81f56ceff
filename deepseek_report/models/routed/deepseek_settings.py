"""What can be set of the routed transformer."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal

from pydantic import Field


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
