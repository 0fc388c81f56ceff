"""Worlds of very many groups of people, and of crossings of two attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.schema import CROSS, Schema
from deepseek_report.metrics.fairness.group_rates import GroupCalibration
from deepseek_report.metrics.fairness.impact_ratio import ImpactRatio

from .groups import FAVOURABLE, OTHER, concluded, context, predictions_of, schema_of, scores
from .trials import Plan, Table, repeat, share


def crossed(off: float, n: int, seed: int) -> tuple[Schema, Predictions]:
    """Two attributes of two groups: stated too high in two crossings and too low in the others."""
    rng = np.random.default_rng([seed, n, 7])
    groups = {name: rng.integers(0, 2, n) for name in ("sex", "origin")}
    stated = scores(rng, n, np.full(n, 0.6))
    side = np.where(groups["sex"] == groups["origin"], off, -off)
    truth = np.clip(stated + side, 0.01, 0.99)
    labels = np.where(rng.random(n) < truth, FAVOURABLE, OTHER)
    attributes = dict.fromkeys(groups, (0.5, 0.5))
    return schema_of(attributes), predictions_of(stated, labels, groups)


def told_of_crossings(off: float, n: int, seed: int) -> tuple[bool, bool]:
    """Whether a crossing is told, and whether a group of one attribute is."""
    metrics = {"group_calibration": GroupCalibration()}
    findings = concluded(*crossed(off, n, seed), seed, metrics)
    told = [group["attribute"] for finding in findings for group in finding.values["groups"]]
    return any(CROSS in name for name in told), any(CROSS not in name for name in told)


def crossed_worlds(repeats: int, plan: Plan) -> Table:
    """Probabilities that are right for each of two attributes, and wrong in their crossings."""
    rows = []
    for off, n in ((0.0, 1000), (0.0, 3000), (0.05, 3000), (0.11, 1000), (0.11, 3000)):
        outcomes = repeat(partial(told_of_crossings, off, n), repeats, plan)
        rows.append((f"{100 * off:.0f} points", n, *map(share, zip(*outcomes, strict=True))))
    return Table(
        "Probabilities in crossings of two attributes",
        f"{repeats} worlds each. In every crossing of two attributes the probabilities are off by "
        "the stated points, up in two and down in two, so that they are right for each group of "
        "either attribute. Target: 11 points are told in at least 90 %.",
        ("off by", "people", "a crossing is told", "a group is told"),
        rows,
    )


# --- many groups ---


@dataclass(frozen=True)
class Nations:
    """People of very many nations.

    sizes : of the nations. low : the nation that is favoured less, and how often; the others are in
    60 % of cases.
    """

    sizes: tuple[int, ...]
    low: tuple[int, float] | None = None

    def draw(self, seed: int) -> tuple[Schema, Predictions]:
        rng = np.random.default_rng([seed, len(self.sizes)])
        nation = np.repeat(np.arange(len(self.sizes)), self.sizes)
        rates = np.full(len(nation), 0.6)
        if self.low is not None:
            rates[nation == self.low[0]] = self.low[1]
        favourable = scores(rng, len(nation), rates)
        labels = np.where(rng.random(len(nation)) < favourable, FAVOURABLE, OTHER)
        attributes = {"nation": tuple(n / len(nation) for n in self.sizes)}
        return schema_of(attributes), predictions_of(favourable, labels, {"nation": nation})


_HUNDREDS = tuple(600 - 20 * k for k in range(20))
NATIONS: Mapping[str, Nations] = {
    "20 nations, one of 133 favoured in 12 %": Nations((*_HUNDREDS, 133), (20, 0.12)),
    "20 nations alike": Nations((*_HUNDREDS, 133)),
    "200 regions of 40, one favoured in 12 %": Nations((40,) * 200, (7, 0.12)),
    "200 regions of 40 alike": Nations((40,) * 200),
    "12 large and 60 of 15, one large favoured in 12 %": Nations(
        (200,) * 12 + (15,) * 60, (3, 0.12)
    ),
}


def told_of_nations(nations: Nations, seed: int) -> tuple[bool, bool, bool]:
    """Whether the right nation is named as clearly below, another is, and a pool is a reference."""
    schema, predictions = nations.draw(seed)
    measured = ImpactRatio().measure(context(schema, predictions, seed))
    pairs = measured.tables["pairs"].to_dict("records")
    below = {row["level"] for row in pairs if row["verdict"] == "clear below"}
    right = {f"nation {nations.low[0]}"} if nations.low else set()
    names = set(schema.attribute("nation").levels)
    return bool(below & right), bool(below - right), any(r["reference"] not in names for r in pairs)


def nation_worlds(repeats: int, plan: Plan) -> Table:
    """Groups beyond a dozen: each that is large enough is judged."""
    rows = []
    for name, nations in NATIONS.items():
        outcomes = repeat(partial(told_of_nations, nations), repeats, plan)
        right, wrong, pool = map(share, zip(*outcomes, strict=True))
        rows.append((name, right if nations.low else "–", wrong, pool))
    return Table(
        "Very many groups",
        f"{repeats} worlds each; 60 % are decided favourably unless stated. “Clearly below” is a "
        "ratio under 0.8 by an interval that holds for all pairs of nations.",
        ("nations", "it is clearly below", "another is", "a pool is the reference"),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """200 and 100 worlds each at a share of 1."""
    worlds = plan.times(200)
    return [crossed_worlds(worlds, plan), nation_worlds(worlds // 2, plan)]
