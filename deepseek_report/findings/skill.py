"""Whether the model is shown to do better than the best answer that is the same for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.findings.records import defined
from deepseek_report.findings.thresholds import promises
from deepseek_report.tasks import task_of
from deepseek_report.wording.estimates import ends

#: By what a model is known where no threshold is declared, the first that is there.
_MAIN = ("roc_auc", "balanced_accuracy", "accuracy", "mae", "r2")


#: A ROC AUC up to this ranks the classes the wrong way round, where moreover a half is this many
#: times as far above it as the upper end of its 95 % interval (2.7 standard errors).
_BACKWARDS, _FURTHER = 0.4, 1.4


@dataclass(frozen=True)
class SkillVerdict:
    """Whether a model is shown to beat every constant answer.

    kind : shown, where the whole 95 % interval of `score` is above what the best constant gets (a
    model without any skill passes in 2.5 of 100 samples); absent, where it is not, and a useful
    skill is excluded, or cases are many enough to have shown one; open, where cases are too few.
    level : the class with the fewest cases; empty of a number. cases : how many these are.
    """

    kind: Literal["shown", "absent", "open"]
    score: Score
    level: str
    cases: int

    @classmethod
    def of(cls, results: Results) -> SkillVerdict | None:
        """By the ROC AUC of a decision or the R² of a number; None where it was not measured."""
        score = skill_score(results)
        if score is None:
            return None
        task, (low, high) = task_of(results.schema.target), ends(score)
        summary = results.predicted if results.has("predictions/test") else None
        level, cases = "", summary.n if summary else score.n
        if summary and summary.classes:
            counts = [round(rates.base * summary.n) for rates in summary.classes]
            cases, level = min(counts), results.schema.target.classes[counts.index(min(counts))]
        kind: Literal["shown", "absent", "open"] = "open"
        if low > task.skill_of_constant:
            kind = "shown"
        elif high < task.useful_skill or cases >= task.cases_for_skill:
            kind = "absent"
        return cls(kind, score, level, cases)


def has_skill(results: Results) -> bool | None:
    """Whether the model has skill; None where that is open or was not measured."""
    verdict = SkillVerdict.of(results)
    return None if verdict is None or verdict.kind == "open" else verdict.kind == "shown"


def ranks_backwards(score: Score) -> bool:
    """Whether a ROC AUC is so far below a half that classes or columns seem to be swapped.

    A model without any skill is called so in fewer than one of 100 samples.
    """
    value, high = finite(score.value), ends(score)[1]
    if score.metric != "roc_auc" or value is None:
        return False
    return bool(value <= _BACKWARDS and 0.5 - value > _FURTHER * (high - value))


def skill_score(results: Results) -> Score | None:
    """The score by which a model is set against the best constant, where it was measured."""
    if not results.has("data"):
        return None
    return defined(results, task_of(results.schema.target).skill.key)


def main_score(results: Results) -> Score | None:
    """The metric of the first threshold that is about the model itself, else a usual one."""
    promised = (promise.metric for promise in promises(results))
    scores = (defined(results, name) for name in (*promised, *_MAIN))
    return next((score for score in scores if score is not None), None)
