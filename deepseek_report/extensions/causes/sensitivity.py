"""How strong a hidden common cause would have to be to explain an effect away.

Both measures are of the end of the interval that is nearer to 0; where the interval holds 0, no
hidden cause is needed.

Reference: Cinelli & Hazlett 2020, doi:10.1111/rssb.12348 (robustness value); Chernozhukov, Cinelli,
Newey, Sharma & Syrgkanis 2022, arXiv 2112.13398 (the same of estimates by learners); VanderWeele &
Ding 2017, doi:10.7326/M16-2607 (E-value).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepseek_report.extensions.causes.cross_fitting import CausalData
from deepseek_report.extensions.causes.effects import CausalEffect, adjusted_effect
from deepseek_report.extensions.causes.graph import CausalRefusal
from deepseek_report.extensions.causes.independence import correlation

#: So many of the variables that are held alike are left out, one at a time.
_MOST_COMPARED = 6


@dataclass(frozen=True)
class Sensitivity:
    """What a hidden common cause would have to be like for the interval to reach 0.

    robustness_value : in [0, 1]: the share of what is left of the outcome, and of the treatment,
        that it would have to explain, both alike; 0 where the interval holds 0.
    e_value : ≥ 1: the risk ratio by which it would have to go with the treatment, and with the
        outcome; 1 where the interval holds 0. Of numbers it is approximate.
    strongest : the measured variable that is held alike and whose absence would move the effect
        most; None where nothing is held alike.
    times_strongest : how many times as strong as that one it would have to be; infinite where even
        the strongest is too weak to matter, NaN where there is none.
    """

    robustness_value: float
    e_value: float
    strongest: str | None
    times_strongest: float


def robustness_value(distance: float, residual: float, weight: float) -> float:
    """The share r of both left-over variances with residual · weight · r / √(1 − r) = distance.

    distance : of the estimate or of an end of its interval from 0; its sign does not count.
    residual, weight : see `CausalEffect`.

    Of a linear regression, distance / (residual · weight) is t / √(degrees of freedom), and this is
    Cinelli and Hazlett's value.
    """
    relative = abs(distance) / (residual * weight) if residual * weight > 0 else math.inf
    if math.isinf(relative):
        return 1.0
    square = relative**2
    return float((math.sqrt(square**2 + 4 * square) - square) / 2)


def e_value(risk_ratio: float) -> float:
    """R + √(R (R − 1)) of a risk ratio R ≥ 1, and of 1 / R below 1.

    >>> round(e_value(3.9), 2)
    7.26
    """
    ratio = max(risk_ratio, 1 / risk_ratio)
    return float(ratio + (ratio * (ratio - 1)) ** 0.5)


def sensitivity_of(effect: CausalEffect, data: CausalData) -> Sensitivity:
    """Of an effect, from the data that it was estimated from."""
    low, high = effect.effect.ends or (0.0, 0.0)
    distance = low if low > 0 else min(high, 0.0)
    strengths = {
        name: strength
        for name in _most_telling(effect, data)
        if (strength := _strength(effect, name, data)) is not None
    }
    strongest = max(strengths, key=lambda name: strengths[name].product, default=None)
    times = math.nan
    if strongest is not None:
        size = effect.residual * effect.weight
        times = strengths[strongest].times(distance / size if size > 0 else math.inf)
    return Sensitivity(
        robustness_value(distance, effect.residual, effect.weight),
        e_value(_risk_ratio(effect, distance, data)),
        strongest,
        times,
    )


def _risk_ratio(effect: CausalEffect, distance: float, data: CausalData) -> float:
    """How many times as likely the outcome is at an end of the interval.

    Of a number exp(0.91 d) of the standardised effect d (VanderWeele & Ding).
    """
    before = effect.means[1].value
    if data.variables[effect.outcome].levels == 2:
        return max(before + distance, 1e-6) / max(before, 1e-6)
    return math.exp(0.91 * distance / effect.spread)


@dataclass(frozen=True)
class _Strength:
    """What a measured variable explains of what the others leave of outcome and treatment.

    outcome, treatment : shares in [0, 1).
    """

    outcome: float
    treatment: float

    @property
    def product(self) -> float:
        """The square of the bias that a cause of this strength makes, in units of its scale."""
        return self.outcome * self.treatment / (1 - self.treatment)

    def times(self, relative: float) -> float:
        """How many times both shares must be for that bias to be `relative`."""
        if not self.product > 0:
            return math.inf
        square = relative**2
        half, both = square * self.treatment / 2, self.outcome * self.treatment
        times = (math.sqrt(half**2 + both * square) - half) / both
        if times * self.outcome > 1:  # more than all of the outcome cannot be explained
            times = square / (self.treatment * (1 + square))
        return float(times)


def _strength(effect: CausalEffect, name: str, data: CausalData) -> _Strength | None:
    """Of a variable that is held alike, by what is left where it is not; None where refused."""
    others = [other for other in effect.adjusted_for if other != name]
    short = adjusted_effect(data, effect.treatment, effect.setting, effect.outcome, others)
    if isinstance(short, CausalRefusal):
        return None
    outcome = 1 - (effect.residual / short.residual) ** 2 if short.residual > 0 else 0.0
    treatment = 1 - (short.weight / effect.weight) ** 2 if effect.weight > 0 else 0.0
    return _Strength(max(outcome, 0.0), min(max(treatment, 0.0), 0.999))


def _most_telling(effect: CausalEffect, data: CausalData) -> list[str]:
    """The variables that are held alike; of many those that go most with treatment and outcome."""
    ends = [data.variables[name].values[effect.used] for name in (effect.treatment, effect.outcome)]

    def together(name: str) -> float:
        columns = data.variables[name].columns[effect.used]
        centred = columns - columns.mean(axis=0)
        shares = [
            max((abs(correlation(c, end - end.mean())) for c in centred.T), default=0.0)
            for end in ends
        ]
        return shares[0] * shares[1]

    return sorted(effect.adjusted_for, key=together, reverse=True)[:_MOST_COMPARED]
