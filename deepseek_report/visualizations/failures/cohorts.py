"""Cohorts side by side: how well each is predicted, how it is decided, what was stated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.findings.rules_parts import CohortVerdict, cohort_verdict
from deepseek_report.metrics.failures.failure_rows import Cohort
from deepseek_report.tasks import task_of
from deepseek_report.tasks.task import Drawn
from deepseek_report.visualizations.drawing.labels import caption, short
from deepseek_report.visualizations.drawing.marks import MarkStyle, Scale, intervals
from deepseek_report.visualizations.drawing.part_rows import RowPanels
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import picture_of
from deepseek_report.visualizations.style import LIGHT, SERIES, Axes

#: What is drawn besides where something is decided.
_OF_DECISIONS = (
    Drawn("decided", "decided", is_share=True),
    Drawn("calibration_gap", "calibration_gap", is_share=True, signed=True),
)
#: Letters of the name of a slice in a title.
_LETTERS = 130


@dataclass(frozen=True)
class CohortsPicture(PicturePart):
    """Draws cohorts that a person declares beside the best and the worst that were found."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/cohorts"})

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results)
        return [picture_of(view, "cohorts")]


@dataclass(frozen=True)
class _View:
    """The table, and the columns that are drawn of it, the first of which says how well.

    decided : the class whose share of all decisions is drawn.
    """

    table: Sequence[Cohort]
    verdict: CohortVerdict
    columns: Sequence[tuple[Drawn, Scale]]
    decided: str

    @classmethod
    def of(cls, results: Results) -> _View:
        task = task_of(results.schema.target)
        drawn = [*task.parts_drawn, *(_OF_DECISIONS if task.decides else ())]
        columns = [(column, Scale.of(column, results)) for column in drawn]
        table, target = required(results, "cohorts", "cohorts", Cohort), results.schema.target
        return cls(table, cohort_verdict(results), columns, target.classes[target.counted_class])

    def drawn(self, page: float) -> str:
        words = self.columns[0][1].words
        labels = [words.say(self._name(row)) for row in self.table]
        panels: list[Callable[[Axes], None]] = [
            partial(self._points, column=column, scale=scale) for column, scale in self.columns
        ]
        counts = [row.n for row in self.table]
        return RowPanels(labels, counts, panels, words, (30, 20)).drawn("cohorts", page)

    def _points(self, axes: Axes, column: Drawn, scale: Scale) -> None:
        overall = next(column.of(row.cells).value for row in self.table if row.origin == "all")
        axes.axvline(0.0 if column.signed else overall, color=LIGHT.context, linewidth=1.4)
        for hollow in (False, True):
            for searched in (False, True):
                own = [
                    (at, column.of(row.cells))
                    for at, row in enumerate(self.table)
                    if row.too_few == hollow and (row.origin in {"worst", "best"}) == searched
                ]
                intervals(axes, own, MarkStyle(SERIES[1 if searched else 0], hollow=hollow))
        scale.ticks(axes, "x", 3)
        axes.set_xlabel(
            scale.label(scale.words.text(_AXES[column.key], name=short(self.decided, 16)))
        )

    @staticmethod
    def _name(row: Cohort) -> Message:
        return caption("cohorts.row", origin=row.origin, name=short(row.cohort, 130))

    def title(self) -> Message:
        """The declared cohort that surely differs, else the worst and the best slice."""
        verdict = self.verdict
        values: dict[str, object] = {"overall": self._value(verdict.everyone)}
        if verdict.declared:
            surest = verdict.declared[0]
            values |= {"name": surest.cohort, "value": self._value(surest)}
            return caption("cohorts.title_declared", **values)
        for end, row in (("worst", verdict.worst), ("best", verdict.best)):
            name = short(row.cohort, _LETTERS) if row else ""
            values |= {end: name, f"{end}_value": self._value(row)}
        some = verdict.worst or verdict.best
        return caption("cohorts.title_found" if some else "cohorts.title_none", **values)

    def _value(self, row: Cohort | None) -> Message | str:
        if row is None:
            return ""
        (column, scale), *_ = self.columns
        return scale.full(column.of(row.cells))

    def alt(self) -> Message:
        """The numbers of every cohort."""
        parts = [
            caption(
                "cohorts.alt_part",
                name=self._name(row),
                n=row.n,
                values=[
                    caption(
                        "cohorts.alt_value",
                        what=column.key,
                        value=scale.full(Estimate(column.of(row.cells).value)),
                    )
                    for column, scale in self.columns
                ],
            )
            for row in self.table
        ]
        return caption("cohorts.alt", parts=parts)


#: What the axis of each column says.
_AXES = {
    "accuracy": "pictures.common.columns.accuracy",
    "mae": "pictures.common.columns.mae",
    "mean_error": "pictures.common.columns.mean_error",
    "decided": "pictures.cohorts.decided",
    "calibration_gap": "pictures.cohorts.calibration_gap",
}
