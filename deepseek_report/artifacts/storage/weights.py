"""The weights of torch modules: read into a module whose parts have their names and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_report.artifacts.storage.plain_files import make_folder
from deepseek_report.errors import ArtifactError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from deepseek_report.artifacts.protocols.modules import ExplainableModule

#: The weights of a network in a training folder.
WEIGHTS = "weights.safetensors"


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
