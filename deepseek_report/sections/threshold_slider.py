"""What the page's script needs to step through thresholds; it counts rows and looks answers up."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import DASH
from deepseek_report.artifacts.schema import UNKNOWN, Attribute
from deepseek_report.errors import DataError, NotApplicableError
from deepseek_report.findings.decision_effect import declared_costs
from deepseek_report.metrics.fairness.fairness_rows import (
    GroupLevel,
    GroupStep,
    RatioStep,
    surest_last,
)
from deepseek_report.metrics.fairness.groups import groupings
from deepseek_report.metrics.performance.performance_rows import SweptThreshold, ThresholdStep
from deepseek_report.metrics.performance.threshold_sweep import STEP_RATES, rates_at
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values

#: Different rows that a page holds at most; of more it holds the counts of the whole part alone.
_MOST_ROWS = 40_000
#: Levels of an attribute by which rows are chosen: the code of a row is one byte.
_MOST_LEVELS = 254


def slider_data(draft: Draft) -> Values | None:
    """Plain data for the script; None where there is no threshold, or in an older run.

    thresholds : as texts, ascending. counts : (four, step) right and wrong decisions for the
    explained class, then against it. rates : {step: texts with intervals}. attributes : by which
    rows are chosen. groups : the levels of people, with their texts at the steps that have them.
    rows : (row,) bytes, in base64; `step` is the number of thresholds that a score reaches.
    """
    steps = _steps(draft.results)
    if not steps:
        return None
    target, numbers = draft.results.schema.target, draft.words.numbers
    levels, thresholds = _attribute_levels(draft), [row.threshold for row in steps]
    costs = declared_costs(draft.results)
    return {
        "classes": list(map(draft.words.name, target.classes)),
        "explained": target.explained,
        "favourable": target.favourable,
        "thresholds": _threshold_texts(draft, thresholds),
        "in_use": next(at for at, row in enumerate(steps) if row.in_use),
        "counts": [list(counted) for counted in zip(*(row.counts for row in steps), strict=True)],
        "rates": {
            at: [_share_text(draft, rate or UNDEFINED) for rate in row.rates]
            for at, row in enumerate(steps)
            if row.accuracy is not None
        },
        "attributes": [each.shown(draft) for each in levels],
        "groups": _groups(draft, levels, thresholds),
        "rows": _rows(draft, levels, thresholds),
        "costs": [costs.false_alarm, costs.missed] if costs else None,
        "group": numbers.separators[1:],
    }


def _steps(results: Results) -> list[ThresholdStep]:
    """The thresholds that a reader may step through, ascending, and what is known at each."""
    return results.rows("threshold_sweep", "steps", ThresholdStep) or _swept(results)


def _swept(results: Results) -> list[ThresholdStep]:
    """Counts at the thresholds of the sweep, and at the one in use; no intervals.

    For folders that hold no rows, and for those of earlier versions.
    """
    swept = results.rows("threshold_sweep", "sweep", SweptThreshold)
    if not swept or not results.has("predictions/test"):
        return []
    summary = results.predicted
    used = 0.5 if summary.threshold is None else summary.threshold
    n, rates = summary.n, summary.about_explained
    tried = {row.threshold: (row.true_positive_rate, row.false_positive_rate) for row in swept}
    tried[used] = rates.recall, rates.flagged
    positives = round(rates.base * n)
    steps = []
    for threshold in sorted(tried):
        hits, alarms = (
            round(share * of)
            for share, of in zip(tried[threshold], (positives, n - positives), strict=True)
        )
        counts = (hits, alarms, positives - hits, n - positives - alarms)
        steps.append(ThresholdStep(threshold, threshold == used, *counts))
    return steps if results.privacy.is_full else _told_apart(steps, results.privacy.floor)


def _told_apart(steps: Sequence[ThresholdStep], floor: int) -> list[ThresholdStep]:
    """The steps that tell nothing of fewer cases than the floor beside the one in use.

    The table of the sweep is thinned by itself; the threshold in use lies between two of its rows.
    Empty where the one in use counts so few cases.
    """
    in_use = next(step for step in steps if step.in_use)
    if any(0 < count < floor for count in in_use.counts):
        return []
    return [
        step
        for step in steps
        if step is in_use
        or not any(
            0 < abs(count - own) < floor
            for count, own in zip(step.counts, in_use.counts, strict=True)
        )
    ]


def _threshold_texts(draft: Draft, thresholds: Sequence[float]) -> list[str]:
    """Three digits, as a threshold is written everywhere; more where two would look alike."""
    write = draft.words.numbers
    texts = [write.setting(threshold) for threshold in thresholds]
    return [
        text if texts.count(text) == 1 else write.declared(float(f"{threshold:.5g}"))
        for text, threshold in zip(texts, thresholds, strict=True)
    ]


@dataclass(frozen=True)
class _Levels:
    """An attribute by which rows are chosen: its levels as the table of groups has them."""

    attribute: Attribute
    names: tuple[str, ...]
    codes: Ints

    @classmethod
    def of(cls, attribute: Attribute, codes: Ints, listed: Sequence[GroupLevel]) -> _Levels:
        """Small levels that the table takes together are one here too.

        codes : (row,) level in the data, -1 where it is unknown.
        """
        names = tuple(row.level for row in listed) or (*attribute.levels, UNKNOWN)
        place = {name: at for at, name in enumerate(names)}
        for row in listed:
            place |= dict.fromkeys(row.pooled_levels, place[row.level])
        of_level = [place.get(name, -1) for name in (*attribute.levels, UNKNOWN)]
        return cls(attribute, names, np.array(of_level)[codes])

    def shown(self, draft: Draft) -> Values:
        """Its label and levels in the report's language."""
        name = draft.words.name
        return {"label": name(self.attribute.label), "levels": list(map(name, self.names))}


