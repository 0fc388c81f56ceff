"""The multilayer perceptron: its configuration."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.schema import ALL_TASKS, Modality, Schema, TaskName
from deepseek_report.artifacts.split import Split
from deepseek_report.data_kinds import kinds_of_structure
from deepseek_report.models.shared.module_plugin import ModulePlugin


@dataclass(frozen=True)
class MLP(ModulePlugin):
    """A multilayer perceptron over encoded columns: small, fast, with gradients.

    hidden : units of each hidden layer, from input to output; activation : between layers; bins :
    quantile bins of a numeric feature; dropout : share of hidden units dropped while training.
    """

    name: ClassVar[str] = "mlp"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"module", "gradients"})
    modalities: ClassVar[frozenset[Modality]] = kinds_of_structure("columns", "grid")
    tasks: ClassVar[frozenset[TaskName]] = ALL_TASKS

    hidden: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = (128, 64)
    activation: Literal["gelu", "relu", "silu", "tanh"] = "gelu"
    bins: Annotated[int, Field(ge=1, le=256)] = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    def new_module(self, schema: Schema, train: Split, seed: int) -> Any:
        from deepseek_report.models.perceptron.mlp_module import MLPModule

        return MLPModule(schema, train, **asdict(self))
