"""What every metric of the model has in common: its scope, its needs, and how it fills a score."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.finding import PARTS, Finding
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext, Scope
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.schema import CLASS_TASKS, LABEL_TASKS, NUMBER_TASKS, PEOPLE, Schema
from deepseek_report.errors import ArtifactError, NotApplicableError
from deepseek_report.statistics.resampling import Resampling

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


class EntityMetric(ModelMetric):
    """Defaults of a metric whose intervals and tests, if any, hold for rows of entities too."""

    counts_entities = True


class ComputeMetric(EntityMetric):
    """Defaults of a metric of what a model costs, and of what its parts do."""

    category = "compute"


class PeopleMetric(EntityMetric):
    """Defaults of a metric that compares how groups of people are decided about."""

    category = "fairness"
    needs_groups = PEOPLE
    needs_favourable = True


class ClassMetric(ModelMetric):
    """Defaults of a metric that judges decisions between classes or their probabilities."""

    tasks = CLASS_TASKS


class DecisionMetric(EntityMetric, ClassMetric):
    """Defaults of a metric of how well classes are decided."""

    category = "performance"


class NumberMetric(ModelMetric):
    """Defaults of a metric that judges predicted numbers."""

    tasks = NUMBER_TASKS


class LabelsMetric(ModelMetric):
    """Defaults of a metric that judges all labels of a multi-label target."""

    tasks = LABEL_TASKS


def require_two_classes(schema: Schema) -> None:
    """Refuse more than two classes, with the reason."""
    n_classes = len(schema.target.classes)
    if n_classes != 2:
        raise NotApplicableError(message("refusals.two_classes", n=n_classes))


def require_probabilities(predictions: Predictions) -> None:
    """Refuse predictions that are decisions alone, with the reason."""
    if not predictions.states_probabilities:
        raise NotApplicableError(message("refusals.nothing_stated"))


def measured(metric: MetricPart, context: MeasureContext) -> Measurement:
    """What the metric measures, with the types of its tables.

    Intervals and p-values of a metric that takes rows as independent are left out where they are
    not, with a note that says so, so that no finding rests on them.

    Raises ArtifactError: it concludes what it does not declare in `findings`, or without words.
    """
    measurement = metric.measure(context).typed(metric.tables)
    measurement = replace(
        measurement, findings=tuple(_declared(metric, each) for each in measurement.findings)
    )
    rows = _rows_of(metric, context)
    if rows.units is None or metric.counts_entities:
        return measurement
    return measurement.without_intervals(
        message("notes.no_clustered_form", rows=rows.n, entities=rows.n_units)
    )


def _declared(metric: MetricPart, finding: Finding) -> Finding:
    """The finding with the kinds of evidence on which the metric says that it bears."""
    declared, name = metric.findings, type(metric).__name__
    if not finding.message:
        if lacking := [part for part in PARTS if not finding.values.get(part)]:
            raise ArtifactError(
                f"the finding {finding.id!r} of {name} has no message, and `values` lack its "
                f"{', '.join(lacking)}: give all of {', '.join(PARTS)} as plain texts"
            )
        return finding
    if finding.message not in declared:
        raise ArtifactError(
            f"the finding {finding.message!r} of {name} is not declared; write "
            f'findings = {{"{finding.message}": ("metrics.performance",)}}, or whatever kinds of '
            "evidence it bears on, in that class"
        )
    from jinja2 import UndefinedError

    from deepseek_report.wording.words import wording

    try:
        wording().finding(finding)
    except (UndefinedError, TypeError) as error:
        raise ArtifactError(f"the finding {finding.message!r} of {name}: {error}") from None
    return replace(finding, bears_on=finding.bears_on or declared[finding.message])


def _rows_of(metric: MetricPart, context: MeasureContext) -> Resampling:
    """The test part, or the explained cases that were drawn at random, by their entities."""
    test = Resampling.of(context.dataset.test)
    cases = context.cases
    of_cases = metric.scope != "model" or "cases" in metric.reads
    if cases is None or not of_cases:
        return test
    drawn = np.delete(cases.explained, sorted(cases.picked))
    return test.take(drawn)
