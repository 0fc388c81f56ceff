"""What the parts of a model add to its output, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from deepseek_report.artifacts.array_types import Floats

#: The input's tokens as they enter; a head of attention; an expert; the expert that all tokens
#: share; and what is added to every input alike.
StepKind = Literal["tokens", "head", "expert", "shared_expert", "constant"]


@dataclass(frozen=True)
class Step:
    """One part: of which layer, from 1 (0 before and behind all of them), and what it is called.

    branch : of a head, "" else. number : of a head or an expert among those of its kind, from 1.
    """

    layer: int
    kind: StepKind
    branch: str = ""
    number: int = 0


@dataclass(frozen=True)
class StepSums:
    """What each part adds to the logit of a class less the mean of the others, or to the number.

    steps : in the order in which the model takes them. added : (instance, step), whose sum over the
    steps is that output exactly, but for rounding. weights : (instance, step) the router's weight
    of a head or an expert, NaN for other parts; an expert that was not chosen weighs 0.
    """

    steps: tuple[Step, ...]
    added: Floats
    weights: Floats


@runtime_checkable
class AddsUpSteps(Protocol):
    """The optional part of a module whose output is a sum over its parts."""

    def step_sums(self, inputs: Any, target: int) -> StepSums:
        """Of inputs (instance, column) as a tensor; target : position of the class."""
