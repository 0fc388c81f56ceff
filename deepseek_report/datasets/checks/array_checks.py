"""What is wrong with images and series, in one issue for all of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.finding import Severity
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets import data_card
from deepseek_report.datasets.checks.few_columns import ColumnSearch
from deepseek_report.datasets.checks.leaks import leaks_of_number, severity_of
from deepseek_report.datasets.checks.table_checks import grade_of_gaps
from deepseek_report.datasets.data_card import PLACE_ASKED, DataFacts
from deepseek_report.tasks import task_of

#: Places are few up to this share of all; of the patches or windows they are in, so many are named.
MOST_PLACES, _NAMED = 0.10, 3


def near_leak(facts: DataFacts) -> list[DataIssue]:
    """Places that each give the label away alone, in one issue; it weighs where they are few.

    What makes the label, such as a stain, tells it too, and no computation knows it from a mark
    beside it. So few places that stand apart from the rest of the input are asked about; many, or
    places in what is known to make the label, are only told.
    """
    if task_of(facts.schema.target).decides:
        telling = _places_of_class(facts)
    elif leaks := leaks_of_number(facts):
        places = [facts.schema.position(leak.features[0]) for leak in leaks]
        first = leaks[0]
        telling = _TellingPlaces(np.array(places), first.text, "info", first.values)
    else:
        telling = None
    if telling is None:
        return []
    kind, n, of = kind_of(facts.schema).name, len(telling.places), len(facts.schema.features)
    text = message(
        f"data.leaking_places.text.{kind}",
        n=n,
        of=of,
        first=telling.first,
        where=telling.where,
        without=telling.without,
    )
    values = {**telling.values, "places": n, "of": of, "where": list(telling.where)}
    do = "few" if telling.severity != "info" else "many"
    todo = message(f"data.leaking_places.do.{kind}.{do}")
    return [DataIssue("near_leak", telling.severity, text, values, todo)]


@dataclass(frozen=True)
class _TellingPlaces:
    """Columns that tell the label alone; `where` names the parts of an input that few are in.

    without : area of a scorecard of the rest, None where they do not stand apart from it.
    """

    places: Ints
    first: Text
    severity: Severity
    values: Mapping[str, object]
    where: tuple[str, ...] = ()
    without: float | None = None


def _places_of_class(facts: DataFacts) -> _TellingPlaces | None:
    search = ColumnSearch(facts, PLACE_ASKED)
    alone = search.alone
    if not alone:
        return None
    best = alone[0]
    places = np.array(sorted(each.columns[0] for each in alone), dtype=np.int64)
    name = facts.schema.target.classes[best.class_index]
    label = facts.schema.features[best.columns[0]].label
    first = message("data.leaking_places.first", place=label, name=name, auc=best.auc)
    values = {"class": name, "auc": best.auc}
    few, truth = len(places) <= max(1, MOST_PLACES * len(facts.schema.features)), facts.whole.truth
    is_known_cause = truth is not None and bool(truth[:, places].any(axis=0).mean() > 0.5)
    around, where = _players_of(facts, places)
    if not few or is_known_cause or not search.stands_apart(around, best, PLACE_ASKED):
        return _TellingPlaces(places, first, "info", values)
    without = search.without(around, best.class_index)
    severity: Severity = "low" if severity_of(best.auc) == "low" else "medium"
    values = {**values, "without": without}
    return _TellingPlaces(places, first, severity, values, where, without)


def _players_of(facts: DataFacts, places: Ints) -> tuple[list[int], tuple[str, ...]]:
    """All columns of the patches or windows that these places are in, and what they are called."""
    layout = kind_of(facts.schema).layout
    owners = layout.owners
    players, sizes = np.unique(owners[places], return_counts=True)
    named = players[np.argsort(-sizes, kind="stable")[:_NAMED]]
    around = np.flatnonzero(np.isin(owners, players)).tolist()
    return around, tuple(layout.player_labels[player] for player in named.tolist())


def constant_columns(facts: DataFacts) -> list[DataIssue]:
    """Pixels or steps that never change, such as the margin of a scan."""
    same = data_card.constant_columns(facts.whole.inputs)
    if not same:
        return []
    n, of, kind = len(same), len(facts.schema.features), kind_of(facts.schema).name
    text = message(f"data.constant_places.text.{kind}", n=n, of=of, instances=len(facts.whole))
    do = message("data.constant_places.do")
    return [DataIssue("constant_feature", "info", text, {"places": n, "of": of}, do)]


def missing_values(facts: DataFacts) -> list[DataIssue]:
    """Gaps inside, not the places after the end of a shorter series."""
    kind, n_rows = kind_of(facts.schema), len(facts.whole)
    missing: Bools = np.isnan(facts.whole.inputs.reshape(n_rows, -1, kind.shape[-1]))
    known: Bools = np.asarray((~missing).any(axis=2))
    later = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    gaps = missing & later[..., None]
    holed = int(gaps.any(axis=(1, 2)).sum())
    if not holed:
        return []
    n, share = int(gaps.sum()), holed / n_rows
    text = message(f"data.gaps.text.{kind.name}", n=n, instances=holed, share=share)
    values = {"cells": n, "instances": holed, "share": share}
    do = message("data.missing.do")
    return [DataIssue("missing_values", grade_of_gaps(share), text, values, do)]
