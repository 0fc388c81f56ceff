"""Rows of the tables on the inside of a model, as rules, sections and pictures read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.table_rows import BARE_ENDS


@dataclass(frozen=True)
class AblatedPart:
    """What replacing a part of the model does: a row of `ablation.parts`.

    kind : "layer", "head", "experts", "expert" … number : of the part in its layer. load : of an
    expert, as a multiple of the even share. zero, mean, swap : by how much the loss rises with
    zeros, means or the values of other rows in its place, and the share of decisions that turn.
    verdict : "needed", "spare" or open.
    """

    layer: Annotated[int, "place"]
    kind: str
    branch: str
    number: int | None
    load: float | None
    zero: Estimate
    mean: Estimate
    swap: Estimate
    zero_turned: Annotated[Estimate, "share"]
    mean_turned: Annotated[Estimate, "share"]
    swap_turned: Annotated[Estimate, "share"]
    p_adjusted: Annotated[float | None, "p_value"]
    verdict: str

    @property
    def rises(self) -> dict[str, Estimate]:
        """{replacement: by how much the loss rises}."""
        return {"zero": self.zero, "mean": self.mean, "swap": self.swap}

    @property
    def turned(self) -> dict[str, Estimate]:
        """{replacement: the share of decisions that turn}."""
        return {"zero": self.zero_turned, "mean": self.mean_turned, "swap": self.swap_turned}


@dataclass(frozen=True)
class AblatedInGroup:
    """What replacing a part does to a group, beside the rest: a row of `ablation.by_group`."""

    attribute: Annotated[str, "attribute"]
    level: str
    layer: Annotated[int, "place"]
    kind: str
    number: int | None
    mean: Estimate
    rest: Estimate
    n: int
    p_adjusted: Annotated[float | None, "p_value"]
    branch: ClassVar[str] = ""
    verdict: ClassVar[str] = ""


@dataclass(frozen=True)
class ProfiledLayer:
    """A layer's share of the time of a forward pass: a row of `layer_profile.layers`."""

    layer: Annotated[str, "layer"]
    kind: Annotated[str, "layer_kind"]
    ms: Annotated[Estimate, BARE_ENDS]
    share: Annotated[float, "share"]


@dataclass(frozen=True)
class NearPrototype:
    """A test case near a prototype: a row of `prototypes.nearest`."""

    prototype: int
    rank: int
    instance_id: Annotated[int, "row"]
    distance: float
    label: str
    decision: str
