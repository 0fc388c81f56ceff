"""Methods over several data sets: the mean value on each, and what that says of another one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import Study
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.comparisons.methods import methods_of
from deepseek_report.comparisons.paired_performance import Region
from deepseek_report.statistics.paired import critical_difference, mean_ranks, signed_rank
from deepseek_report.tasks import task_of
from deepseek_report.tasks.comparisons import RowMeasure

#: Data sets from which on an advantage is concluded, and from which on mean ranks are set side by
#: side.
FEWEST_TO_CONCLUDE, FEWEST_TO_RANK = 8, 5
#: What the posterior probabilities of all pairs together may leave open. With eight data sets and
#: two equal methods an advantage is then told in some 6 % of studies
#: (`benchmarks/conclusions.py studies`).
_OPEN = 0.01
#: Methods that have a sentence for each pair.
_MOST_PAIRS = 3

DATA_SETS = TableType(columns_of("data_set method seeds:count value:number n:count"))
PAIRS = TableType(
    (
        *columns_of("first other data_sets:count first_better:share alike:share"),
        *columns_of("other_better:share concluded"),
    )
)
#: half : of the critical difference.
RANKS = TableType(
    (
        *columns_of("method rank:number"),
        Column("half", "number", shown=False),
        Column("data_sets", "count"),
    )
)
TYPES = {"data_sets": DATA_SETS, "pairs": PAIRS, "ranks": RANKS}
#: In the column `concluded` of two methods that are alike for practical purposes.
ALIKE = "="


@dataclass(frozen=True)
class DataSet:
    """Runs of a study on one data set. values : {method: the main measure of each of its runs}."""

    label: str
    runs: tuple[Results, ...]
    values: Mapping[str, tuple[float, ...]]

    def mean(self, method: str) -> float:
        return float(np.mean(self.values[method]))


def data_sets_of(study: Study) -> list[DataSet]:
    """The data sets of a study, in the order of their first runs."""
    groups: dict[str, list[Results]] = {}
    for run in study:
        settings = json.dumps(run.config.get("dataset"), sort_keys=True, default=str)
        groups.setdefault(settings, []).append(run)
    names = [str(runs[0].config.get("name") or "") for runs in groups.values()]
    labels = [
        name if name and names.count(name) == 1 else f"{name} {place}".strip()
        for place, name in enumerate(names, 1)
    ]
    return [
        DataSet(label, tuple(runs), dict(_values(runs)))
        for label, runs in zip(labels, groups.values(), strict=True)
    ]


def _values(runs: Sequence[Results]) -> Iterator[tuple[str, tuple[float, ...]]]:
    part = Study(tuple(runs))
    measure = _measure(part)
    for method in methods_of(part):
        own = (part.runs[place].predictions for place in method.independent)
        yield method.label, tuple(float(measure.of(predictions)[0]) for predictions in own)


def _measure(study: Study) -> RowMeasure:
    return task_of(study.runs[0].schema.target).by_rows[0]


def over_data_sets(study: Study, region: Region) -> Measurement:
    """Means by data set; from five on ranks, and how sure an advantage on another data set is.

    Nothing where all runs are of one data set.

    Differences are set against the region of each data set, whose size may hang on its unit.
    """
    known = data_sets_of(study)
    shared = _shared(known)
    if len(known) < 2:
        return Measurement()
    rows = [
        {
            "data_set": data_set.label,
            "method": method,
            "seeds": len(values),
            "value": data_set.mean(method),
            "n": len(data_set.runs[0].predictions),
        }
        for data_set in known
        for method, values in data_set.values.items()
    ]
    tables = {"data_sets": pd.DataFrame(rows)}
    notes: list[Text] = []
    if len(shared) < 2:
        notes.append(message("comparison.no_shared_methods"))
    elif len(known) < FEWEST_TO_RANK:
        notes.append(message("comparison.few_data_sets", n=len(known), fewest=FEWEST_TO_RANK))
    else:
        measure = _measure(study)
        tables["pairs"] = pd.DataFrame(_pairs(known, shared, measure, region))
        means = np.array([[data_set.mean(method) for method in shared] for data_set in known])
        ranks = mean_ranks(means, higher_is_better=measure.direction == "higher")
        distance = critical_difference(len(shared), len(known))
        facts = {"method": shared, "rank": ranks, "half": distance / 2, "data_sets": len(known)}
        tables["ranks"] = pd.DataFrame(facts).sort_values("rank", kind="stable", ignore_index=True)
        notes.append(message("comparison.critical_difference", distance=distance, n=len(known)))
    return Measurement(tables=tables, notes=tuple(notes)).typed(TYPES)


def _shared(known: Sequence[DataSet]) -> list[str]:
    """The methods that every data set has."""
    return [name for name in known[0].values if all(name in other.values for other in known)]


def _pairs(
    known: Sequence[DataSet], shared: Sequence[str], measure: RowMeasure, region: Region
) -> list[dict[str, Any]]:
    pairs = list(combinations(shared, 2))
    sure = 1 - _OPEN / len(pairs)
    sign = 1 if measure.direction == "higher" else -1
    rows = []
    for first, other in pairs:
        differences = [
            sign * (each.mean(first) - each.mean(other)) / region.of(measure, each.mean(other))
            for each in known
        ]
        posterior = signed_rank(np.array(differences), 1.0)
        chances = {first: posterior.more, ALIKE: posterior.alike, other: posterior.less}
        concluded = [name for name, chance in chances.items() if chance >= sure]
        enough = len(known) >= FEWEST_TO_CONCLUDE
        rows.append(
            {
                "first": first,
                "other": other,
                "data_sets": len(known),
                "first_better": posterior.more,
                "alike": posterior.alike,
                "other_better": posterior.less,
                "concluded": concluded[0] if concluded and enough else "",
            }
        )
    return rows


def of_data_sets(table: pd.DataFrame | None, measure: str) -> Iterator[Message]:
    """What may be said of methods for a data set that is not among these."""
    if table is None:
        return
    data_sets = int(table["data_sets"].iloc[0])
    if data_sets < FEWEST_TO_CONCLUDE:
        yield message(
            "comparison.conclusions.data_sets_too_few", n=data_sets, fewest=FEWEST_TO_CONCLUDE
        )
        return
    kinds = table["concluded"].map(lambda text: {"": "open", ALIKE: "alike"}.get(text, "better"))
    if len(table) > _MOST_PAIRS:
        counts = {kind: int((kinds == kind).sum()) for kind in ("better", "alike", "open")}
        yield message(
            "comparison.conclusions.data_sets_counted",
            pairs=len(table),
            measure=measure,
            n=data_sets,
            **counts,
        )
        return
    for kind, row in zip(kinds, table.to_dict("records"), strict=True):
        yield message(f"comparison.conclusions.data_sets_{kind}", measure=measure, **row)
