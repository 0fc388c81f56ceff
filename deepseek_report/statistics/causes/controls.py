"""Controls of an effect: what must be 0 if the estimate works.

A placebo is the treatment shuffled among rows: it causes nothing. A random common cause is a column
of noise that is held alike besides: it must change nothing. Neither sees hidden confounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.statistics.causes.cross_fitting import CausalData, Variable
from deepseek_report.statistics.causes.effects import (
    CausalEffect,
    adjusted_effect,
    effect_difference,
)
from deepseek_report.statistics.causes.graph import CausalRefusal

#: The name of the column of noise, which no node has.
_NOISE = "\0noise"


@dataclass(frozen=True)
class Controls:
    """Estimates whose intervals hold 0 in 95 of 100 samples, in the effect's unit.

    placebo : the effect of the shuffled treatment. random_common_cause : the effect with noise held
        alike besides, less the effect.
    """

    placebo: Estimate | CausalRefusal
    random_common_cause: Estimate | CausalRefusal

    @property
    def hold(self) -> bool:
        """Whether the intervals of both hold 0; what was refused holds nothing."""
        ends = [control.ends for control in (self.placebo, self.random_common_cause)
                if isinstance(control, Estimate)]  # fmt: skip
        return all(end is not None and end[0] <= 0 <= end[1] for end in ends)


def controls_of(effect: CausalEffect, data: CausalData) -> Controls:
    """Both controls of an effect, from the data that it was estimated from."""
    question = (effect.treatment, effect.setting, effect.outcome)
    treatment = data.variables[effect.treatment]
    rows = np.flatnonzero(effect.used)
    shuffled = treatment.values.copy()
    shuffled[rows] = data.rng(1).permutation(shuffled[rows])
    placebo = adjusted_effect(
        data.with_variable(effect.treatment, Variable(shuffled, treatment.levels)),
        *question,
        effect.adjusted_for,
    )
    noise = Variable(data.rng(2).normal(size=len(shuffled)))
    again = adjusted_effect(
        data.with_variable(_NOISE, noise), *question, (*effect.adjusted_for, _NOISE)
    )
    return Controls(
        placebo if isinstance(placebo, CausalRefusal) else placebo.effect,
        again if isinstance(again, CausalRefusal) else effect_difference(again, effect, data),
    )
