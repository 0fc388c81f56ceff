"""The last layer: from hidden units to classes, to several labels, or to a number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Split
from deepseek_report.tasks import task_of


class Readout(nn.Module):
    """What the numbers of a last layer, as many as the target asks for, stand for.

    A number is `centre + spread · output`, centre and spread being those of the training part, so
    that a layer starts near the mean whatever the unit.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, target: Target, train: Split) -> None:
        super().__init__()
        task = task_of(target)
        self.scaled, self.several = not task.decides, task.several
        self.label_index = target.label_index
        labels = np.asarray(train.labels, dtype=np.float64) if self.scaled else np.zeros(1)
        self.register_buffer("centre", torch.tensor(float(labels.mean())))
        self.register_buffer("spread", torch.tensor(float(labels.std()) or 1.0))

    def forward(self, outputs: Tensor) -> Tensor:
        """(instance, output) -> the same shape; a number comes out in its unit."""
        return self.centre + self.spread * outputs if self.scaled else outputs

    def view(self, outputs: Tensor) -> Tensor:
        """(instance, output) -> what the report is about, (instance, class).

        With several labels 0 and the logit of the reported one; else the outputs themselves.
        """
        if not self.several:
            return outputs
        chosen = outputs[:, self.label_index]
        return torch.stack([torch.zeros_like(chosen), chosen], dim=1)


class Outputs(Readout):
    """A linear layer that gives as many numbers as the target asks for; see `Readout`."""

    def __init__(self, width: int, target: Target, train: Split) -> None:
        super().__init__(target, train)
        self.linear = nn.Linear(width, task_of(target).n_outputs(target))
        start_by_code(self.linear, target)

    def forward(self, hidden: Tensor) -> Tensor:
        """(instance, width) -> (instance, output): classes, all labels, or the number."""
        return super().forward(self.linear(hidden))

    def readout(self, outputs: Tensor) -> Tensor:
        """(instance, output) of the linear layer -> the same shape, see `Readout`."""
        return super().forward(outputs)


def start_by_code(layer: nn.Linear, target: Target) -> None:
    """Give classes their first weights in the order of codes, as if they were declared so."""
    if layer.out_features == len(target.classes):
        with torch.no_grad():
            for parameter in layer.parameters():
                drawn = parameter.clone()
                parameter[target.by_code] = drawn


def contrast(logits: Tensor, target: int) -> Tensor:
    """(instance, class) -> (instance,) the target's logit less the mean of the others'.

    With two classes these are the log-odds. One column is a number, and stays as it is.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    others = (logits.sum(1) - logits[:, target]) / (logits.shape[1] - 1)
    return logits[:, target] - others


# --- What a module is made of, for people ---------------------------------------------------------


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def describe(
    module: nn.Module,
    name: str,
    summary: Text,
    kinds: Mapping[str, str],
    *,
    marks_frozen: bool = False,
) -> dict[str, object]:
    """The content of `architecture.json`.

    kinds : {name of a submodule: what it is, in words}; a submodule inside another listed one is
        counted with the inner one. marks_frozen : whether layers are named as frozen or partly
        trained of which training changes nothing or not all.
    Returns name, summary, parameters, layers [{name, kind, parameters, shape}]; the layers'
    parameters sum to the whole if `kinds` covers the module.
    """
    listed = {path: module.get_submodule(path) for path in kinds}
    layers = []
    for path, kind in kinds.items():
        own = _own_parameters(path, listed)
        size = sum(p.numel() for p in own)
        changed = {p.requires_grad for p in listed[path].parameters()}
        mark = ""
        if marks_frozen and size and changed != {True}:
            mark = ", partly trained" if True in changed else ", frozen"
        shape = [list(p.shape) for p in own]
        layers.append({"name": path, "kind": kind + mark, "parameters": size, "shape": shape})
    return {
        "name": name,
        "summary": summary,
        "parameters": count_parameters(module),
        "layers": layers,
    }


def _own_parameters(path: str, listed: Mapping[str, nn.Module]) -> list[nn.Parameter]:
    """Parameters of a submodule that no listed submodule inside it claims."""
    inner = [other for other in listed if other.startswith(path + ".")]
    return [
        parameter
        for name, parameter in listed[path].named_parameters()
        if not any(f"{path}.{name}".startswith(other + ".") for other in inner)
    ]
