"""Which number format the forward pass uses, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from deepseek_report.artifacts.message import Message, message

#: Below this widest layer the casts cost more than a faster bf16 product saves.
WIDE = 256


@dataclass(frozen=True)
class Precision:
    """The chosen format ("float32", "bf16" or "fp16") and the reason, a sentence for people."""

    name: str
    reason: Message

    @property
    def scales(self) -> bool:
        """Whether the loss must be scaled so that small gradients do not vanish."""
        return self.name == "fp16"

    @contextmanager
    def autocast(self, device: str) -> Iterator[None]:
        """Run a forward pass in this format; weights stay in float32."""
        if self.name == "float32":
            yield
            return
        dtype = torch.bfloat16 if self.name == "bf16" else torch.float16
        with torch.autocast(torch.device(device).type, dtype=dtype):
            yield


def choose_precision(wanted: str, device: str, module: nn.Module) -> Precision:
    """The format to train in.

    "auto" takes mixed precision only where it gains time. On a CPU that is where a matrix unit for
    bf16 (AMX) exists and a layer is at least 256 wide. Measured with torch 2.13 on two Xeon cores
    with AVX512-BF16 but no AMX, products of 12 288 rows took longer in bf16 than in float32 at
    every width (0.61 against 0.37 ms at 64, 8.6 against 4.8 at 256, 144 against 91 at 1024).

    On Apple's GPU, where nothing was measured, it takes float32; "bf16" may be asked for.

    wanted : "auto", "float32", "bf16" or "fp16". device : such as "cpu", "cuda:0" or "mps".
    """
    kind = torch.device(device).type
    on_gpu = kind == "cuda"
    if wanted == "fp16" and not on_gpu:
        return Precision("float32", message("precision.no_fp16", kind=kind))
    if wanted != "auto":
        return Precision(wanted, message("precision.asked_for", name=wanted))
    if kind == "mps":
        return Precision("float32", message("precision.apple"))
    return _auto_gpu() if on_gpu else _auto_cpu(widest_layer(module))


def widest_layer(module: nn.Module) -> int:
    """The widest side of any weight matrix that both sides of share."""
    sides = [min(p.shape[-2:]) for p in module.parameters() if p.dim() >= 2]
    return max(sides, default=0)


def _auto_gpu() -> Precision:
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Precision("bf16", message("precision.gpu_bf16"))
    return Precision("fp16", message("precision.gpu_fp16"))


def _auto_cpu(width: int) -> Precision:
    if not _has_amx():
        return Precision("float32", message("precision.no_amx"))
    if width < WIDE:
        return Precision("float32", message("precision.narrow", width=width, wide=WIDE))
    return Precision("bf16", message("precision.amx", width=width))


def _has_amx() -> bool:
    """Whether the processor has a bf16 matrix unit that torch can use."""
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe and probe())