def _attribute_levels(draft: Draft) -> list[_Levels]:
    """All attributes that divide the rows; none where the folder does not hold rows."""
    if not draft.results.has_rows:
        return []
    groups, schema = draft.results.predictions.groups, draft.results.schema
    listed = draft.results.rows("group_rates", "groups", GroupLevel)
    levels = [
        _Levels.of(
            attribute,
            np.asarray(groups[attribute.name]),
            [row for row in listed if row.attribute == attribute.name],
        )
        for attribute in schema.attributes
        if attribute.name in groups
    ]
    return [each for each in levels if 1 < len(each.names) <= _MOST_LEVELS]


def _groups(draft: Draft, levels: Sequence[_Levels], thresholds: Sequence[float]) -> list[Values]:
    """Each level of people: {step: texts of its rates and its ratio, position of its reference}."""
    place = {threshold: at for at, threshold in enumerate(thresholds)}
    ratios = {
        (row.threshold, row.attribute, row.level): row
        for row in surest_last(draft.results.rows("impact_ratio", "steps", RatioStep))
    }
    stepped, listed = _stepped_levels(draft.results, levels)
    position = {key: at for at, (_, _, key) in enumerate(listed)}
    groups = []
    for at, k, key in listed:
        steps = {}
        for row in stepped[key]:
            ratio = ratios.get((row.threshold, *key))
            reference = -1 if ratio is None else position.get((key[0], ratio.reference), -1)
            texts = _group_texts(draft, row, ratio, compared=bool(ratios))
            steps[place[row.threshold]] = [*texts, reference]
        groups.append({"attribute": at, "level": k, "steps": steps})
    return groups


def _stepped_levels(
    results: Results, levels: Sequence[_Levels]
) -> tuple[dict[tuple[str, str], list[GroupStep]], list[tuple[int, int, tuple[str, str]]]]:
    """Rows of the levels that have rates at the steps, and these levels in the page's order.

    Returns {(attribute, level): rows}, and for each level its attribute's position, its own, and
    its key.
    """
    stepped: dict[tuple[str, str], list[GroupStep]] = {}
    for row in results.rows("group_rates", "steps", GroupStep):
        stepped.setdefault((row.attribute, row.level), []).append(row)
    listed = [
        (at, k, (each.attribute.name, level))
        for at, each in enumerate(levels)
        for k, level in enumerate(each.names)
        if (each.attribute.name, level) in stepped
    ]
    return stepped, listed


def _group_texts(
    draft: Draft, row: GroupStep, ratio: RatioStep | None, *, compared: bool
) -> list[str]:
    """The three rates and the ratio as the tables of the section on bias write them."""
    if row.too_few:
        return [draft.words.text("cells.too_few"), DASH, DASH, DASH]
    texts = [_share_text(draft, rate) for rate in (row.selection_rate, row.tpr, row.fpr)]
    if ratio is None:
        return [*texts, draft.words.text("sections.bias.is_reference") if compared else DASH]
    return [*texts, draft.words.numbers.value(ratio.ratio) if ratio.ratio.is_defined else DASH]


def _share_text(draft: Draft, rate: Estimate) -> str:
    return draft.words.numbers.share(rate) if rate.is_defined else DASH


