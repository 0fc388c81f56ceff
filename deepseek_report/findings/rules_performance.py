"""Rules on how well the model does: thresholds, simpler models, training."""

from __future__ import annotations

from deepseek_report.artifacts.conclusions import Outcome, Verdict
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.decision_effect import alerts_within_capacity
from deepseek_report.findings.records import cause_of, is_share, subject, subject_of, unit_of
from deepseek_report.findings.rules_groups import has_doubtful_ratio, has_uneven_errors
from deepseek_report.findings.severity import GAIN_WORTHWHILE, Size, severity, size_of
from deepseek_report.findings.skill import SkillVerdict, ranks_backwards
from deepseek_report.findings.thresholds import judge, severity_of_promise
from deepseek_report.metrics.performance.performance_rows import TrainTestGap
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import ends, positive
from deepseek_report.wording.of_results import words_of

#: Rise of the validation loss after its best epoch that is called over-fitting.
OVERFIT_RISE = 0.05
#: By how much the area on training rows exceeds that on test rows at least where that is told, and
#: where it is no mere note.
TRAIN_TEST_GAP = (0.02, 0.1)
#: By how much a simple predictor is better at least, moderate and large: of decisions in the ROC
#: AUC, of numbers as a share of its mean absolute error.
LAGS = {True: (GAIN_WORTHWHILE, 0.02), False: (0.02, 0.1)}
#: The reference that is as complex as what is compared with it.
_NOT_SIMPLE = "gradient_boosting"
_HOMES = {
    "fairness": "bias",
    "explanation": "trust",
    "compute": "bottlenecks",
    "slices": "bottlenecks",
    "data": "data",
    "robustness": "robustness",
    "behaviour": "behaviour",
    "causes": "causes",
    "language": "language",
}
#: The measure of parts of the data that is shown with the performance.
_OF_PARTS = "measures/part_performance"
_THRESHOLD_MESSAGE: dict[Outcome, str] = {
    "not met": "threshold_missed",
    "too uncertain to say": "threshold_uncertain",
    "not measured": "threshold_not_measured",
}
#: Messages of findings on promises, which stand by themselves on the first page: one that is not
#: kept, and that all are.
PROMISES = frozenset(_THRESHOLD_MESSAGE.values())
ALL_MET = "thresholds_met"


def skill(results: Results) -> list[Finding]:
    """A model that does no better than one answer for everyone: nothing else counts.

    That too few cases leave it open is a minor finding: what is not shown is no harm.
    """
    verdict = SkillVerdict.of(results)
    if verdict is None or verdict.kind == "shown":
        return []
    task, score, is_open = task_of(results.schema.target), verdict.score, verdict.kind == "open"
    name = "skill_open" if is_open else "no_skill"
    return [
        Finding(
            id=name,
            severity=severity("decision", "small" if is_open else "large"),
            message=name,
            values={
                "metric": words_of(results).label("metrics", score.metric),
                "score": estimates.of_score(score),
                "constant": task.skill_of_constant,
                "useful": task.useful_skill,
                "level": verdict.level,
                "cases": verdict.cases,
                "enough": task.cases_for_skill,
                "backwards": ranks_backwards(score),
            },
            evidence=(ArtifactId.measure(score.metric),),
            section="performance",
            cause=cause_of(score.metric),
            touches=1.0,
        )
    ]


def thresholds(results: Results) -> list[Finding]:
    """One finding for each promise that is not met, and one where all are.

    A promise about groups of people is left to the finding on these groups, where there is one.
    """
    verdicts = judge(results)
    missed = [verdict for verdict in verdicts if verdict.outcome != "met"]
    if verdicts and not missed:
        return [_all_met(results, verdicts)]
    return [
        _missed(results, verdict)
        for verdict in missed
        if not (has_doubtful_ratio(results, verdict) or has_uneven_errors(results, verdict))
    ]


def _all_met(results: Results, verdicts: list[Verdict]) -> Finding:
    sources = {
        name for verdict in verdicts for name in results.sources(verdict.metric, verdict.explainer)
    }
    return Finding(
        id=ALL_MET,
        severity="info",
        message=ALL_MET,
        values={"n": len(verdicts)},
        evidence=tuple(sorted(sources)),
        section="summary",
    )


def _missed(results: Results, verdict: Verdict) -> Finding:
    message = _THRESHOLD_MESSAGE[verdict.outcome]
    about = subject(verdict)
    words = words_of(results)
    return Finding(
        id="-".join([message, verdict.metric, *about]),
        severity=severity_of_promise(verdict),
        message=message,
        values={
            "metric": words.label("metrics", verdict.metric),
            "subject": ", ".join(subject_of(results, verdict)),
            "estimate": estimates.estimate(verdict.value, verdict.low, verdict.high, verdict.n),
            "as_percent": is_share(verdict),
            "bound": verdict.bound,
            "side": verdict.side,
            "set_by": verdict.set_by,
            "reason": verdict.reason,
        },
        evidence=results.sources(verdict.metric, verdict.explainer)
        or (ArtifactId.measure(verdict.metric),),
        section=_home(results, verdict.metric),
        cause=cause_of(verdict.metric, *about),
    )


def _home(results: Results, metric: str) -> str:
    """The section that shows a metric."""
    if _OF_PARTS in results.sources(metric):
        return "performance"
    scores = results.find(metric)
    return _HOMES.get(scores[0].category, "performance") if scores else "summary"


