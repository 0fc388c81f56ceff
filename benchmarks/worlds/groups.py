"""Worlds of people in groups: what is said of decisions and errors, and how often wrongly.

Nothing is trained: probabilities are drawn, labels follow them, and a decision is favourable from
one half on. The metrics measure, and the rules conclude, as they do in a run.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import CROSS, Attribute, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.findings import rules_calibration, rules_groups
from deepseek_report.findings.severity import gravest
from deepseek_report.metrics.fairness.direct_use import DirectUse
from deepseek_report.metrics.fairness.fairness_rows import GAP_PARTS
from deepseek_report.metrics.fairness.group_gaps import (
    EqualizedOddsDifference,
    EqualOpportunityDifference,
)
from deepseek_report.metrics.fairness.group_rates import GroupCalibration
from deepseek_report.metrics.fairness.groups import Grouping, Outcomes
from deepseek_report.metrics.fairness.impact_ratio import ImpactRatio, labelled_gaps
from deepseek_report.statistics.gaps import Pair, RateTable, largest_gap
from deepseek_report.statistics.intervals import Z95, any_pair, level_within, rate_ratio

from .trials import Plan, Table, repeat, share, stated_predictions

FAVOURABLE, OTHER = 0, 1
#: Shares of the levels of the attributes in a world: two, three and five groups, unevenly large.
ATTRIBUTES: Mapping[str, tuple[float, ...]] = {
    "sex": (0.6, 0.4),
    "status": (0.5, 0.35, 0.15),
    "age": (0.3, 0.25, 0.2, 0.15, 0.1),
}


@dataclass(frozen=True)
class World:
    """A test part of which the truth is known.

    The first attribute's last group is treated otherwise, if any is.

    n : people. rate : share of favourable decisions. ratio : what the group's share is multiplied
    by, in decisions and labels. flipped : share of its favourable labels that are turned; noise :
    share of all its labels that are. lean : log-odds that its favourable labels have beyond the
    stated ones. stretch : of the true log-odds of everybody. attributes : shares of the levels.
    """

    n: int
    rate: float = 0.6
    ratio: float = 1.0
    flipped: float = 0.0
    noise: float = 0.0
    lean: float = 0.0
    stretch: float = 1.0
    attributes: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: ATTRIBUTES)

    def draw(self, seed: int) -> tuple[Schema, Predictions]:
        rng = np.random.default_rng([seed, self.n])
        groups = {
            name: rng.choice(len(shares), self.n, p=shares)
            for name, shares in self.attributes.items()
        }
        name, shares = next(iter(self.attributes.items()))
        told = groups[name] == len(shares) - 1
        favourable = scores(rng, self.n, np.where(told, self.rate * self.ratio, self.rate))
        labels = np.where(rng.random(self.n) < self.chances(favourable, told), FAVOURABLE, OTHER)
        chances = self.noise + self.flipped * (labels == FAVOURABLE)
        turned = told & (rng.random(self.n) < chances)
        labels = np.where(turned, FAVOURABLE + OTHER - labels, labels)
        return schema_of(self.attributes), predictions_of(favourable, labels, groups)

    def chances(self, stated: Floats, told: Bools) -> Floats:
        """(instance,) true chances of the favourable label, from the stated ones."""
        if self.stretch == 1 and not self.lean:
            return stated
        log_odds = self.stretch * np.log(stated / (1 - stated)) + self.lean * told
        return np.asarray(1 / (1 + np.exp(-log_odds)))


def scores(rng: np.random.Generator, n: int, rates: Floats) -> Floats:
    """(instance,) chances of the favourable label, above one half for a share `rates` of people."""
    middle = np.array([NormalDist().inv_cdf(rate) for rate in np.unique(rates)])
    latent = rng.normal(size=n) + middle[np.searchsorted(np.unique(rates), rates)]
    return np.asarray(1 / (1 + np.exp(-1.5 * latent)))


def schema_of(attributes: Mapping[str, tuple[float, ...]]) -> Schema:
    return Schema(
        (Feature("x", "x", "numeric"),),
        Target("paid", "Paid", ("paid", "not paid"), favourable=FAVOURABLE, explained=OTHER),
        tuple(
            Attribute(name, name, tuple(f"{name} {k}" for k in range(len(shares))))
            for name, shares in attributes.items()
        ),
    )


def predictions_of(favourable: Floats, labels: Ints, groups: dict[str, Ints]) -> Predictions:
    probabilities = np.column_stack([favourable, 1 - favourable])
    return stated_predictions(
        probabilities, labels, np.where(favourable > 0.5, FAVOURABLE, OTHER), groups=groups
    )


#: What a run measures on groups of people, by the names of its metrics.
METRICS: Mapping[str, Any] = {
    "impact_ratio": ImpactRatio(),
    "equal_opportunity_difference": EqualOpportunityDifference(),
    "equalized_odds_difference": EqualizedOddsDifference(),
    "group_calibration": GroupCalibration(),
}
RULES = (rules_groups.impact, rules_groups.error_rates, rules_calibration.within_groups)


def concluded(
    schema: Schema, predictions: Predictions, seed: int, metrics: Mapping[str, Any] = METRICS
) -> list[Finding]:
    """The findings on groups of people, drawn from what these metrics measure."""
    about = context(schema, predictions, seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = {"data": Path(folder) / "data"}
        save_json(paths["data"] / "schema.json", schema.to_json())
        for name, metric in metrics.items():
            paths[f"measures/{name}"] = Path(folder) / name
            metric.measure(about).save(Path(folder) / name)
        results = Results(paths, {"report": {}})
        return [finding for rule in RULES for finding in rule(results)]


#: The rule by which models of no run decide: the threshold 0.5, as if it were declared.
AT_HALF = Predictions(*[np.zeros((1, 2))] * 2, *[np.zeros(1, np.int64)] * 3, 0.5, "declared")


def context(
    schema: Schema, predictions: Predictions, seed: int, inputs: Floats | None = None
) -> MeasureContext:
    """What metrics that do not ask the model need; inputs : (instance, feature), else one of 0."""
    part = Split(
        np.zeros((len(predictions), 1)) if inputs is None else inputs,
        predictions.labels,
        predictions.instance_ids,
        predictions.groups,
        entities=predictions.entities,
    )
    return MeasureContext(
        dataset=Dataset(schema, part, part, part, card={}),
        predictions=predictions,
        validation_predictions=predictions,
        cases=Cases(np.arange(1), {}),
        classifier=None,  # type: ignore[arg-type]  # none of these metrics asks the model
        seed=seed,
        background=part.inputs[:1],
    )


# --- false alarms and true effects ---


def _severities(world: World, seed: int) -> dict[str, str]:
    findings = concluded(*world.draw(seed), seed)
    return {finding.id: finding.severity for finding in findings}


def severities_of_null(n: int, seed: int) -> dict[str, str]:
    """With a share of favourable decisions of 30, 60 or 85 % in turn."""
    return _severities(World(n, (0.3, 0.6, 0.85)[seed % 3]), seed)


def null_worlds(repeats: int, plan: Plan) -> Table:
    """Groups that differ in nothing: whatever is called critical or major is a false alarm."""
    rows = []
    for n in (300, 1000, 6000):
        outcomes = repeat(partial(severities_of_null, n), repeats, plan)
        critical, major = (
            share([severity in severities.values() for severities in outcomes])
            for severity in ("high", "medium")
        )
        too_few = share(["groups_too_few" in severities for severities in outcomes])
        rows.append((n, critical, major, too_few))
    return Table(
        "Groups of people without any difference",
        "Three attributes of two, three and five groups, and their crossings; decisions and labels "
        f"do not depend on them; 30, 60 or 85 % are favourable. {repeats} worlds each; all "
        "findings on decisions and errors together. Target: critical in at most 5 %, "
        "major in at most 5 %.",
        ("people", "any critical", "any major", "a group is too small to judge"),
        rows,
    )


_OF_PLANTED = {name: ATTRIBUTES[name] for name in ("sex", "status")}
_planted = partial(World, 3000, attributes=_OF_PLANTED)
#: What is planted on the smaller of two groups, in three strengths.
PLANTED: Mapping[str, tuple[World, ...]] = {
    "favoured less, ratio": tuple(_planted(ratio=ratio) for ratio in (0.9, 0.7, 0.5)),
    "favourable labels turned": tuple(_planted(flipped=part) for part in (0.15, 0.3, 0.45)),
    "labels turned": tuple(_planted(noise=part) for part in (0.15, 0.3, 0.45)),
}


def _strength(world: World) -> float:
    return world.ratio if world.ratio < 1 else world.flipped + world.noise


def told_of_planted(world: World, seed: int) -> tuple[str, bool]:
    """The gravest severity of what is told of the attribute, and whether anything else is told."""
    own, others = [], []
    for finding in concluded(*world.draw(seed), seed):
        values = finding.values
        names = values.get("attributes") or [values.get("attribute")]
        if finding.severity in ("high", "medium"):
            (own if "sex" in names else others).append(finding.severity)
    return gravest(own) if own else "", bool(others)


def planted_worlds(repeats: int, plan: Plan) -> Table:
    """How often each effect is found, and how grave it is called."""
    rows = []
    for name, worlds in PLANTED.items():
        for world in worlds:
            told = repeat(partial(told_of_planted, world), repeats, plan)
            rows.append(
                (
                    name,
                    _strength(world),
                    share([severity != "" for severity, _ in told]),
                    share([severity == "high" for severity, _ in told]),
                    share([elsewhere for _, elsewhere in told]),
                )
            )
    return Table(
        "Effects that are planted on one group",
        "3 000 people, two attributes; one of two groups, 40 % of all, is treated otherwise. "
        f"{repeats} worlds each. A ratio of 0.9 lies above the declared 0.8. Turned labels show in "
        "the errors: those who deserve it by their label seem to be treated unevenly.",
        ("planted", "strength", "major or critical", "critical", "another attribute is named"),
        rows,
    )


# --- probabilities within groups ---


#: What is planted on the smaller of two groups, or stated wrongly of everybody: (lean, stretch).
STATED: Mapping[str, tuple[float, float]] = {
    "right for everybody": (0.0, 1.0),
    "too extreme for everybody alike": (0.0, 0.6),
    "off by 0.25 for one group": (0.25, 1.0),
    "off by 0.5 for one group": (0.5, 1.0),
    "off by 1 for one group": (1.0, 1.0),
    "off by 0.5 for one group, too extreme for all": (0.5, 0.6),
}


_LEVEL = ("attribute", "level")


def stated_trial(lean: float, stretch: float, n: int, seed: int) -> tuple[str, bool, bool, bool]:
    """Severity, whether the right group is named and no other, and what intervals hold.

    The last two: each judged group's interval holds its truth, and all of them do at once.
    """
    world = World(n, lean=lean, stretch=stretch)
    schema, predictions = world.draw(seed)
    told = predictions.groups["sex"] == len(ATTRIBUTES["sex"]) - 1
    truth = world.chances(predictions.probabilities[:, FAVOURABLE], told)
    metrics = {"group_calibration": GroupCalibration()}
    measured = metrics["group_calibration"].measure(context(schema, predictions, seed))
    table = measured.tables["groups"]
    # Stated of the explained class, so that its truth is that of the other one.
    off = predictions.probabilities[:, FAVOURABLE] - truth
    held = []
    for row in table[~table["too_few"]].to_dict("records"):
        inside = np.ones(n, bool)
        for name, level in zip(*(row[key].split(CROSS) for key in _LEVEL), strict=True):
            levels = schema.attribute(name).levels
            inside &= predictions.groups[name] == levels.index(level)
        held.append(bool(row["off_low"] <= off[inside].mean() <= row["off_high"]))
    findings = concluded(schema, predictions, seed, metrics)
    named = {group["level"] for finding in findings for group in finding.values["groups"]}
    right = "sex 1" in named
    return (findings[0].severity if findings else "", right, bool(np.mean(held) == 1), held[0])


def stated_worlds(repeats: int, plan: Plan) -> Table:
    """Probabilities that are off for one group, for all, or for nobody."""
    rows = []
    label = {"high": "critical", "medium": "major", "low": "minor"}
    for name, (lean, stretch) in STATED.items():
        for n in (1000, 3000) if lean else (300, 1000, 6000):
            outcomes = repeat(partial(stated_trial, lean, stretch, n), repeats, plan)
            severities = [outcome[0] for outcome in outcomes if outcome[0]]
            counts = [f"{label[s]} {severities.count(s)}" for s in dict.fromkeys(severities)]
            rows.append(
                (
                    name,
                    n,
                    share([outcome[0] != "" for outcome in outcomes]),
                    share([outcome[1] for outcome in outcomes]) if lean else "–",
                    share([outcome[3] for outcome in outcomes]),
                    share([outcome[2] for outcome in outcomes]),
                    ", ".join(counts),
                )
            )
    return Table(
        "Probabilities within groups",
        f"{repeats} worlds each; attributes of two, three and five groups. Off is a shift of the "
        "log-odds of a group of 40 %; what is too extreme for everybody alike is no fault of a "
        "group. Intervals are made to hold for all groups at once, and so hold more often for one.",
        ("probabilities", "people", "told", "the group named", "its interval", "all", "severity"),
        rows,
    )


# --- the gap of labels that are decisions ---


def labelled_trial(gaps: tuple[float, float], alike: float, n: int, seed: int) -> list[str]:
    """What is shown of one group against each of three others.

    gaps : by how much more often the labels and the model decide against the group than against the
    others. alike : share of people whom both decide about by the same circumstances.
    """
    rng = np.random.default_rng([seed, n])
    code = rng.choice(4, n, p=(0.3, 0.3, 0.2, 0.2))
    own = rng.random(n)
    other = np.where(rng.random(n) < alike, own, rng.random(n))
    harmed = [x < 0.2 + gap * (code == 0) for x, gap in zip((own, other), gaps, strict=True)]
    grouping = Grouping("group", "group", ("a", "b", "c", "d"), code)
    pairs = [(grouping, "a", level) for level in "bcd"]
    return [gap.shown for gap in labelled_gaps(pairs, Outcomes(~harmed[1], ~harmed[0]))]


def labelled_worlds(repeats: int, plan: Plan) -> Table:
    """How often a change of the gap is claimed that is none, or another one."""
    rows = []
    for gaps, right in (
        ((0.0, 0.0), ()),
        ((0.2, 0.2), ()),
        ((0.2, 0.1), ("narrows",)),
        ((0.15, 0.3), ("widens",)),
        ((0.1, 0.4), ("widens", "more than doubles")),
    ):
        for n, alike in ((300, 0.0), (300, 0.8), (2000, 0.8)):
            told = repeat(partial(labelled_trial, gaps, alike, n), repeats, plan)
            wrong = [any(word not in (*right, "open") for word in each) for each in told]
            seen = [any(word in right for word in each) for each in told]
            strongest = share(["more than doubles" in each for each in told])
            row = *(f"{100 * gap:.0f}" for gap in gaps), n, f"{alike:.0%}"
            rows.append((*row, share(wrong), share(seen) if right else "–", strongest))
    return Table(
        "The gap of labels that are decisions, beside the model's",
        f"One group against three others; {repeats} worlds each. A sentence is wrong that claims a "
        "change which is none, or another one; target: in at most 5 % of worlds any.",
        (
            *("gap of the labels, points", "of the model", "people", "decided alike"),
            *("any wrong", "any right", "“more than doubles”"),
        ),
        rows,
    )


# --- power of the ratio ---


def verdict_on(rate: float, ratio: float, sizes: tuple[int, int], seed: int) -> str:
    """The verdict on a group of the first size and a rate so much below that of the other."""
    rng = np.random.default_rng([seed, *sizes])
    code = np.repeat([0, 1], sizes)
    favoured = rng.random(len(code)) < np.where(code == 0, rate * ratio, rate)
    scores = np.where(favoured, 0.9, 0.1)
    schema = schema_of({"sex": (0.5, 0.5)})
    p = predictions_of(scores, np.where(favoured, FAVOURABLE, OTHER), {"sex": code})
    pairs = ImpactRatio(n_resamples=100).measure(context(schema, p, seed)).tables["pairs"]
    return str(pairs["verdict"].iloc[0])


def computed_power(rate: float, ratio: float, sizes: tuple[int, int], bound: float = 0.8) -> float:
    """Chance that the score test rejects a ratio of `bound` from below, by normal approximation.

    The difference own − bound · reference is normal with its true variance; it is set against the
    standard error under the hypothesis, whose rates are those that fit the expected counts best.

    References
    ----------
    Farrington & Manning 1990, doi:10.1002/sim.4780091208.
    """
    own, (n, n_reference) = rate * ratio, sizes
    x, x_reference = own * n, rate * n_reference
    a = (n + n_reference) * bound
    b = bound * (n + x_reference) + n_reference + x
    fitted = (b - math.sqrt(b * b - 4 * a * (x + x_reference))) / (2 * a)

    def spread(p: float, p_reference: float) -> float:
        return math.sqrt(p * (1 - p) / n + bound**2 * p_reference * (1 - p_reference) / n_reference)

    excess = bound * rate - own - Z95 * spread(bound * fitted, fitted)
    return NormalDist().cdf(excess / spread(own, rate))


def ratio_power(repeats: int, plan: Plan) -> Table:
    """A true ratio of 0.6 in groups of 1 000, and others, whichever group is larger."""
    rows = []
    for ratio, sizes in (
        *((0.6, sizes) for sizes in ((1000, 1000), (1000, 3000), (3000, 1000))),
        (0.8, (1000, 1000)),
        (1.0, (1000, 1000)),
    ):
        for rate in (0.1, 0.2, 0.35, 0.5, 0.8):
            verdicts = repeat(partial(verdict_on, rate, ratio, sizes), repeats, plan)
            below, above = (
                share([verdict == name for verdict in verdicts])
                for name in ("clear below", "clear above")
            )
            power = f"{100 * computed_power(rate, ratio, sizes):.1f} %" if ratio < 0.8 else "–"
            rows.append((ratio, sizes[0], sizes[1], f"{rate:.0%}", below, power, above))
    return Table(
        "Verdicts on a ratio of favourable decisions",
        f"Two groups, no reference declared, bound 0.8; {repeats} samples each. At a true ratio of "
        "0.8 each verdict may fall in 2.5 % of samples; at 1 with the same rates “clearly below” "
        "would be wrong.",
        (
            *("true ratio", "group", "others", "their rate", "clearly below"),
            *("computed power", "clearly above"),
        ),
        rows,
    )


# --- coverage ---


@dataclass(frozen=True)
class Cells:
    """True rates and sizes of the levels, in one table for each rate."""

    rates: tuple[tuple[float, ...], ...]
    sizes: tuple[tuple[int, ...], ...]

    def draw(self, seed: int) -> list[RateTable]:
        rng = np.random.default_rng([seed, len(self.rates[0])])
        return [
            RateTable(rng.binomial(sizes, rates), np.array(sizes))
            for rates, sizes in zip(self.rates, self.sizes, strict=True)
        ]

    def apart(self, pair: Pair) -> float:
        rates = self.rates[pair.table]
        return rates[pair.highest] - rates[pair.lowest]

    @property
    def gap(self) -> float:
        return max(max(rates) - min(rates) for rates in self.rates)


def _gap_covered(cells: Cells, seed: int) -> tuple[bool, bool]:
    """Whether the interval of the largest gap holds it, and that of the surest pair its own."""
    gap = largest_gap(cells.draw(seed), 1000, seed)
    own = cells.apart(gap.surest)
    return _holds(gap.estimate, cells.gap), _holds(gap.surest_gap, own)


def _holds(estimate: Estimate, truth: float) -> bool:
    low, high = estimate.ends or (math.nan, math.nan)
    return low - 1e-12 <= truth <= high + 1e-12


def _ratio_covered(cells: Cells, seed: int) -> tuple[bool, bool]:
    """Whether the interval of the smallest ratio holds its own, and those of all pairs theirs."""
    (table,), (rates,) = cells.draw(seed), cells.rates
    level, order = level_within(any_pair(len(rates))), np.argsort(table.rates)

    def holds(group: int, reference: int) -> bool:
        low, high = rate_ratio(*table.counts([group, reference]), level)
        return low <= rates[group] / rates[reference] <= high

    every = all(holds(i, j) for i, j in combinations(range(len(rates)), 2))
    return holds(int(order[0]), int(order[-1])), every


_TWO, _THREE, _FIVE = (200, 300), (300, 200, 100), (100, 200, 300, 100, 80)
GAPS_TO_COVER: Mapping[str, Cells] = {
    "one rate, two equal groups": Cells(((0.6, 0.6),), (_TWO,)),
    "one rate, two groups": Cells(((0.7, 0.6),), (_TWO,)),
    "one rate, three equal groups": Cells(((0.6,) * 3,), (_THREE,)),
    "one rate, three groups": Cells(((0.7, 0.65, 0.6),), (_THREE,)),
    "one rate, five groups": Cells(((0.7, 0.65, 0.6, 0.6, 0.5),), (_FIVE,)),
    "two rates, two equal groups": Cells(((0.7, 0.7), (0.2, 0.2)), (_TWO, _TWO)),
    "two rates, two groups": Cells(((0.7, 0.6), (0.2, 0.2)), (_TWO, _TWO)),
    "two rates, both apart": Cells(((0.7, 0.6), (0.2, 0.1)), (_TWO, _TWO)),
    "two rates, five groups": Cells(
        ((0.7, 0.65, 0.6, 0.6, 0.5), (0.2, 0.2, 0.2, 0.1, 0.1)), (_FIVE, _FIVE)
    ),
}
RATIOS_TO_COVER: Mapping[str, Cells] = {
    "two equal groups": Cells(((0.6, 0.6),), (_TWO,)),
    "two groups": Cells(((0.4, 0.6),), (_TWO,)),
    "three equal groups": Cells(((0.6,) * 3,), (_THREE,)),
    "five groups": Cells(((0.7, 0.65, 0.6, 0.6, 0.5),), (_FIVE,)),
    "five groups, rarely favoured": Cells(((0.1, 0.1, 0.12, 0.08, 0.15),), (_FIVE,)),
}


def _coverage(
    covered: Callable[[Cells, int], tuple[bool, bool]],
    worlds: Mapping[str, Cells],
    repeats: int,
    plan: Plan,
) -> list[tuple[object, ...]]:
    rows = []
    for name, cells in worlds.items():
        outcomes = repeat(partial(covered, cells), repeats, plan)
        rows.append((name, *(share([held[k] for held in outcomes]) for k in (0, 1))))
    return rows


def coverage(repeats: int, plan: Plan) -> list[Table]:
    """How often the intervals of gaps and ratios hold the truth."""
    return [
        Table(
            "Intervals of gaps between groups",
            f"{repeats} samples each. The largest gap (of equalized odds with two rates), and the "
            "difference of the pair that a finding names, whose interval holds for all pairs and "
            "rates at once and so is conservative for the one.",
            ("groups", "largest gap", "pair that is named"),
            _coverage(_gap_covered, GAPS_TO_COVER, repeats, plan),
        ),
        Table(
            "Intervals of ratios between groups",
            f"{repeats} samples each. The ratio of the lowest to the highest rate, as it is shown, "
            "and all pairs at once, as is promised: with more than two groups a single one is "
            "covered more often.",
            ("groups", "lowest over highest", "all pairs at once"),
            _coverage(_ratio_covered, RATIOS_TO_COVER, repeats, plan),
        ),
    ]


# --- parts of a gap ---


@dataclass(frozen=True)
class ReadingClassifier(Classifier):
    """Favours by skill, and by sex and a job that stands in for it, with these weights."""

    by_sex: float
    by_job: float

    def probabilities(self, inputs: Floats) -> Floats:
        sex, job, skill = inputs.T
        favourable = 1 / (1 + np.exp(-skill + self.by_sex * sex + self.by_job * job))
        return np.column_stack([favourable, 1 - favourable])


def _skilled(rng: np.random.Generator, n: int) -> Split:
    """People of two sexes: 80 % have the job of their sex, skill is a little lower in one."""
    sex = rng.integers(0, 2, n)
    job = np.where(rng.random(n) < 0.8, sex, 1 - sex)
    skill = rng.normal(size=n) - 0.2 * sex
    inputs = np.column_stack([sex, job, skill]).astype(np.float64)
    labels = np.where(rng.random(n) < 1 / (1 + np.exp(-skill)), FAVOURABLE, OTHER)
    return Split(inputs, labels, np.arange(n), {"sex": sex})


def _measured_split(model: ReadingClassifier, n: int, seed: int) -> dict[str, float]:
    """The parts of the gap, where skill differs by sex and labels follow skill alone."""
    rng = np.random.default_rng([seed, n])
    train, part = (_skilled(rng, n) for _ in range(2))
    favourable = model.probabilities(part.inputs)[:, FAVOURABLE]
    p = predictions_of(favourable, part.labels, dict(part.groups))
    schema = Schema(
        tuple(Feature(name, name, "numeric") for name in ("sex", "job", "skill")),
        schema_of({}).target,
        (Attribute("sex", "sex", ("sex 0", "sex 1"), source="sex"),),
    )
    about = replace(
        context(schema, p, seed),
        dataset=Dataset(schema, train, part, part, card={}),
        classifier=model,
    )
    metric = DirectUse(max_rows=n, n_resamples=500 if n < 10_000 else 100)
    row: dict[str, float] = metric.measure(about).tables["split"].iloc[0].to_dict()
    return row


def split_coverage(repeats: int, plan: Plan) -> Table:
    """How often the intervals of the parts hold what the same measurement gives on many people."""
    rows = []
    for name, model in {
        "skill alone": ReadingClassifier(0.0, 0.0),
        "skill and sex": ReadingClassifier(0.8, 0.0),
        "skill and job": ReadingClassifier(0.0, 0.8),
        "all three": ReadingClassifier(0.5, 0.5),
    }.items():
        truth = _measured_split(model, 200_000, 10**6)
        outcomes = repeat(partial(_measured_split, model, 2000), repeats, plan)
        for part in GAP_PARTS:
            held = [row[f"{part}_low"] <= truth[part] <= row[f"{part}_high"] for row in outcomes]
            rows.append((name, part, f"{100 * truth[part]:+.1f}", share(held)))
    return Table(
        "The parts of a gap in favourable decisions",
        f"{repeats} samples of 2 000 people. Skill is 0.2 standard deviations lower in one group, "
        "labels follow it alone, and 80 % have the job of their sex. True values, in points, are "
        "those of 200 000 people. A part that is exactly 0 by construction is always held.",
        ("the model reads", "part", "true value", "interval holds it"),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """All tables of this part; 200 worlds and 2 000 samples each at a share of 1."""
    worlds, samples = plan.times(200), plan.times(2000)
    return [
        null_worlds(worlds, plan),
        planted_worlds(worlds // 2, plan),
        stated_worlds(worlds, plan),
        labelled_worlds(worlds * 2, plan),
        ratio_power(worlds * 2, plan),
        *coverage(samples, plan),
        split_coverage(samples, plan),
    ]
