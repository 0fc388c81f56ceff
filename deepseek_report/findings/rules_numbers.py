"""Rules on predicted numbers: simpler models, leaning errors, intervals, groups, parts, noise."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import Estimate, finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings import estimates
from deepseek_report.findings.records import Row, first, rows, words_of
from deepseek_report.findings.rules_bottlenecks import noise

SIGNIFICANT = 0.05
#: A mean error, as a share of the mean absolute error, that is worth correcting.
LEANING = 0.1
#: How far predictions move under noise, as a share of the mean absolute error, worth saying.
MOVED_MUCH, MOVED_SOME = 0.5, 0.2
#: A mean error in a part of the data, as a multiple of the rest, that is grave.
TWICE = 2.0


def unit_of(results: Results) -> str:
    """The unit of the predicted number, with a space before it, or nothing."""
    unit = results.schema.target.unit if results.has("data") else None
    return f"\u00a0{unit}" if unit else ""


def baselines(results: Results) -> list[Finding]:
    """Whether the model errs less than simpler predictors of the number, by paired intervals."""
    model = results.score("mae")
    gains = [one for one in results.find("mae_gain") if finite(one.value) is not None]
    return [_against(results, gain, model) for gain in gains]


def _against(results: Results, gain: Score, model: Score | None) -> Finding:
    low, high = _ends(gain)
    kind = "better" if low > 0 else "worse" if high < 0 else "level"
    severity: dict[str, Severity] = {"better": "info", "worse": "medium", "level": "low"}
    if gain.predictor in ("mean", "ridge"):
        severity = {"better": "info", "worse": "high", "level": "medium"}
    theirs = results.score("mae", predictor=gain.predictor)
    return Finding(
        id=f"number-baseline-{gain.predictor}",
        severity=severity[kind],
        message=f"number_baseline_{kind}",
        values={
            "predictor": words_of(results).label("predictors", gain.predictor),
            "simpler": gain.predictor != "gradient_boosting",
            "gain": _positive(estimates.of_score(gain), turn=kind == "worse"),
            "model": estimates.of_score(model) if model else None,
            "theirs": estimates.of_score(theirs) if theirs else None,
            "unit": unit_of(results),
        },
        evidence=("measures/baselines",),
        section="performance",
    )


def _positive(gain: Estimate, *, turn: bool) -> Estimate:
    """A loss told as a positive number, with its interval turned."""
    return gain if not turn or gain.ends is None else gain.negated()


def _ends(score: Score) -> tuple[float, float]:
    low, high = finite(score.low), finite(score.high)
    return (score.value if low is None else low), (score.value if high is None else high)


def leaning(results: Results) -> list[Finding]:
    """Predictions that are too high, or too low, on the whole."""
    mean, size = results.score("mean_error"), results.score("mae")
    if mean is None or size is None or finite(mean.value) is None:
        return []
    low, high = _ends(mean)
    if low <= 0 <= high or abs(mean.value) < LEANING * size.value:
        return []
    up = mean.value > 0
    return [
        Finding(
            id="number_leaning",
            severity="medium" if abs(mean.value) >= 2 * LEANING * size.value else "low",
            message="number_leaning",
            values={
                "up": up,
                "mean": _positive(estimates.of_score(mean), turn=not up),
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
    level, (low, high) = float(row["level"]), _ends(coverage)
    kind = "narrow" if high < level else "wide" if low > level else "good"
    severity: dict[str, Severity] = {"narrow": "medium", "wide": "low", "good": "info"}
    values = {
        "level": level,
        "coverage": estimates.of_score(coverage),
        "half": float(row["half_width"]),
        "unit": unit_of(results),
        "short": _short_groups(results, level),
    }
    found = Finding(
        id="number_intervals",
        severity="medium" if values["short"] else severity[kind],
        message=f"number_intervals_{kind}",
        values=values,
        evidence=("measures/prediction_intervals",),
        section="performance",
    )
    return [found]


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


def group_errors(results: Results) -> list[Finding]:
    """Groups for which predictions are further off, or off to one side."""
    tests = rows(results, "group_errors", "tests")
    apart = [row for row in tests if row["p_adjusted"] < SIGNIFICANT]
    if not tests:
        return []
    chosen = apart or [min(tests, key=lambda row: row["p_adjusted"])]
    return [
        Finding(
            id="number_groups",
            severity="medium" if apart else "info",
            message="number_groups_apart" if apart else "number_groups_even",
            values={
                "gaps": [_gap(row) for row in chosen],
                "tests": len(tests),
                "unit": unit_of(results),
            },
            evidence=("measures/group_errors",),
            section="bias",
        )
    ]


def _gap(row: Row) -> dict[str, Any]:
    return {
        "attribute": row["attribute_label"],
        "widest": row["widest_level"],
        "narrowest": row["narrowest_level"],
        "size": row["metric"] == "mae_gap",
        "gap": estimates.of_row(row, "value"),
        "p": finite(row["p_adjusted"]),
    }


def worst_part(results: Results) -> list[Finding]:
    """The part of the data with the largest errors that survives the correction."""
    table = rows(results, "error_slices", "slices")
    worst = first(row for row in table if is_clear_part(row))
    evidence, examined = ("measures/error_slices",), parts_examined(results)
    if worst is None:
        if not examined:
            return []
        values = {"examined": examined}
        return [Finding("no_part", "info", "number_no_part", values, evidence, "bottlenecks")]
    grave = worst["mae"] >= TWICE * worst["rest_mae"] and worst["share"] >= 0.05
    return [
        Finding(
            id="worst_part",
            severity="high" if grave else "medium",
            message="number_worst_part",
            values={
                "slice": worst["slice"],
                "share": worst["share"],
                "error": estimates.of_row(worst, "mae"),
                "rest": worst["rest_mae"],
                "lean": worst["mean_error"],
                "examined": examined,
                "p": finite(worst["p_adjusted"]),
                "unit": unit_of(results),
            },
            evidence=evidence,
            section="bottlenecks",
        )
    ]


def parts_examined(results: Results) -> int | None:
    """How many parts of the data were looked at."""
    score = results.score("parts_examined")
    return None if score is None else round(score.value)


def is_clear_part(row: Row) -> bool:
    """Whether a part has larger errors than the rest, after the correction for many parts."""
    p = finite(row.get("p_adjusted"))
    return p is not None and p < SIGNIFICANT and row["mae"] > row["rest_mae"]


def moved(results: Results) -> list[Finding]:
    """How far noise at the declared level moves predictions, against their error."""
    change, clean = results.score("change_under_noise"), results.score("mae")
    if change is None or clean is None or finite(change.value) is None or not clean.value:
        return []
    share = change.value / clean.value
    severity: Severity = (
        "medium" if share >= MOVED_MUCH else "low" if share >= MOVED_SOME else "info"
    )
    noisy = results.score("mae_under_noise")
    return [
        Finding(
            id="number_moved",
            severity=severity,
            message="number_moved" if share >= MOVED_SOME else "number_moved_little",
            values={
                "change": estimates.of_score(change),
                "clean": estimates.of_score(clean),
                "noisy": estimates.of_score(noisy) if noisy else None,
                "share": share,
                "noise": noise(results),
                "unit": unit_of(results),
            },
            evidence=("measures/robustness",),
            section="robustness",
        )
    ]
