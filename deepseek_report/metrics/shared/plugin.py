"""What every metric of the model has in common: its scope, its needs, and how it fills a score."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import Scope
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.schema import (
    CLASS_TASKS,
    LABEL_TASKS,
    NUMBER_TASKS,
    PEOPLE,
    AttributeKind,
    Schema,
    TaskName,
)
from deepseek_report.artifacts.score import Category
from deepseek_report.errors import NotApplicableError

#: How often instances are drawn anew for a bootstrap interval.
Resamples = Annotated[int, Field(ge=100, le=100_000)]
#: Scores that say nothing where nobody declares the favourable class.
FAVOURABLE_SCORES = frozenset(
    {
        "selection_rate",
        "impact_ratio",
        "demographic_parity_difference",
        "equal_opportunity_difference",
        "equalized_odds_difference",
        "decisions_turned",
        "direct_gap",
    }
)
#: How many rows a measurement may look at.
Rows = Annotated[int, Field(ge=10)]


class ModelMetric(MetricPart):
    """Defaults of a metric that judges the model itself."""

    scope: ClassVar[Scope] = "model"


class ComputeMetric(ModelMetric):
    """Defaults of a metric of what a model costs, and of what its parts do."""

    counts_entities: ClassVar[bool] = True
    category: ClassVar[Category] = "compute"


class PeopleMetric(ModelMetric):
    """Defaults of a metric that compares how groups of people are decided about."""

    counts_entities: ClassVar[bool] = True
    category: ClassVar[Category] = "fairness"
    needs_groups: ClassVar[frozenset[AttributeKind]] = PEOPLE
    needs_favourable: ClassVar[bool] = True


class ClassMetric(ModelMetric):
    """Defaults of a metric that judges decisions between classes or their probabilities."""

    tasks: ClassVar[frozenset[TaskName]] = CLASS_TASKS


class NumberMetric(ModelMetric):
    """Defaults of a metric that judges predicted numbers."""

    tasks: ClassVar[frozenset[TaskName]] = NUMBER_TASKS


class LabelsMetric(ModelMetric):
    """Defaults of a metric that judges all labels of a multi-label target."""

    tasks: ClassVar[frozenset[TaskName]] = LABEL_TASKS


def require_two_classes(schema: Schema) -> None:
    """Refuse more than two classes, with the reason."""
    n_classes = len(schema.target.classes)
    if n_classes != 2:
        raise NotApplicableError(message("refusals.two_classes", n=n_classes))
