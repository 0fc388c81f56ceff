"""Rules on whether what the model states can be taken at its word: probabilities and numbers."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.records import Row, rows, unit_of
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import ends, positive

SIGNIFICANT = 0.05
#: A calibration error from which probabilities mislead a person who reads them.
ECE_NOTICEABLE, ECE_LARGE = 0.02, 0.05
#: A mean error, as a share of the mean absolute error, that is worth correcting.
LEANING = 0.1


def calibration(results: Results) -> list[Finding]:
    """Whether a probability can be read as a share."""
    error = results.score("expected_calibration_error")
    if error is None or finite(error.value) is None:
        return []
    slope = results.score("calibration_slope")
    large = error.value >= ECE_NOTICEABLE
    severity: Severity = "info"
    message = "calibration_good"
    if large and _is_certain(results, error):
        severity = "medium" if error.value >= ECE_LARGE else "low"
        message = "calibration_off"
    elif large:
        severity, message = "low", "calibration_unclear"
    return [
        Finding(
            id="calibration",
            severity=severity,
            message=message,
            values={
                "error": estimates.of_score(error),
                "slope": estimates.of_score(slope) if slope else None,
                **_stated(results),
            },
            evidence=("measures/expected_calibration_error",),
            section="performance",
        )
    ]


def _stated(results: Results) -> dict[str, Any]:
    """Whose probability is judged, what was stated on the whole, and what happened.

    With two classes it is the explained class, else the most probable one, as in the error itself.
    """
    predicted, target = results.predicted, results.schema.target
    if len(target.classes) == 2:
        name = target.explained_class
        return {"mean": predicted.stated, "observed": predicted.happened, "target": name}
    return {"mean": predicted.top_stated, "observed": predicted.top_happened, "target": ""}


def _is_certain(results: Results, error: Score) -> bool:
    """Whether miscalibration is more than the noise that small bins add to the error."""
    slope, intercept = (results.score(f"calibration_{end}") for end in ("slope", "intercept"))
    return (
        ends(error)[0] >= ECE_NOTICEABLE
        or (slope is not None and _excludes(slope, 1.0))
        or (intercept is not None and _excludes(intercept, 0.0))
    )


def _excludes(score: Score, ideal: float) -> bool:
    """Whether a score has an interval, and the ideal value is outside of it."""
    low, high = finite(score.low), finite(score.high)
    return low is not None and high is not None and not low <= ideal <= high


def leaning(results: Results) -> list[Finding]:
    """Predictions that are too high, or too low, on the whole."""
    mean, size = results.score("mean_error"), results.score("mae")
    if mean is None or size is None or finite(mean.value) is None:
        return []
    low, high = ends(mean)
    if low <= 0 <= high or abs(mean.value) < LEANING * size.value:
        return []
    up = mean.value > 0
    return [
        Finding(
            id="leaning",
            severity="medium" if abs(mean.value) >= 2 * LEANING * size.value else "low",
            message="leaning",
            values={
                "up": up,
                "mean": positive(estimates.of_score(mean), turn=not up),
                "unit": unit_of(results),
            },
            evidence=("measures/residuals",),
            section="performance",
        )
    ]


def intervals(results: Results) -> list[Finding]:
    """Whether intervals around predictions hold the true number as often as they say."""
    coverage = results.score("prediction_interval_coverage")
    row = interval_row(results)
    if coverage is None or row is None or finite(coverage.value) is None:
        return []
    level, (low, high) = float(row["level"]), ends(coverage)
    kind = "narrow" if high < level else "wide" if low > level else "good"
    severity: dict[str, Severity] = {"narrow": "medium", "wide": "low", "good": "info"}
    values = {
        "level": level,
        "coverage": estimates.of_score(coverage),
        "half": float(row["half_width"]),
        "unit": unit_of(results),
        "short": _short_groups(results, level),
    }
    finding = Finding(
        id="intervals",
        severity="medium" if values["short"] else severity[kind],
        message=f"intervals_{kind}",
        values=values,
        evidence=("measures/prediction_intervals",),
        section="performance",
    )
    return [finding]


def interval_row(results: Results) -> Row | None:
    """The row of the level that the config asks for: the one with the measured width."""
    width = results.score("prediction_interval_width")
    table = rows(results, "prediction_intervals", "coverage")
    if width is None or not table:
        return None
    return min(table, key=lambda row: abs(row["half_width"] - width.value / 2))


def _short_groups(results: Results, level: float) -> list[dict[str, Any]]:
    """Groups that the intervals hold less than they say, and less than others, beyond chance."""
    return [
        {
            "level": row["level"],
            "attribute": row["attribute_label"],
            "coverage": estimates.of_row(row, "coverage"),
        }
        for row in rows(results, "prediction_intervals", "by_group")
        if row["high"] < level and _is_sure(row)
    ]


def _is_sure(row: Row) -> bool:
    p = finite(row["p_adjusted"])
    return p is not None and p < SIGNIFICANT
