"""Whether the model is shown to beat the best constant: without that, nothing it says is of use."""

from __future__ import annotations

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.tasks import task_of
from deepseek_report.wording.estimates import ends

#: The predictor that says the same of everyone, see `metrics/performance/reference_predictors.py`.
CONSTANT = "majority"


def has_skill(results: Results) -> bool | None:
    """Whether the model beats the best constant by the task's main score.

    The paired gain over the constant decides: True where its whole 95 % interval is above 0, False
    where it is not, None where it was not measured.
    """
    if not results.has("data"):
        return None
    gain = results.score(task_of(results.schema.target).gain.key, predictor=CONSTANT)
    if gain is None or finite(gain.value) is None:
        return None
    return ends(gain)[0] > 0
