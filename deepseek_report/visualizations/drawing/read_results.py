"""What several pictures read from the results, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table_rows import R
from deepseek_report.errors import ArtifactError, NotApplicableError
from deepseek_report.visualizations.drawing.labels import known
from deepseek_report.wording.of_results import words_of

K = TypeVar("K")


def required(results: Results, metric: str, name: str, of: type[R]) -> list[R]:
    """The rows of a table that a picture cannot do without, see `read_rows`.

    Raises ArtifactError : the metric was not measured, or has no such table.
    NotApplicableError : the table has no rows, so there is nothing to draw.
    """
    if rows := results.rows(metric, name, of):
        return rows
    if results.table(metric, name) is None:
        reason = words_of(results).say(results.why_missing(ArtifactId.measure(metric)))
        raise ArtifactError(
            f"measures/{metric}: the table `{name}` is not there ({reason}); "
            f"add `{metric}` to the metrics, or leave this picture out"
        )
    notes = list(results.notes(metric)) or [message("refusals.nothing_to_list")]
    raise NotApplicableError(message("refusals.empty_table", notes=notes))


def grouped(rows: Iterable[R], key: Callable[[R], K]) -> dict[K, list[R]]:
    """{key: its rows}, keys and rows in the order in which they come."""
    groups: dict[K, list[R]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def reach(estimate: Estimate) -> float:
    """The upper end of its interval, or the value where that is beyond it or there is none."""
    return max(estimate.value, estimate.value if estimate.high is None else estimate.high)


def estimate_columns(estimates: Iterable[Estimate]) -> Floats:
    """(3, estimate) values and the ends of their intervals; NaN where something is missing."""
    cells = [(each.value, each.low, each.high) for each in estimates]
    return np.array(cells, dtype=np.float64).reshape(-1, 3).T


def known_estimate(score: Score | None) -> Estimate | None:
    """The value of a score with its interval; None where it was not measured or has no value."""
    return Estimate.of_score(score) if score is not None and known(score.value) else None


def signed_explainers(results: Results) -> list[str]:
    """Those that say which way a feature pushes, without the control, in the order of the config.

    Raises NotApplicableError : no explainer of this run gives signed attributions.
    """
    names = [n for n, method in results.explanations.items() if n != CONTROL and method.signed]
    if not names:
        raise NotApplicableError(message("refusals.no_signed_attributions"))
    return names


def leading(results: Results) -> str:
    """The explainer that does best in the tests, as the conclusions say.

    Raises NotApplicableError : no explainer of this run gives signed attributions.
    """
    return results.conclusions.leading or signed_explainers(results)[0]


def leading_for_cases(results: Results) -> str:
    """The explainer whose reasons are told case by case, as the conclusions say.

    Raises NotApplicableError : no explainer of this run gives signed attributions.
    """
    return results.conclusions.leading_for_cases or signed_explainers(results)[0]


def named_or(results: Results, explainer: str, choose: Callable[[Results], str]) -> str:
    """The explainer asked for, or the one that `choose` takes where none is named.

    Raises NotApplicableError : it is not among the explainers of this run.
    """
    if not explainer:
        return choose(results)
    if explainer in results.names("explanations"):
        return explainer
    names = list(results.names("explanations"))
    raise NotApplicableError(message("refusals.unknown_explainer", name=explainer, names=names))
