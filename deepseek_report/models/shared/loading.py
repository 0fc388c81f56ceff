"""A stored model, put together again from its configuration and its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from deepseek_report.artifacts.protocols.classifier import Capability, Classifier
from deepseek_report.artifacts.protocols.models import WEIGHTS, ModelPlugin, Restores
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import Modality, Schema, TaskName
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.plain_files import make_folder
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from deepseek_report.models.shared.module_classifier import TorchClassifier


def load_classifier(
    plugin: ModelPlugin, schema: Schema, train: Split, folder: Path, device: str = "cpu"
) -> Classifier:
    """The trained classifier of a training folder; see `load_module`."""
    return plugin.wrap(load_module(plugin, schema, train, folder), schema, device)


def load_module(plugin: ModelPlugin, schema: Schema, train: Split, folder: Path) -> object:
    """The trained module of a training folder, as the plug-in builds and wraps it.

    train : the part that the model was built from. Its statistics are overwritten by the stored
        ones; only its shape matters.
    Raises ArtifactError : the weights are missing, damaged, or of another architecture.
    """
    module = plugin.build(schema, train, seed=0)
    if isinstance(plugin, Restores):
        plugin.restore(module, train, folder)
    else:
        load_weights(module, folder / WEIGHTS)
    return module


def load_weights(module: nn.Module, path: Path) -> None:
    """Put stored weights and statistics into a module; every name and shape must agree."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.exists():
        raise ArtifactError(f"{path}: the weights are missing; train the model again")
    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ArtifactError(
            f"{path}: not a readable safetensors file ({error}); train again"
        ) from None
    put_weights(module, stored, path)


def put_weights(module: nn.Module, stored: Mapping[str, Tensor], path: Path) -> None:
    """Put the weights that were read from a file into a module; see `load_weights`."""
    problems = _mismatches(module.state_dict(), stored)
    if problems:
        raise ArtifactError(
            f"{path}: the weights do not fit the configured model: {problems}. Use the model "
            "configuration that they were trained with, or train again"
        )
    module.load_state_dict(dict(stored))


def save_weights(module: nn.Module | ExplainableModule, folder: Path) -> None:
    """Write the weights and statistics of a module to a training folder."""
    from safetensors.torch import save_file

    make_folder(folder)
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)


def _mismatches(expected: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> str:
    """The first differences of names and shapes, or an empty text."""
    missing = sorted(expected.keys() - stored.keys())
    extra = sorted(stored.keys() - expected.keys())
    shapes = [
        f"{name} is {tuple(stored[name].shape)}, expected {tuple(expected[name].shape)}"
        for name in sorted(expected.keys() & stored.keys())
        if expected[name].shape != stored[name].shape
    ]
    differences = [("missing", missing), ("unknown", extra), ("of another shape", shapes)]
    return "; ".join(f"{len(names)} {what} ({_few(names)})" for what, names in differences if names)


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


# What the plug-ins for our own torch modules share.


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
