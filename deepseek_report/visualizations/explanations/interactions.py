"""Which pairs of features act together, and how the effect of one depends on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Target
from deepseek_report.metrics.explanations.interactions import EffectBeside, FeaturePair
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, short, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import estimate_columns, grouped, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import LIGHT, MARKERS, SERIES, SMALL
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording, sentence_case

_ROW, _FOOT, _HEAD, _EFFECT = 0.3, 0.55, 0.45, 1.7


@dataclass(frozen=True)
class InteractionsPicture(PicturePart):
    """Draws how strongly pairs of features act together, beside what would not count.

    Where a pair does, also the mean output by the values of one feature for some of the other.
    """

    reveals = "aggregate"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/interactions"})

    def draw(self, results: Results) -> Sequence[Picture]:
        pairs = required(results, "interactions", "pairs", FeaturePair)
        effects = results.rows("interactions", "effects", EffectBeside)
        view = _View(pairs, effects, results.schema.target, words_of(results))
        return [
            on_sheets(
                "interactions",
                view.height,
                view.paint,
                title=_title(pairs),
                alt=_alt(pairs, effects),
                how_to_read=caption(
                    "interactions.how_to_read", space=pairs[0].space, has_effect=bool(effects)
                ),
            )
        ]


@dataclass(frozen=True)
class _View:
    """The strongest pairs, and the effect of one feature at values of the other if there is one."""

    pairs: Sequence[FeaturePair]
    effects: Sequence[EffectBeside]
    target: Target
    words: Wording

    @property
    def _top(self) -> float:
        """Inches of the part with the pairs."""
        return _FOOT + _ROW * len(self.pairs) + 0.15

    @property
    def height(self) -> float:
        return self._top + (_HEAD + _EFFECT + _FOOT if self.effects else 0.0)

    def paint(self, sheet: Sheet) -> None:
        self._paint_pairs(sheet, self.height - self._top)
        if self.effects:
            self._paint_effect(sheet)

    def _paint_pairs(self, sheet: Sheet, below: float) -> None:
        names = [f"{short(pair.label_a, 22)} × {short(pair.label_b, 22)}" for pair in self.pairs]
        labels, left = sheet.row_labels(names, 52, 3.6)
        axes = sheet.axes(left, below + _FOOT, 0.2, 0.15)
        marks.rows(axes, labels)
        for called in (True, False):
            own = [(at, p.share) for at, p in enumerate(self.pairs) if p.interacts == called]
            look = marks.MarkStyle(SERIES[0] if called else LIGHT.context, hollow=not called)
            marks.intervals(axes, own, look)
        control = marks.MarkStyle(SERIES[1], marker="|", size=11)
        controls = [Estimate(pair.control) for pair in self.pairs]
        marks.intervals(axes, enumerate(controls), control)
        shares = [pair.share for pair in self.pairs]
        furthest = float(np.nanmax(estimate_columns([*shares, *controls])[[0, 2]]))
        axes.set_xlim(0, 1.08 * furthest)
        marks.grid(axes, "x")
        marks.percent_ticks(axes, "x", self.words)
        axes.set_xlabel(self.words.text("pictures.interactions.axis"))

    def _paint_effect(self, sheet: Sheet) -> None:
        first = self.effects[0]
        axes = sheet.axes(0.75, _FOOT, 1.7, sheet.height - _FOOT - _EFFECT)
        ends = []
        for number, (level, line) in enumerate(_by_level(self.effects).items()):
            places = [at.value if at.is_numeric else float(n) for n, at in enumerate(line)]
            outputs = [at.output for at in line]
            tone = SERIES[number % len(SERIES)]
            style = "-" if first.is_numeric else "none"
            marker = MARKERS[number % len(MARKERS)]
            axes.plot(places, outputs, color=tone, linestyle=style, marker=marker, ms=3.5)
            ends.append(marks.EndLabel(max(places), outputs[-1], short(level, 18), tone))
            if not first.is_numeric:
                names = [short(at.display, 14) for at in line]
                axes.set_xticks(places, names, fontsize=SMALL - 1)
        marks.grid(axes, "y")
        marks.value_ticks(axes, "y", self.words, 4)
        if first.is_numeric:
            marks.value_ticks(axes, "x", self.words, 5)
        unit, label = short(first.unit, 20), short(first.label, 60)
        about = caption("common.in_unit", text=label, unit=unit) if first.unit else label
        axes.set_xlabel(sentence_case(self.words.say(about)))
        heading = caption("interactions.by", by=spoken(first.by_label), output=self._output())
        title = sentence_case(self.words.say(heading))
        axes.set_title(wrapped(title, 50) if sheet.is_narrow else short(title, 90), fontsize=9)
        marks.end_labels(axes, ends)

    def _output(self) -> Message:
        return caption(
            "interactions.output",
            space=self.pairs[0].space,
            class_name=spoken(self.target.explained_class),
            unit=short(self.target.unit, 20) if self.target.unit else "",
        )


def _by_level(effects: Sequence[EffectBeside]) -> dict[str, list[EffectBeside]]:
    """{value of the other feature: the outputs along the first}."""
    return grouped(effects, lambda effect: effect.by_display)


def _title(pairs: Sequence[FeaturePair]) -> Message:
    """What the metric's verdict on the strongest pair is."""
    called = [pair for pair in pairs if pair.interacts]
    pair = (called or pairs)[0]
    return caption(
        "interactions.title" if called else "interactions.title_none",
        first=spoken(pair.label_a),
        second=spoken(pair.label_b),
        share=pair.share,
        looked_at=pair.looked_at,
    )


def _alt(pairs: Sequence[FeaturePair], effects: Sequence[EffectBeside]) -> Message:
    listed = [
        caption(
            "interactions.alt_pair",
            first=spoken(pair.label_a),
            second=spoken(pair.label_b),
            share=pair.share,
            control=pair.control,
            interacts=pair.interacts,
        )
        for pair in pairs
    ]
    lines = [_alt_line(level, line) for level, line in _by_level(effects).items()]
    return caption("interactions.alt", n=len(listed), pairs=listed, lines=lines)


def _alt_line(level: str, line: Sequence[EffectBeside]) -> Message:
    """From where to where the output goes along the first feature, for a value of the other."""
    start, end = line[0], line[-1]
    return caption(
        "interactions.alt_line",
        by=spoken(start.by_label),
        level=spoken(level),
        feature=spoken(start.label),
        start=start.output,
        end=end.output,
        start_at=spoken(start.display),
        end_at=spoken(end.display),
    )
