"""How far the explainers give the same ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.explanations.agreement import ExplainerPair
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption
from deepseek_report.visualizations.drawing.read_results import estimate_columns, reach, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, SERIES
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

_ROW, _ROW_NARROW = 0.25, 0.34


@dataclass(frozen=True)
class AgreementPicture(PicturePart):
    """Draws the rank correlation of every pair of explainers, with intervals."""

    reveals = "aggregate"
    section = "trust"
    needs = frozenset({"measures/explainer_agreement"})

    def draw(self, results: Results) -> Sequence[Picture]:
        pairs = required(results, "explainer_agreement", "pairs", ExplainerPair)
        undefined = [_pair(pair) for pair in pairs if not pair.spearman.is_defined]
        ordered = sorted(
            (pair for pair in pairs if pair.spearman.is_defined),
            key=lambda pair: (pair.has_control, -pair.spearman.value),
        )
        words, n = words_of(results), len(ordered)
        return [
            on_sheets(
                "agreement",
                (0.85 + _ROW * n, 0.85 + _ROW_NARROW * n),
                lambda sheet: _paint(sheet, ordered, words),
                title=_title(ordered, none_ranks=bool(undefined)),
                alt=_alt(ordered),
                how_to_read=caption("agreement.how_to_read", undefined=undefined),
            )
        ]


def _pair(pair: ExplainerPair) -> Message:
    return caption("agreement.pair", a=pair.explainer_a, b=pair.explainer_b)


def _paint(sheet: Sheet, pairs: Sequence[ExplainerPair], words: Wording) -> None:
    names = [sentence_case(words.say(_pair(pair))) for pair in pairs]
    labels, left = sheet.row_labels(names, 48, 3.6)
    across, foot = sheet.below(words.text("pictures.agreement.axis"), left)
    axes = sheet.axes(left, foot, 0.45 if sheet.is_narrow else 0.25, 0.15)
    marks.rows(axes, labels)
    for control in (False, True):
        own = [(at, pair.spearman) for at, pair in enumerate(pairs) if pair.has_control == control]
        marks.intervals(axes, own, marks.MarkStyle(LIGHT.context if control else SERIES[0]))
        for place, rank in own:
            text = words.numbers.number(rank.value, rank.low, rank.high)
            marks.note(axes, text, (reach(rank), place), (6, 0), va="center")
    marks.grid(axes, "x")
    axes.axvline(0, color=LIGHT.context, linewidth=1)
    values, lows, _ = estimate_columns(pair.spearman for pair in pairs)
    axes.set_xlim(min(-0.1, float(np.nanmin([values, lows], initial=1.0)) - 0.05), 1.1)
    axes.set_xticks([at for at in (-1, -0.5, 0, 0.25, 0.5, 0.75, 1) if at >= axes.get_xlim()[0]])
    marks.plain_ticks(axes, "x", words)
    axes.set_xlabel(across)


def _title(ordered: Sequence[ExplainerPair], *, none_ranks: bool) -> Message:
    pairs = [pair for pair in ordered if not pair.has_control]
    if not pairs:
        return caption("agreement.title_none_ranks" if none_ranks else "agreement.title_alone")
    best = _judged(pairs[0], "best")
    if len(pairs) == 1:
        return caption("agreement.title_one_pair", **best)
    return caption("agreement.title", **best, **_judged(pairs[-1], "worst"))


def _judged(pair: ExplainerPair, name: str) -> dict[str, Message | Estimate]:
    """The pair and its correlation, under the name that a title has for them."""
    two = caption("agreement.two", a=pair.explainer_a, b=pair.explainer_b)
    return {name: two, f"{name}_correlation": pair.spearman}


def _alt(pairs: Sequence[ExplainerPair]) -> Message:
    listed = [
        caption("agreement.alt_pair", pair=_pair(pair), correlation=pair.spearman) for pair in pairs
    ]
    return caption("agreement.alt", n=len(listed), pairs=listed)
