"""What a module is made of, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from deepseek_report.artifacts.message import Text


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def describe(
    module: nn.Module, name: str, summary: Text, kinds: Mapping[str, str]
) -> dict[str, Any]:
    """The content of `architecture.json`.

    kinds : {name of a submodule: what it is, in words}; a submodule inside another listed one is
        counted with the inner one.
    Returns name, summary, parameters, layers [{name, kind, parameters, shape}]; the layers'
    parameters sum to the whole if `kinds` covers the module.
    """
    listed = {path: module.get_submodule(path) for path in kinds}
    layers = [
        {
            "name": path,
            "kind": kinds[path],
            "parameters": sum(p.numel() for p in _own_parameters(path, listed)),
            "shape": [list(p.shape) for p in _own_parameters(path, listed)],
        }
        for path in kinds
    ]
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
