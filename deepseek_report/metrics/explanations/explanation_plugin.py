"""What the metrics of explanations have in common."""

from __future__ import annotations

from typing import ClassVar

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext, Scope
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.score import Category
from deepseek_report.errors import NotApplicableError
from deepseek_report.tasks import task_of

#: The explainer that serves as the control.
CONTROL = "random"


class ExplanationMetric(MetricPart):
    """Defaults of a metric that judges one explanation."""

    category: ClassVar[Category] = "explanation"
    scope: ClassVar[Scope] = "explainer"


def judged(context: MeasureContext) -> Explanation:
    """The explanation to judge.

    Raises NotApplicableError: none was given.
    """
    if context.explanation is None or not len(context.explanation):
        raise NotApplicableError(message("refusals.nothing_explained"))
    return context.explanation


def about_sample(context: MeasureContext) -> tuple[Text, ...]:
    """That some explained instances were picked and not drawn, and so are no random sample."""
    picked, n = len(context.cases.picked), len(context.cases.explained)
    if not picked:
        return ()
    task = task_of(context.dataset.schema.target)
    about = message(
        "notes.explained.picked", picked=picked, n=n, extreme=task.extreme, within=task.within
    )
    return (about,)


def compared(context: MeasureContext) -> dict[str, Explanation]:
    """All explanations, in the order of the config.

    Raises NotApplicableError: there is none.
    """
    if not context.explanations:
        raise NotApplicableError(message("refusals.no_explanations"))
    return dict(context.explanations)


def without_control(explanations: dict[str, Explanation]) -> dict[str, Explanation]:
    """The explanations that claim to explain something."""
    return {
        name: explanation
        for name, explanation in explanations.items()
        if explanation.method != CONTROL
    }
