"""What is wrong with data, or may be: one module a family of issues, and which are looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deepseek_report.artifacts.finding import SEVERITIES
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.data_kinds import kind_of
from deepseek_report.data_kinds.base import Structure
from deepseek_report.datasets.checks import array_checks, code_checks, table_checks, text_checks
from deepseek_report.datasets.checks.leaks import row_order
from deepseek_report.datasets.data_card import DataFacts

Check = Callable[[DataFacts], list[DataIssue]]

_ALWAYS: tuple[Check, ...] = (
    code_checks.entities_across_parts,
    code_checks.possible_entity,
    code_checks.classes_spelled_twice,
    code_checks.label_balance,
    code_checks.small_group,
    code_checks.population_limits,
)
_OF_ROWS: tuple[Check, ...] = (table_checks.duplicates_across_parts, table_checks.duplicates)
_ARRAYS: tuple[Check, ...] = (
    *_OF_ROWS,
    array_checks.near_leak,
    array_checks.constant_columns,
    array_checks.missing_values,
)

#: By what the columns are, see `DataKind.structure`.
CHECKS: Mapping[Structure, tuple[Check, ...]] = {
    "columns": (
        *_OF_ROWS,
        table_checks.near_leak,
        row_order,
        code_checks.undocumented_codes,
        table_checks.correlated_features,
        table_checks.missing_values,
        code_checks.missing_codes,
        code_checks.marks_as_categories,
        table_checks.rare_categories,
        table_checks.constant_feature,
        table_checks.left_out_dates,
        table_checks.identifier_read,
        code_checks.mixed_dates,
    ),
    "tokens": text_checks.CHECKS,
    "grid": _ARRAYS,
}


def find_issues(facts: DataFacts) -> tuple[DataIssue, ...]:
    """All that the checks find, gravest first."""
    made = (*CHECKS[kind_of(facts.schema).structure], *_ALWAYS)
    issues = [issue for check in made for issue in check(facts)]
    return tuple(sorted(issues, key=lambda issue: SEVERITIES.index(issue.severity)))
