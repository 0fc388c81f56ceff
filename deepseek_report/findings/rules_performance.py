"""Rules on how well the model does: thresholds, simpler models, training."""

from __future__ import annotations

from collections.abc import Iterator

from deepseek_report.artifacts.conclusions import Outcome, Verdict
from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.finding import Finding, Severity
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import SKIPPED
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.decision_effect import alerts_within_capacity
from deepseek_report.findings.records import cause_of, first, is_share, subject, subject_of, unit_of
from deepseek_report.findings.rules_groups import has_doubtful_ratio, has_uneven_errors
from deepseek_report.findings.severity import GAIN_WORTHWHILE, severity, size_of
from deepseek_report.findings.skill import SkillVerdict, ranks_backwards
from deepseek_report.findings.thresholds import judge, severity_of_promise
from deepseek_report.metrics.performance.performance_rows import TrainTestGap
from deepseek_report.tasks import task_of
from deepseek_report.wording import estimates
from deepseek_report.wording.estimates import ends, positive
from deepseek_report.wording.of_results import words_of

#: Rise of the validation loss after its best epoch that is called over-fitting: as a share of the
#: loss, and by itself, since a loss near 0 rises by such a share without an error more.
OVERFIT_RISE = (0.05, 0.01)
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


def skill(results: Results) -> Iterator[Finding]:
    """A model that does no better than one answer for everyone: nothing else counts.

    That too few cases leave it open is a minor finding: what is not shown is no harm.
    """
    verdict = SkillVerdict.of(results)
    if verdict is None or verdict.kind == "shown":
        return
    task, score, is_open = task_of(results.schema.target), verdict.score, verdict.kind == "open"
    values = {
        "metric": words_of(results).label("metrics", score.metric),
        "score": estimates.of_score(score),
        "constant": task.skill_of_constant,
        "useful": task.useful_skill,
        "level": verdict.level,
        "cases": verdict.cases,
        "enough": task.cases_for_skill,
        "backwards": ranks_backwards(score),
    }
    name, grade = "skill_open" if is_open else "no_skill", severity("decision", "large")
    grade = severity("decision", "small") if is_open else grade
    evidence, about = (ArtifactId.measure(score.metric),), cause_of(score.metric)
    yield Finding(name, grade, name, values, evidence, "performance", cause=about, touches=1.0)


def thresholds(results: Results) -> Iterator[Finding]:
    """One finding for each promise that is not met, and one where all are.

    A promise about groups of people is left to the finding on these groups, where there is one, and
    what the kind of report leaves out to the whole report.
    """
    verdicts = judge(results)
    missed = [verdict for verdict in verdicts if verdict.outcome != "met"]
    if verdicts and not missed:
        sources = {name for v in verdicts for name in results.sources(v.metric, v.explainer)}
        evidence, values = tuple(sorted(sources)), {"n": len(verdicts)}
        yield Finding(ALL_MET, "info", ALL_MET, values, evidence, "summary")
    for verdict in missed:
        is_told = has_doubtful_ratio(results, verdict) or has_uneven_errors(results, verdict)
        if not is_told and verdict.reason != SKIPPED:
            yield _missed(results, verdict)


def _missed(results: Results, verdict: Verdict) -> Finding:
    metric, about, message = verdict.metric, subject(verdict), _THRESHOLD_MESSAGE[verdict.outcome]
    values = {
        "metric": words_of(results).label("metrics", metric),
        "subject": ", ".join(subject_of(results, verdict)),
        "estimate": verdict.measured,
        "as_percent": is_share(verdict),
        "bound": verdict.bound,
        "side": verdict.side,
        "set_by": verdict.set_by,
        "reason": verdict.reason,
    }
    return Finding(
        id="-".join([message, metric, *about]),
        severity=severity_of_promise(verdict),
        message=message,
        values=values,
        evidence=results.sources(metric, verdict.explainer) or (ArtifactId.measure(metric),),
        section=_home(results, metric),
        cause=cause_of(metric, *about),
    )


