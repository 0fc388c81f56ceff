"""Files that only running code can read: told apart by name and by their first bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

_SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill"})
_TORCH = frozenset({".pt", ".pth", ".ckpt"})
#: The first byte of a pickle of protocol 2 or newer.
_PROTOCOL = b"\x80"

_TORCH_RECIPE = """
        import torch; from safetensors.torch import save_file
        state = torch.load("{name}", weights_only=True)   # of a whole module: its .state_dict()
        save_file({{k: v.contiguous() for k, v in state.items()}}, "{stem}.safetensors")"""
_SKOPS_RECIPE = """
        import joblib, skops.io
        model = joblib.load("{name}")   # runs what the file says: only where you made it yourself
        skops.io.dump(model, "{stem}.skops")"""


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, or a torch file that holds one; nothing of it is loaded."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            if file.read(1) == _PROTOCOL:
                return True
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def pickle_problem(field: str, path: Path) -> str:
    """Why such a file is not read, and three lines that make one that is."""
    torch = field == "model.weights" or path.suffix.lower() in _TORCH
    recipe = _TORCH_RECIPE if torch else _SKOPS_RECIPE
    wanted = "safetensors" if torch else "skops"
    text = recipe.format(name=path.name, stem=path.stem)
    return (
        f"{field} {path} is a pickle, which may run any code when it is read; it is not a {wanted} "
        f"file. Make one with Python, where you trust the pickle:{text}"
    )
