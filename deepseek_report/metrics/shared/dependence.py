"""What a metric measures of rows that depend: without intervals where it has no form for them."""

from __future__ import annotations

import numpy as np

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext, MetricPlugin
from deepseek_report.artifacts.protocols.traits import MetricPart, table_types, traits_of
from deepseek_report.artifacts.score import Measurement
from deepseek_report.statistics.resampling import Resampling


def measured(metric: MetricPlugin, context: MeasureContext) -> Measurement:
    """What the metric measures, with the types of its tables.

    Intervals and p-values of a metric that takes rows as independent are left out where they are
    not, with a note that says so, so that no finding rests on them.
    """
    measurement = metric.measure(context).typed(table_types(metric))
    rows = _rows_of(metric, context)
    if rows.units is None or traits_of(metric, MetricPart).counts_entities:
        return measurement
    return measurement.without_intervals(
        message("notes.no_clustered_form", rows=rows.n, entities=rows.n_units)
    )


def _rows_of(metric: MetricPlugin, context: MeasureContext) -> Resampling:
    """The test part, or the explained cases that were drawn at random, by their entities."""
    test = Resampling.of(context.dataset.test)
    cases = context.cases
    of_cases = traits_of(metric, MetricPart).scope != "model" or "cases" in metric.reads
    if cases is None or not of_cases:
        return test
    drawn = np.delete(cases.explained, sorted(cases.picked))
    return test.take(drawn)
