"""How often each group is decided favourably, against a reference group."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.disclosure import Reveals, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Bounds, Measurement, Score
from deepseek_report.artifacts.table import Column, TableType, TableTypes, estimate
from deepseek_report.metrics.fairness.groups import (
    Grouping,
    MinCell,
    MinEvents,
    Outcomes,
    groupings,
    reference_level,
)
from deepseek_report.metrics.shared.plugin import ClassMetric, PeopleMetric
from deepseek_report.statistics.intervals import (
    compare_rates,
    enough_events,
    holm,
    koopman,
    newcombe,
)

Verdict = Literal[
    "clear below", "below but uncertain", "above but uncertain", "clear above", "too few to judge"
]


def verdict(ratio: float, low: float, high: float, threshold: float) -> Verdict:
    """On which side of the threshold a ratio lies, and whether its interval excludes the other."""
    if math.isnan(ratio):
        return "too few to judge"
    if ratio < threshold:
        return "clear below" if high < threshold else "below but uncertain"
    return "clear above" if low > threshold else "above but uncertain"


def compare_with_reference(
    grouping: Grouping, outcomes: Outcomes, reference: str
) -> list[dict[str, object]]:
    """One row for each level but the reference: rates, ratio, difference, test."""
    n, favoured = grouping.sizes, grouping.count(outcomes.favoured)
    r = grouping.levels.index(reference)
    return [
        {
            "attribute": grouping.name,
            "attribute_label": grouping.label,
            "level": level,
            "reference": reference,
            **_compare(int(favoured[k]), int(n[k]), int(favoured[r]), int(n[r])),
        }
        for k, level in enumerate(grouping.levels)
        if k != r
    ]


def _compare(x: int, n: int, x_reference: int, n_reference: int) -> dict[str, object]:
    low, high = koopman(x, n, x_reference, n_reference)
    gap_low, gap_high = newcombe(x, n, x_reference, n_reference)
    own, reference = x / n, x_reference / n_reference
    test, p_value = compare_rates(x, n, x_reference, n_reference)
    return {
        "rate": own,
        "reference_rate": reference,
        "ratio": own / reference if reference else math.nan,
        "low": low,
        "high": high,
        "difference": own - reference,
        "difference_low": float(gap_low),
        "difference_high": float(gap_high),
        "n": n,
        "n_reference": n_reference,
        "test": test,
        "p_value": p_value,
    }


@dataclass(frozen=True)
class ImpactRatio(PeopleMetric, ClassMetric):
    """Each group's rate of favourable decisions over the reference group's, with a verdict."""

    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "pairs": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                Column("level"),
                Column("reference"),
                Column("n", "count"),
                Column("n_reference", "count", shown=False),
                Column("rate", "share"),
                Column("reference_rate", "share"),
                estimate("ratio"),
                estimate("difference", "points", prefix="difference"),
                Column("test", shown=False),
                Column("p_value", "p_value", shown=False),
                Column("p_adjusted", "p_value"),
                Column("verdict", "impact_verdict"),
            ),
            release=TableRelease(counts=("n", "n_reference")),
        )
    }
    bounds: ClassVar[Bounds] = {"impact_ratio": (0.0, None)}
    reads: ClassVar[frozenset[str]] = frozenset({"predictions", "dataset"})
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    reference: dict[str, str] = field(default_factory=dict)
    crossings: bool = True
    min_cell: MinCell = 30
    min_events: MinEvents = 5

    def measure(self, context: MeasureContext) -> Measurement:
        schema = context.dataset.schema
        groups = dict(context.predictions.groups)
        compared = groupings(schema, groups, crossings=self.crossings, min_cell=self.min_cell)
        outcomes = Outcomes.of(context.predictions, schema.target.declared_favourable)
        rows: list[dict[str, object]] = []
        notes: list[Text] = []
        for grouping in compared:
            level, note = reference_level(grouping, self.reference)
            rows += compare_with_reference(grouping, outcomes, level)
            notes += [note] if note and not grouping.crossing else []
        pairs = self._judge(pd.DataFrame(rows))
        notes += _notes(pairs, self.threshold)
        scores = tuple(
            _smallest(pairs[pairs["attribute"] == single.name])
            for single in compared
            if not single.crossing
        )
        return Measurement(scores, {"pairs": pairs}, notes=tuple(notes))

    def _judge(self, pairs: pd.DataFrame) -> pd.DataFrame:
        n, n_reference = pairs["n"], pairs["n_reference"]
        events = pairs["rate"] * n + pairs["reference_rate"] * n_reference
        smaller = np.minimum(n, n_reference)
        few = smaller < self.min_cell
        few |= ~enough_events(smaller, events / (n + n_reference), self.min_events)
        verdicts = [
            "too few to judge" if is_few else verdict(ratio, low, high, self.threshold)
            for is_few, ratio, low, high in zip(
                few, pairs["ratio"], pairs["low"], pairs["high"], strict=True
            )
        ]
        return pairs.assign(p_adjusted=holm(pairs["p_value"]), verdict=verdicts)


def _smallest(pairs: pd.DataFrame) -> Score:
    """The score of one attribute: its smallest ratio among the levels that can be judged."""
    judged = pairs[pairs["verdict"] != "too few to judge"]
    name = str(pairs["attribute"].iloc[0])
    if judged.empty:
        nothing = Estimate(math.nan, None, None, int(pairs["n"].sum()), "")
        return nothing.score(
            "impact_ratio", "fairness", "one", attribute=name, note=message("notes.too_few")
        )
    row = judged.loc[judged["ratio"].idxmin()]
    n = int(row["n"] + row["n_reference"])
    method = message("interval_methods.koopman")
    ratio = Estimate(float(row["ratio"]), float(row["low"]), float(row["high"]), n, method)
    return ratio.score(
        "impact_ratio",
        "fairness",
        "one",
        attribute=name,
        level=str(row["level"]),
        bounds=(0.0, None),
        p_value=float(row["p_adjusted"]),
        reference="doi:10.2307/2531405",
        note=message(
            "notes.impact_ratio.smallest",
            level=str(row["level"]),
            reference=str(row["reference"]),
            ratios=len(judged),
            test=str(row["test"]),
        ),
    )


def _notes(pairs: pd.DataFrame, threshold: float) -> Iterator[Text]:
    judged = pairs[pairs["verdict"] != "too few to judge"]
    yield message("notes.impact_ratio.corrected", n=int(pairs["p_value"].notna().sum()))
    above = judged[judged["ratio"] > 1 / threshold]
    for name, rows in above.groupby("attribute_label", sort=False):
        yield message(
            "notes.impact_ratio.low_reference",
            attribute=str(name),
            ratio=1 / threshold,
            levels=rows["level"].tolist(),
        )
    few = pairs.loc[pairs["verdict"] == "too few to judge", "level"].tolist()
    if few:
        yield message("notes.impact_ratio.too_few", levels=few)
