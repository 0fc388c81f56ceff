"""How many processes this machine has cores and memory for."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

#: Share of the free memory that processes may take together.
_USABLE = 0.8
#: Where Linux says how much memory the processes of a container or of a job of Slurm may have.
_LIMITS = Path("/sys/fs/cgroup")
_MIB = 2**20


def cores() -> int:
    """The cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def free_memory(limits: Path = _LIMITS) -> float:
    """MiB that can still be taken, on this machine and within the limits that are set to it."""
    free = float(psutil.virtual_memory().available)
    try:
        most, taken = (
            (limits / name).read_text(encoding="ascii").strip()
            for name in ("memory.max", "memory.current")
        )
        free = min(free, float(most) - float(taken)) if most != "max" else free
    except (OSError, ValueError):
        pass
    return max(free, 0.0) / _MIB


def processes(memory: float | None) -> int:
    """As many as there are cores, and memory for; at least one.

    Parameters
    ----------
    memory : MiB of the largest process at its peak, None where nobody knows.
    """
    if not memory or memory <= 0:
        return cores()
    return max(1, min(cores(), int(_USABLE * free_memory() / memory)))
