"""Which checks are made of which kind of data, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deepseek_report.artifacts.schema import Modality
from deepseek_report.artifacts.split import DataIssue, Severity
from deepseek_report.datasets import array_checks, checks, coverage_checks, text_checks
from deepseek_report.datasets.card import Facts
from deepseek_report.datasets.code_book import undocumented_codes

Check = Callable[[Facts], list[DataIssue]]

_ALWAYS: tuple[Check, ...] = (
    coverage_checks.label_balance,
    coverage_checks.small_group,
    coverage_checks.population_limits,
)
_OF_ROWS: tuple[Check, ...] = (checks.duplicates_across_parts, checks.duplicates)
_ARRAYS: tuple[Check, ...] = (
    *_OF_ROWS,
    array_checks.near_leak,
    array_checks.constant_columns,
    array_checks.missing_values,
)

CHECKS: Mapping[Modality, tuple[Check, ...]] = {
    "table": (
        *_OF_ROWS,
        checks.near_leak,
        undocumented_codes,
        checks.correlated_features,
        checks.missing_values,
        checks.rare_categories,
        checks.constant_feature,
        checks.left_out_dates,
    ),
    "text": text_checks.CHECKS,
    "image": _ARRAYS,
    "series": _ARRAYS,
}


def find_issues(facts: Facts) -> tuple[DataIssue, ...]:
    """All that the checks find, gravest first."""
    grave: tuple[Severity, ...] = ("high", "medium", "low", "info")
    made = (*CHECKS[facts.schema.modality], *_ALWAYS)
    found = [issue for check in made for issue in check(facts)]
    return tuple(sorted(found, key=lambda issue: grave.index(issue.severity)))