def _rows(draft: Draft, levels: Sequence[_Levels], thresholds: Sequence[float]) -> Values | None:
    """What each row is counted by; alike rows once, with how many they are."""
    if not draft.results.has_rows:
        return None
    p = draft.results.predictions
    columns = {
        **{str(at): each.codes + 1 for at, each in enumerate(levels)},
        "truth": p.truths,
        "step": np.searchsorted(np.array(thresholds), p.scores, side="right"),
    }
    distinct, sizes = np.unique(
        np.stack(list(columns.values()), axis=1), axis=0, return_counts=True
    )
    if len(distinct) > _MOST_ROWS:
        return None
    packed = {name: _bytes(distinct[:, at].astype(np.uint8)) for at, name in enumerate(columns)}
    return {**packed, "size": _bytes(sizes.astype("<u4").view(np.uint8))}


def _bytes(values: object) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


# --- answers to a live page ---


@dataclass(frozen=True)
class Subset:
    """What a reader of the live page chose.

    step : position of the threshold. levels : (attribute, level) positions, each in the order of
    `slider_data`. band : rows that reach more than `band[0]` and at most `band[1]` thresholds.
    """

    step: int
    levels: tuple[tuple[int, int], ...] = ()
    band: tuple[int, int] | None = None


class LiveSlider:
    """Answers of the functions that made the report, at any of its thresholds, for any subset.

    metrics : the run's own `group_rates` and `impact_ratio`, where it has them.
    """

    def __init__(self, draft: Draft, metrics: Mapping[str, Any]) -> None:
        self.draft = draft
        self.metrics = metrics
        self.thresholds = np.array([row.threshold for row in _steps(draft.results)])
        self.levels = _attribute_levels(draft)
        self.groups = [key for _, _, key in _stepped_levels(draft.results, self.levels)[1]]

    def answer(self, chosen: Subset) -> Values:
        """The texts of the slider, all with intervals.

        Returns n : rows that were chosen. rates, groups : as in `slider_data`; no groups without
        rows.
        Raises DataError : there is no such threshold or group.
        """
        if not len(self.thresholds):
            raise DataError("threshold: this run has none to step through")
        if not 0 <= chosen.step < len(self.thresholds):
            n = len(self.thresholds)
            raise DataError(f"step {chosen.step}: there are {n} thresholds, from 0")
        kept = self._rows(chosen)
        if not kept.any():
            return {"n": 0, "rates": [DASH] * len(STEP_RATES), "groups": []}
        taken, at = self.draft.results.predictions.take(kept), self.thresholds[[chosen.step]]
        rates = [_share_text(self.draft, rate) for rate in rates_at(taken, at)[0].values()]
        answers = _group_answers(self.draft, self.metrics, taken, at) if self.groups else {}
        nothing = [DASH] * 4
        groups = [answers.get(group, nothing) for group in self.groups]
        return {"n": len(taken), "rates": rates, "groups": groups}

    def _rows(self, chosen: Subset) -> Bools:
        """(row,) whether it is chosen."""
        p = self.draft.results.predictions
        kept = np.ones(len(p), bool)
        for attribute, level in chosen.levels:
            is_known = 0 <= attribute < len(self.levels)
            if not (is_known and 0 <= level < len(self.levels[attribute].names)):
                raise DataError(f"levels {[attribute, level]}: the page has no such group")
            kept &= self.levels[attribute].codes == level
        if chosen.band is not None:
            reached = np.searchsorted(self.thresholds, p.scores, side="right")
            kept &= (reached > chosen.band[0]) & (reached <= chosen.band[1])
        return kept


def _group_answers(
    draft: Draft, metrics: Mapping[str, Any], taken: Predictions, at: Floats
) -> dict[tuple[str, str], list[str]]:
    """{(attribute, level): texts}; nothing where all rows are of one group."""
    schema = draft.results.schema
    rated, compared = metrics.get("group_rates"), metrics.get("impact_ratio")
    if rated is None:
        return {}
    try:
        groups = groupings(schema, taken, crossings=False, min_cell=rated.min_cell, apart=())
        table = rated.rates_at(taken, schema.target, groups, at)
        good = schema.target.declared_favourable
        pairs = [] if compared is None else compared.ratios_at(taken, groups, good, at)
    except NotApplicableError:
        return {}
    ratios = {(row.attribute, row.level): row for row in surest_last(pairs)}
    return {
        key: _group_texts(draft, row, ratios.get(key), compared=bool(ratios))
        for row in table
        for key in [(row.attribute, row.level)]
    }
