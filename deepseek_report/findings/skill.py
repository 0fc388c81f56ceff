"""Whether the model is shown to do better than the best answer that is the same for everyone."""

from __future__ import annotations

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.tasks import task_of

#: By what a model is known where no threshold is declared, the first that is there.
_MAIN = ("roc_auc", "balanced_accuracy", "accuracy", "mae", "r2")


def has_skill(results: Results) -> bool | None:
    """Whether the whole 95 % interval of the primary score is above what the best constant gets.

    The score is the ROC AUC of a decision (0.5 for any constant) and R² of a number (0 for the
    mean, which no constant beats). A model without any skill passes in 2.5 of 100 samples.

    Returns
    -------
    False where that is not shown, whether the model is bad or the cases are few; None where the
    score was not measured.
    """
    score = skill_score(results)
    if score is None:
        return None
    low = finite(score.low)
    best = task_of(results.schema.target).skill_of_constant
    return (score.value if low is None else low) > best


def skill_score(results: Results) -> Score | None:
    """The score by which a model is set against the best constant, where it was measured."""
    if not results.has("data"):
        return None
    score = results.score(task_of(results.schema.target).skill.key)
    return None if score is None or finite(score.value) is None else score


def main_score(results: Results) -> Score | None:
    """The metric of the first threshold that is about the model itself, else a usual one."""
    promised = [
        str(threshold["metric"])
        for threshold in (results.config.get("report") or {}).get("thresholds") or []
    ]
    for name in (*promised, *_MAIN):
        score = results.score(name)
        if score is not None and finite(score.value) is not None:
            return score
    return None
