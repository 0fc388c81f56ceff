"""Which device the work is done on: chosen by itself, or asked for and there."""

from __future__ import annotations

import sys
from pathlib import Path

#: Files that a Linux system shows where it has a driver: CUDA, ROCm, WSL.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def pick_device(device: str) -> str:
    """Make "cuda" or "mps" of "auto" where there is one, else "cpu"; keep any other choice."""
    if device != "auto":
        return device
    return next((kind for kind in ("cuda", "mps") if has_device(kind)), "cpu")


def has_device(kind: str) -> bool:
    """Whether torch can use this kind ("cpu", "cuda" or "mps") on this machine.

    Where the system shows no driver, the answer is found without loading torch.
    """
    if kind == "cpu":
        return True
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available()
