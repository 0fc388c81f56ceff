"""How well runs and methods do on the same rows, and whether they differ by more than chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import pandas as pd

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Study
from deepseek_report.artifacts.table import TableType
from deepseek_report.artifacts.table_rows import BARE_ENDS, HIDDEN, Cell
from deepseek_report.comparisons.methods import Method, pairs_to_compare, runs_by_data
from deepseek_report.findings.severity import SIGNIFICANT
from deepseek_report.statistics.intervals import Z95, holm
from deepseek_report.statistics.paired import FEWEST_SEEDS, SeedRuns, method_gap
from deepseek_report.tasks import task_of
from deepseek_report.tasks.comparisons import RowMeasure

#: Up to so many runs all pairs are compared, beyond it each with the baseline.
_ALL_PAIRS = 8


@dataclass(frozen=True)
class MethodRun:
    """What a run of a method reaches: a row of `compared_performance.values`."""

    method: Annotated[str, HIDDEN]
    run: str
    measure: Annotated[str, "metric"]
    value: Annotated[Estimate, BARE_ENDS]
    n: int


@dataclass(frozen=True)
class MethodPair:
    """Two methods by a measure: a row of `compared_performance.methods`.

    better : the label of the better one; empty where chance may explain the difference.
    within_region : probability that the difference is of no practical use. seeds_needed : to tell.
    """

    first: str
    other: str
    measure: Annotated[str, "metric"]
    difference: Annotated[Estimate, BARE_ENDS, Cell(n="")]
    seeds: int
    p_value: Annotated[float, "p_value", HIDDEN]
    p_adjusted: Annotated[float, "p_value"]
    better: str
    within_region: Annotated[float, "share"]
    seeds_needed: int | None


@dataclass(frozen=True)
class FittedPair:
    """Two fitted models by a measure, on the same n rows: a row of `compared_performance.fitted`.

    better : as in `MethodPair`.
    """

    first: str
    other: str
    measure: Annotated[str, "metric"]
    difference: Annotated[Estimate, BARE_ENDS, Cell(n="")]
    n: Annotated[int, HIDDEN]
    p_value: Annotated[float, "p_value", HIDDEN]
    p_adjusted: Annotated[float, "p_value"]
    better: str


@dataclass(frozen=True)
class MethodSpread:
    """What the seeds of a method reach: a row of `compared_performance.spread`."""

    method: str
    measure: Annotated[str, "metric"]
    seeds: int
    mean: float
    spread: float
    least: float
    most: float


VALUES = TableType.of(MethodRun, folded=True)
FITTED = TableType.of(FittedPair)
METHODS = TableType.of(MethodPair)
SPREAD = TableType.of(MethodSpread)
TYPES = {"values": VALUES, "fitted": FITTED, "methods": METHODS, "spread": SPREAD}


@dataclass(frozen=True)
class Region:
    """The size below which a difference is of no practical use.

    share : of measures that are read as shares or lie between 0 and 1. relative : of any other, as
    a part of the mean value.
    """

    share: float = 0.01
    relative: float = 0.02

    def of(self, measure: RowMeasure, mean: float) -> float:
        """The half width of the region for one measure."""
        return abs(mean) * self.relative if measure.in_unit else self.share


def performance(
    study: Study,
    methods: Sequence[Method],
    models: Sequence[int],
    labels: Sequence[str],
    region: Region,
    baseline: int | None = None,
) -> Measurement:
    """Values, paired differences of fitted models, and differences of methods over seeds.

    Values are those of all rows that a run tests. Differences are those of the first minus the
    other, on the rows that all runs test; their p-values are corrected by Holm over all rows of a
    table. Methods are compared from five seeds each on.

    models : positions of the runs, one for each fitted model.
    """
    task = task_of(study.runs[0].schema.target)
    values = [
        {"method": method.label, "run": labels[position], **row}
        for method in methods
        for position in method.runs
        for row in _values(task.by_rows, study.runs[position].predictions)
    ]
    tables = {"values": pd.DataFrame(values)}
    notes: list[Text] = []
    if not study.shared.suffice:
        by_seeds = len(runs_by_data(study)) == 1 and not study.same_seeds
        notes.append(message(f"comparison.{'refused_rows' if by_seeds else 'refused_data'}"))
        return Measurement(tables=tables, notes=tuple(notes)).typed(TYPES)
    predictions = study.paired
    pairs = pairs_to_compare(models, baseline, _ALL_PAIRS)
    if len(models) > _ALL_PAIRS:
        notes.append(message("comparison.with_one", label=labels[baseline or 0]))
    if len(models) < len(study):
        alike = [method.label for method in methods if not {*method.runs} <= {*models}]
        notes.append(message("comparison.same_models", methods=alike))
    fitted = [
        row
        for first, other in pairs
        for row in _fitted(task.by_rows, predictions, labels, first, other)
    ]
    if fitted:
        tables |= {"fitted": _judged(fitted, FITTED)}
    seeded = [method for method in methods if len(method.independent) >= FEWEST_SEEDS]
    if len(seeded) < len(methods):
        few = [method.label for method in methods if method not in seeded]
        notes.append(message("comparison.few_seeds", methods=few, fewest=FEWEST_SEEDS))
    runs = {
        (method.label, measure.key): SeedRuns.of(
            [measure.by_observation(predictions[i]) for i in method.independent]
        )
        for method in methods
        for measure in task.by_rows
    }
    spread = [
        {
            "method": method,
            "measure": measure,
            "seeds": len(own),
            "mean": own.mean,
            "spread": own.spread,
            "least": float(own.values.min()),
            "most": float(own.values.max()),
        }
        for (method, measure), own in runs.items()
    ]
    tables |= {"spread": pd.DataFrame(spread)}
    between = list(_methods(seeded, task.by_rows, runs, region))
    if between:
        tables |= {"methods": _judged(between, METHODS)}
    return Measurement(tables=tables, notes=tuple(notes)).typed(TYPES)


@dataclass(frozen=True)
class _Tested:
    """Two runs or methods by a measure. p_value : not yet corrected; cells : others of the row."""

    first: str
    other: str
    measure: RowMeasure
    difference: Estimate
    p_value: float
    cells: Mapping[str, object]

    def row(self, p_adjusted: float) -> dict[str, object]:
        """The row of the table; `better` is empty where chance may explain the difference."""
        is_ahead = (self.difference.value > 0) == (self.measure.direction == "higher")
        better = self.first if is_ahead else self.other
        return {
            "first": self.first,
            "other": self.other,
            "measure": self.measure.key,
            **self.difference.cells("difference"),
            **self.cells,
            "p_value": self.p_value,
            "p_adjusted": p_adjusted,
            "better": better if p_adjusted < SIGNIFICANT else "",
        }


def _values(
    measures: Sequence[RowMeasure], predictions: Predictions
) -> Iterator[dict[str, object]]:
    for measure in measures:
        value, influence = measure.by_observation(predictions)
        half = Z95 * float((influence**2).sum()) ** 0.5
        ends = {"low": value - half, "high": value + half}
        yield {"measure": measure.key, "value": value, **ends, "n": len(predictions)}


def _fitted(
    measures: Sequence[RowMeasure],
    predictions: Sequence[Predictions],
    labels: Sequence[str],
    first: int,
    other: int,
) -> Iterator[_Tested]:
    for measure in measures:
        gap, p = measure.difference(predictions[first], predictions[other])
        yield _Tested(labels[first], labels[other], measure, gap, p, {"n": gap.n})


def _methods(
    methods: Sequence[Method],
    measures: Sequence[RowMeasure],
    runs: Mapping[tuple[str, str], SeedRuns],
    region: Region,
) -> Iterator[_Tested]:
    for first, other in combinations(methods, 2):
        for measure in measures:
            both = [runs[method.label, measure.key] for method in (first, other)]
            gap = method_gap(*both)
            cells = {
                "seeds": min(map(len, both)),
                "within_region": gap.within(region.of(measure, both[1].mean)),
                "seeds_needed": gap.seeds_needed,
            }
            labels = (first.label, other.label)
            yield _Tested(*labels, measure, gap.difference, gap.p_value, cells)


def _judged(tested: Sequence[_Tested], kind: TableType) -> pd.DataFrame:
    """The rows with corrected p-values, and which of the two is better by more than chance."""
    adjusted = holm([each.p_value for each in tested])
    rows = [each.row(float(p)) for each, p in zip(tested, adjusted, strict=True)]
    table = pd.DataFrame(rows)
    return table[[key for key in kind.keys if key in table]]
