"""Everything that is computed of a study of several runs, and what may be concluded from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import Study
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.comparisons.methods import (
    Method,
    fitted_models,
    methods_of,
    run_labels,
    what_varied,
)
from deepseek_report.comparisons.over_data_sets import of_data_sets, over_data_sets
from deepseek_report.comparisons.paired_decisions import decisions, largest_gap
from deepseek_report.comparisons.paired_explanations import explanations
from deepseek_report.comparisons.paired_performance import Region, performance
from deepseek_report.comparisons.promises import promises, to_decide
from deepseek_report.errors import ArtifactError
from deepseek_report.tasks import task_of

#: Probability of no practical difference from which on two methods count as alike.
ALIKE = 0.95
#: Pairs of methods that have a sentence each; of more they are counted, and the farthest named.
_MOST_PAIRS = 3


def conclusions(
    study: Study, methods: Sequence[Method], measurements: Mapping[str, Measurement], region: Region
) -> tuple[Message, ...]:
    """What may be said of these runs; where nothing may, that stands there with the reason."""
    tables = measurements["compared_performance"].tables
    main = task_of(study.runs[0].schema.target).by_rows[0].key
    return (
        *of_data_sets(measurements["compared_data_sets"].tables.get("pairs"), main),
        *_of_methods(tables.get("methods"), main, region),
        *_of_fitted(study, tables.get("fitted"), main),
        *_of_decisions(measurements["compared_decisions"].tables.get("changes")),
        *_of_explanations(measurements["compared_explanations"].tables.get("agreement")),
        *_of_prices(measurements["compared_price"].tables.get("prices"), methods),
    )


def _of_methods(table: pd.DataFrame | None, main: str, region: Region) -> Iterator[Message]:
    """Which method is better for new seeds and rows, by the main measure."""
    if table is None:
        yield message("comparison.conclusions.no_methods")
        return
    own = table[table["measure"] == main]
    if len(own) > _MOST_PAIRS:
        better = own["better"] != ""
        alike = ~better & (own["within_region"] >= ALIKE)
        yield message(
            "comparison.conclusions.methods_counted",
            pairs=len(own),
            better=int(better.sum()),
            alike=int(alike.sum()),
            open=int((~better & ~alike).sum()),
            measure=main,
            tests=len(table),
        )
        farthest = own[better]["difference"].abs().nlargest(_MOST_PAIRS).index
        own = own.loc[farthest]
    for _, row in own.iterrows():
        yield _of_two_methods(row, main, len(table), region)


def _of_two_methods(row: pd.Series, main: str, tests: int, region: Region) -> Message:
    values = {
        "first": row["first"],
        "other": row["other"],
        "measure": main,
        "difference": _estimate(row),
        "p": float(row["p_adjusted"]),
        "seeds": int(row["seeds"]),
        "tests": tests,
        "within": float(row["within_region"]),
        "region": region.share,
        "needed": None if pd.isna(row["seeds_needed"]) else int(row["seeds_needed"]),
    }
    if row["better"]:
        return message("comparison.conclusions.method_better", better=row["better"], **values)
    if row["within_region"] >= ALIKE:
        return message("comparison.conclusions.methods_alike", **values)
    return message("comparison.conclusions.methods_open", **values)


def _of_fitted(study: Study, table: pd.DataFrame | None, main: str) -> Iterator[Message]:
    """How many pairs of fitted models differ, and the largest difference."""
    if table is None:
        one_model = message("comparison.conclusions.one_model")
        yield one_model if study.same_rows else message("comparison.conclusions.not_paired")
        return
    own = table[table["measure"] == main]
    apart = own[own["better"] != ""]
    others = [
        {"measure": key, "apart": int((rows["better"] != "").sum())}
        for key, rows in table[table["measure"] != main].groupby("measure", sort=False)
    ]
    values = {
        "pairs": len(own),
        "apart": len(apart),
        "measure": main,
        "tests": len(table),
        "others": others,
    }
    if apart.empty:
        yield message("comparison.conclusions.fitted_open", **values)
        return
    row = apart.loc[apart["difference"].abs().idxmax()]
    yield message(
        "comparison.conclusions.fitted_apart",
        **values,
        better=row["better"],
        worse=row["other"] if row["better"] == row["first"] else row["first"],
        difference=_estimate(row),
        n=int(row["n"]),
    )


def _of_decisions(table: pd.DataFrame | None) -> Iterator[Message]:
    if table is None:
        return
    whole = table[table["attribute"] == ""]
    row = whole.loc[whole["changed"].idxmax()]
    yield message(
        "comparison.conclusions.decisions",
        first=row["first"],
        other=row["other"],
        changed=float(row["changed"]),
        gained=int(row["gained"]),
        lost=int(row["lost"]),
        n=int(row["n"]),
        p=float(row["p_adjusted"]),
        pairs=len(whole),
        against_one=len(set(whole["other"])) == 1,
        tests=len(table),
    )


def _of_explanations(table: pd.DataFrame | None) -> Iterator[Message]:
    """How far the explanations of one method over seeds, and those of two methods, agree."""
    if table is None:
        return
    for kind, rows in (
        ("seeds", table[table["first"] == table["other"]]),
        ("methods", table[table["first"] != table["other"]]),
    ):
        known = rows[rows["spearman"].notna()]
        if known.empty:
            continue
        least = known.loc[known["spearman"].idxmin()]
        yield message(
            f"comparison.conclusions.explanations_{kind}",
            explainer=least["explainer"],
            first=least["first"],
            other=least["other"],
            spearman=Estimate.of(
                least["spearman"], least["spearman_low"], least["spearman_high"], least["n"]
            ),
            top=float(least["top"]),
            by_chance=float(least["by_chance"]),
            n=int(least["n"]),
            of=len(known),
        )


def _of_prices(table: pd.DataFrame | None, methods: Sequence[Method]) -> Iterator[Message]:
    if table is None or len(methods) < 2:
        return
    unbeaten = table["not_beaten"].astype(bool)
    best, beaten = (table.loc[rows, "method"].tolist() for rows in (unbeaten, ~unbeaten))
    wishes = [c for c in table.columns if c not in {"method", "not_beaten", "beaten_by"}]
    yield message("comparison.conclusions.not_beaten", methods=best, beaten=beaten, wishes=wishes)


def _estimate(row: pd.Series) -> Estimate:
    return Estimate.of(row["difference"], row["low"], row["high"])


PRICES = TableType(
    (
        *columns_of("method value:number"),
        *columns_of("gap:share faithfulness:number parameters:count", optional=True),
        *columns_of("seconds:seconds", optional=True),
        *columns_of("not_beaten:yes_no beaten_by"),
    )
)
#: {column: whether more of it is better}; the main measure's own direction stands in its place.
_WISHES: Mapping[str, bool] = {
    "gap": False,
    "faithfulness": True,
    "parameters": False,
    "seconds": False,
}


def price(study: Study, methods: Sequence[Method]) -> Measurement:
    """The table `prices`: means over the runs of a method.

    A method is beaten by another that is at least as good in every column that both have and
    better in one. Means are compared as they are: whether two differ by more than chance stands in
    the tables on performance.
    """
    if not study.same_data:
        return Measurement(notes=(message("comparison.price_of_other_data"),))
    measure = task_of(study.runs[0].schema.target).by_rows[0]
    rows = [_row(study, method) for method in methods]
    wishes = {"value": measure.direction == "higher", **_WISHES}
    for row in rows:
        better = [other["method"] for other in rows if _beats(other, row, wishes)]
        row["not_beaten"], row["beaten_by"] = not better, ", ".join(better)
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    keys = [key for key in PRICES.keys if key in table]
    return Measurement(tables={"prices": table[keys]}).typed({"prices": PRICES})


def _row(study: Study, method: Method) -> dict[str, Any]:
    runs = [study.runs[position] for position in method.runs]
    measure = task_of(study.runs[0].schema.target).by_rows[0]
    return {
        "method": method.label,
        "value": _mean([measure.of(run.predictions)[0] for run in runs]),
        "gap": _mean([largest_gap(run) for run in runs]),
        "faithfulness": _mean([_faithfulness(run) for run in runs]),
        "parameters": _mean([run.architecture.get("parameters") for run in runs]),
        "seconds": _mean([run.training_time.get("seconds") for run in runs]),
    }


def _faithfulness(run: Results) -> float | None:
    """The best gain over random order in deletion, of the explainers that were tested."""
    gains = [
        score.value
        for name in run.names("explanations")
        if name != "random" and (measured := run.measurement("deletion", name)) is not None
        for score in measured.scores
        if score.metric == "deletion_gain"
    ]
    return max(gains, default=None)


def _mean(values: Sequence[float | None]) -> float:
    known = [float(value) for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) and known else np.nan


def _beats(first: Mapping[str, Any], other: Mapping[str, Any], wishes: Mapping[str, bool]) -> bool:
    gains = [
        (1 if more else -1) * (first[key] - other[key])
        for key, more in wishes.items()
        if not (np.isnan(first[key]) or np.isnan(other[key]))
    ]
    return bool(gains) and min(gains) >= 0 and max(gains) > 0


@dataclass(frozen=True)
class StudyComparison:
    """A study, read.

    methods : runs that differ in their seeds alone are one. labels : (run,) what each is called.
    baseline : position of the run that the others are set against; None: all against all.
    measurements : {name: tables and notes}, in the order in which they are read.
    conclusions : computed sentences, the most important first.
    """

    study: Study
    methods: tuple[Method, ...]
    labels: tuple[str, ...]
    baseline: int | None
    measurements: Mapping[str, Measurement]
    conclusions: Sequence[Message]


def compare(
    study: Study, baseline: int | None = None, region: Region | None = None
) -> StudyComparison:
    """Compare runs by their artifacts alone.

    baseline : position of the run that the others are set against.
    region : size of a difference that is of no practical use.

    Raises ArtifactError: there is one run only, a run holds no predictions or none of single rows,
        or the runs are judged by different measures.
    """
    _refuse(study)
    region = region or Region()
    methods = methods_of(study)
    models = fitted_models(study, methods, baseline)
    labels = run_labels(study, methods)
    measurements = {
        "compared_settings": what_varied(study),
        "compared_performance": performance(study, methods, models, labels, region, baseline),
        "compared_data_sets": over_data_sets(study, region),
        "compared_explanations": explanations(study, methods),
        "compared_promises": promises(study, labels),
        "compared_decisions": decisions(study, models, labels, baseline),
        "compared_price": price(study, methods),
    }
    concluded = conclusions(study, methods, measurements, region)
    if baseline is not None:
        changes = measurements["compared_decisions"].tables.get("changes")
        concluded = (*to_decide(study, labels, baseline, changes), *concluded)
    return StudyComparison(study, methods, labels, baseline, measurements, concluded)


def _refuse(study: Study) -> None:
    if len(study) < 2:
        raise ArtifactError("a comparison needs two runs or more; name their folders")
    for run in study:
        if "predictions" in run.failures:
            raise ArtifactError(
                f"{run.folder}: this run has no predictions, since making them or training the "
                "model failed (its report says why); compare the others"
            )
        if not run.has("predictions/test") or not run.has_rows:
            raise ArtifactError(
                f"{run.folder}: this run holds no predictions of single rows (report.privacy), so "
                "it cannot be compared row by row; compare runs made with report.privacy=full"
            )
    measures = {task_of(run.schema.target).by_rows[0].key for run in study}
    if len(measures) > 1:
        what = ", ".join(sorted(measures))
        raise ArtifactError(
            f"these runs are judged by different measures: {what}; compare runs of one task"
        )
