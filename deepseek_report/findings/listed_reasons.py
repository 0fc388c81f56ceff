"""Which reasons of a case are listed, and by which number its picture and its page call them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.explanation import LEAST_READABLE, Explanation
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.written_texts import is_unknown
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import DataKind
from deepseek_report.metrics.cases.reason_codes import ReasonCodeRule, told_of
from deepseek_report.metrics.cases.single_case_rows import CaseReason, CaseRow, ReasonCode
from deepseek_report.statistics.intervals import Z95
from deepseek_report.tasks import task_of

#: How many reasons of a case are listed; the picture shows the rest.
REASONS = 4


def is_readable(row: CaseReason) -> bool:
    """Whether an attribution is beyond its sampling error, and large enough to be read.

    A word that the model does not know is none: nobody can read what it was.
    """
    if is_unknown(row.display):
        return False
    least = LEAST_READABLE[row.output_space]
    return abs(row.attribution) > max(Z95 * (row.error or 0.0), least)


def region_numbers(results: Results, explainer: str | None) -> Mapping[tuple[int, str], int]:
    """{(case, label): number} of the regions of an image, or spans of a series, that are listed.

    Where a case was decided against, they are its reason codes, else the greatest attributions.
    Parts of other data have names of their own, and no numbers.
    """
    kind = kind_of(results.schema)
    if explainer is None or kind.named_columns or kind.quotes:
        return {}
    against = _by_case(results.rows(*ReasonCode.source, ReasonCode), explainer)
    greatest = _by_case(results.rows(*CaseReason.source, CaseReason), explainer)
    coded = results.score("reason_codes_kept", explainer=explainer) is not None
    target = results.schema.target
    numbers: dict[tuple[int, str], int] = {}
    for case in results.rows(*CaseRow.source, CaseRow):
        listed: list[str]
        if coded and target.is_judged and case.decision != target.favourable_class:
            listed = [row.label for row in against.get(case.case, ()) if row.role == "reason"]
        else:
            largest = greatest.get(case.case, ())[:REASONS]
            listed = [row.label for row in largest if is_readable(row)]
        numbers |= {(case.case, label): at for at, label in enumerate(listed, 1)}
    return numbers


Told = TypeVar("Told", CaseReason, ReasonCode)


def _by_case(rows: Iterable[Told], explainer: str) -> dict[int, list[Told]]:
    """The rows of one method, by case, in their order."""
    by_case: dict[int, list[Told]] = {}
    for row in sorted((row for row in rows if row.explainer == explainer), key=lambda r: r.rank):
        by_case.setdefault(row.case, []).append(row)
    return by_case


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
