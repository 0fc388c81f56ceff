"""Transients of a plant's instruments: which of four kinds of failure a series shows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.schema import Target
from deepseek_report.datasets.assembly.arrays import Arrays
from deepseek_report.datasets.assembly.column_declarations import error_text
from deepseek_report.datasets.assembly.layouts import moments, series_layout
from deepseek_report.datasets.card.data_card import Description, shipped_description
from deepseek_report.datasets.sources.packages import PackagedArrays
from deepseek_report.datasets.split.splitting import GroupConstraint, Share, draw_rows

_CLASSES = 4

DESCRIPTION = shipped_description(
    "trace",
    limits=("simulated", "unnamed", "standardised"),
    source="Transient Classification Benchmark (Davide Roverso), as “Trace” in the UCR archive, in "
    "the copy that comes with the package tslearn",
    licence="free for research, as the UCR archive states; the package is BSD-2-Clause",
    citation="Dau, H. A. et al. (2019). The UCR time series archive. IEEE/CAA Journal of "
    "Automatica Sinica 6(6), 1293–1305.",
    doi="10.1109/JAS.2019.1911747",
)


@dataclass(frozen=True)
class Trace(PackagedArrays):
    """200 series of plant instruments, 275 steps, four kinds of failure (from the package tslearn).

    split : "archive" keeps the published test half and draws validation from the training half;
        "drawn" shares all 200 series out anew.
    explained : number of the class whose probability is explained.
    window : steps that are explained as one.
    class_names : what the four classes are called, in the order of their numbers; the source names
        none, and without names they are "class 1" to "class 4".
    rows : keep only so many series, drawn at random within each class.
    validation_share, test_share : see `splitting.SplitRule`; test_share is for "drawn" alone.
    duplicates : what happens to equal series, see `splitting.SplitRule`.
    """

    package: ClassVar[tuple[str, str]] = ("tslearn", "tslearn")
    file: ClassVar[str] = ".cached_datasets/Trace.npz"
    description: ClassVar[Description] = DESCRIPTION

    split: Literal["archive", "drawn"] = "archive"
    explained: Annotated[int, Field(ge=1, le=4)] = 2
    window: Annotated[int, Field(ge=1, le=275)] = 11
    class_names: tuple[str, ...] = ()
    rows: Annotated[int, Field(ge=80)] | None = None
    test_share: Share = 0.25

    def problems(self) -> list[str]:
        named = len(set(self.class_names))
        wrong = []
        if self.class_names and named != _CLASSES:
            wrong = [
                error_text(
                    "dataset",
                    f"`dataset.class_names` holds {named} different names",
                    f"{_CLASSES}, one a class, or none",
                    "name each class, or leave it empty",
                )
            ]
        return [*super().problems(), *wrong]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("series", "classification", groups=frozenset(), classes=_CLASSES)

    def _arrays(self, raw: bytes, seed: int) -> Arrays:
        series, labels, published = _read(raw)
        steps = series.shape[1]
        return Arrays(
            values=series,
            labels=labels,
            target=Target(
                name="failure",
                label="Kind of failure",
                classes=self.class_names
                or tuple(f"class {number}" for number in range(1, _CLASSES + 1)),
                explained=self.explained - 1,
            ),
            features=moments(steps, ("reading",), (None,)),
            layout=series_layout(steps, ("reading",), self.window),
            together=self._together(labels, published, seed),
            notes=(message("data_sets.trace.preparation.units"),),
        )

    def _together(self, labels: Ints, published: Bools, seed: int) -> GroupConstraint:
        if self.split == "drawn":
            return GroupConstraint()
        parts = np.where(published, 2, 0)
        first = np.flatnonzero(~published)
        n = round(self.validation_share * len(first))
        parts[first[draw_rows(labels[first], n, seed)]] = 1
        return GroupConstraint(
            parts=parts, method=message("data_sets.trace.split", share=self.validation_share)
        )


def _read(raw: bytes) -> tuple[Floats, Ints, Bools]:
    """Series (instance, step, 1), labels from 0, and which are of the published test half."""
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        halves = [(arrays[f"X_{half}"], arrays[f"y_{half}"]) for half in ("train", "test")]
    series = np.concatenate([half for half, _ in halves]).astype(np.float64)
    labels = np.concatenate([half for _, half in halves]).astype(np.int64) - 1
    published = np.repeat([False, True], [len(half) for _, half in halves])
    return series, labels, published
