"""What is said of few cases: of a rare class, and of probabilities that few cases judge."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from deepseek_report.artifacts.finding import Finding
from deepseek_report.datasets.checks.code_checks import WIDE, widest_error
from deepseek_report.findings.rules_calibration import CALIBRATION
from deepseek_report.metrics.performance.calibration import ExpectedCalibrationError
from deepseek_report.statistics.answer_errors import calibration_error, equal_mass_bins
from deepseek_report.wording.words import wording
from worlds.failures import SHARP, Plant, Rule, Trial, World, miscalibrated, nothing, world
from worlds.trials import Plan, Table, repeat, share

#: Rows of a table of which a fifth is the test part, and the share of the rarer class.
RARE = ((2_000, 0.005), (12_000, 0.005), (2_000, 0.05), (20_000, 0.02), (2_000, 0.2))
#: How the log-odds are stretched that a model states.
STRETCHED: dict[str, Plant] = {
    "right": nothing,
    "by 1.25": miscalibrated(1.25, 0),
    "by 1.6": miscalibrated(1.6, 0),
    "by 2.5": miscalibrated(2.5, 0),
    "by 5": miscalibrated(5, 0),
}


@cache
def _population() -> World:
    return world(200_000, np.random.default_rng(10**6), Rule(SHARP))


def rare_trial(rows: int, rare: float, seed: int) -> tuple[bool, float, float]:
    """Whether the class is called thin, how far the share found is off, and how far it may be.

    Found are cases that a model of known quality flags, whose share is known from many cases.
    """
    rng, whole = np.random.default_rng([seed, rows]), _population()
    truths = np.flatnonzero(whole.truths)
    flagged = whole.stated >= np.quantile(whole.stated[truths], 0.3)
    n = int(rng.binomial(rows // 5, rare))
    if not n:
        return True, 0.0, widest_error(0)
    found = flagged[rng.choice(truths, n)].mean()
    uncertain = widest_error(n)
    return uncertain > WIDE, abs(float(found - flagged[truths].mean())), uncertain


def rare_class(repeats: int, plan: Plan) -> Table:
    """How far a share among a rare class is off, beside what the report says of it."""
    rows = []
    for n, rare in RARE:
        trials = repeat(partial(rare_trial, n, rare), repeats, plan)
        notes = [off for few, off, _ in trials if not few]
        beyond = share([off > uncertain for _, off, uncertain in trials])
        noted = share([off > WIDE for off in notes]) if notes else "–"
        few = share([few for few, _, _ in trials])
        rows.append((n, f"{100 * rare:g} %", few, beyond, noted))
    return Table(
        "A rare class",
        f"A fifth of the rows is the test part; 70 % of the class are found in truth. {repeats} "
        "worlds each. Few is said where a share of the class may be off by more than 10 points; "
        "both errors are to be in at most 5 %.",
        (
            *("rows", "rare class", "told as few", "off by more than it says"),
            "a note, and off by more than 10 points",
        ),
        rows,
    )


def _true_error(stated: World) -> float:
    bins, _ = equal_mass_bins(stated.stated, 15)
    return float(np.ravel(calibration_error(stated.chances, stated.stated, bins))[0])


def _is_too_grave(finding: Finding, true: float) -> bool:
    """Whether a finding says that the error is at least moderate, or large, and it is not."""
    moderate, large = CALIBRATION
    least = {"high": large, "medium": moderate}.get(finding.severity, 0.0)
    return true < least


def few_judged(repeats: int, plan: Plan) -> Table:
    """How gravely probabilities are graded that few cases judge."""
    metrics = {"expected_calibration_error": ExpectedCalibrationError(n_resamples=300)}
    label, rows = wording().table("severities"), []
    for name, plant in STRETCHED.items():
        true = _true_error(plant(_population(), np.random.default_rng(1)))
        for n in (12, 24, 60, 200, 1000):
            runs = repeat(Trial(n, plant, Rule(SHARP), metrics), repeats, plan)
            told = [[f for f in run if f.message == "calibration_off"] for run in runs]
            grades = [own[0].severity for own in told if own]
            counts = [f"{label[grade]} {grades.count(grade)}" for grade in dict.fromkeys(grades)]
            grave = share([bool(own) and _is_too_grave(own[0], true) for own in told])
            is_told = share([bool(own) for own in told])
            rows.append((name, f"{100 * true:.1f}", n, is_told, grave, ", ".join(counts) or "–"))
    return Table(
        "Probabilities that few cases judge",
        f"Log-odds are stretched; the true calibration error is that of 200 000 cases. {repeats} "
        "worlds each. Too grave is critical below 10 points and major below 2 points; target: at "
        "most 5 %.",
        ("log-odds", "true error, points", "cases", "told", "too grave", "severity"),
        rows,
    )


def tables(plan: Plan) -> list[Table]:
    """All tables of this part."""
    return [rare_class(plan.times(1000, 50), plan), few_judged(plan.times(100, 10), plan)]
