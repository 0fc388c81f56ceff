"""Rules on how well the model decides: baselines, calibration, training, thresholds."""

from __future__ import annotations

from typing import Any

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings import estimates
from deepseek_report.findings.records import is_share, subject_of, words_of
from deepseek_report.findings.rules_groups import is_reported
from deepseek_report.findings.thresholds import Outcome, Verdict, judge

#: A calibration error from which probabilities mislead a person who reads them.
ECE_NOTICEABLE, ECE_LARGE = 0.02, 0.05
#: Rise of the validation loss after its best epoch that is called over-fitting.
OVERFIT_RISE = 0.05
_HOMES = {
    "fairness": "bias",
    "explanation": "trust",
    "compute": "bottlenecks",
    "slices": "bottlenecks",
    "data": "data",
    "robustness": "robustness",
}
#: Measures of parts of the data that are shown with the performance.
_OF_PARTS = frozenset({"measures/part_performance", "measures/part_errors"})
_THRESHOLD_SEVERITY: dict[Outcome, Severity] = {
    "not met": "high",
    "too uncertain to say": "medium",
    "not measured": "medium",
}


def thresholds(results: Results) -> list[Finding]:
    """One finding for each promise that is not met, and one where all are.

    A promise about a ratio of groups is left to the finding on these groups.
    """
    verdicts = judge(results)
    missed = [one for one in verdicts if one.outcome != "met"]
    if verdicts and not missed:
        return [_all_met(results, verdicts)]
    return [_missed(results, one) for one in missed if not is_reported(results, one)]


def _all_met(results: Results, verdicts: list[Verdict]) -> Finding:
    sources = {name for one in verdicts for name in results.sources(one.metric, one.explainer)}
    return Finding(
        id="thresholds_met",
        severity="info",
        message="thresholds_met",
        values={"n": len(verdicts)},
        evidence=tuple(sorted(sources)),
        section="summary",
    )


def _missed(results: Results, one: Verdict) -> Finding:
    message = {
        "not met": "threshold_missed",
        "too uncertain to say": "threshold_uncertain",
        "not measured": "threshold_not_measured",
    }[one.outcome]
    subject = [s for s in (one.attribute, one.level, one.explainer, one.slice) if s]
    words = words_of(results)
    return Finding(
        id="-".join([message, one.metric, *subject]),
        severity=_THRESHOLD_SEVERITY[one.outcome],
        message=message,
        values={
            "metric": words.label("metrics", one.metric),
            "subject": ", ".join(subject_of(results, one)),
            "estimate": estimates.estimate(one.value, one.low, one.high, one.n),
            "as_percent": is_share(one.metric, one.unit),
            "bound": one.bound,
            "side": one.side,
            "set_by": one.set_by,
            "reason": one.reason,
        },
        evidence=results.sources(one.metric, one.explainer) or (ArtifactId.measure(one.metric),),
        section=_home(results, one.metric),
    )


def _home(results: Results, metric: str) -> str:
    """The section that shows a metric."""
    if _OF_PARTS.intersection(results.sources(metric)):
        return "performance"
    scores = results.find(metric)
    return _HOMES.get(scores[0].category, "performance") if scores else "summary"


def baselines(results: Results) -> list[Finding]:
    """Whether the model ranks better than simpler models, by paired intervals."""
    gains = [
        score
        for score in results.find("roc_auc_gain")
        if score.predictor not in ("model", "majority") and finite(score.value) is not None
    ]
    model = results.score("roc_auc")
    return [_against(results, score, model) for score in gains]


def _against(results: Results, gain: Score, model: Score | None) -> Finding:
    low, high = _ends(gain)
    kind = "better" if low > 0 else "worse" if high < 0 else "level"
    severity: dict[str, Severity] = {"better": "info", "worse": "medium", "level": "low"}
    if kind != "better" and gain.predictor == "logistic_regression":
        severity = {"worse": "high", "level": "medium"}
    theirs = results.score("roc_auc", predictor=gain.predictor)
    return Finding(
        id=f"baseline-{gain.predictor}",
        severity=severity[kind],
        message=f"baseline_{kind}",
        values={
            "predictor": words_of(results).label("predictors", gain.predictor),
            "simpler": gain.predictor == "logistic_regression",
            "gain": estimates.of_score(gain),
            "model": estimates.of_score(model) if model else None,
            "theirs": estimates.of_score(theirs) if theirs else None,
        },
        evidence=("measures/baselines",),
        section="performance",
    )


def _ends(score: Score) -> tuple[float, float]:
    low, high = finite(score.low), finite(score.high)
    return (score.value if low is None else low), (score.value if high is None else high)


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
    found, target = results.predicted, results.schema.target
    if len(target.classes) == 2:
        name = target.explained_class
        return {"mean": found.stated, "observed": found.happened, "target": name}
    return {"mean": found.top_stated, "observed": found.top_happened, "target": ""}


def _is_certain(results: Results, error: Score) -> bool:
    """Whether miscalibration is more than the noise that small bins add to the error."""
    slope, intercept = (results.score(f"calibration_{end}") for end in ("slope", "intercept"))
    return (
        _ends(error)[0] >= ECE_NOTICEABLE
        or (slope is not None and _excludes(slope, 1.0))
        or (intercept is not None and _excludes(intercept, 0.0))
    )


def _excludes(score: Score, ideal: float) -> bool:
    """Whether a score has an interval, and the ideal value is outside of it."""
    low, high = finite(score.low), finite(score.high)
    return low is not None and high is not None and not low <= ideal <= high


def training(results: Results) -> list[Finding]:
    """Divergence, training that stopped too early, and over-fitting."""
    if not results.has("training"):
        return []
    facts = results.training
    message = _training_message(facts)
    if message is None:
        return []
    severity: Severity = "high" if message == "training_diverged" else "low"
    values = {
        "epochs": facts.get("epochs"),
        "best_epoch": facts.get("best_epoch"),
        "last": finite(facts.get("last_validation_loss")),
        "best": finite(facts.get("best_validation_loss")),
    }
    return [Finding(message, severity, message, values, ("training",), "model")]


def _training_message(facts: dict[str, object]) -> str | None:
    if facts.get("diverged"):
        return "training_diverged"
    if not facts.get("stopped_early") and facts.get("best_epoch") == facts.get("epochs"):
        return "training_unfinished"
    last, best = (finite(facts.get(f"{end}_validation_loss")) for end in ("last", "best"))
    if last is not None and best is not None and last > best * (1 + OVERFIT_RISE):
        return "training_overfitted"
    return None
