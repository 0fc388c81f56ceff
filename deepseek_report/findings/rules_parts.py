"""Rules on parts of the data that are no groups of people: sites, batches, periods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.error_budget import is_under, level_of
from deepseek_report.findings.records import attribute_label, first, unit_of
from deepseek_report.findings.severity import SIGNIFICANT, severity, size_of
from deepseek_report.findings.thresholds import within_promise
from deepseek_report.metrics.failures.failure_rows import Cohort, DriftTest, PartLevel
from deepseek_report.metrics.fairness.fairness_rows import GapTest
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates

_METRIC = "part_performance"
#: A gap in the share that is decided correctly, moderate and large, by the lower end.
GAPS = (0.02, 0.10)


def part_gaps(results: Results) -> Iterator[Finding]:
    """Attributes by whose parts the model does clearly better or worse, one finding each.

    The p-values are those of the metric's table, corrected for all its gaps, and are judged within
    the error budget of the report. Of several gaps of one attribute the surest is told.
    """
    for row in surest_part_gaps(results):
        yield _part_gap(results, row)


def surest_part_gaps(results: Results) -> list[GapTest]:
    """The row of `tests` on each attribute whose parts differ beyond chance, the surest first."""
    level = level_of(results, "parts")
    tests = [row for row in results.rows(_METRIC, "tests", GapTest) if is_under(row, level)]
    surest: dict[str, GapTest] = {}
    for row in sorted(tests, key=lambda row: row.p_adjusted or 0.0):
        surest.setdefault(row.attribute, row)
    return list(surest.values())


@dataclass(frozen=True)
class PeriodVerdict:
    """What is concluded on the periods of an attribute of time.

    gap : the finding that one of them is decided worse, or None. judged : whether two or more are
    large enough to be compared. drift_p : p-value of a drift of what is stated; None untested.
    """

    gap: Finding | None
    judged: bool
    drift_p: float | None

    @property
    def drifts(self) -> bool:
        """Whether what is stated is shown to differ between periods."""
        return self.drift_p is not None and self.drift_p < SIGNIFICANT


def period_verdict(results: Results, attribute: str) -> PeriodVerdict:
    """Whether some period is decided worse than another, and whether the scores drift."""
    tests = [row for row in results.rows(_METRIC, "tests", GapTest) if row.attribute == attribute]
    gaps = {finding.id: finding for finding in part_gaps(results)}
    drifts = results.rows("period_drift", "tests", DriftTest)
    drift = first(row for row in drifts if row.attribute == attribute)
    return PeriodVerdict(
        gap=gaps.get(f"part_gap-{attribute}"),
        judged=any(row.value.is_defined for row in tests),
        drift_p=None if drift is None else drift.p_value,
    )


def _part_gap(results: Results, row: GapTest) -> Finding:
    is_share = task_of(results.schema.target).loss.is_share
    worst, best = (row.lowest, row.highest) if is_share else (row.highest, row.lowest)
    table = results.rows(_METRIC, "parts", PartLevel)
    levels = {part.level: part for part in table if part.attribute == row.attribute}
    part, shown = levels.get(worst), [levels[at] for at in (worst, best) if at in levels]
    # whether the worst part is worse than the model's own probabilities let expect
    p_value = None if part is None else part.unforeseen_p
    unforeseen = None if p_value is None else p_value < SIGNIFICANT
    # by how large the gap is at least; of predicted numbers it is moderate, whatever the unit
    size = size_of(row.gap.low or 0.0, *GAPS) if is_share else "moderate"
    grade = severity("decision", size, certain=unforeseen is not False)
    key = task_of(results.schema.target).part_table[0].key
    values = {
        "attribute": attribute_label(results, row.attribute),
        "worst": worst,
        "best": best,
        "gap": row.gap,
        "rates": [estimates.of_row(p.cells, key, key) for p in shown] if is_share else [],
        "wrongly": _wrongly(results, row.gap, shown),
        "is_share": is_share,
        "lean": row.metric == "mean_error_gap",
        "p": row.p_adjusted,
        "unit": unit_of(results),
        "unforeseen": unforeseen,
        "more": part.unforeseen if part and unforeseen else None,
    }
    name, evidence = f"part_gap-{row.attribute}", (f"measures/{_METRIC}",)
    grade = within_promise(results, grade, row.metric, row.attribute)
    return Finding(name, grade, "part_gap", values, evidence, "performance")


def _wrongly(
    results: Results, gap: Estimate, shown: Sequence[PartLevel]
) -> dict[str, object] | None:
    """Of which class more is decided for the other in the worst part than in the best.

    shown : the worst and the best part, where the table has them. Returned are `label` and
    `decided`, the two classes, and `worst` and `best`, shares. None of more classes, where either
    part has too few of a class, and where the shares differ less than the tested gap at least does,
    so that they do not show what the gap consists in.
    """
    target = results.schema.target
    if len(target.classes) != 2 or len(shown) < 2:
        return None
    missed, flagged = [part.missed_rate for part in shown], [part.flagged_rate for part in shown]
    least, sentence = gap.low or 0.0, None
    for (worst, best), about in ((missed, target.explained), (flagged, 1 - target.explained)):
        if worst is None or best is None or worst - best < max(least, 1e-9):
            continue
        least = worst - best
        labels = {"label": target.classes[about], "decided": target.classes[1 - about]}
        sentence = {**labels, "worst": worst, "best": best}
    return sentence


@dataclass(frozen=True)
class CohortVerdict:
    """Rows of the table of cohorts that differ beyond chance.

    declared : cohorts of a person whose loss is not that of the others, the surest first.
    worst, best : the slices with most and fewest errors; None where none is beyond chance.
    """

    everyone: Cohort | None
    declared: Sequence[Cohort]
    worst: Cohort | None
    best: Cohort | None


def cohort_verdict(results: Results) -> CohortVerdict:
    """The verdict from the p-values of the metric, which it has corrected."""
    table = results.rows("cohorts", "cohorts", Cohort)

    def differing(origin: str) -> list[Cohort]:
        sure = [row for row in table if row.origin == origin and is_under(row, SIGNIFICANT)]
        return sorted(sure, key=lambda row: row.p_adjusted or 0.0)

    return CohortVerdict(
        everyone=first(row for row in table if row.origin == "all"),
        declared=differing("declared"),
        worst=first(differing("worst")),
        best=first(differing("best")),
    )
