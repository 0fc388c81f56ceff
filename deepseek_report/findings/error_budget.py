"""Which comparisons a run made, and at which level the findings judge them: one budget for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Protocol

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.extension import finding_modules
from deepseek_report.findings.explainer_verdicts import leading_explainer
from deepseek_report.findings.records import first
from deepseek_report.metrics.failures.failure_rows import CopyComparison, Slice
from deepseek_report.statistics.graphical_procedure import FamilyOfTests, levels_of
from deepseek_report.statistics.intervals import holm


@lru_cache(maxsize=1)
def levels(results: Results) -> Mapping[str, float]:
    """The level of each family's corrected p-values in this run, see `levels_of`.

    Many rules ask for it, row by row: it is computed once for a run.
    """
    return MappingProxyType(levels_of(families(results)))


def level_of(results: Results, family: str) -> float:
    """The level of one family."""
    return levels(results)[family]


def families(results: Results) -> dict[str, FamilyOfTests]:
    """The comparisons that this run made, by family; those that rest on intervals are not here.

    What a report such as the quick one leaves out counts as compared, with nothing known of it, so
    that it finds nothing that the whole report would not find.
    """
    skipped = {part.name for part in results.skipped if part.kind == "measures"}
    tests = {name: (family, _METRICS.get(name, (name,))) for name, family in _FAMILIES.items()}
    for module in modules_of(results):
        tests |= module.FAMILIES
    made = {name: family(results) for name, (family, _) in tests.items()}
    return {
        name: replace(made[name], made=made[name].made + len(skipped & {*metrics}))
        for name, (_, metrics) in tests.items()
    }


def modules_of(results: Results) -> list[ModuleType]:
    """The modules by which extensions find something in what was measured, or left out."""
    named = {*(results.config.get("metrics") or ()), *(part.name for part in results.skipped)}
    return [import_module(name) for name in finding_modules(named)]


@dataclass(frozen=True)
class CorrectedTest:
    """The corrected p-value of a row of any table."""

    p_adjusted: float | None = None


class Tested(Protocol):
    """A row with a corrected p-value, or None where nothing was tested."""

    @property
    def p_adjusted(self) -> float | None: ...


def is_under(row: Tested, level: float) -> bool:
    """Whether a corrected p-value is known and below a level."""
    return row.p_adjusted is not None and row.p_adjusted < level


def family_of(p_values: Iterable[float | None]) -> FamilyOfTests:
    """The tests that gave these p-values, without those that tested nothing."""
    known = tuple(p for each in p_values if (p := finite(each)) is not None)
    return FamilyOfTests(known, len(known))


def corrected_p_values(results: Results, metric: str, table: str) -> list[float | None]:
    """Those of the rows of a table."""
    return [row.p_adjusted for row in results.rows(metric, table, CorrectedTest)]


#: Favourable decisions, errors and mean errors of groups, and of their crossings.
_OF_GROUPS = (
    ("impact_ratio", "pairs"),
    ("equalized_odds_difference", "tests"),
    ("equal_opportunity_difference", "tests"),
    ("group_rates", "tests"),
)


def _column(results: Results, *tables: tuple[str, str]) -> FamilyOfTests:
    return family_of(p for table in tables for p in corrected_p_values(results, *table))


def _slices(results: Results) -> FamilyOfTests:
    """The table holds the clearest of all slices that were looked at."""
    searched = [r for r in results.rows("slices", "slices", Slice) if r.kind != "errors"]
    score = results.score("slices_examined")
    known = family_of(row.p_adjusted for row in searched)
    made = len(searched) if score is None else round(score.value)
    return FamilyOfTests(known.p_values, max(made, known.made))


def _stated(results: Results) -> FamilyOfTests:
    """The calibration of probabilities, or how often intervals hold, in all and in each group."""
    scores = [
        results.score(name)
        for name in ("expected_calibration_error", "prediction_interval_coverage")
    ]
    groups = corrected_p_values(results, "prediction_intervals", "by_group")
    return family_of([*(score.p_value for score in scores if score is not None), *groups])


def near_copies(results: Results) -> tuple[CopyComparison | None, float | None, float | None]:
    """How near copies were compared with other rows, and the p-values of what they do.

    These are of whether they are decided better, and whether they have the same label, more often
    than by chance, corrected for one another.
    """
    row = first(results.rows("near_copies", "comparison", CopyComparison))
    tested = (row.loss_p_value, row.same_p_value) if row else (None, None)
    corrected = iter(holm([p for p in tested if p is not None]).tolist())
    loss, same = (None if p is None else next(corrected) for p in tested)
    return row, loss, same


def explained_gaps(results: Results) -> list[tuple[Score, float]]:
    """How unequally the leading method explains groups, by attribute, each with its p-value.

    The p-values are corrected for the attributes that are compared.
    """
    leader = leading_explainer(results)
    tested = [
        (gap, p)
        for gap in results.find("deletion_gap_by_group")
        if gap.explainer == leader and (p := finite(gap.p_value)) is not None
    ]
    adjusted = holm([p for _, p in tested]).tolist()
    return [(gap, p) for (gap, _), p in zip(tested, adjusted, strict=True)]


_FAMILIES: Mapping[str, Callable[[Results], FamilyOfTests]] = {
    "group_differences": lambda results: _column(results, *_OF_GROUPS),
    "slices": _slices,
    "group_calibration": lambda results: _column(results, ("group_calibration", "groups")),
    "parts": lambda results: _column(results, ("part_performance", "tests")),
    "stated": _stated,
    "near_copies": lambda results: family_of(near_copies(results)[1:]),
    "explained_groups": lambda results: family_of(p for _, p in explained_gaps(results)),
}
#: {family: the metrics that make its comparisons} of those that are not called as their metric.
_METRICS = {
    "group_differences": tuple(metric for metric, _ in _OF_GROUPS),
    "parts": ("part_performance",),
    "stated": ("expected_calibration_error", "prediction_intervals"),
    "explained_groups": ("explanation_by_group",),
}
