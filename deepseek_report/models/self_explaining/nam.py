"""The neural additive model: its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import ALL_TASKS, Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.models.shared.loading import ModulePlugin

Units = Annotated[int, Field(ge=1, le=1024)]


if TYPE_CHECKING:
    from deepseek_report.models.shared.additive import AdditiveClassifier


@dataclass(frozen=True)
class NAM(ModulePlugin):
    """A neural additive model: one small network a feature, whose outputs are only added up.

    logit = bias + Σⱼ fⱼ(xⱼ), so the curves fⱼ are the whole model and its explanation at once.
    hidden : units of each layer of a feature's network; activation : between them; bins : quantile
    bins that a network reads beside the number itself; dropout : share of a network's last units
    dropped while training; feature_dropout : share of features left out while training, so that
    correlated features share their effect. A category has a number of its own for fⱼ, and so has
    a missing value where the training part has some.

    Reference: Agarwal et al. 2021, Neural Additive Models, doi 10.48550/arXiv.2004.13912.
    """

    name = "nam"
    capabilities = frozenset({"module", "gradients", "intrinsic", "shape_functions"})
    modalities = frozenset({"table"})
    tasks = ALL_TASKS

    hidden: Annotated[tuple[Units, ...], Field(min_length=1, max_length=8)] = (32, 16)
    activation: Literal["gelu", "relu", "silu", "tanh"] = "gelu"
    bins: Annotated[int, Field(ge=1, le=256)] = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    feature_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05

    def new_module(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        from deepseek_report.models.self_explaining.nam_module import NAMModule
        from deepseek_report.models.shared.network_encoding import Layers

        layers = Layers(self.hidden, self.activation, self.bins, self.dropout)
        return NAMModule(schema, train, layers, self.feature_dropout)

    def wrap(self, module: ExplainableModule, schema: Schema, device: str) -> AdditiveClassifier:
        """The trained module as a classifier of numpy arrays."""
        from deepseek_report.models.shared.additive import AdditiveClassifier

        return AdditiveClassifier(module, schema, self.name, self.capabilities, device)
