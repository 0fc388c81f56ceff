"""The seeds of a run: each step that draws at random has one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Seeds:
    """Where each step starts to draw, so that one can be varied while the others stay.

    data : decides the split, what is drawn of the data, and which rows are looked at: the cases
        that are explained and the background rows.
    training : initial weights and the order of the rows, or the draws of an estimator.
    explain : what the explainers draw of their own.
    measure : bootstrap and permutation draws, noise, references that are trained for comparison.
    """

    data: int
    training: int
    explain: int
    measure: int

    @classmethod
    def recorded(cls, config: Mapping[str, Any]) -> Seeds | None:
        """Those of the config of a run, None where it records none.

        Runs of older versions have one `seed` for everything.
        """
        shared, own = config.get("seed"), config.get("seeds") or {}
        steps = [own.get(step.name, shared) for step in fields(cls)]
        known = [int(step) for step in steps if step is not None]
        return cls(*known) if len(known) == len(steps) else None

    @property
    def shared(self) -> int | None:
        """The seed of all steps, None where they differ."""
        return self.data if len(set(asdict(self).values())) == 1 else None
