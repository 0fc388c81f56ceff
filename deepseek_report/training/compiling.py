"""torch.compile as an option: tried before it is relied on."""

from __future__ import annotations

from collections.abc import Callable

import torch

from deepseek_report.artifacts.message import Text, message

Forward = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def compiled(forward: Forward) -> tuple[Forward, Text]:
    """The function compiled; or unchanged, with a sentence that says why.

    A function of one line shows whether there is a compiler. Parts of a model that cannot
    be compiled run as they are. The module itself is not wrapped, so the names of its weights stay.
    """
    try:
        with torch.no_grad():
            torch.compile(_trial)(torch.zeros(2))
    except Exception as error:  # the backends raise errors of many kinds
        reason = str(error).strip().splitlines()[0].rstrip(".")
        return forward, message(
            "training_notes.not_compiled", error=type(error).__name__, reason=reason
        )
    torch._dynamo.config.suppress_errors = True
    return torch.compile(forward), ""


def _trial(number: torch.Tensor) -> torch.Tensor:
    return number * 2 + 1
