"""Draws that depend on a given seed alone and leave all other draws as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block; the state outside is untouched."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
