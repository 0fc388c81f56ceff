"""Everything that training needs to go on after it was killed, in one file written in one move."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from deepseek_report.artifacts.protocols.models import EpochRecord
from deepseek_report.artifacts.protocols.modules import ExplainableModule
from deepseek_report.artifacts.storage.plain_files import write_whole
from deepseek_report.training.epoch import AdamW, Moments

CHECKPOINT = "checkpoint.safetensors"


@dataclass
class State:
    """How far training has come.

    rows : one record an epoch. best : weights with the least validation loss so far. steps :
    optimiser steps done. seconds : time spent, over all attempts; step_seconds : of it in optimiser
    steps, input_seconds : of that in fetching rows.
    """

    rows: list[EpochRecord] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_loss: float = float("inf")
    best_epoch: int = 0
    steps: int = 0
    seconds: float = 0.0
    step_seconds: float = 0.0
    input_seconds: float = 0.0
    diverged: bool = False
    scaler: dict[str, object] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """Epochs that are done."""
        return len(self.rows)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], note: str = "") -> None:
    """Write safetensors in one move: the file is whole or absent."""
    ready = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    write_whole(path, save(ready, metadata={"state": note} if note else None), durable=True)


def save_checkpoint(
    folder: Path, fingerprint: str, module: ExplainableModule, optimiser: AdamW, state: State
) -> None:
    """Write the state after an epoch.

    No random state is stored: every epoch starts from a seed made of the run's seed and the epoch.
    """
    tensors = {f"weights/{name}": t for name, t in module.state_dict().items()}
    tensors |= {f"best/{name}": t for name, t in state.best.items()}
    for index, moments in optimiser.state.items():
        tensors |= {f"optimiser/{index}/{name}": t for name, t in vars(moments).items()}
    plain = {name: value for name, value in vars(state).items() if name != "best"}
    plain |= {"rows": [asdict(row) for row in state.rows], "fingerprint": fingerprint}
    body = json.dumps(plain)
    note = json.dumps({"body": body, "sha256": _checksum(body, tensors)})
    save_tensors(folder / CHECKPOINT, tensors, note)


def load_checkpoint(
    folder: Path, fingerprint: str, module: ExplainableModule, optimiser: AdamW
) -> State | None:
    """Put module and optimiser where an earlier attempt left them.

    Returns None, with nothing changed, where there is no checkpoint, it is damaged, or it belongs
    to another configuration.
    """
    note, tensors = _read(folder / CHECKPOINT)
    if note.pop("fingerprint", None) != fingerprint:
        return None
    module.load_state_dict(_below(tensors, "weights/"))
    parameters = [p for group in optimiser.groups for p in group.parameters]
    moments = _below(tensors, "optimiser/")
    optimiser.state = {}
    for index in sorted({int(name.split("/")[0]) for name in moments}):
        own = _below(moments, f"{index}/")
        device = parameters[index].device
        optimiser.state[index] = Moments(**{name: t.to(device) for name, t in own.items()})
    rows = [EpochRecord(**row) for row in note.pop("rows")]
    return State(rows=rows, best=_below(tensors, "best/"), **note)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a checkpoint holds; nothing where a byte of it is not as it was written."""
    try:
        with safe_open(path, "pt") as stored:
            note = json.loads((stored.metadata() or {})["state"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        body = note["body"]
        whole = note["sha256"] == _checksum(body, tensors)
        return (dict(json.loads(body)), tensors) if whole else ({}, {})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError):
        return {}, {}


def _checksum(body: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the state and of every tensor: safetensors itself has no checksum."""
    digest = hashlib.sha256(body.encode())
    for name, tensor in sorted(tensors.items()):
        plain = torch.empty(tensor.numel(), dtype=tensor.dtype)  # a view may have no stride
        plain.copy_(tensor.detach().reshape(-1))
        digest.update(f"{name} {plain.dtype} {tuple(tensor.shape)}".encode())
        digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def fingerprint(parts: Mapping[str, object], module: ExplainableModule) -> str:
    """SHA-256 of what decides the course of training: settings, data and the untrained module."""
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
