"""A torch module of the user's own behind the encoding, as `ExplainableModule`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.split import Split
from deepseek_report.errors import ConfigError
from deepseek_report.models.architecture import describe
from deepseek_report.models.encoded import EncodedModule
from deepseek_report.models.loading import load_weights

if TYPE_CHECKING:
    from deepseek_report.models.torch_module import TorchModule

_READS = {"encoded": "encoded columns", "plain": "original features, one number each"}


class AdaptedModule(EncodedModule):
    """See `TorchModule`; `net` is the user's own module."""

    def __init__(self, config: TorchModule, cls: type, schema: Schema, train: Split) -> None:
        super().__init__(schema, train, config.bins)
        self.config, self.cls = config, cls
        self.classes = len(schema.target.classes)
        self.net = self._new_net()

    def _new_net(self) -> Any:
        try:
            return self.cls(len(self.unit_features), self.classes, **self.config.params)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{self.config.module}({len(self.unit_features)}, {self.classes}, …) with "
                f"model.params cannot be built: {error}"
            ) from None

    def outputs_of(self, embedded: Tensor) -> Tensor:
        """(instance, unit, 1) -> (instance, class)."""
        outputs: Tensor = self.net(embedded.squeeze(-1))
        return outputs

    def reset_parameters(self) -> None:
        """Draw all weights anew as the constructor does, also those outside of torch's layers."""
        fresh = dict(self._new_net().named_parameters())
        with torch.no_grad():
            for name, parameter in self.net.named_parameters():
                parameter.copy_(fresh[name])

    def architecture(self) -> dict[str, Any]:
        """Name, summary, parameters and layers, as `architecture.json` holds them."""
        summary = (
            f"{self.config.module}, a module of the user’s own, over {len(self.unit_features)} "
            f"{_READS[self.config.inputs]}."
        )
        kinds = {
            f"net.{path}".rstrip("."): type(layer).__name__
            for path, layer in self.net.named_modules()
            if next(layer.parameters(recurse=False), None) is not None
        }
        return describe(self, self.cls.__name__, summary, kinds)


class PlainModule(AdaptedModule):
    """Units are the original features themselves."""

    fill: Tensor

    def __init__(self, config: TorchModule, cls: type, schema: Schema, train: Split) -> None:
        super().__init__(config, cls, schema, train)
        self.register_buffer("fill", torch.as_tensor(_typical(schema, train), dtype=torch.float32))

    def embed(self, inputs: Tensor) -> Tensor:
        """(instance, feature) original units -> (instance, feature, 1), gaps filled."""
        return torch.where(torch.isnan(inputs), self.fill.to(inputs.dtype), inputs).unsqueeze(-1)

    def _features_of_units(self) -> tuple[int, ...]:
        return tuple(range(self.columns))


def adapt(config: TorchModule, cls: type, schema: Schema, train: Split) -> AdaptedModule:
    """The user's module behind the encoding that the configuration names.

    Raises
    ------
    ConfigError : it cannot be built, or does not give one logit a class.
    """
    kind = PlainModule if config.inputs == "plain" else AdaptedModule
    module = kind(config, cls, schema, train)
    _try_out(module, torch.as_tensor(train.inputs[:2], dtype=torch.float32))
    return module


def _try_out(module: AdaptedModule, rows: Tensor) -> None:
    expected, name = (len(rows), module.classes), module.config.module
    training = module.training
    try:
        with torch.no_grad():
            found = tuple(module.eval()(rows).shape)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"{name} cannot be applied to {len(rows)} rows of {len(module.unit_features)} numbers: "
            f"{error}"
        ) from None
    module.train(training)
    if found != expected:
        raise ConfigError(
            f"{name} gives an output of shape {found} for {len(rows)} rows; expected one logit a "
            f"class, {expected}"
        )


def put_weights(module: AdaptedModule, path: Path) -> None:
    """Load a state dict of the user's class, or one that a run of this model has stored."""
    try:
        names = load_file(path).keys()
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"model.weights {path} is not a readable safetensors file ({error})"
        ) from None
    whole: nn.Module = module
    load_weights(whole if names == module.state_dict().keys() else module.net, path)


def _typical(schema: Schema, train: Split) -> NDArray[np.float64]:
    """(feature,) median of a number, most frequent position of a category; 0 for none known."""
    found = np.zeros(len(schema.features))
    for column, feature in enumerate(schema.features):
        known = train.inputs[~np.isnan(train.inputs[:, column]), column]
        if len(known) and feature.is_numeric:
            found[column] = np.median(known)
        elif len(known):
            values, counts = np.unique(known, return_counts=True)
            found[column] = values[counts.argmax()]
    return found
