"""What of the attributions of one case may be shown: those beyond their error, and a base."""

from __future__ import annotations

import math

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import DataKind
from deepseek_report.metrics.cases.reason_codes import ReasonCodeRule, told_of
from deepseek_report.statistics.intervals import Z95
from deepseek_report.tasks import task_of


def beyond_error(kind: DataKind, explanation: Explanation) -> Bools:
    """(player,) of one instance whether its attribution is beyond the 95 % sampling error.

    True for all where the method has no sampling error; it is then not known to be larger.
    """
    values = kind.by_player(explanation.values, explanation.inputs)[0]
    if explanation.standard_error is None:
        return np.ones(len(values), dtype=bool)
    errors = kind.by_player(explanation.standard_error, explanation.inputs)[0]
    return np.asarray(~(np.abs(values) <= Z95 * errors))


def case_explanation(results: Results, explainer: str) -> Explanation:
    """What a method says of the single cases, as every list and picture of them tells it."""
    explanation, schema = results.explanations[explainer], results.schema
    decides = task_of(schema.target).decides and kind_of(schema).named_columns
    if not (decides and results.has_rows and explanation.values.size):
        return explanation
    metric = (results.config.get("metrics") or {}).get("cases") or {}
    rule = ReasonCodeRule(**(metric.get("reason_codes") or {}))
    return told_of(results.predictions, explanation, schema, rule)


def base_of(instance: Explanation) -> float | None:
    """The output that the attributions of one case start from; None where there is none.

    A surrogate may start below 0 or above 1, which is no probability that a model could give.
    """
    if instance.base_values is None:
        return None
    base = float(instance.base_values[0])
    if math.isnan(base) or (instance.output_space == "probability" and not 0 <= base <= 1):
        return None
    return base
