"""Whether probabilities can be taken at their word in every group of people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.metrics.fairness.fairness_rows import StatedGroup
from deepseek_report.metrics.fairness.groups import Grouping, MinCell, MinEvents, groupings
from deepseek_report.metrics.plugin import ClassMetric, PeopleMetric, Resamples
from deepseek_report.statistics.logistic import GroupShifts, recalibrated, share_off
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks.loss import calibration_subject


@dataclass(frozen=True)
class GroupCalibration(PeopleMetric, ClassMetric):
    """Of each group of people the mean stated probability, and how often it came true.

    With two classes it is the probability of the explained class, else that of the most probable
    one. A group is tested for a shift of its own, beyond a shift and a stretch that all people
    share (these are judged by `expected_calibration_error`). So is a crossing of two attributes:
    probabilities that are right for each of the two may be off for those who are in both. p-values
    and intervals hold for all groups of all attributes and crossings at once.

    crossings : also judge the crossings of two attributes. min_cell : a group with fewer people is
    not judged. min_events : nor is one whose probabilities leave fewer outcomes open, counted as
    the sum of p (1 − p). n_resamples : draws of outcomes.

    Reference: Pleiss et al. 2017, arXiv:1709.02012; Barocas, Hardt & Narayanan 2023,
    fairmlbook.org, chapter 3 (calibration within groups).
    """

    reveals = "aggregate"
    tables = {
        "groups": TableType(
            (
                Column("attribute", "attribute"),
                Column("attribute_label", shown=False),
                *columns_of("level n:count stated:share"),
                estimate("observed", "share", prefix="observed"),
                estimate("off", "points", prefix="off"),
                Column("p_adjusted", "p_value"),
                Column("too_few", "yes_no", shown=False),
            ),
            section="bias",
            folded=True,
            release=TableRelease(counts=("n",), lines=(("attribute",),)),
            row=StatedGroup,
        )
    }
    bounds = {"stated_off": (-1.0, 1.0)}
    needs_favourable = False
    reads = frozenset({"predictions", "dataset", "seed"})
    crossings: bool = True
    min_cell: MinCell = 30
    min_events: MinEvents = 5
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        compared = groupings(schema, p, crossings=self.crossings, min_cell=self.min_cell, pool=True)
        happened, stated = calibration_subject(p)
        chances = recalibrated(happened, stated)
        levels = [
            (grouping, k, self._is_enough(chances[grouping.codes == k]))
            for grouping in compared
            for k in range(len(grouping.levels))
        ]
        judged = [grouping.codes == k for grouping, k, enough in levels if enough]
        drawn = Resampling.of(p)
        shifts = GroupShifts.of(happened, stated, judged, self.n_resamples, context.seed, drawn)
        p_values = iter(shifts.p_values())
        groups = []
        for grouping, k, enough in levels:
            inside = grouping.codes == k
            off, p_value = Estimate(math.nan, math.nan, math.nan, int(inside.sum())), math.nan
            if enough:
                effect = drawn.take(inside).design_effect((happened - chances)[inside])
                critical = shifts.critical * math.sqrt(effect)
                off = share_off(happened[inside], stated[inside], chances[inside], critical)
                p_value = float(next(p_values))
            observed = drawn.rate(happened, inside)
            mean = float(stated[inside].mean())
            groups.append(StatedToGroup(grouping, k, mean, observed, off, p_value))
        return Measurement(
            tuple(g.score() for g in groups if not (g.too_few or g.grouping.crossing)),
            {"groups": self.tables["groups"].frame(group.row() for group in groups)},
            notes=_notes(schema.target.explained_class if p.probabilities.shape[1] == 2 else ""),
        )

    def _is_enough(self, chances: Floats) -> bool:
        """Whether these people, with their probabilities, say anything of their group."""
        open_outcomes = float((chances * (1 - chances)).sum())
        return len(chances) >= self.min_cell and open_outcomes >= self.min_events


@dataclass(frozen=True, eq=False)
class StatedToGroup:
    """What was stated of the people of a level, and what happened.

    level : position in the grouping. stated : mean probability. observed : share that came true.
    off : the latter less the former, NaN of a group too small; p_value : corrected.
    """

    grouping: Grouping
    level: int
    stated: float
    observed: Estimate
    off: Estimate
    p_value: float

    @property
    def too_few(self) -> bool:
        return math.isnan(self.off.value)

    def score(self) -> Score:
        return GroupCalibration.score(
            "stated_off",
            self.off,
            "zero",
            attribute=self.grouping.name,
            level=self.grouping.levels[self.level],
            p_value=self.p_value,
            reference="doi:10.1093/biomet/45.3-4.562",
        )

    def row(self) -> dict[str, object]:
        return {
            "attribute": self.grouping.name,
            "attribute_label": self.grouping.label,
            "level": self.grouping.levels[self.level],
            "n": self.observed.n,
            "stated": self.stated,
            **self.observed.cells("observed", "observed"),
            **self.off.cells("off", "off"),
            "p_adjusted": self.p_value,
            "too_few": self.too_few,
        }


def _notes(explained: str) -> tuple[Text, ...]:
    return (
        message("notes.group_calibration.subject", explained=explained),
        message("notes.group_calibration.own_shift"),
    )
