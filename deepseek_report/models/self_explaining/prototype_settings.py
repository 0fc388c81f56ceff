"""What can be set of the prototype model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True)
class PrototypeSettings:
    """How the module is built; `Prototype` says what each field means."""

    per_class: Annotated[int, Field(ge=1, le=100)] = 8
    candidates: Annotated[int, Field(ge=1, le=10_000)] = 200
    bins: Annotated[int, Field(ge=1, le=256)] = 4
    shift: Annotated[int, Field(ge=0, le=50)] | None = None
    pace: Annotated[float, Field(gt=0, le=1000)] = 20.0
