"""How a threshold is found: declared, by what wrong decisions cost, or by a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

Cost = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class DecisionCosts:
    """What the two kinds of wrong decision cost, in one unit of the user's choice, above 0.

    false_alarm : a case decided for the explained class that is not of it. missed : a case of the
    explained class that is not decided for it.
    """

    false_alarm: Cost
    missed: Cost

    def of(self, false_alarms: float, missed: float) -> float:
        """The cost of so many false alarms and missed cases, or of such shares of all cases."""
        return self.false_alarm * false_alarms + self.missed * missed


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is found: one of `predicting.RULES`, with what is declared for it."""

    name: str
    declared: float | None = None
    costs: DecisionCosts | None = None
