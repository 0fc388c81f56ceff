"""What is concluded of cohorts side by side: which are decided better or worse than the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.conclusion_limits import SIGNIFICANT
from deepseek_report.findings.records import Row, first, rows


@dataclass(frozen=True)
class CohortVerdict:
    """Rows of the table of cohorts that differ beyond chance.

    declared : cohorts of a person whose loss is not that of the others, the surest first.
    worst, best : the slices with most and fewest errors; None where none is beyond chance.
    """

    everyone: Row | None
    declared: Sequence[Row]
    worst: Row | None
    best: Row | None


def cohort_verdict(results: Results) -> CohortVerdict:
    """The verdict from the p-values of the metric, which it has corrected."""
    table = rows(results, "cohorts", "cohorts")

    def differing(origin: str) -> list[Row]:
        sure = [
            (p, row)
            for row in table
            if row["origin"] == origin
            and (p := finite(row["p_adjusted"])) is not None
            and p < SIGNIFICANT
        ]
        return [row for _, row in sorted(sure, key=lambda pair: pair[0])]

    return CohortVerdict(
        everyone=first(row for row in table if row["origin"] == "all"),
        declared=differing("declared"),
        worst=first(differing("worst")),
        best=first(differing("best")),
    )
