"""Is one group of people said to be explained less well than another, and is it so?

One group of five has predictions that lie further from the typical one, so that more can be gained
by taking its features away in the right order. A right method explains both alike; where it is
spoilt for one group, that is planted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute
from deepseek_report.findings.rules_sources import UNEQUAL
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.metrics.explanations.curves import areas_of, perturbation
from deepseek_report.metrics.explanations.explanation_groups import ExplanationByGroup
from deepseek_report.statistics.resampling import permutation_p_value

from .explainers import FEATURES, MODELS, RESAMPLES, World
from .judging import explained_context
from .trials import Plan, Table, repeat, share

_PEOPLE = Attribute("group", "Group", ("others", "few"))
#: Of how many of a group the explanation is that of random numbers.
SPOILT = (0.0, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Outcome:
    """Whether a difference is told: at all and as a finding, and by the rule that was there before,
    which compared the gain itself.
    """

    beyond_chance: bool
    finding: bool
    earlier: bool
    right_group: bool


def groups_of(world: World, seed: int) -> Bools:
    """(case,) whether somebody is of the few: mostly where much can be gained."""
    rng = np.random.default_rng([seed, 23])
    away = np.abs(world.occlusion(world.classifier, world.dataset.test.inputs, world.positions))
    total = away.sum(axis=1)
    chance = 0.4 * np.argsort(np.argsort(total)) / len(total)
    return np.asarray(rng.random(len(total)) < chance)


def trial(model: Any, spoilt: float, seed: int) -> Outcome:
    """One world with 200 cases, of which a fifth are of the few."""
    world = World(model, 200, seed)
    few, rng = groups_of(world, seed), np.random.default_rng([seed, 29])
    right = world.explanation("occlusion", True)
    noise = rng.normal(size=right.values.shape)
    wrong = few & (rng.random(len(few)) < spoilt)
    explanations = {
        "occlusion": replace(right, values=np.where(wrong[:, None], noise, right.values)),
        "random": world.explanation("random", True),
    }
    context = _context(world, few, explanations)
    measured = ExplanationByGroup(resamples=RESAMPLES).measure(context)
    (gap,) = measured.scores
    others, own = measured.tables["groups"]["reached"]
    beyond = gap.p_value is not None and gap.p_value < SIGNIFICANT
    is_finding = beyond and (gap.low or 0.0) >= UNEQUAL[0]
    return Outcome(beyond, is_finding, _earlier(context, few, rng), bool(own < others))


def _context(world: World, few: Bools, explanations: dict[str, Explanation]) -> MeasureContext:
    groups = {_PEOPLE.name: few.astype(np.int64)}
    schema = replace(world.dataset.schema, attributes=(_PEOPLE,))
    return replace(
        explained_context(world, explanations, "random", "baseline"),
        dataset=replace(world.dataset, schema=schema),
        predictions=replace(world.predictions, groups=groups),
        explanation=explanations["occlusion"],
    )


def _earlier(context: MeasureContext, few: Bools, rng: np.random.Generator) -> bool:
    """Whether the mean gains over the random order differ when groups are dealt out by chance."""
    areas = {
        name: areas_of(context, name, method, perturbation(context, method, FEATURES), "deletion")
        for name, method in context.explanations.items()
    }
    gains: Floats = areas["random"] - areas["occlusion"]
    dealt = rng.permuted(np.tile(few, (RESAMPLES, 1)), axis=1)
    null = [abs(gains[members].mean() - gains[~members].mean()) for members in dealt]
    seen = abs(gains[few].mean() - gains[~few].mean())
    return permutation_p_value(np.array(null), float(seen)) < SIGNIFICANT


def tables(plan: Plan) -> list[Table]:
    """How often a difference is told where there is none, and where one is planted."""
    repeats = plan.times(200)
    rows = []
    for name, model in MODELS.items():
        for spoilt in SPOILT:
            outcomes = repeat(partial(trial, model, spoilt), repeats, plan)
            rows.append((name, _words(spoilt), *_shares(outcomes, spoilt > 0)))
    return [
        Table(
            "Groups that are explained alike, or less well",
            f"{repeats} worlds each, 200 cases, of which a fifth are of one group: mostly those "
            "whose features add up to much. Occlusion explains all rightly; for a share of that "
            "group it is replaced by random numbers. Told as a finding: the difference is beyond "
            f"chance and at least {100 * UNEQUAL[0]:.0f} % of the reachable gain. Where the method "
            "is spoilt, only what names the group counts. The last column is the earlier rule, "
            "which compared the gain itself.",
            ("model", "spoilt for", "beyond chance", "finding", "earlier rule"),
            rows,
        )
    ]


def _words(spoilt: float) -> str:
    return f"{100 * spoilt:.0f} % of the group" if spoilt else "nobody"


def _shares(outcomes: Sequence[Outcome], named: bool) -> list[object]:
    """Of the worlds; where something is planted, only those in which the right group is named."""
    right = [outcome.right_group or not named for outcome in outcomes]
    return [
        *(
            share(
                [getattr(outcome, key) and ok for outcome, ok in zip(outcomes, right, strict=True)]
            )
            for key in ("beyond_chance", "finding")
        ),
        share([outcome.earlier for outcome in outcomes]),
    ]
