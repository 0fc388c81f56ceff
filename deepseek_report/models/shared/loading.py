"""A stored model, put together again from its configuration and its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.models import ModelPart
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split

if TYPE_CHECKING:
    from deepseek_report.models.shared.module_classifier import TorchClassifier


def load_classifier(
    plugin: ModelPart, schema: Schema, train: Split, folder: Path, device: str = "cpu"
) -> Classifier:
    """The trained classifier of a training folder; see `load_module`."""
    return plugin.wrap(load_module(plugin, schema, train, folder), schema, device)


def load_module(plugin: ModelPart, schema: Schema, train: Split, folder: Path) -> object:
    """The trained module of a training folder, as the plug-in builds and wraps it.

    train : the part that the model was built from. Its statistics are overwritten by the stored
        ones; only its shape matters.
    Raises ArtifactError : the weights are missing, damaged, or of another architecture.
    """
    module = plugin.build(schema, train, seed=0)
    plugin.restore(module, train, folder)
    return module


# What the plug-ins for our own torch modules share.


class ModulePlugin(ModelPart):
    """Base of a plug-in whose model is a torch module of this package, with weights to train."""

    name: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ("torch",)

    def new_module(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        """The module, its weights drawn from torch's random state."""
        raise NotImplementedError

    def build(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        """The untrained module; statistics are taken from `train` alone."""
        from deepseek_report.models.shared.module_classifier import seeded

        with seeded(seed):
            return self.new_module(schema, train, seed)

    def wrap(self, module: ExplainableModule, schema: Schema, device: str) -> TorchClassifier:
        """The trained module as a classifier of numpy arrays."""
        from deepseek_report.models.shared.module_classifier import TorchClassifier

        return TorchClassifier(module, schema, self.name, self.capabilities, device)
