"""What each group of people gets, and how often what was stated of it comes true."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import UNKNOWN, Target
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import SEPARATOR, TableType
from deepseek_report.metrics.fairness.fairness_rows import GroupLevel, GroupStep, StatedGroup
from deepseek_report.metrics.fairness.group_gaps import GAPS, PartGaps
from deepseek_report.metrics.fairness.groups import CrossedMetric, Grouping
from deepseek_report.metrics.plugin import ClassMetric, Resamples, require_probabilities
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.logistic import GroupShifts, recalibrated, share_off
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.tasks import task_of
from deepseek_report.tasks.loss import ThresholdSteps, at_threshold, calibration_subject


@dataclass(frozen=True)
class GroupRates(CrossedMetric):
    """How many of each group are decided favourably, and how right that is, with intervals.

    Of numbers the mean error and the mean absolute error of each group, and the largest gaps
    between groups (`mae_gap`, `mean_error_gap`); of decisions the gaps are metrics of their own.

    crossings : also compare the crossings of two attributes. min_cell : a group with fewer people
    is not judged. min_events : nor is one where equal rates would give fewer favourable decisions.
    Groups with fewer than `min_cell` people are judged together, where there are two of them.
    n_resamples : how often the errors of each group are redrawn for intervals and tests.
    """

    reveals = "aggregate"
    tables = {
        "groups": TableType.of(
            GroupLevel, release=TableRelease(counts=("n",), lines=(("attribute",),))
        ),
        "tests": GAPS,
        "steps": TableType.of(GroupStep),
    }
    bounds = {"selection_rate": SHARE, "mae_gap": (0.0, None), "mean_error_gap": (0.0, None)}
    n_resamples: Resamples = 2000

    def measure(self, context: MeasureContext) -> Measurement:
        groups = self.groupings(context, pool=True)
        levels, gaps = list(self._rows(context, groups)), self._gaps(context)
        tables: dict[str, Sequence[object]] = {"groups": levels, **self._steps(context, groups)}
        return Measurement(
            (*_selection(levels, Resampling.of(context.predictions)), *gaps.scores),
            {**self.frames(**tables), **gaps.tables},
            notes=(*self._notes(levels, groups), *gaps.notes),
        )

    def _rows(self, context: MeasureContext, groups: list[Grouping]) -> Iterator[GroupLevel]:
        """Every level of every grouping, in the order of the schema."""
        p, target = context.predictions, context.dataset.schema.target
        task = task_of(target)
        for grouping in groups:
            for k, level in enumerate(grouping.levels):
                inside = grouping.codes == k
                yield GroupLevel(
                    grouping.name,
                    grouping.label,
                    level,
                    int(inside.sum()),
                    task.group_facts(p, target, inside),
                    too_few=task.is_too_few(p, target, inside, self.floor),
                    crossing=grouping.crossing,
                    pooled="" if grouping.named[k] else SEPARATOR.join(grouping.pooled),
                )

    def _steps(self, context: MeasureContext, groups: list[Grouping]) -> dict[str, list[GroupStep]]:
        """What each group would get at other thresholds; nothing but for two classes."""
        p, target = context.predictions, context.dataset.schema.target
        if p.probabilities.shape[1] != 2:
            return {}
        steps = ThresholdSteps.of(p)
        return {"steps": self.rates_at(p, target, groups, steps.thresholds[steps.with_interval])}

    def rates_at(
        self, predictions: Predictions, target: Target, groups: list[Grouping], thresholds: Floats
    ) -> list[GroupStep]:
        """The rates of every level of an attribute at each threshold, of two classes."""
        single = [grouping for grouping in groups if not grouping.crossing]
        return list(_step_rows(predictions, target, single, thresholds, self.floor))

    def _gaps(self, context: MeasureContext) -> Measurement:
        """What the task compares groups by; nothing where decisions are compared elsewhere."""
        target, p = context.dataset.schema.target, context.predictions
        statistics = task_of(target).group_gaps
        if not statistics:
            return Measurement(())
        groups = [grouping for grouping in self.groupings(context) if not grouping.crossing]
        gaps = PartGaps(statistics, self.floor, self.n_resamples, context.seed)
        return gaps.measured(self.category, target, groups, p)

    def _notes(self, levels: list[GroupLevel], groups: list[Grouping]) -> Iterator[Text]:
        pools = [grouping for grouping in groups if grouping.pooled]
        if pools:
            taken = [
                message(
                    "notes.group_rates.pooled_levels",
                    attribute=grouping.label,
                    levels=list(grouping.pooled),
                )
                for grouping in pools
            ]
            yield message("notes.group_rates.pooled", people=self.min_cell, levels=taken)
        few = [row.level for row in levels if row.too_few]
        if few and levels[0].selection_rate is not None:
            yield message(
                "notes.group_rates.too_few",
                people=self.min_cell,
                decisions=self.min_events,
                levels=few,
            )
        left_out = [
            grouping for grouping in groups if grouping.crossing and (grouping.codes < 0).any()
        ]
        if left_out:
            without = [
                message(
                    "notes.group_rates.left_out",
                    crossing=grouping.label,
                    n=int((grouping.codes < 0).sum()),
                )
                for grouping in left_out
            ]
            yield message("notes.group_rates.crossings", people=self.min_cell, left_out=without)
        unknown = [
            grouping.label
            for grouping in groups
            if not grouping.crossing and UNKNOWN in grouping.levels
        ]
        if unknown:
            yield message("notes.group_rates.unknown", attributes=unknown)


def _step_rows(
    predictions: Predictions,
    target: Target,
    groups: list[Grouping],
    thresholds: Floats,
    floor: tuple[int, int],
) -> Iterator[GroupStep]:
    """The rates of every level at each threshold, level by level."""
    good = target.declared_favourable
    deserving, drawn = predictions.labels == good, Resampling.of(predictions)
    moved = [at_threshold(predictions, threshold) for threshold in thresholds]
    for grouping in groups:
        for k, level in enumerate(grouping.levels):
            inside = grouping.codes == k
            among = (inside, inside & deserving, inside & ~deserving)
            rates = drawn.rates((p.decisions == good, tried) for p in moved for tried in among)
            for at, (threshold, p) in enumerate(zip(thresholds.tolist(), moved, strict=True)):
                too_few = task_of(target).is_too_few(p, target, inside, floor)
                stepped = rates[at * len(among) : (at + 1) * len(among)]
                yield GroupStep(threshold, grouping.name, level, too_few, *stepped)


def _selection(levels: list[GroupLevel], drawn: Resampling) -> Iterator[Score]:
    """The share of favourable decisions of each group; nothing where there are none."""
    method = drawn.describe(drawn.rate_method)
    for row in levels:
        if row.selection_rate is not None and not row.is_crossing:
            yield GroupRates.score(
                "selection_rate",
                replace(row.selection_rate, method=method),
                "none",
                unit="share",
                attribute=row.attribute,
                level=row.level,
                note=message("notes.too_few") if row.too_few else "",
            )


@dataclass(frozen=True)
class GroupCalibration(CrossedMetric, ClassMetric):
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
        "groups": TableType.of(
            StatedGroup,
            "bias",
            folded=True,
            release=TableRelease(counts=("n",), lines=(("attribute",),)),
        )
    }
    bounds = {"stated_off": (-1.0, 1.0)}
    needs_favourable = False
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        p, schema = context.predictions, context.dataset.schema
        require_probabilities(p)
        compared = self.groupings(context, pool=True)
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
        rows: list[StatedGroup] = []
        for grouping, k, enough in levels:
            inside = grouping.codes == k
            off, p_value = Estimate(math.nan, n=int(inside.sum())), math.nan
            if enough:
                effect = drawn.take(inside).design_effect((happened - chances)[inside])
                critical = shifts.critical * math.sqrt(effect)
                off = share_off(happened[inside], stated[inside], chances[inside], critical)
                p_value = float(next(p_values))
            rows.append(
                StatedGroup(
                    attribute=grouping.name,
                    attribute_label=grouping.label,
                    level=grouping.levels[k],
                    n=off.n,
                    stated=float(stated[inside].mean()),
                    observed=drawn.rate(happened, inside),
                    off=off,
                    p_adjusted=p_value,
                    too_few=not enough,
                )
            )
        return Measurement(
            tuple(
                self.score(
                    "stated_off",
                    row.off,
                    "zero",
                    attribute=row.attribute,
                    level=row.level,
                    p_value=row.p_adjusted,
                    reference="doi:10.1093/biomet/45.3-4.562",
                )
                for row in rows
                if not (row.too_few or row.is_crossing)
            ),
            self.frames(groups=rows),
            notes=_notes(schema.target.explained_class if p.probabilities.shape[1] == 2 else ""),
        )

    def _is_enough(self, chances: Floats) -> bool:
        """Whether these people, with their probabilities, say anything of their group."""
        open_outcomes = float((chances * (1 - chances)).sum())
        return len(chances) >= self.min_cell and open_outcomes >= self.min_events


def _notes(explained: str) -> tuple[Text, ...]:
    return (
        message("notes.group_calibration.subject", explained=explained),
        message("notes.group_calibration.own_shift"),
    )
