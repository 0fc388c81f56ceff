"""The sentences that a comparison allows, each with what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import Study
from deepseek_report.comparisons.methods import Method
from deepseek_report.comparisons.over_data_sets import of_data_sets
from deepseek_report.comparisons.paired_performance import Region
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