def baselines(results: Results) -> list[Finding]:
    """Whether the model does better than simpler models, by paired intervals."""
    if not results.has("data"):
        return []
    task = task_of(results.schema.target)
    model = results.score(task.held.key)
    return [
        _against(results, gain, model)
        for gain in results.find(task.gain.key)
        if gain.predictor not in ("model", *task.not_told) and finite(gain.value) is not None
    ]


def _against(results: Results, gain: Score, model: Score | None) -> Finding:
    low, high = ends(gain)
    kind = "better" if low > 0 else "worse" if high < 0 else "level"
    task = task_of(results.schema.target)
    theirs = results.score(task.held.key, predictor=gain.predictor)
    return Finding(
        id=f"baseline-{gain.predictor}",
        severity=_grade_of(results, kind, gain, theirs),
        message=f"baseline_{kind}",
        values={
            "predictor": words_of(results).label("predictors", gain.predictor),
            "simpler": gain.predictor != _NOT_SIMPLE,
            "gain": estimates.of_score(gain),
            "lost": positive(estimates.of_score(gain), turn=True),
            "model": estimates.of_score(model) if model else None,
            "theirs": estimates.of_score(theirs) if theirs else None,
            "unit": unit_of(results),
        },
        evidence=("measures/baselines",),
        section="performance",
        cause=cause_of(task.skill.key) if gain.predictor == task.references["majority"] else "",
    )


def _grade_of(results: Results, kind: str, gain: Score, theirs: Score | None) -> Severity:
    """How grave it is what the comparison with a simple predictor shows.

    A model that is worse is graded by how much better the other is at least. One that is not shown
    to be better is no harm by itself: complexity may have bought nothing, or the cases are few.
    Gradient boosting is not simpler than other models, so nothing large follows from it.
    """
    if kind == "better":
        return "info"
    task, simple = task_of(results.schema.target), gain.predictor != _NOT_SIMPLE
    if kind == "worse":
        least = -ends(gain)[1]
        if not task.decides:
            least /= (finite(theirs.value) if theirs else None) or 1.0
        size = size_of(least, *LAGS[task.decides])
        return severity("decision", size if simple or size != "large" else "moderate")
    constant = gain.predictor == task.references["majority"]
    size = "large" if constant else "moderate" if simple else "small"
    return severity("decision", size, certain=False)


def alerts(results: Results) -> list[Finding]:
    """Whether the alerts that people can look into are right more often than all cases are.

    Useful is twice as often, or half of the way to always where that is less.
    """
    values = alerts_within_capacity(results)
    if values is None or values["right"].low is None or not results.has("predictions/test"):
        return []
    cases, right = results.predicted, values["right"]
    base = cases.about_explained.base
    if right.n == cases.n or not base:
        return []
    useful = min(2 * base, (1 + base) / 2)
    name, is_open = "alerts_no_better", right.high >= useful
    grade = severity("decision", "small" if is_open else "moderate")
    if right.low > base:
        name, grade = "alerts_better", "info"
    times = {"times": right.value / base, "useful": useful, "is_open": is_open}
    return [
        Finding(
            id=name,
            severity=grade,
            message=name,
            values={**values, "base": base, "cases": cases.n, **times},
            evidence=(ArtifactId.measure("precision_at_capacity"),),
            section="performance",
            cause=cause_of("precision_at_capacity"),
        )
    ]


def training(results: Results) -> list[Finding]:
    """Divergence, training that stopped too early, and over-fitting."""
    if not results.has("training"):
        return []
    facts = results.training
    message = _training_message(facts)
    if message is None:
        return []
    grade: Severity = "high" if message == "training_diverged" else "low"
    values = {
        "epochs": facts.get("epochs"),
        "best_epoch": facts.get("best_epoch"),
        "last": finite(facts.get("last_validation_loss")),
        "best": finite(facts.get("best_validation_loss")),
    }
    return [Finding(message, grade, message, values, ("training",), "model")]


def train_and_test(results: Results) -> list[Finding]:
    """That training rows are ranked better than test rows, where the whole interval says so.

    The areas of two parts differ a little without any learning by heart, so that the gap must lie
    beyond a margin. What holds of test rows is none the worse for it: minor at most.
    """
    row = next(iter(results.rows("train_and_test", "measures", TrainTestGap)), None)
    if row is None:
        return []
    least = -1.0 if row.gap.low is None else row.gap.low
    if least <= TRAIN_TEST_GAP[0]:
        return []
    size: Size = "moderate" if least > TRAIN_TEST_GAP[1] else "small"
    values = {"gap": row.gap, "train": row.train, "test": row.test}
    evidence = (ArtifactId.measure("train_and_test"),)
    message = "train_test_gap"
    return [Finding(message, severity("method", size), message, values, evidence, "performance")]


def _training_message(facts: dict[str, object]) -> str | None:
    if facts.get("diverged"):
        return "training_diverged"
    if not facts.get("stopped_early") and facts.get("best_epoch") == facts.get("epochs"):
        return "training_unfinished"
    last, best = (finite(facts.get(f"{end}_validation_loss")) for end in ("last", "best"))
    if last is not None and best is not None and last > best * (1 + OVERFIT_RISE):
        return "training_overfitted"
    return None
