"""Rules on whether what the model states can be taken at its word: probabilities and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.score import Score
from deepseek_report.findings import records
from deepseek_report.findings.error_budget import is_under, level_of
from deepseek_report.findings.rules_bottlenecks import unexpected_slice
from deepseek_report.findings.severity import SIGNIFICANT, gravest_of_doubt, severity, size_of
from deepseek_report.findings.thresholds import within_promise
from deepseek_report.metrics.fairness.fairness_rows import StatedGroup
from deepseek_report.metrics.performance.performance_rows import GroupCoverage, IntervalCoverage
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import ends, positive

#: A calibration error from which probabilities mislead a person who reads them; moderate and large
#: ones, by the lower end of the interval.
ECE_NOTICEABLE = 0.02
CALIBRATION = (0.02, 0.1)
#: The upper end of its interval up to which a calibration error is called close.
ECE_CLOSE = 0.05
#: A mean error, as a share of the mean absolute error, that is worth correcting; moderate and large
#: ones, by the end of the interval that is nearer to 0.
LEANING = 0.1
LEANS = (0.1, 0.5)
#: What intervals around predictions hold, unless the config says otherwise.
INTERVAL_LEVEL = 0.9
#: By how much fewer true numbers than promised an interval holds at least, moderate and large.
SHORT = (0.02, 0.1)


def calibration(results: Results) -> Iterator[Finding]:
    """Whether a probability can be read as a share.

    It is graded by the error at least, without what noise adds to it: of few cases even right
    probabilities give a large mean distance, and resampling adds it once more, so that the lower
    end of the interval lies far above the error that there is. Distances that do not depend on each
    other add up by their squares, and so noise is taken off.
    """
    error, slope = (
        records.defined(results, "expected_calibration_error"),
        results.score("calibration_slope"),
    )
    if error is None:
        return
    message, p = calibration_verdict(error), finite(error.p_value)
    chance = finite(error.note.values.get("chance")) if isinstance(error.note, Message) else None
    least = math.sqrt(max(ends(error)[0] ** 2 - (chance or 0.0) ** 2, 0.0))
    sure = p is None or p < level_of(results, "stated")
    grade = severity("decision", size_of(least, *CALIBRATION), certain=sure)
    grade = within_promise(results, grade if sure else gravest_of_doubt(grade), error.metric)
    # with two classes the probability is that of the explained one, else of the most probable one
    predicted, target = results.predicted, results.schema.target
    of_explained = len(target.classes) == 2
    yield Finding(
        id="calibration",
        severity=grade if message == "calibration_off" else "info",
        message=message,
        values={
            "error": estimates.of_score(error),
            "slope": estimates.of_score(slope) if slope else None,
            "mean": predicted.stated if of_explained else predicted.top_stated,
            "observed": predicted.happened if of_explained else predicted.top_happened,
            "target": target.explained_class if of_explained else "",
            "p": p if ends(error)[0] <= 0 else None,
        },
        evidence=("measures/expected_calibration_error",),
        section="performance",
        cause=records.cause_of("expected_calibration_error"),
        touches=1.0,
    )


def calibration_verdict(error: Score) -> str:
    """The id of what is said of a calibration error.

    Off only where right probabilities would hardly look so wrong, by one test of all signs. Good
    only where the interval leaves no larger error: a few cases without an event look so as well.
    An error that many cases show to be small needs no more of them, even where it is noticeable.
    """
    p = finite(error.p_value)
    beyond = ends(error)[0] >= ECE_NOTICEABLE if p is None else p < SIGNIFICANT
    if ends(error)[1] <= ECE_CLOSE and (error.value < ECE_NOTICEABLE or not beyond):
        return "calibration_good"
    return "calibration_off" if beyond else "calibration_unclear"


def within_groups(results: Results) -> Iterator[Finding]:
    """Groups of people whose probabilities are off by an amount of their own, beyond chance.

    Named is a group whose shift is beyond chance and whose own interval, corrected for all groups,
    leaves out that its probabilities are right: of two groups only one may be off. A crossing of
    two attributes is told where it is off by more than its two groups are.
    """
    level = level_of(results, "group_calibration")
    table = results.rows("group_calibration", "groups", StatedGroup)
    off = [row for row in table if is_under(row, level) and _least_off(row) > 0]
    single = [row for row in off if not row.is_crossing]
    apart = [row for row in off if not (row.is_crossing and _is_explained(row, single))]
    if not apart:
        return
    apart.sort(key=lambda row: -_least_off(row))
    target = results.schema.target
    labels = {row.attribute: records.attribute_label(results, row.attribute) for row in apart}
    groups = [
        {
            "attribute": labels[row.attribute],
            "level": row.level,
            "n": row.n,
            "stated": row.stated,
            "observed": row.observed,
            "off": positive(row.off, turn=row.off.value < 0),
            "p": row.p_adjusted,
        }
        for row in apart
    ]
    yield Finding(
        id="stated_off",
        severity=severity("people", size_of(_least_off(apart[0]), *CALIBRATION)),
        message="stated_off",
        values={
            "attributes": list(dict.fromkeys(labels.values())),
            "groups": groups,
            "target": target.explained_class if len(target.classes) == 2 else "",
        },
        evidence=("measures/group_calibration",),
        section="bias",
        cause=_cause_in_slice(results, apart[0]),
        touches=max(records.share_of_cases(results, row.n) for row in apart),
    )


def _is_explained(crossing: StatedGroup, single: Sequence[StatedGroup]) -> bool:
    """Whether the interval of a crossing reaches what one of its groups is off by itself."""
    names, levels = crossing.attribute.split(CROSS), crossing.level.split(CROSS)
    within = set(zip(names, levels, strict=False))
    low, high = crossing.off.ends or (math.nan, math.nan)
    return any(
        low <= row.off.value <= high for row in single if (row.attribute, row.level) in within
    )


def _least_off(row: StatedGroup) -> float:
    """By how much the probabilities of a group are off at least, as a share; 0 if maybe not."""
    if row.off.ends is None or row.off.ends[0] <= 0 <= row.off.ends[1]:
        return 0.0
    return min(map(abs, row.off.ends))


def _cause_in_slice(results: Results, group: StatedGroup) -> str:
    """The cause of the finding on the worst slice, where that slice is this group."""
    worst = unexpected_slice(results)
    if worst is None or worst.features != group.attribute or f"“{group.level}”" not in worst.slice:
        return ""
    return records.cause_of(f"worst_slice_{task_of(results.schema.target).loss.key}")


def leaning(results: Results) -> Iterator[Finding]:
    """Predictions that are too high, or too low, on the whole."""
    mean, size = records.defined(results, "mean_error"), results.score("mae")
    if mean is None or size is None:
        return
    low, high = ends(mean)
    if low <= 0 <= high or abs(mean.value) < LEANING * size.value:
        return
    up, least = mean.value > 0, min(abs(low), abs(high)) / size.value
    grade, about = severity("decision", size_of(least, *LEANS)), records.cause_of("mean_error")
    turned = positive(estimates.of_score(mean), turn=not up)
    values = {"up": up, "mean": turned, "unit": records.unit_of(results)}
    name, evidence = "leaning", ("measures/residuals",)
    yield Finding(name, grade, name, values, evidence, "performance", cause=about, touches=1.0)


def intervals(results: Results) -> Iterator[Finding]:
    """Whether intervals around predictions hold the true number as often as they say.

    It is graded by the worst of the whole and the groups that are held less often than promised.
    """
    verdict = coverage_verdict(results)
    if verdict is None:
        return
    coverage, level, kind = verdict.coverage, verdict.level, verdict.kind
    chance = level_of(results, "stated")
    short = [
        row
        for row in results.rows("prediction_intervals", "by_group", GroupCoverage)
        if row.high < level and is_under(row, chance)
    ]
    missing = [level - ends(coverage)[1]] if kind == "narrow" else []
    missing += [level - row.high for row in short]
    grade: Severity = "low" if kind == "wide" else "info"
    if missing:
        grade = severity("decision", size_of(max(missing), *SHORT))
    yield Finding(
        id="intervals",
        severity=grade,
        message=f"intervals_{kind}",
        values={
            "level": level,
            "coverage": estimates.of_score(coverage),
            "half": verdict.half_width,
            "unit": records.unit_of(results),
            "short": [
                {"level": row.level, "attribute": row.attribute_label, "coverage": row.coverage}
                for row in short
            ],
        },
        evidence=("measures/prediction_intervals",),
        section="performance",
        cause=records.cause_of("prediction_interval_coverage"),
        touches=1.0,
    )


@dataclass(frozen=True)
class CoverageVerdict:
    """What is concluded of the intervals at the level that the config asks for.

    coverage : the share of true numbers that they held. level : the share that they are made to
    hold. half_width : in the unit of the target. kind : "good"; beyond chance "narrow" or "wide".
    """

    coverage: Score
    level: float
    half_width: float
    kind: str


def coverage_verdict(results: Results) -> CoverageVerdict | None:
    """None where no interval was made or tested.

    Narrow or wide only beyond the chance of validation and test part, corrected with groups.
    """
    coverage, row = records.defined(results, "prediction_interval_coverage"), interval_row(results)
    if coverage is None or row is None:
        return None
    p, level, (low, high) = finite(coverage.p_value), row.level, ends(coverage)
    beyond = not low <= level <= high if p is None else p < level_of(results, "stated")
    kind = "good" if not beyond else "narrow" if coverage.value < level else "wide"
    return CoverageVerdict(coverage, level, row.half_width, kind)


def interval_row(results: Results) -> IntervalCoverage | None:
    """The row of the level that the config asks for; widths of several levels may be the same."""
    table = results.rows("prediction_intervals", "coverage", IntervalCoverage)
    level = records.setting(results, "metrics", "prediction_intervals", "level", INTERVAL_LEVEL)
    return min(table, key=lambda row: abs(row.level - level), default=None)
