"""What leaving inputs out would do: a plain predictor is fitted with them and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.disclosure import WHOLE, Reveals
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Attribute, Modality
from deepseek_report.artifacts.score import Bounds, Category, Measurement, Score
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.table import Column, TableType, TableTypes, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.fairness.groups import MinCell, MinEvents, groupings
from deepseek_report.metrics.fairness.widest_pair import WidestPair
from deepseek_report.metrics.performance.baselines import reference_predictions
from deepseek_report.metrics.shared.plugin import ModelMetric, Rows
from deepseek_report.statistics.intervals import difference_of_means
from deepseek_report.statistics.paired import share_difference
from deepseek_report.tasks import task_of
from deepseek_report.tasks.classification import iterations

#: Share of the training's counted work that all refits together may cost.
MOST_WORK = 0.1
#: Nodes of a tree of the refitted predictor, at most.
_NODES = 29
#: Between the names of inputs in a cell.
SEPARATOR = "; "

#: Why inputs are left out: a sensitive attribute was made from one, or they may hold the answer.
Why = Literal["sensitive", "leak"]


@dataclass(frozen=True)
class LeftOut:
    """Inputs that are left out together, by their positions, and why.

    attribute : the sensitive one that was made from them, else None.
    """

    why: Why
    columns: tuple[int, ...]
    attribute: Attribute | None = None


@dataclass(frozen=True)
class WithoutInputs(ModelMetric):
    """What a plain predictor gains, loses and decides otherwise if inputs are left out.

    Left out are, one after the other, the inputs that a check of the data suspects to hold the
    answer, and those that a sensitive attribute was made from. Gradient boosting is fitted with
    everything and without them, to the same rows, and decides for the explained class as often as
    the model does; it stands for the model, and is not the model. Its score and, of a sensitive
    input, its gap in favourable decisions between the groups in which the model's rates are
    furthest apart, are compared on the same test rows.

    Nothing is fitted where that would cost more than a tenth of the training, by counted work: rows
    × parameters × epochs, of the training one epoch.

    max_rows : training rows that it is fitted to.
    """

    counts_entities: ClassVar[bool] = True
    reveals: ClassVar[Reveals] = "aggregate"
    tables: ClassVar[TableTypes] = {
        "refits": TableType(
            (
                Column("inputs"),
                Column("why", shown=False),
                Column("attribute", "attribute", shown=False),
                Column("level", shown=False),
                Column("reference", shown=False),
                estimate("gap", "points", prefix="gap"),
                estimate("gap_change", "points", prefix="gap_change"),
                Column("metric", "metric"),
                Column("score", "number"),
                estimate("score_change", "number", prefix="score_change"),
                Column("rows", "count"),
                Column("n", "count"),
            ),
            section="bottlenecks",
            folded=True,
            release=WHOLE,
        )
    }
    bounds: ClassVar[Bounds] = {"gap_without": (-1.0, 1.0)}
    category: ClassVar[Category] = "data"
    modalities: ClassVar[frozenset[Modality]] = frozenset({"table"})
    reads: ClassVar[frozenset[str]] = frozenset(
        {"dataset", "predictions", "validation_predictions", "classifier", "seed"}
    )
    max_rows: Rows = 8000
    min_cell: MinCell = 30
    min_events: MinEvents = 5

    def measure(self, context: MeasureContext) -> Measurement:
        data = context.dataset
        candidates = [*_suspected(data), *_sensitive(data)]
        if not candidates:
            raise NotApplicableError(message("refusals.nothing_to_leave_out"))
        rows = self._rows(context)
        chosen = candidates[: self._affordable(context, len(rows)) - 1]
        if not chosen:
            raise NotApplicableError(message("refusals.refit_is_dear", share=MOST_WORK))
        context.progress.start("refits", len(chosen))
        every = np.arange(len(data.schema.features))
        whole = reference_predictions("gradient_boosting", context, every, rows)
        refits = []
        for left_out in chosen:
            kept = np.setdiff1d(every, left_out.columns)
            other = reference_predictions("gradient_boosting", context, kept, rows)
            refits.append(self._refit(context, left_out, whole, other))
            context.progress.advance()
        table = pd.DataFrame([refit.row(data, len(rows)) for refit in refits])
        return Measurement(
            tuple(score for refit in refits for score in refit.scores()),
            {"refits": table[list(self.tables["refits"].keys)]},
            notes=self._notes(len(rows), len(candidates) - len(chosen)),
        )

    def _rows(self, context: MeasureContext) -> Ints:
        n = len(context.dataset.train)
        order = np.random.default_rng(context.seed).permutation(n)
        return np.sort(order[: self.max_rows])

    def _affordable(self, context: MeasureContext, rows: int) -> int:
        """How many fits cost no more than `MOST_WORK` of one epoch of the training."""
        module = context.classifier.module
        if not hasattr(module, "named_parameters"):
            return 0
        parameters = sum(parameter.numel() for parameter in module.parameters())
        data = context.dataset
        classes = max(len(data.schema.target.classes), 1)
        trees = iterations(classes) * (classes if classes > 2 else 1)
        a_fit = rows * trees * _NODES
        return int(MOST_WORK * len(data.train) * parameters / max(a_fit, 1))

    def _refit(
        self, context: MeasureContext, left_out: LeftOut, whole: Predictions, other: Predictions
    ) -> Refit:
        task = task_of(context.dataset.schema.target)
        measure = task.by_rows[0]
        change, _ = measure.difference(other, whole)
        gaps = self._gaps(context, left_out.attribute, whole, other)
        return Refit(left_out, measure.key, measure.of(other)[0], change, gaps)

    def _gaps(
        self,
        context: MeasureContext,
        attribute: Attribute | None,
        whole: Predictions,
        other: Predictions,
    ) -> GapsOfRefit | None:
        if attribute is None:
            return None
        floor, favourable = (
            (self.min_cell, self.min_events),
            context.dataset.schema.target.declared_favourable,
        )
        compared = groupings(
            context.dataset.schema,
            context.predictions,
            crossings=False,
            min_cell=self.min_cell,
        )
        grouping = next((each for each in compared if each.name == attribute.name), None)
        if grouping is None:
            return None
        pair = WidestPair.of(grouping, context.predictions, favourable, floor)
        if pair is None:
            return None
        favoured = [p.decisions == favourable for p in (other, whole)]
        changes = [
            share_difference(favoured[0][inside], favoured[1][inside], grouping.drawn.take(inside))[
                0
            ]
            for level in (pair.highest, pair.lowest)
            for inside in [grouping.codes == level]
        ]
        size, low, high = difference_of_means(*changes)
        n = changes[0].n + changes[1].n
        method = grouping.drawn.describe(message("interval_methods.difference_paired"))
        return GapsOfRefit(
            levels=(grouping.levels[pair.highest], grouping.levels[pair.lowest]),
            without=pair.gap(grouping, favoured[0]),
            change=Estimate(size, low, high, n, method),
        )

    def _notes(self, rows: int, left: int) -> tuple[Text, ...]:
        notes = [message("notes.without_inputs.refitted", rows=rows)]
        if left:
            notes.append(message("notes.without_inputs.too_many", n=left, share=MOST_WORK))
        return tuple(notes)


def _sensitive(data: Dataset) -> list[LeftOut]:
    """The inputs that attributes of people were made from, where favourable is declared."""
    target = data.schema.target
    if not (task_of(target).decides and target.is_judged):
        return []
    return [
        LeftOut("sensitive", (data.schema.position(attribute.source),), attribute)
        for attribute in data.schema.attributes_of("person")
        if attribute.source in data.schema.names
    ]


def _suspected(data: Dataset) -> list[LeftOut]:
    """Inputs of which a check of the data asks whether they hold the answer."""
    suspected = []
    for issue in data.issues:
        names = issue.values.get("features") or [issue.values.get("feature")]
        known = [str(name) for name in names if name in data.schema.names]
        if issue.check == "near_leak" and issue.severity in ("high", "medium") and known:
            suspected.append(LeftOut("leak", tuple(map(data.schema.position, known))))
    return suspected


@dataclass(frozen=True)
class GapsOfRefit:
    """The gap in favourable decisions of the predictor without the inputs, and how it changed.

    levels : those with the model's highest and lowest rate. change : without less with.
    """

    levels: tuple[str, str]
    without: Estimate
    change: Estimate


@dataclass(frozen=True)
class Refit:
    """What leaving inputs out did to the score (`metric`) and, of sensitive ones, to the gap.

    score : without them; score_change : that less the score with them.
    """

    left_out: LeftOut
    metric: str
    score: float
    score_change: Estimate
    gaps: GapsOfRefit | None

    def scores(self) -> Sequence[Score]:
        """The gap without a sensitive input; scores of a stand-in are told by the table alone."""
        attribute = self.left_out.attribute
        if attribute is None or self.gaps is None:
            return ()
        gap = self.gaps.without.score(
            "gap_without",
            "fairness",
            "zero",
            attribute=attribute.name,
            predictor="gradient_boosting",
            bounds=(-1.0, 1.0),
        )
        return (gap,)

    def row(self, data: Dataset, rows: int) -> dict[str, object]:
        features = [data.schema.features[column].label for column in self.left_out.columns]
        attribute, nothing = self.left_out.attribute, Estimate(np.nan, np.nan, np.nan, 0)
        gap, change = (self.gaps.without, self.gaps.change) if self.gaps else (nothing, nothing)
        highest, lowest = self.gaps.levels if self.gaps else ("", "")
        return {
            "inputs": SEPARATOR.join(features),
            "why": self.left_out.why,
            "attribute": attribute.name if attribute else "",
            "level": lowest,
            "reference": highest,
            **_cells("gap", gap),
            **_cells("gap_change", change),
            "metric": self.metric,
            "score": self.score,
            **_cells("score_change", self.score_change),
            "rows": rows,
            "n": self.score_change.n,
        }


def _cells(name: str, size: Estimate) -> dict[str, float]:
    low, high = size.ends or (np.nan, np.nan)
    return {name: size.value, f"{name}_low": low, f"{name}_high": high}
