"""The effect of setting a variable on an outcome, with what else differs held alike.

The estimate is augmented inverse probability weighting: predictions of the outcome from what is
held alike, corrected by weighted errors of these predictions, both cross-fitted. It is right where
either the predictions of the outcome or those of the treatment are, and its error is that of a
mean.

Reference: Robins, Rotnitzky & Zhao 1994, doi:10.1080/01621459.1994.10476818; Chernozhukov et al.
2018, doi:10.1111/ectj.12097; Díaz, Williams, Hoffman & Schenck 2023,
doi:10.1080/01621459.2021.1955691 (numbers that are moved).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.extensions.causes.cross_fitting import (
    CausalData,
    Design,
    Variable,
    cross_fitted,
)
from deepseek_report.extensions.causes.graph import CausalGraph, CausalRefusal
from deepseek_report.statistics.resampling import Resampling

#: Chances of a treatment below this count as none.
LEAST_CHANCE = 0.05
#: Chances are kept so far from 0 and 1 when they are divided by.
CLIP = 0.01
#: Each side needs so many observations, and weights that are worth so many.
LEAST_ROWS, LEAST_EFFECTIVE = 40, 30.0
#: Of the regression by which errors are enlarged: its penalty, and the most that a leverage counts.
PENALTY, MOST_LEVERAGE = 10.0, 0.75
#: Refused where more rows than this share have no counterpart.
MOST_OUTSIDE = 0.45
#: An interval whose one end is so many times as far away as the other, and by this part of the
#: outcome's standard deviation, rests on few heavy rows.
MOST_LOPSIDED, NOTABLE = 4.0, 0.1


@dataclass(frozen=True)
class SetTo:
    """Every row is set to one class of the treatment, instead of to another one.

    to, instead_of : positions of the classes.
    """

    to: int
    instead_of: int


@dataclass(frozen=True)
class MoveBy:
    """The treatment's number of every row is moved by an amount, instead of left as it is.

    amount : in the unit of the number, not 0. least, greatest : a row that would be moved beyond
        these is left as it is; None for the least and greatest value in the data.
    """

    amount: float
    least: float | None = None
    greatest: float | None = None


@dataclass(frozen=True)
class Overlap:
    """How far the compared rows have counterparts.

    outside : share of rows whose chance of either treatment is below 0.05; of a number that is
        moved, share of rows whose weight is above 20. effective : how many rows the weights of the
        smaller side are worth (Kish). moved : share of rows that the setting changes or can change.
    """

    outside: float
    effective: float
    moved: float

    def refusal(self, n: int) -> CausalRefusal | None:
        """Why the comparison of n observations is refused; None where it is not."""
        if self.outside <= MOST_OUTSIDE and self.effective >= LEAST_EFFECTIVE:
            return None
        return self.refused(n)

    def refused(self, n: int) -> CausalRefusal:
        """The refusal of a comparison of n observations, with what speaks against it."""
        return CausalRefusal(
            message(
                "refusals.causal.no_overlap", outside=self.outside, effective=self.effective, n=n
            )
        )


def is_lopsided(estimate: Estimate, spread: float) -> bool:
    """Whether an interval rests on few heavy rows, of an outcome with this spread."""
    if estimate.low is None or estimate.high is None:
        return False
    below, above = estimate.value - estimate.low, estimate.high - estimate.value
    far, near = max(below, above), min(below, above)
    return far > MOST_LOPSIDED * near and far > NOTABLE * spread


def too_few(sizes: Sequence[int]) -> CausalRefusal | None:
    """The refusal where a side has fewer than `LEAST_ROWS` observations."""
    if min(sizes) >= LEAST_ROWS:
        return None
    return CausalRefusal(message("refusals.causal.too_few_rows", n=min(sizes), least=LEAST_ROWS))


def effective_rows(resampling: Resampling, weights: Floats) -> float:
    """How many observations weights (row,) are worth: (Σ w)² / Σ w² of the sums of observations."""
    summed = resampling.sums(weights)
    squares = float(summed @ summed)
    return float(summed.sum()) ** 2 / squares if squares else 0.0


def weights_of(inside: Bools, chances: Floats, odds: bool = False) -> Floats:
    """(row,) weights of the rows inside, which stand for all rows, or, by odds, for the others.

    They are scaled to the number of rows that they stand for; 0 outside.
    """
    kept = np.clip(chances, CLIP, 1 - CLIP)
    weights = inside * ((1 - kept) / kept if odds else 1 / kept)
    total = float((~inside).sum()) if odds else float(len(inside))
    return np.asarray(weights * total / weights.sum())


def enlarged(weights: Floats, columns: Floats) -> Floats:
    """(row,) factors ≥ 1 by which weighted errors are enlarged before a standard error is taken.

    Few rows, or rows of uneven weights, are predicted less well than the errors show. The factor is
    1 / √(1 − leverage) of a weighted regression on what outcomes are predicted by, with a penalty
    that grows as the weights are worth fewer rows.

    weights : (row,); rows of weight 0 have a factor of 1. columns : (row, column).

    Reference: MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7.
    """
    basis = np.column_stack([np.ones(len(weights)), columns])
    total = float(weights.sum())
    worth = total**2 / float(weights @ weights)
    gram = basis.T @ (basis * weights[:, None]) + np.eye(basis.shape[1]) * PENALTY * total / worth
    leverage = weights * np.einsum("ij,ij->i", basis, np.linalg.solve(gram, basis.T).T)
    return np.asarray(1 / np.sqrt(1 - np.minimum(leverage, MOST_LEVERAGE)))


def mean_and_error(expected: Floats, left: Floats, factors: Floats) -> Floats:
    """(row,) values with the mean of predictions plus weighted errors, the errors enlarged.

    expected, left, factors : (row,) predictions, weighted errors, and by what these are enlarged.
    """
    values = expected + left * factors
    return np.asarray(values + np.mean(expected + left) - values.mean())


def naive_difference(data: CausalData, y: Floats, inside: Bools, others: Bools) -> Estimate:
    """Difference of the mean outcomes of two parts of the rows, with its interval."""
    influence = np.zeros(len(y))
    for part, sign in ((inside, 1.0), (others, -1.0)):
        mean = float(y[part].mean())
        influence += sign * (part * (y - mean) * len(y) / part.sum() + mean)
    return data.resampling.mean(influence, message("interval_methods.students"))


def naive_slope(data: CausalData, y: Floats, values: Floats, target: Floats) -> Estimate:
    """The slope of the outcome times the mean move, with its interval."""
    centred, left = values - values.mean(), y - y.mean()
    variance, move = float(np.mean(centred**2)), float(np.mean(target - values))
    if not variance:
        return Estimate(float("nan"))
    slope = float(np.mean(centred * left)) / variance
    influence = move * (slope + centred * (left - slope * centred) / variance)
    return data.resampling.mean(influence, message("interval_methods.students"))


@dataclass(frozen=True)
class CausalEffect:
    """What an outcome would change by on average, if the treatment were set, by the graph.

    effect : mean outcome as set, less that as not set; in the outcome's unit, a share for classes.
    naive : the same without holding anything alike: the difference of means of who has either
        class, or, of a number, the slope of the outcome times the amount.
    means : mean outcome as set and as not set, in this order, with intervals.
    Rows without a value of treatment or outcome are not used.

    used : (row,) of all rows, whether it is used. influence : (used row,) what each adds: the
        effect is the mean of these, and its error is theirs.
    residual, weight : root mean squares of the outcome's errors and of the weights; by their
        product hidden confounding is bounded, see `sensitivity`.
    spread : standard deviation of the outcome.
    """

    treatment: str
    outcome: str
    setting: SetTo | MoveBy
    adjusted_for: tuple[str, ...]
    effect: Estimate
    naive: Estimate
    means: tuple[Estimate, Estimate]
    overlap: Overlap
    used: Bools = field(repr=False)
    influence: Floats = field(repr=False)
    residual: float
    weight: float
    spread: float


def effect_of_setting(
    graph: CausalGraph, data: CausalData, treatment: str, setting: SetTo | MoveBy, outcome: str
) -> CausalEffect | CausalRefusal:
    """The effect, with what the graph says must be held alike; see `CausalGraph.back_door`.

    Refused besides where `adjusted_effect` refuses.
    """
    held = graph.back_door(treatment, outcome)
    if isinstance(held, CausalRefusal):
        return held
    return adjusted_effect(data, treatment, setting, outcome, held)


def adjusted_effect(
    data: CausalData,
    treatment: str,
    setting: SetTo | MoveBy,
    outcome: str,
    adjusted_for: Sequence[str],
) -> CausalEffect | CausalRefusal:
    """The effect with these variables held alike.

    The outcome is a number or has two classes, whose second one is counted.

    Refused where a class of the treatment has too few rows (`too_few_rows`), where the outcome does
    not vary (`constant`), and where too many rows have no counterpart (`no_overlap`).
    ValueError where the setting does not fit the treatment, or the outcome has more than two
    classes.
    """
    _check(data, treatment, setting, outcome)
    used = data.complete([treatment, outcome])
    inside = data.take(used)
    y, values = (inside.variables[name].values for name in (outcome, treatment))
    if not len(y) or np.ptp(y) == 0:
        return CausalRefusal(message("refusals.causal.constant", outcome=outcome))
    if isinstance(setting, SetTo):
        sides = _classes(inside, values, setting, y, adjusted_for)
    else:
        sides = _moved(inside, values, setting, y, adjusted_for)
    if isinstance(sides, CausalRefusal):
        return sides
    if refusal := sides.overlap.refusal(inside.resampling.n_units):
        return refusal
    influence = sides.set_to - sides.instead
    method = message("interval_methods.aipw")
    effect = inside.resampling.mean(influence, method)
    if is_lopsided(effect, float(y.std())):
        return sides.overlap.refused(inside.resampling.n_units)
    means = tuple(inside.resampling.mean(part, method) for part in (sides.set_to, sides.instead))
    return CausalEffect(
        treatment,
        outcome,
        setting,
        tuple(adjusted_for),
        effect,
        sides.naive,
        (means[0], means[1]),
        sides.overlap,
        used,
        influence,
        sides.residual,
        sides.weight,
        float(y.std()),
    )


def _check(data: CausalData, treatment: str, setting: SetTo | MoveBy, outcome: str) -> None:
    levels = data.variables[treatment].levels
    if isinstance(setting, SetTo):
        if not 0 <= setting.to < levels or not 0 <= setting.instead_of < levels:
            raise ValueError(f"{treatment} has {levels} classes, numbered from 0; got {setting}")
        if setting.to == setting.instead_of:
            raise ValueError(f"both classes of {treatment} are the same; name two")
    elif levels or not setting.amount:
        raise ValueError(
            f"{treatment} cannot be moved by {setting.amount}; only a number can, not by 0"
        )
    if data.variables[outcome].levels not in (0, 2):
        raise ValueError(f"{outcome} has more than two classes; count one of them")


@dataclass(frozen=True)
class _Sides:
    """Both sides of a comparison: (row,) values whose means are the mean outcomes."""

    set_to: Floats
    instead: Floats
    naive: Estimate
    overlap: Overlap
    residual: float
    weight: float


def _classes(
    data: CausalData, values: Floats, setting: SetTo, y: Floats, held: Sequence[str]
) -> _Sides | CausalRefusal:
    """Rows of two classes of the treatment; every row is predicted for both."""
    members = [values == level for level in (setting.to, setting.instead_of)]
    if refusal := too_few([data.resampling.occurring(each) for each in members]):
        return refusal
    folds = data.folds(values.astype(np.int64))
    design = data.design(held)
    chance = data.binary(y)
    chances = _chances_of(members, design, folds)
    parts, errors, weights = [], np.zeros(len(y)), np.zeros(len(y))
    for inside, of_class in zip(members, chances, strict=True):
        weight = weights_of(inside, of_class)
        expected = cross_fitted(y, design, folds, inside, chance)
        left = weight * (y - expected)
        parts.append(mean_and_error(expected, left, enlarged(weight, design.bent)))
        errors[inside] = (y - expected)[inside]
        weights += weight
    low = np.minimum(*chances)
    either = members[0] | members[1]
    overlap = Overlap(
        float((low < LEAST_CHANCE).mean()),
        min(effective_rows(data.resampling, weights * inside) for inside in members),
        float((~members[0]).mean()),
    )
    return _Sides(
        parts[0],
        parts[1],
        naive_difference(data, y, members[0], members[1]),
        overlap,
        float(np.sqrt(np.mean(errors[either] ** 2))),
        float(np.sqrt(np.mean(weights**2))),
    )


def _chances_of(members: Sequence[Bools], design: Design, folds: Ints) -> list[Floats]:
    """(row,) the chance of each of two classes of the treatment, of which there may be more."""
    everybody = np.ones(len(folds), bool)
    first = cross_fitted(members[0].astype(np.float64), design, folds, everybody, chance=True)
    if (members[0] | members[1]).all():
        return [first, 1 - first]
    second = cross_fitted(members[1].astype(np.float64), design, folds, everybody, chance=True)
    return [first, second]


def _moved(
    data: CausalData, values: Floats, setting: MoveBy, y: Floats, held: Sequence[str]
) -> _Sides | CausalRefusal:
    """Rows whose number is moved; the weights tell rows that were moved from those that are.

    The weight of a row is how many times as likely its number is where all are moved as where none
    is: the odds of a classifier between both.
    """
    if refusal := too_few([data.resampling.n_units]):
        return refusal
    least = float(values.min()) if setting.least is None else setting.least
    greatest = float(values.max()) if setting.greatest is None else setting.greatest
    target = values + setting.amount
    moves = (least <= target) & (target <= greatest)
    if not moves.any():
        return CausalRefusal(message("refusals.causal.nothing_moves", amount=setting.amount))
    target = np.where(moves, target, values)
    folds = data.folds()
    twice = np.tile(np.arange(len(y)), 2)
    both = Variable(np.concatenate([values, target]))
    others = [data.variables[name].take(twice) for name in held]
    design = Design.of([both, *others], len(twice))
    is_real = np.arange(len(twice)) < len(y)
    doubled = folds[twice]
    expected = cross_fitted(y[twice], design, doubled, is_real, data.binary(y))
    everybody = np.ones(len(twice), bool)
    is_moved = np.where(is_real, 0.0, 1.0)
    chances = cross_fitted(is_moved, design, doubled, everybody, chance=True, smooth=True)[: len(y)]
    kept = np.clip(chances, 0.0, 1 - CLIP)
    weight = kept / (1 - kept)
    weight = weight / weight.mean()
    now, then = expected[: len(y)], expected[len(y) :]
    # odds are less well known than chances are, hence the more cautious factor: 1 / (1 − leverage)
    factors = enlarged(weight, design.bent[: len(y)]) ** 2
    overlap = Overlap(
        float((weight > 1 / LEAST_CHANCE).mean()),
        effective_rows(data.resampling, weight),
        float(moves.mean()),
    )
    return _Sides(
        mean_and_error(then, weight * (y - now), factors),
        y,
        naive_slope(data, y, values, target),
        overlap,
        float(np.sqrt(np.mean((y - now) ** 2))),
        float(np.sqrt(np.mean((weight - 1) ** 2))),
    )


def effect_difference(first: CausalEffect, other: CausalEffect, data: CausalData) -> Estimate:
    """First − other, of the same rows, with its paired interval: such as of labels and answers.

    ValueError where the effects are not of the same rows.
    """
    if not np.array_equal(first.used, other.used):
        raise ValueError("the effects are of different rows, and cannot be paired")
    rows = data.resampling.take(first.used)
    return rows.mean(first.influence - other.influence, message("interval_methods.aipw"))


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
