"""A torch module of the user's own behind the encoding, as `ExplainableModule`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.artifacts.storage.plain_files import ListedPath, read_bytes
from deepseek_report.artifacts.storage.weights import put_weights
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import typical_row
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.models.shared.network_encoding import EncodedModule
from deepseek_report.models.shared.output_layers import Readout, describe
from deepseek_report.tasks import task_of

Inputs = Literal["encoded", "plain", "layout"]


@dataclass(frozen=True)
class OwnClass:
    """The user's class: the dotted path by which it was named, and parameters besides the sizes."""

    cls: type
    path: str
    params: Mapping[str, object] = field(default_factory=dict)


class AdaptedModule(EncodedModule):
    """The user's own module, `net`, over the encoded columns; see `TorchModule`."""

    #: What `net` reads, as the summary of the architecture names it.
    reads: ClassVar[Inputs] = "encoded"

    def __init__(self, own: OwnClass, schema: Schema, train: Split, bins: int) -> None:
        super().__init__(schema, train, bins)
        self.own = own
        self.outputs = task_of(schema.target).n_outputs(schema.target)
        self.readout = Readout(schema.target, train)
        self.net = self._new_net()

    @property
    def taken(self) -> int | tuple[int, ...]:
        """What the user's class is told of its inputs: how many columns there are."""
        return len(self.unit_features)

    def _new_net(self) -> nn.Module:
        try:
            net: nn.Module = self.own.cls(self.taken, self.outputs, **self.own.params)
            return net
        except (RuntimeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{self.own.path}({self.taken}, {self.outputs}, …) with "
                f"model.params cannot be built: {error}"
            ) from None

    def arranged(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> what the user's module takes: (instance, column)."""
        return embedded.squeeze(-1)

    def outputs_of(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> (instance, output): classes, all labels, or the number."""
        outputs: Tensor = self.readout(self.net(self.arranged(embedded)))
        return outputs

    def view(self, outputs: Tensor) -> Tensor:
        """(instance, output) -> (instance, class)."""
        return self.readout.view(outputs)

    def reset_parameters(self) -> None:
        """Draw all weights anew as the constructor does, also those outside of torch's layers."""
        fresh = dict(self._new_net().named_parameters())
        with torch.no_grad():
            for name, parameter in self.net.named_parameters():
                parameter.copy_(fresh[name])

    def architecture(self) -> dict[str, object]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        summary = message(
            f"architectures.own_module.{self.reads}", name=self.own.path, n=len(self.unit_features)
        )
        kinds = {
            f"net.{path}".rstrip("."): type(layer).__name__
            for path, layer in self.net.named_modules()
            if next(layer.parameters(recurse=False), None) is not None
        }
        return describe(self, self.own.cls.__name__, summary, kinds)


class PlainModule(AdaptedModule):
    """Units are the original features themselves."""

    reads: ClassVar[Inputs] = "plain"

    fill: Tensor

    def __init__(self, own: OwnClass, schema: Schema, train: Split, bins: int) -> None:
        super().__init__(own, schema, train, bins)
        typical = np.nan_to_num(typical_row(train.inputs, schema))
        self.register_buffer("fill", torch.as_tensor(typical, dtype=torch.float32))

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, feature, 1), gaps filled."""
        return torch.where(torch.isnan(inputs), self.fill.to(inputs.dtype), inputs).unsqueeze(-1)

    def _features_of_units(self) -> tuple[int, ...]:
        return tuple(range(self.columns))


class LayoutModule(PlainModule):
    """Units are the columns, standardised together; they are given in the layout's shape.

    An image is (instance, channel, row, column), a series (instance, channel, step): channels
    first, as torch's convolutions take them. Each channel has mean 0 and deviation 1 over the
    training part.
    """

    reads: ClassVar[Inputs] = "layout"

    mean: Tensor
    deviation: Tensor

    def __init__(self, own: OwnClass, schema: Schema, train: Split, bins: int) -> None:
        self.shape = kind_of(schema).shape
        if not self.shape:
            raise ConfigError(
                "model.inputs=layout is for images and series, and these data are a table; set "
                "model.inputs=encoded or plain"
            )
        super().__init__(own, schema, train, bins)
        mean, deviation = _per_channel(train.inputs, self.shape)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("deviation", torch.as_tensor(deviation, dtype=torch.float32))

    @property
    def taken(self) -> tuple[int, ...]:
        """The shape of one instance, channels first."""
        return (self.shape[-1], *self.shape[:-1])

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, column) original units -> (instance, column, 1), gaps filled."""
        return (super().embed(inputs) - self.mean.unsqueeze(-1)) / self.deviation.unsqueeze(-1)

    def arranged(self, embedded: Tensor) -> Tensor:
        """(instance, column, 1) -> (instance, channel, …)."""
        return embedded.reshape(-1, *self.shape).movedim(-1, 1)


_KINDS: dict[Inputs, type[AdaptedModule]] = {
    "encoded": AdaptedModule,
    "plain": PlainModule,
    "layout": LayoutModule,
}


def adapt(
    own: OwnClass, schema: Schema, train: Split, *, inputs: Inputs, bins: int
) -> AdaptedModule:
    """The user's module behind the encoding that `inputs` names; see `TorchModule`.

    Raises ConfigError : it cannot be built, or does not give one logit a class.
    """
    module = _KINDS[inputs](own, schema, train, bins)
    _try_out(module, torch.as_tensor(train.inputs[:2], dtype=torch.float32))
    return module


def _try_out(module: AdaptedModule, rows: Tensor) -> None:
    expected, name = (len(rows), module.outputs), module.own.path
    training = module.training
    try:
        with torch.no_grad():
            shape = tuple(module.eval().outputs_of(module.embed(rows)).shape)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"{name} cannot be applied to {len(rows)} instances of {module.taken} numbers: {error}"
        ) from None
    module.train(training)
    if shape != expected:
        raise ConfigError(
            f"{name} gives an output of shape {shape} for {len(rows)} instances; expected one "
            f"logit a class or label, or the number: {expected}"
        )


def load_own_weights(module: AdaptedModule, path: ListedPath) -> None:
    """Load a state dict of the user's class, or one that a run of this model has stored.

    A class that was trained elsewhere gives a number in the target's unit already.

    Raises ConfigError: the file cannot be read, or is not the one that was hashed; ArtifactError:
    its weights are of another module.
    """
    try:
        stored = load(read_bytes(path, links=True))
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"model.weights {path} is not a readable safetensors file ({error})"
        ) from None
    except ArtifactError as error:
        raise ConfigError(f"model.weights {error}") from None
    whole: nn.Module = module
    if stored.keys() == module.state_dict().keys():
        put_weights(whole, stored, path)
        return
    put_weights(module.net, stored, path)
    module.readout.centre.zero_()
    module.readout.spread.fill_(1.0)


def _per_channel(inputs: Floats, shape: tuple[int, ...]) -> Floats:
    """(2, column) mean and deviation of the channel that each column belongs to."""
    values = inputs.reshape(-1, shape[-1])
    mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    each = np.stack([mean, np.where(deviation > 0, deviation, 1.0)])
    return np.tile(each, inputs.shape[1] // shape[-1])
