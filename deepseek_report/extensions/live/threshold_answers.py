"""What the slider over thresholds says of any subset, while the page of a run is served.

The functions that made the report answer, for what `sections.threshold_slider` gave the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.rounding import DASH
from deepseek_report.errors import DataError, NotApplicableError
from deepseek_report.metrics.fairness.fairness_rows import surest_last
from deepseek_report.metrics.fairness.groups import groupings
from deepseek_report.metrics.performance.threshold_sweep import STEP_RATES, rates_at
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.shared.tables import Values
from deepseek_report.sections.threshold_slider import (
    attribute_levels,
    group_texts,
    share_text,
    stepped_levels,
    threshold_steps,
)


class LiveSlider:
    """Answers of the functions that made the report, at any of its thresholds, for any subset.

    metrics : the run's own `group_rates` and `impact_ratio`, where it has them.
    """

    def __init__(self, draft: Draft, metrics: Mapping[str, Any]) -> None:
        self.draft = draft
        self.metrics = metrics
        self.thresholds = np.array([row.threshold for row in threshold_steps(draft.results)])
        self.levels = attribute_levels(draft)
        self.groups = [key for _, _, key in stepped_levels(draft.results, self.levels)[1]]

    def answer(
        self, step: int, levels: Sequence[tuple[int, int]] = (), band: tuple[int, int] | None = None
    ) -> Values:
        """The texts of the slider, all with intervals.

        step : position of the threshold. levels : (attribute, level) positions, each in the order
        of `slider_data`. band : rows that reach more than `band[0]` and at most `band[1]`
        thresholds.

        Returns n : rows that were chosen. rates, groups : as in `slider_data`; no groups without
        rows.
        Raises DataError : there is no such threshold or group.
        """
        if not len(self.thresholds):
            raise DataError("threshold: this run has none to step through")
        if not 0 <= step < len(self.thresholds):
            n = len(self.thresholds)
            raise DataError(f"step {step}: there are {n} thresholds, from 0")
        kept = self._rows(levels, band)
        if not kept.any():
            return {"n": 0, "rates": [DASH] * len(STEP_RATES), "groups": []}
        taken, at = self.draft.results.predictions.take(kept), self.thresholds[[step]]
        rates = [share_text(self.draft, rate) for rate in rates_at(taken, at)[0].values()]
        answers = _group_answers(self.draft, self.metrics, taken, at) if self.groups else {}
        nothing = [DASH] * 4
        groups = [answers.get(group, nothing) for group in self.groups]
        return {"n": len(taken), "rates": rates, "groups": groups}

    def _rows(self, levels: Sequence[tuple[int, int]], band: tuple[int, int] | None) -> Bools:
        """(row,) whether it is chosen."""
        p = self.draft.results.predictions
        kept = np.ones(len(p), bool)
        for attribute, level in levels:
            is_known = 0 <= attribute < len(self.levels)
            if not (is_known and 0 <= level < len(self.levels[attribute].names)):
                raise DataError(f"levels {[attribute, level]}: the page has no such group")
            kept &= self.levels[attribute].codes == level
        if band is not None:
            reached = np.searchsorted(self.thresholds, p.scores, side="right")
            kept &= (reached > band[0]) & (reached <= band[1])
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
        key: group_texts(draft, row, ratios.get(key), compared=bool(ratios))
        for row in table
        for key in [(row.attribute, row.level)]
    }
