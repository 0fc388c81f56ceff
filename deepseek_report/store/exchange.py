"""Swapping the names of two folders in one step, where the system can."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

#: "Relative to the current folder", and "swap", for Linux's renameat2 and macOS's renamex_np.
_HERE, _SWAP = -100, 2


def exchange(first: Path, other: Path) -> bool:
    """Swap two folders on one file system; False, with nothing changed, where that cannot be."""
    swap = _swapper()
    return swap is not None and swap(os.fsencode(first), os.fsencode(other)) == 0


@cache
def _swapper() -> Callable[[bytes, bytes], int] | None:
    """The C library's function, as (path, path) -> 0 for success; None if it has none."""
    if sys.platform == "linux" and (linux := _function("renameat2")) is not None:
        return lambda first, other: int(linux(_HERE, first, _HERE, other, _SWAP))
    if sys.platform == "darwin" and (mac := _function("renamex_np")) is not None:
        return lambda first, other: int(mac(first, other, _SWAP))
    return None


def _function(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None, use_errno=True), name, None)
