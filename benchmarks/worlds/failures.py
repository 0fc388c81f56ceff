"""Conclusions on where a model fails, in worlds whose truth is known.

Labels are drawn from known probabilities, and the model states these probabilities, or what the
world makes of them. Metrics and rules run on them as in a run; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Cases, Predictions, PredictionSummary
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.findings.conclude import measured_findings
from deepseek_report.metrics.failures.conditions import all_conditions
from deepseek_report.metrics.failures.robustness import Robustness
from deepseek_report.metrics.failures.slices import Slices
from deepseek_report.metrics.performance.calibration import ExpectedCalibrationError
from deepseek_report.metrics.performance.classification_scores import (
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    BrierScore,
    RocAuc,
)
from deepseek_report.metrics.performance.predicting import choose_threshold
from deepseek_report.statistics.answer_errors import calibration_error, equal_mass_bins
from deepseek_report.statistics.ranking import auc_influence, average_precision_statistic
from deepseek_report.tasks.loss import decide
from deepseek_report.wording.words import wording
from worlds.trials import Plan, Table, logistic, repeat, share, stated_predictions

NUMBERS = 6
COLOURS, REGIONS = 4, 5
#: Shares of the levels of the attribute that the model does not see.
GROUPS = (0.5, 0.29, 0.12, 0.06, 0.03)
#: Mean and standard deviation of `signal` over the cases of a world.
_MEAN, _SPREAD = 0.065, 1.43
#: Standard deviation of the log-odds: the model has a ROC AUC of about 0.78, or 0.87.
BLUNT, SHARP = 1.2, 2.2
_RESAMPLES = 200


def schema() -> Schema:
    """Six numbers, two categories, an attribute of people with small levels; two classes."""
    numbers = tuple(Feature(f"x{j}", f"amount {j}", "numeric") for j in range(NUMBERS))

    def categorical(name: str, levels: int) -> Feature:
        codes = tuple(Category(str(k), f"{name} {k}") for k in range(levels))
        return Feature(name, name, "categorical", categories=codes)

    levels = tuple(f"group {k}" for k in range(len(GROUPS)))
    return Schema(
        (*numbers, categorical("colour", COLOURS), categorical("region", REGIONS)),
        Target("late", "late", ("paid", "late"), favourable=0, explained=1),
        (Attribute("origin", "Origin", levels),),
    )


@dataclass(frozen=True)
class Rule(Classifier):
    """A smooth model of known probabilities; `ripple` lets it turn at small differences as well.

    sharpness : standard deviation of its log-odds. ripple : height of a wave of the log-odds along
    the first number, with a period of a third of a standard deviation.
    """

    sharpness: float = BLUNT
    ripple: float = 0.0

    def chances(self, inputs: Floats) -> Floats:
        """(instance,) probability of the second class; about 27 % on average."""
        numbers, colour, region = inputs[:, :NUMBERS], inputs[:, NUMBERS], inputs[:, NUMBERS + 1]
        signal = np.nan_to_num(numbers) @ np.array([1.0, 0.7, 0.5, 0.3, 0.0, 0.0])
        signal = signal + 0.4 * np.nan_to_num(numbers[:, 0] * numbers[:, 1])
        signal = signal + 0.5 * (colour == 1) - 0.3 * (region == 2)
        wave = self.ripple * np.sin(6 * np.pi * np.nan_to_num(numbers[:, 0]))
        return logistic(-1.2 + self.sharpness * (signal - _MEAN) / _SPREAD + wave)

    def probabilities(self, inputs: Floats) -> Floats:
        """(instance, class), as a metric asks a classifier."""
        yes = self.chances(inputs)
        return np.column_stack([1 - yes, yes])


@dataclass(frozen=True)
class World:
    """Cases with their true chances, and what is stated of them.

    inputs : (instance, feature). groups : (instance,). chances : (instance,) true probability of
    the second class. stated : (instance,) what the model says. labels : (instance,).
    """

    inputs: Floats
    groups: Ints
    chances: Floats
    stated: Floats
    labels: Ints

    @property
    def truths(self) -> Bools:
        return np.asarray(self.labels == 1)

    def with_chances(self, chances: Floats, rng: np.random.Generator) -> World:
        """The same model where the truth is another one."""
        labels = (rng.random(len(chances)) < chances).astype(np.int64)
        return replace(self, chances=chances, labels=labels)


def world(n: int, rng: np.random.Generator, rule: Rule = Rule()) -> World:
    """Cases whose labels are drawn from what a calibrated model states."""
    numbers = rng.normal(size=(n, NUMBERS))
    codes = [rng.integers(0, levels, n) for levels in (COLOURS, REGIONS)]
    inputs = np.column_stack([numbers, *codes]).astype(np.float64)
    chances = rule.chances(inputs)
    groups = rng.choice(len(GROUPS), size=n, p=GROUPS)
    labels = (rng.random(n) < chances).astype(np.int64)
    return World(inputs, groups, chances, chances, labels)


def predictions(of: World, threshold: float) -> Predictions:
    """What the model says of these cases, decided at a threshold."""
    p = np.column_stack([1 - of.stated, of.stated])
    return stated_predictions(
        p,
        of.labels,
        decide(p, threshold, 1),
        least=1e-12,
        threshold=threshold,
        groups={"origin": of.groups},
    )


def context(test: World, validation: World, seed: int, rule: Rule = Rule()) -> MeasureContext:
    """What a metric gets; training and validation part are one and the same."""
    threshold = choose_threshold("balanced_accuracy", validation.stated, validation.truths)
    parts = [
        Split(of.inputs, of.labels, np.arange(len(of.labels)), {"origin": of.groups})
        for of in (validation, validation, test)
    ]
    return MeasureContext(
        dataset=Dataset(schema(), *parts, card={}),
        predictions=predictions(test, threshold),
        validation_predictions=predictions(validation, threshold),
        cases=Cases(np.arange(3), {}),
        classifier=rule,  # type: ignore[arg-type]
        seed=seed,
        background=validation.inputs[:5],
    )


def results_of(about: MeasureContext, measured: Mapping[str, Measurement]) -> Results:
    """Results that hold measurements which were never written."""
    paths = {ArtifactId.measure(name): Path() for name in measured}
    paths |= {"data": Path(), "predictions/test": Path()}
    results = Results(paths, {"report": {"language": "en"}})
    results.__dict__["schema"] = about.dataset.schema
    results.__dict__["predicted"] = PredictionSummary.of(about.predictions)
    results.__dict__["issues"], results.__dict__["card"] = [], {}
    results._measurements.update({ArtifactId.measure(k): v for k, v in measured.items()})
    return results


def conclude(about: MeasureContext, plugins: Mapping[str, Any]) -> list[Finding]:
    """The findings of a run that measures these things."""
    measured = {name: plugin.measure(about) for name, plugin in plugins.items()}
    return list(measured_findings(results_of(about, measured)))


METRICS = {
    "roc_auc": RocAuc(),
    "expected_calibration_error": ExpectedCalibrationError(n_resamples=_RESAMPLES),
    "slices": Slices(),
}


#: From a world to one with something planted.
Plant = Callable[[World, np.random.Generator], World]


def turn_rule(level: int, of: World, rng: np.random.Generator) -> World:
    """For people of one level the chances are turned about."""
    return of.with_chances(np.where(of.groups == level, 1 - of.chances, of.chances), rng)


def flip_labels(
    inside: Callable[[World], Bools], part: float, of: World, rng: np.random.Generator
) -> World:
    """In a part of the data this share of the labels is flipped."""
    turned = (rng.random(len(of.labels)) < part) & inside(of)
    return replace(of, labels=np.where(turned, 1 - of.labels, of.labels))


def opposite_rule(level: int) -> Plant:
    return partial(turn_rule, level)


def noisy(inside: Callable[[World], Bools], part: float) -> Plant:
    return partial(flip_labels, inside, part)


def is_of_group(level: int, of: World) -> Bools:
    return np.asarray(of.groups == level)


def of_group(level: int) -> Callable[[World], Bools]:
    """The people of one level."""
    return partial(is_of_group, level)


def corner(of: World) -> Bools:
    """A slice of two conditions that holds 5 % of the cases."""
    return np.asarray((of.inputs[:, NUMBERS + 1] == 3) & (of.inputs[:, 4] > 0.6745))


def state_otherwise(stretch: float, shift: float, of: World, rng: np.random.Generator) -> World:
    """The model states log-odds that are stretched and shifted."""
    log_odds = np.log(of.chances / (1 - of.chances))
    return replace(of, stated=logistic(stretch * log_odds + shift))


def miscalibrated(stretch: float, shift: float) -> Plant:
    return partial(state_otherwise, stretch, shift)


def skill_less(of: World, rng: np.random.Generator) -> World:
    """What is stated has nothing to do with the case."""
    return replace(of, stated=rng.permutation(of.stated))


def nothing(of: World, rng: np.random.Generator) -> World:
    return of


@dataclass(frozen=True)
class Trial:
    """One world after the other: what the report concludes of it."""

    n: int
    plant: Plant
    rule: Rule = Rule()
    plugins: Mapping[str, Any] | None = None

    def __call__(self, seed: int) -> list[Finding]:
        rng = np.random.default_rng([seed, self.n])
        validation = self.plant(world(self.n, rng, self.rule), rng)
        test = self.plant(world(self.n, rng, self.rule), rng)
        about = context(test, validation, seed, self.rule)
        return conclude(about, METRICS if self.plugins is None else self.plugins)


def _any(findings: Sequence[Finding], **wanted: str) -> bool:
    return any(all(getattr(f, k) == v for k, v in wanted.items()) for f in findings)


def false_alarms(repeats: int, plan: Plan) -> Table:
    """Worlds in which all is as the model states."""
    rows = []
    plugins = {**METRICS, "robustness": Robustness(noise=(0.25,), swaps=(), missing=())}
    for n in (300, 1000, 6000):
        runs = repeat(Trial(n, nothing, plugins=plugins), repeats, plan)
        rows.append(
            (
                n,
                share([_any(found, severity="high") for found in runs]),
                share([_any(found, severity="medium") for found in runs]),
                *(
                    share([_any(found, message=message) for found in runs])
                    for message in ("worst_slice", "calibration_off", "flips", "no_skill")
                ),
                share([_any(found, message="hard_slice") for found in runs]),
            )
        )
    return Table(
        "Worlds in which nothing is wrong",
        f"Perfect probabilities (ROC AUC 0.78), {repeats} worlds of each size. “Hard” is no alarm: "
        "a slice near the threshold is told as such, with what its probabilities expect.",
        ("cases", "any critical", "any major", "slice", "calibration", "flips", "skill", "hard"),
        rows,
    )


PLANTED: Sequence[tuple[str, str, Plant, str, str]] = (
    ("opposite rule", "3 % of people", opposite_rule(4), "worst_slice", "group 4"),
    ("opposite rule", "6 % of people", opposite_rule(3), "worst_slice", "group 3"),
    ("opposite rule", "12 % of people", opposite_rule(2), "worst_slice", "group 2"),
    ("noisy slice of 5 %", "15 %", noisy(corner, 0.15), "worst_slice", "region 3"),
    ("noisy slice of 5 %", "30 %", noisy(corner, 0.3), "worst_slice", "region 3"),
    ("noisy slice of 5 %", "45 %", noisy(corner, 0.45), "worst_slice", "region 3"),
    ("noisy group of 12 %", "15 %", noisy(of_group(2), 0.15), "worst_slice", "group 2"),
    ("noisy group of 12 %", "30 %", noisy(of_group(2), 0.3), "worst_slice", "group 2"),
    ("noisy group of 12 %", "45 %", noisy(of_group(2), 0.45), "worst_slice", "group 2"),
    ("log-odds stretched", "by 1.25", miscalibrated(1.25, 0), "calibration_off", ""),
    ("log-odds stretched", "by 1.6", miscalibrated(1.6, 0), "calibration_off", ""),
    ("log-odds stretched", "by 2.5", miscalibrated(2.5, 0), "calibration_off", ""),
    ("log-odds shifted", "by 0.5", miscalibrated(1, 0.5), "calibration_off", ""),
    ("no skill", "", skill_less, "no_skill", ""),
)


def planted(repeats: int, plan: Plan) -> Table:
    """One problem each: found, in the right place, and how gravely."""
    rows = []
    label = wording().table("severities")
    for problem, strength, plant, message, place in PLANTED:
        for rule in (Rule(BLUNT), Rule(SHARP)):
            runs = repeat(Trial(3000, plant, rule), repeats, plan)
            told = [[f for f in run if f.message == message] for run in runs]
            right = [bool(own) and place in str(own[0].values.get("slice", "")) for own in told]
            grades = [own[0].severity for own in told if own]
            counts = [f"{label[grade]} {grades.count(grade)}" for grade in dict.fromkeys(grades)]
            sharp = "0.78" if rule.sharpness == BLUNT else "0.87"
            named = share(right) if place else "–"
            row = (problem, strength, sharp, share([bool(own) for own in told]), named)
            rows.append((*row, ", ".join(counts)))
    return Table(
        "Worlds with one problem",
        f"3 000 cases, {repeats} worlds of each strength. Probabilities are those of the world "
        "before the problem was planted, for models of two sharpnesses.",
        ("problem", "strength", "ROC AUC", "found", "right place", "severity"),
        rows,
    )


def noise(repeats: int, plan: Plan) -> Table:
    """Whether a smooth model is told from one that turns at small differences."""
    rows = []
    plugins = {"robustness": Robustness(noise=(0.25,), swaps=(), missing=())}
    for ripple in (0.0, 0.5, 1.0, 2.0):
        for sharpness in (BLUNT, SHARP):
            rule = Rule(sharpness, ripple)
            runs = repeat(Trial(3000, nothing, rule, plugins), repeats, plan)
            grades = [run[0].severity for run in runs]
            flips = float(np.mean([run[0].values["flips"].value for run in runs]))
            smooth = float(np.mean([run[0].values["smooth"] for run in runs]))
            beyond = share([_any(run, message="flips") for run in runs])
            row = (ripple, sharpness, f"{100 * flips:.1f} %", f"{100 * smooth:.1f} %", beyond)
            rows.append((*row, share([grade in ("high", "medium") for grade in grades])))
    return Table(
        "Decisions that flip under noise",
        f"The true model, smooth but for a wave of this height in the log-odds; {repeats} worlds "
        "of 3 000 cases, of which 1 000 are disturbed by 0.25 standard deviations.",
        ("wave", "spread of log-odds", "flipped", "smooth model", "called rough", "major"),
        rows,
    )


def coverage(repeats: int, plan: Plan) -> Table:
    """How often the intervals that are printed hold the truth."""
    outcomes = repeat(covered, repeats, plan)
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome))
    rows = []
    for name in names:
        held = share([outcome[name] for outcome in outcomes if name in outcome])
        rows.append((name, held, CONSERVATIVE.get(name, "") if held.rate > 0.97 else ""))
    return Table(
        "Intervals",
        f"How often the 95 % interval holds the truth, in {repeats} worlds of 1 000 cases, with "
        f"{_RESAMPLES} draws where it is a bootstrap. A slice was found in a half and is told by "
        "the other, or in all cases, with an interval that holds for all slices at once.",
        ("number", "coverage", "why more than 97 %"),
        rows,
    )


#: Why intervals hold the truth more often than they say.
CONSERVATIVE = {
    "expected_calibration_error": "noise can only raise the error; the interval starts at 0 where "
    "right probabilities explain it"
}


def covered(seed: int) -> dict[str, bool]:
    """Whether each interval of one world holds what it is about."""
    rng = np.random.default_rng([seed, 7])
    rule = Rule()
    test, validation = world(1000, rng, rule), world(1000, rng, rule)
    about = context(test, validation, seed, rule)
    outcome = {}
    plugins = {
        "accuracy": Accuracy(),
        "balanced_accuracy": BalancedAccuracy(n_resamples=_RESAMPLES),
        "roc_auc": RocAuc(),
        "average_precision": AveragePrecision(n_resamples=_RESAMPLES),
        "brier_score": BrierScore(n_resamples=_RESAMPLES),
        "expected_calibration_error": ExpectedCalibrationError(n_resamples=_RESAMPLES),
    }
    truths = truth(about.predictions.threshold or 0.5)
    bins, _ = equal_mass_bins(test.stated, 15)
    truths["expected_calibration_error"] = float(
        calibration_error(test.chances, test.stated, bins)[0]  # type: ignore[arg-type]
    )
    for plugin in plugins.values():
        for score in plugin.measure(about).scores:
            if score.low is not None and score.high is not None:
                outcome[score.metric] = score.low <= truths[score.metric] <= score.high
    noise_rows = Robustness(noise=(0.25,), swaps=(), missing=()).measure(about)
    row = noise_rows.tables["perturbations"].iloc[0]
    for name in ("lost", "flipped"):
        outcome[f"{name} under noise"] = row[f"{name}_low"] <= truths[name] <= row[f"{name}_high"]
    return outcome | _slices_covered(rng, seed)


@cache
def _population() -> tuple[World, Floats]:
    """So many cases that what holds for them is the truth, and their chances under noise."""
    rng, rule = np.random.default_rng(10**6), Rule()
    whole = world(300_000, rng, rule)
    noisy_inputs = whole.inputs.copy()
    noisy_inputs[:, :NUMBERS] += 0.25 * rng.normal(size=(len(whole.labels), NUMBERS))
    return whole, rule.chances(noisy_inputs)


@cache
def _ranked() -> dict[str, float]:
    """What does not depend on a threshold."""
    whole, disturbed = _population()
    area = auc_influence(whole.truths, whole.stated)[0]
    ones = np.ones((1, len(whole.labels)))
    return {
        "roc_auc": area,
        "average_precision": float(
            average_precision_statistic(whole.truths, whole.stated)(ones)[0]
        ),
        "brier_score": float(np.mean(whole.chances * (1 - whole.chances))),
        "lost": area - auc_influence(whole.truths, disturbed)[0],
        "calibration_slope": 1.0,
        "calibration_intercept": 0.0,
    }


def truth(threshold: float) -> dict[str, float]:
    """What every number is in the population, for decisions at a threshold."""
    whole, disturbed = _population()
    decided, chances = whole.stated >= threshold, whole.chances
    right = np.where(decided, chances, 1 - chances)
    found = float((chances * decided).sum() / chances.sum())
    spared = float(((1 - chances) * ~decided).sum() / (1 - chances).sum())
    return {
        **_ranked(),
        "accuracy": float(right.mean()),
        "balanced_accuracy": (found + spared) / 2,
        "flipped": float(np.mean(decided != (disturbed >= threshold))),
    }


#: What a slice is listed for, by its kind.
_LISTED = {"unexpected": "an unexpected loss", "errors": "many errors"}


def _slices_covered(rng: np.random.Generator, seed: int) -> dict[str, bool]:
    """The rate of the slice that is listed first, where a problem is planted and where none is.

    It was found in a half, or in all cases, with an interval that holds for every slice at once.
    """
    outcome = {}
    for name, share_flipped in (("planted", 0.3), ("no", 0.0)):
        test = noisy(of_group(2), share_flipped)(world(1000, rng), rng)
        about = context(test, world(1000, rng), seed)
        chances = np.where(test.groups == 2, flipped(test.chances, share_flipped), test.chances)
        wrong = np.where(about.predictions.decisions == 1, 1 - chances, chances)
        table = Slices().measure(about).tables["slices"]
        for kind in ("unexpected", "errors"):
            for row in table[table["kind"] == kind].head(1).to_dict("records"):
                inside = members(str(row["slice"]), about)
                key = f"error rate of the first slice, {name} problem, listed for {_LISTED[kind]}"
                outcome[key] = bool(row["low"] <= wrong[inside].mean() <= row["high"])
    return outcome


def members(text: str, about: MeasureContext) -> Bools:
    """(instance,) the cases of a slice, by its words."""
    data = about.dataset
    inside = np.ones(len(about.predictions), bool)
    for condition in all_conditions(
        data.schema, data.test.inputs, data.train.inputs, data.test.groups
    ):
        if condition.text in text.split(" and "):
            inside &= condition.holds
    return inside


def flipped(chances: Floats, part: float) -> Floats:
    """Chances of the labels after this share of them is flipped."""
    return np.asarray((1 - part) * chances + part * (1 - chances))


def tables(plan: Plan) -> list[Table]:
    """All tables of this part."""
    return [
        false_alarms(plan.times(200, 10), plan),
        planted(plan.times(100, 10), plan),
        noise(plan.times(40, 5), plan),
        coverage(plan.times(2000, 50), plan),
    ]
