"""Who is decided otherwise by another model, in which direction, and how groups fare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results, Study
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate, estimates_of
from deepseek_report.comparisons.methods import pairs_to_compare
from deepseek_report.statistics.intervals import holm, rate_difference
from deepseek_report.statistics.paired import share_difference
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of

#: Cases of a group below which nothing is said of it.
FEWEST = 30
#: Beyond so many runs each is compared with the baseline alone.
_ALL_PAIRS = 4


@dataclass(frozen=True)
class DecisionChange:
    """Decisions that differ between two runs: a row of `compared_decisions.changes`.

    attribute, level : the group; empty for everyone. gained, lost : cases that the first run
    decides favourably and the other does not, and the reverse. changed : their share.
    """

    first: str
    other: str
    attribute: Annotated[str, "attribute"]
    level: str
    n: int
    gained: int
    lost: int
    changed: Annotated[float, "share"]
    p_adjusted: Annotated[float, "p_value"]


@dataclass(frozen=True)
class GroupRate:
    """How often a run decides a group favourably: a row of `compared_decisions.rates`.

    low, high : of the rate. gap : to that of the level with the highest, which has none itself.
    """

    run: str
    attribute: str
    level: str
    n: int
    rate: float
    low: float | None
    high: float | None
    highest: str
    gap: float
    gap_low: float
    gap_high: float


RATES = TableType(
    (
        *columns_of("run attribute:attribute level n:count"),
        estimate("rate", "share"),
        Column("highest"),
        *estimates_of("gap:points"),
    )
)
CHANGES = TableType.of(DecisionChange)
#: Decisions that change from the baseline to another run, the largest change of score first.
CASES = TableType(
    columns_of("run row:row now_favourable:yes_no before:number now:number truth"), folded=True
)
_MOST_CASES = 12
TYPES = {"rates": RATES, "changes": CHANGES, "cases": CASES}


def decisions(
    study: Study, models: Sequence[int], labels: Sequence[str], baseline: int | None = None
) -> Measurement:
    """Rates of the favourable decision by group and run, and the decisions that change.

    gained, lost : cases that the first run decides favourably and the other does not, and the
    reverse; the p-value is McNemar's for these two, corrected over the table. Pairs come first,
    with all cases, then the groups of each. models : positions of the runs, one for each fitted
    model.
    """
    schema = study.runs[0].schema
    if not study.same_target:
        return Measurement(notes=(message("comparison.other_targets"),))
    if not task_of(schema.target).decides:
        return Measurement(notes=(message("comparison.nothing_decided"),))
    if not schema.target.is_judged:
        return Measurement(notes=(message("comparison.favourable_undeclared"),))
    good = schema.target.declared_favourable
    rates = [
        row
        for label, run in zip(labels, study, strict=True)
        for attribute in run.schema.attributes_of("person")
        for row in _rates(run.schema, label, attribute.name, run.predictions, good)
    ]
    tables = {"rates": pd.DataFrame(map(vars, rates))} if rates else {}
    notes: list[Text] = list(_largest_gaps(rates, study))
    if study.shared.suffice:
        people = [attribute.name for attribute in schema.attributes_of("person")]
        predictions = study.paired
        pairs = pairs_to_compare(models, baseline, _ALL_PAIRS)
        changes = [
            row
            for pair in pairs
            for row in _changes(schema, people, labels, predictions, pair, good)
        ]
        if changes:
            adjusted = holm([p for _, p in changes])
            rows = [{**row, "p_adjusted": p} for (row, _), p in zip(changes, adjusted, strict=True)]
            rows.sort(key=lambda row: bool(row.get("attribute")))  # all cases come first
            tables |= {"changes": pd.DataFrame(rows)}
        if baseline is not None and (cases := list(_cases(study, labels, baseline, good))):
            tables |= {"cases": pd.DataFrame(cases)}
    else:
        notes.append(message("comparison.refused_decisions"))
    return Measurement(tables=tables, notes=tuple(notes)).typed(TYPES)


def _cases(
    study: Study, labels: Sequence[str], baseline: int, good: int
) -> Iterator[dict[str, object]]:
    """The cases of each run that it decides otherwise than the baseline and scores most apart."""
    before, target = study.paired[baseline], study.runs[baseline].schema.target
    for position, now in enumerate(study.paired):
        changed = np.flatnonzero((before.decisions == good) != (now.decisions == good))
        apart = np.abs(now.scores - before.scores)[changed]
        for place in changed[np.argsort(-apart, kind="stable")[:_MOST_CASES]]:
            yield {
                "run": labels[position],
                "row": int(now.instance_ids[place]),
                "now_favourable": bool(now.decisions[place] == good),
                "before": float(before.scores[place]),
                "now": float(now.scores[place]),
                "truth": target.classes[int(now.labels[place])],
            }


def largest_gap(run: Results) -> float | None:
    """The largest distance between favourable rates of two groups of people; None without any."""
    schema = run.schema
    if not (task_of(schema.target).decides and schema.target.is_judged):
        return None
    good = schema.target.declared_favourable
    people = [attribute.name for attribute in schema.attributes_of("person")]
    rows = [row for name in people for row in _rates(schema, "", name, run.predictions, good)]
    return max((-row.gap for row in rows), default=None)


def _levels(schema: Schema, name: str, predictions: Predictions) -> Iterator[tuple[str, Bools]]:
    attribute = schema.attribute(name)
    codes = predictions.groups[name]
    for code, level in enumerate(attribute.levels):
        inside = codes == code
        if inside.sum() >= FEWEST:
            yield level, inside


def _rates(
    schema: Schema, label: str, name: str, predictions: Predictions, good: int
) -> list[GroupRate]:
    """The rates of one attribute. good : position of the favourable class."""
    favoured = predictions.decisions == good
    levels = list(_levels(schema, name, predictions))
    if not levels:
        return []
    hits = np.array([int(favoured[inside].sum()) for _, inside in levels])
    sizes = np.array([int(inside.sum()) for _, inside in levels])
    best = int(np.argmax(hits / sizes))
    drawn = Resampling.of(predictions)
    shares = [drawn.rate(favoured, inside) for _, inside in levels]
    counts = np.array([drawn.counts(favoured, inside) for _, inside in levels]).T
    gap_low, gap_high = rate_difference(*counts, *counts[:, best])
    return [
        GroupRate(
            label,
            name,
            level,
            int(sizes[k]),
            hits[k] / sizes[k],
            shares[k].low,
            shares[k].high,
            levels[best][0],
            0.0 if k == best else hits[k] / sizes[k] - hits[best] / sizes[best],
            np.nan if k == best else float(gap_low[k]),
            np.nan if k == best else float(gap_high[k]),
        )
        for k, (level, _) in enumerate(levels)
    ]


def _largest_gaps(rates: Sequence[GroupRate], study: Study) -> Iterator[Message]:
    """The runs whose largest gap between two groups of people is the smallest and the largest."""
    names = {each.name: each.label for run in study for each in run.schema.attributes}
    largest: dict[str, GroupRate] = {}
    for row in rates:
        if not np.isnan(row.gap_low):  # not the group with the highest rate itself
            known = largest.setdefault(row.run, row)
            largest[row.run] = min(known, row, key=lambda row: row.gap)
    if largest:
        least, most = (take(largest.values(), key=lambda row: row.gap) for take in (max, min))
        both = {"least": _gap_of(least, names), "most": _gap_of(most, names)}
        yield message("comparison.largest_gaps", **both)


def _gap_of(row: GroupRate, names: Mapping[str, str]) -> dict[str, object]:
    """How much lower the rate of a group is, in points, with its interval."""
    return {
        "run": row.run,
        "attribute": names[row.attribute],
        "level": row.level,
        "highest": row.highest,
        "gap": -100 * row.gap,
        "low": -100 * row.gap_high,
        "high": -100 * row.gap_low,
    }


def _changes(
    schema: Schema,
    people: Sequence[str],
    labels: Sequence[str],
    predictions: Sequence[Predictions],
    pair: tuple[int, int],
    good: int,
) -> Iterator[tuple[dict[str, object], float]]:
    """(row of `changes`, its p-value before correction) of all cases, then of each group."""
    first, other = (predictions[run].decisions == good for run in pair)
    everyone, drawn = np.ones(len(first), dtype=bool), Resampling.of(predictions[pair[0]])
    parts = [("", "", everyone)]
    parts += [
        (name, level, inside)
        for name in people
        for level, inside in _levels(schema, name, predictions[pair[0]])
    ]
    for name, level, inside in parts:
        gained, lost = int((first & ~other & inside).sum()), int((other & ~first & inside).sum())
        n = int(inside.sum())
        row: dict[str, object] = {
            "first": labels[pair[0]],
            "other": labels[pair[1]],
            "attribute": name,
            "level": level,
            "n": n,
            "gained": gained,
            "lost": lost,
            "changed": (gained + lost) / n,
        }
        yield row, share_difference(first[inside], other[inside], drawn.take(inside))[1]
