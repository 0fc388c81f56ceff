"""A measurement without what is about few instances, or about single ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from deepseek_report.artifacts.disclosure import Releases, reveals_of
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.protocols.traits import (
    MetricPart,
    releases_of,
    table_types,
    traits_of,
)
from deepseek_report.artifacts.score import Category, Measurement, Score
from deepseek_report.privacy.case_release import released_cases
from deepseek_report.privacy.table_release import released
from deepseek_report.privacy.withheld import RunSource
from deepseek_report.wording.words import wording

#: Families whose scores count instances; the others count layers, batches and the like.
_OF_INSTANCES: frozenset[Category] = frozenset(
    {
        *("performance", "calibration", "fairness", "explanation", "slices", "data"),
        *("robustness", "behaviour", "causes", "language"),
    }
)


Said = TypeVar("Said", bound=Text)

#: How sentences tell the size of a group.
_COUNTED = re.compile(r"\((\d+)\)")


def released_measurement(measured: Measurement, plugin: Any, source: RunSource) -> Measurement:
    """What may be told of a measurement; a part that declares nothing tells nothing."""
    if reveals_of(plugin) is None:
        return Measurement()
    releases = releases_of(plugin)
    tables = _tables(measured.tables, releases, source)
    notes = tuple(note for note in measured.notes if not is_private(_english(note), source))
    scores = tuple(
        score for score in measured.scores if _may_be_shown(score, measured.tables, tables, source)
    )
    left_out = len(scores) < len(measured.scores) or any(
        len(table) < len(measured.tables[name])
        for name, table in tables.items()
        if not releases[name].coarse and not releases[name].of_cases
    )
    arrays = traits_of(plugin, MetricPart).released_arrays
    return Measurement(
        scores=scores,
        tables=tables,
        arrays={name: array for name, array in measured.arrays.items() if name in arrays},
        notes=(*notes, *([_note(source)] if left_out else [])),
        types={
            name: declared.restricted_to(tables[name].columns)
            for name, declared in table_types(plugin).items()
            if name in tables
        },
    )


def _note(source: RunSource) -> Message:
    return message("notes.privacy.left_out", floor=source.privacy.floor, rows=source.floor)


def _english(text: Text) -> str:
    """A sentence as one language says it, since what it names is the same in all of them."""
    return wording().say(text)


def _tables(
    tables: Mapping[str, pd.DataFrame], releases: Releases, source: RunSource
) -> dict[str, pd.DataFrame]:
    kept = {name: table for name, table in tables.items() if name in releases}
    of_cases = {name: table for name, table in kept.items() if releases[name].of_cases}
    plain = {
        name: released(table, releases[name], source)
        for name, table in kept.items()
        if name not in of_cases
    }
    return plain | released_cases(of_cases, source)


def _may_be_shown(
    score: Score,
    before: Mapping[str, pd.DataFrame],
    after: Mapping[str, pd.DataFrame],
    source: RunSource,
) -> bool:
    """Whether a score is of enough instances, and of nothing that was left out."""
    if score.category in _OF_INSTANCES and source.is_small(score.n):
        return False
    if source.withheld.mentions(" ".join((score.level, score.slice, _english(score.note)))):
        return False
    if score.slice and "slices" in after:
        return score.slice in set(after["slices"]["slice"])
    if not score.attribute:
        return True
    if (score.attribute, score.level) in source.withheld.levels:
        return False
    return not _lost(score, before, after) or _stands(score, after)


def _lost(
    score: Score, before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame]
) -> bool:
    """Whether rows about the attribute of a score are left out of the tables."""
    return any(
        len(_about(before[name], score)) != len(_about(table, score))
        for name, table in after.items()
    )


def _stands(score: Score, tables: Mapping[str, pd.DataFrame]) -> bool:
    """Whether the number stands in a row that is released, and so tells nothing beyond it."""
    for table in tables.values():
        rows = _about(table, score).select_dtypes("number").to_numpy(float)
        if np.isclose(rows, score.value, rtol=1e-9, atol=1e-12).any():
            return True
    return False


def _about(table: pd.DataFrame, score: Score) -> pd.DataFrame:
    return table[table["attribute"] == score.attribute] if "attribute" in table else table[:0]


def without_private(texts: Iterable[Said], source: RunSource) -> list[Said]:
    """The sentences that name nothing that is withheld, and count no group of few instances."""
    return [text for text in texts if not is_private(text, source)]


def is_private(text: Text, source: RunSource) -> bool:
    """Whether a sentence names a rare group or value, or counts one: `driver (2)`."""
    sentence = wording().say(text)
    counted = (int(digits) for digits in _COUNTED.findall(sentence))
    return source.withheld.mentions(sentence) or any(source.is_small(n) for n in counted)
