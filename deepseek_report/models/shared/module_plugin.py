"""What the plug-ins for our own torch modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.schema import Modality, Schema, TaskName
from deepseek_report.artifacts.split import Split

if TYPE_CHECKING:
    from deepseek_report.models.shared.module_classifier import TorchClassifier


class ModulePlugin:
    """Base of a plug-in whose model is a torch module of this package, with weights to train."""

    name: ClassVar[str]
    modalities: ClassVar[frozenset[Modality]]
    tasks: ClassVar[frozenset[TaskName]]
    libraries: ClassVar[tuple[str, ...]] = ("torch",)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the model hands out."""
        raise NotImplementedError

    def new_module(self, schema: Schema, train: Split, seed: int) -> Any:
        """The module, its weights drawn from torch's random state."""
        raise NotImplementedError

    def build(self, schema: Schema, train: Split, seed: int) -> Any:
        """The untrained module; statistics are taken from `train` alone."""
        from deepseek_report.models.shared.module_classifier import seeded

        with seeded(seed):
            return self.new_module(schema, train, seed)

    def wrap(self, module: Any, schema: Schema, device: str) -> TorchClassifier:
        """The trained module as a classifier of numpy arrays."""
        from deepseek_report.models.shared.module_classifier import TorchClassifier

        return TorchClassifier(module, schema, self.name, self.capabilities, device)
