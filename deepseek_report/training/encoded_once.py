"""Rows encoded before training, where that is the same in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deepseek_report.artifacts.protocols.modules import EncodesInputs
from deepseek_report.training.compiling import Forward
from deepseek_report.training.evaluation import ROWS_AT_ONCE

#: Numbers that all encoded rows may have together: 256 MB.
_MOST = 2**26


def encoded_once(module: Any, parts: Sequence[Tensor]) -> tuple[Forward, list[Tensor]]:
    """What training puts its rows through, and the rows as that reads them.

    Parameters
    ----------
    parts : list of tensors
        (instance, feature) rows in original units.

    Returns
    -------
    `forward_with_balance` and the rows as they are; of a module whose embedding has no weights,
    what comes after it, and the embedded rows, if these fit the memory.
    """
    rows = sum(len(part) for part in parts)
    if not isinstance(module, EncodesInputs) or rows * len(module.unit_features) > _MOST:
        return module.forward_with_balance, list(parts)
    with torch.no_grad():
        encoded = [torch.cat([module.embed(r) for r in p.split(ROWS_AT_ONCE)]) for p in parts]
    return module.encoded_with_balance, encoded