def _home(results: Results, metric: str) -> str:
    """The section that shows a metric."""
    if _OF_PARTS in results.sources(metric):
        return "performance"
    scores = results.find(metric)
    return _HOMES.get(scores[0].category, "performance") if scores else "summary"


def baselines(results: Results) -> Iterator[Finding]:
    """Whether the model does better than simpler models, by paired intervals."""
    if not results.has("data"):
        return
    task = task_of(results.schema.target)
    model = results.score(task.held.key)
    for gain in results.find(task.gain.key):
        if gain.predictor in ("model", *task.not_told) or finite(gain.value) is None:
            continue
        low, high = ends(gain)
        kind = "better" if low > 0 else "worse" if high < 0 else "level"
        theirs = results.score(task.held.key, predictor=gain.predictor)
        values = {
            "predictor": words_of(results).label("predictors", gain.predictor),
            "simpler": gain.predictor != _NOT_SIMPLE,
            "gain": estimates.of_score(gain),
            "lost": positive(estimates.of_score(gain), turn=True),
            "model": estimates.of_score(model) if model else None,
            "theirs": estimates.of_score(theirs) if theirs else None,
            "unit": unit_of(results),
        }
        yield Finding(
            id=f"baseline-{gain.predictor}",
            severity=_grade_of(results, kind, gain, theirs),
            message=f"baseline_{kind}",
            values=values,
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


def alerts(results: Results) -> Iterator[Finding]:
    """Whether the alerts that people can look into are right more often than all cases are.

    Useful is twice as often, or half of the way to always where that is less.
    """
    alerts = alerts_within_capacity(results)
    if alerts is None or not results.has("predictions/test"):
        return
    cases, right = results.predicted, alerts.right
    base = cases.about_explained.base
    if right.ends is None or right.n == cases.n or not base:
        return
    least, most = right.ends
    useful = min(2 * base, (1 + base) / 2)
    name, is_open = "alerts_no_better", most >= useful
    grade = severity("decision", "small" if is_open else "moderate")
    if least > base:
        name, grade = "alerts_better", "info"
    values = {**vars(alerts), "base": base, "cases": cases.n, "times": right.value / base}
    values |= {"useful": useful, "is_open": is_open}
    evidence, about = ("measures/precision_at_capacity",), cause_of("precision_at_capacity")
    yield Finding(name, grade, name, values, evidence, "performance", cause=about)


def training(results: Results) -> Iterator[Finding]:
    """Divergence, training that stopped too early, and over-fitting."""
    if not results.has("training"):
        return
    facts = results.training
    epochs, best_epoch = facts.get("epochs"), facts.get("best_epoch")
    last, best = (finite(facts.get(f"{end}_validation_loss")) for end in ("last", "best"))
    values = {"epochs": epochs, "best_epoch": best_epoch, "last": last, "best": best}
    grade: Severity = "low"
    if facts.get("diverged"):
        message, grade = "training_diverged", "high"
    elif not facts.get("stopped_early") and best_epoch == epochs:
        message = "training_unfinished"
    elif last is not None and best is not None and _has_risen(best, last):
        message = "training_overfitted"
    else:
        return
    yield Finding(message, grade, message, values, ("training",), "model")


def _has_risen(best: float, last: float) -> bool:
    share, least = OVERFIT_RISE
    return last - best > max(share * best, least)


def train_and_test(results: Results) -> Iterator[Finding]:
    """That training rows are ranked better than test rows, where the whole interval says so.

    The areas of two parts differ a little without any learning by heart, so that the gap must lie
    beyond a margin. What holds of test rows is none the worse for it: minor at most.
    """
    row = first(results.rows("train_and_test", "measures", TrainTestGap))
    least = -1.0 if row is None or row.gap.low is None else row.gap.low
    if row is not None and least > TRAIN_TEST_GAP[0]:
        grade = severity("method", "moderate" if least > TRAIN_TEST_GAP[1] else "small")
        values = {"gap": row.gap, "train": row.train, "test": row.test}
        name, evidence = "train_test_gap", ("measures/train_and_test",)
        yield Finding(name, grade, name, values, evidence, "performance")
