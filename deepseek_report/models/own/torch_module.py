"""A torch module of the user's own: the configuration."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.models import ModelPart, Trainer
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.schema import ALL_TASKS, Modality, Schema, TaskName
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.local_paths import LocalPath
from deepseek_report.artifacts.storage.plain_files import ListedPath
from deepseek_report.data_kinds import kinds_of_structure
from deepseek_report.errors import ConfigError, DeepseekReportError
from deepseek_report.models.own import own_classes
from deepseek_report.provenance import code_of, version_of

if TYPE_CHECKING:
    from deepseek_report.models.shared.module_classifier import TorchClassifier

#: A library from which a module may come without being named as trusted.
LIBRARIES = ("torch",)


@dataclass(frozen=True)
class TorchModule(ModelPart):
    """A torch module of your own, trained here or with weights from a safetensors file.

    module : dotted path of a class that is built as `Module(inputs, outputs, **params)` and maps
    (instance, inputs) numbers to (instance, outputs): a logit for each class or label, or one
    number, which is then scaled to the target's unit. inputs : "encoded" gives it the columns of
    `EncodedModule`; "plain" one number a feature: numbers as they are, categories as their
    positions, gaps filled with the median or the most frequent category of the training part;
    "layout" an image as (instance, channel, row, column) or a series as (instance, channel, step),
    each channel standardised, and `inputs` is then the shape of one instance.
    weights : a state dict of the class, or `weights.safetensors` of another run of this very model;
    with it nothing is trained.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"module", "gradients"})

    tasks: ClassVar[frozenset[TaskName]] = ALL_TASKS

    module: str = "torch.nn.Linear"
    params: Mapping[str, object] = field(default_factory=dict)
    inputs: Literal["encoded", "plain", "layout"] = "encoded"
    bins: Annotated[int, Field(ge=1, le=256)] = 8
    weights: LocalPath | None = None

    @property
    def modalities(self) -> frozenset[Modality]:
        """Everything but texts; a layout is what tables have not."""
        return kinds_of_structure("grid", *(() if self.inputs == "layout" else ("columns",)))

    def build(self, schema: Schema, train: Split, seed: int) -> ExplainableModule:
        """The module behind its encoding; with `weights`, they are in place."""
        from deepseek_report.models.own.adapted_module import OwnClass, adapt, load_own_weights
        from deepseek_report.models.shared.module_classifier import seeded

        cls = own_classes.find_class(self.module, [self.module.partition(".")[0]])
        own = OwnClass(cls, self.module, self.params)
        with seeded(seed):
            module = adapt(own, schema, train, inputs=self.inputs, bins=self.bins)
        if self.weights is not None:
            load_own_weights(module, self._path)
        return module

    def wrap(self, module: ExplainableModule, schema: Schema, device: str) -> TorchClassifier:
        """The trained module as a classifier of numpy arrays."""
        from deepseek_report.models.shared.module_classifier import TorchClassifier

        name = self.module.rpartition(".")[2]
        return TorchClassifier(module, schema, name, self.capabilities, device)

    def own_trainer(self) -> Trainer | None:
        """With `weights`, one that trains nothing; else none, and the configured one trains."""
        if self.weights is None:
            return None
        from deepseek_report.models.own.came_trained import KeepWeights

        return KeepWeights()

    def problems(self, trusted: Sequence[str]) -> Sequence[str]:
        """What is wrong with the class, its parameters or the file of weights."""
        problems = []
        try:
            problems.extend(
                self._class_problems(own_classes.find_class(self.module, {*LIBRARIES, *trusted}))
            )
        except ConfigError as error:
            problems.append(str(error))
        if self.weights is not None:
            path = Path(self.weights)
            if not path.is_file():
                problems.append(f"model.weights {path} does not exist")
            elif own_classes.is_pickle(path):
                problems.append(own_classes.pickle_problem("model.weights", path))
        return problems

    @property
    def comes_fitted(self) -> bool:
        """Whether the weights are those of a file."""
        return self.weights is not None

    def misfits(self, schema: Schema, train: Split) -> Sequence[str]:
        """Why the weights of the file do not fit the module that these data need."""
        if self.weights is None:
            return []
        try:
            self.build(schema, train, 0)
        except DeepseekReportError as error:
            return [str(error)]
        return []

    def source_digest(self) -> str:
        """Hash of the module's code and of the weights."""
        library = self.module.partition(".")[0]
        own = library not in LIBRARIES
        code = str(code_of(self.module.rpartition(".")[0])) if own else version_of(library)
        return code + (self._path.digest() if self.weights else "")

    @functools.cached_property
    def _path(self) -> ListedPath:
        """The file of weights, of which nothing is read any more once it changes."""
        return ListedPath.hashed(Path(str(self.weights)))

    def _class_problems(self, cls: type) -> list[str]:
        from torch import nn

        if not issubclass(cls, nn.Module):
            return [f"model.module {self.module} is not a torch.nn.Module"]
        taken = own_classes.parameters_of(cls)
        known = list(self.params) if taken is None else taken[2:]
        return own_classes.unknown_parameters(self.module, self.params, known)
