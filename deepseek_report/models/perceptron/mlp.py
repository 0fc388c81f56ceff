"""The multilayer perceptron: its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.schema import ALL_TASKS, Modality, Schema, TaskName
from deepseek_report.artifacts.split import Split

if TYPE_CHECKING:
    from deepseek_report.models.shared.module_classifier import TorchClassifier


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron over encoded columns: small, fast, with gradients.

    hidden : units of each hidden layer, from input to output; activation : between layers; bins :
    quantile bins of a numeric feature; dropout : share of hidden units dropped while training.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"module", "gradients"})
    modalities: ClassVar[frozenset[Modality]] = frozenset({"table", "image", "series"})
    tasks: ClassVar[frozenset[TaskName]] = ALL_TASKS

    hidden: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = (128, 64)
    activation: Literal["gelu", "relu", "silu", "tanh"] = "gelu"
    bins: Annotated[int, Field(ge=1, le=256)] = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    def build(self, schema: Schema, train: Split, seed: int) -> Any:
        """The untrained module; statistics are taken from `train` alone."""
        from deepseek_report.models.perceptron.mlp_module import MLPModule
        from deepseek_report.models.shared.seeding import seeded

        with seeded(seed):
            return MLPModule(
                schema,
                train,
                hidden=self.hidden,
                activation=self.activation,
                bins=self.bins,
                dropout=self.dropout,
            )

    def wrap(self, module: Any, schema: Schema, device: str) -> TorchClassifier:
        """The trained module as a classifier of numpy arrays."""
        from deepseek_report.models.shared.module_classifier import TorchClassifier

        return TorchClassifier(module, schema, "mlp", self.capabilities, device)
