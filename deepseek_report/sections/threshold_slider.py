"""What the page's script needs to step through thresholds; it counts rows and looks answers up."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Ints
from deepseek_report.artifacts.estimate import UNDEFINED, Estimate
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import DASH
from deepseek_report.artifacts.schema import UNKNOWN, Attribute
from deepseek_report.findings.decision_effect import declared_costs
from deepseek_report.metrics.fairness.fairness_rows import (
    GroupLevel,
    GroupStep,
    RatioStep,
    surest_last,
)
from deepseek_report.metrics.performance.performance_rows import SweptThreshold, ThresholdStep
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values

#: Different rows that a page holds at most; of more it holds the counts of the whole part alone.
_MOST_ROWS = 40_000
#: Levels of an attribute by which rows are chosen: the code of a row is one byte.
_MOST_LEVELS = 254


def slider_data(draft: Draft) -> Values | None:
    """Plain data for the script; None where there is no threshold.

    thresholds : as texts, ascending. counts : (four, step) right and wrong decisions for the
    explained class, then against it. rates : {step: texts with intervals}. attributes : by which
    rows are chosen. groups : the levels of people, with their texts at the steps that have them.
    rows : (row,) bytes, in base64; `step` is the number of thresholds that a score reaches.
    """
    steps = threshold_steps(draft.results)
    if not steps:
        return None
    target, numbers = draft.results.schema.target, draft.words.numbers
    levels, thresholds = attribute_levels(draft), [row.threshold for row in steps]
    costs = declared_costs(draft.results)
    return {
        "classes": list(map(draft.words.name, target.classes)),
        "explained": target.explained,
        "favourable": target.favourable,
        "thresholds": _threshold_texts(draft, thresholds),
        "in_use": next(at for at, row in enumerate(steps) if row.in_use),
        "counts": [list(counted) for counted in zip(*(row.counts for row in steps), strict=True)],
        "rates": {
            at: [share_text(draft, rate or UNDEFINED) for rate in row.rates]
            for at, row in enumerate(steps)
            if row.accuracy is not None
        },
        "attributes": [each.shown(draft) for each in levels],
        "groups": _groups(draft, levels, thresholds),
        "rows": _rows(draft, levels, thresholds),
        "costs": [costs.false_alarm, costs.missed] if costs else None,
        "group": numbers.separators[1:],
    }


def threshold_steps(results: Results) -> list[ThresholdStep]:
    """The thresholds that a reader may step through, ascending, and what is known at each."""
    return results.rows("threshold_sweep", "steps", ThresholdStep) or _swept(results)


def _swept(results: Results) -> list[ThresholdStep]:
    """Counts at the thresholds of the sweep, and at the one in use; no intervals.

    For folders that hold no rows.
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
class AttributeLevels:
    """An attribute by which rows are chosen: its levels as the table of groups has them."""

    attribute: Attribute
    names: tuple[str, ...]
    codes: Ints

    @classmethod
    def of(cls, attribute: Attribute, codes: Ints, listed: Sequence[GroupLevel]) -> AttributeLevels:
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


def attribute_levels(draft: Draft) -> list[AttributeLevels]:
    """All attributes that divide the rows; none where the folder does not hold rows."""
    if not draft.results.has_rows:
        return []
    groups, schema = draft.results.predictions.groups, draft.results.schema
    listed = draft.results.rows("group_rates", "groups", GroupLevel)
    levels = [
        AttributeLevels.of(
            attribute,
            np.asarray(groups[attribute.name]),
            [row for row in listed if row.attribute == attribute.name],
        )
        for attribute in schema.attributes
        if attribute.name in groups
    ]
    return [each for each in levels if 1 < len(each.names) <= _MOST_LEVELS]


def _groups(
    draft: Draft, levels: Sequence[AttributeLevels], thresholds: Sequence[float]
) -> list[Values]:
    """Each level of people: {step: texts of its rates and its ratio, position of its reference}."""
    place = {threshold: at for at, threshold in enumerate(thresholds)}
    ratios = {
        (row.threshold, row.attribute, row.level): row
        for row in surest_last(draft.results.rows("impact_ratio", "steps", RatioStep))
    }
    stepped, listed = stepped_levels(draft.results, levels)
    position = {key: at for at, (_, _, key) in enumerate(listed)}
    groups = []
    for at, k, key in listed:
        steps = {}
        for row in stepped[key]:
            ratio = ratios.get((row.threshold, *key))
            reference = -1 if ratio is None else position.get((key[0], ratio.reference), -1)
            texts = group_texts(draft, row, ratio, compared=bool(ratios))
            steps[place[row.threshold]] = [*texts, reference]
        groups.append({"attribute": at, "level": k, "steps": steps})
    return groups


def stepped_levels(
    results: Results, levels: Sequence[AttributeLevels]
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


def group_texts(
    draft: Draft, row: GroupStep, ratio: RatioStep | None, *, compared: bool
) -> list[str]:
    """The three rates and the ratio as the tables of the section on bias write them."""
    if row.too_few:
        return [draft.words.text("cells.too_few"), DASH, DASH, DASH]
    texts = [share_text(draft, rate) for rate in (row.selection_rate, row.tpr, row.fpr)]
    if ratio is None:
        return [*texts, draft.words.text("sections.bias.is_reference") if compared else DASH]
    return [*texts, draft.words.numbers.value(ratio.ratio) if ratio.ratio.is_defined else DASH]


def share_text(draft: Draft, rate: Estimate) -> str:
    """A rate from 0 to 1 with its interval; a dash where it is not defined."""
    return draft.words.numbers.share(rate) if rate.is_defined else DASH


def _rows(
    draft: Draft, levels: Sequence[AttributeLevels], thresholds: Sequence[float]
) -> Values | None:
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
