"""What stands between the layers of our networks."""

from __future__ import annotations

from typing import Literal

from torch import nn

Activation = Literal["gelu", "relu", "silu", "tanh"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
