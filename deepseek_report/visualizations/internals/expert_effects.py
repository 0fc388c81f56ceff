"""What experts are needed for beside how much work they have, and what each is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.internal_rows import AblatedPart
from deepseek_report.metrics.internals.routing import AskedExpert
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, spoken
from deepseek_report.visualizations.drawing.read_results import grouped, required
from deepseek_report.visualizations.drawing.sheet import Sheet, on_sheets
from deepseek_report.visualizations.style import HEAT, LIGHT, colours, markers
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class ExpertEffectsPicture(PicturePart):
    """Draws the rise of the loss with an expert's mean in its place against the expert's load."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/ablation"})
    also = frozenset({"measures/expert_load"})

    def draw(self, results: Results) -> Sequence[Picture]:
        parts = required(results, "ablation", "parts", AblatedPart)
        experts = [part for part in parts if part.kind == "expert" and part.load is not None]
        if not experts:
            raise NotApplicableError(message("refusals.nothing_to_list"))
        words = words_of(results)
        busiest = max(experts, key=_load)
        most = max(experts, key=lambda part: part.mean.value)
        values = {
            "experts": len(experts),
            "needed": sum(part.verdict == "needed" for part in experts),
            "spare": sum(part.verdict == "spare" for part in experts),
            "busiest": _named(busiest),
            "load": _load(busiest),
            "most": _named(most),
            "rise": most.mean.value,
        }
        return [
            on_sheets(
                "expert_effects",
                3.4,
                lambda sheet: _scatter(sheet, experts, words),
                title=caption("expert_effects.title", **values),
                alt=caption("expert_effects.alt", **values),
            )
        ]


def _load(part: AblatedPart) -> float:
    return part.load or 0.0


def _named(part: AblatedPart) -> dict[str, int]:
    return {"expert": part.number or 0, "layer": part.layer + 1}


#: Inches left and right of the axes.
_LEFT, _RIGHT = 0.95, 0.15


def _scatter(sheet: Sheet, experts: Sequence[AblatedPart], words: Wording) -> None:
    layers = [str(layer) for layer in sorted({part.layer for part in experts})]
    names = [words.text("pictures.routing.layer", layer=int(layer) + 1) for layer in layers]
    step = 6 * max(map(len, names)) + 8
    across = max(1, int(72 * (sheet.width - _LEFT - _RIGHT) // step))
    lines = -(-len(names) // across)
    axes = sheet.axes(_LEFT, 0.55, _RIGHT, 0.2 + 0.15 * lines)
    tone, shape = colours(layers), markers(layers)
    axes.axhline(0, color=LIGHT.context, linewidth=1.2, linestyle=(0, (3, 2)))
    for layer in layers:
        for is_needed in (True, False):
            own = [
                (_load(part), part.mean)
                for part in experts
                if str(part.layer) == layer and (part.verdict == "needed") == is_needed
            ]
            look = marks.MarkStyle(tone[layer], shape[layer], hollow=not is_needed)
            marks.upright_intervals(axes, own, look)
    for place, (layer, name) in enumerate(zip(layers, names, strict=True)):
        line, column = divmod(place, across)
        offset = (step * column, 6 + 0.15 * 72 * (lines - 1 - line))
        marks.note(axes, name, (0, 1), offset, xycoords="axes fraction", color=tone[layer])
    for part in sorted(experts, key=lambda part: -part.mean.value)[:3]:
        number = words.numbers.count(part.number or 0)
        marks.note(axes, number, (_load(part), part.mean.value), (6, 2))
    marks.grid(axes, "y")
    marks.value_ticks(axes, "x", words)
    marks.value_ticks(axes, "y", words)
    axes.set_xlabel(words.text("pictures.expert_effects.load"))
    axes.set_ylabel(words.text("pictures.expert_effects.rise"))


#: From how many times its share of all choices on a cell has the colour of the next level.
_STEPS = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
#: So many kinds of tokens are drawn.
_ROWS = 24


@dataclass(frozen=True)
class ExpertTokensPicture(PicturePart):
    """Draws which tokens go to which expert, in the layer that parts them most."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/expert_load"})

    def draw(self, results: Results) -> Sequence[Picture]:
        questions = required(results, "expert_load", "asked", AskedExpert)
        layers = grouped(
            (each for each in questions if not each.attribute), lambda each: each.layer
        )
        several = [own for own in layers.values() if len({each.label for each in own}) > 1]
        if not several:
            raise NotApplicableError(message("refusals.nothing_to_list"))
        own = max(several, key=lambda own: max(each.times for each in own))
        return [_token_picture(own, words_of(results))]


def _token_picture(own: Sequence[AskedExpert], words: Wording) -> Picture:
    labels = grouped(own, lambda each: each.label)
    most = {label: max(each.times for each in rows) for label, rows in labels.items()}
    shown = sorted(most, key=lambda label: -most[label])[:_ROWS]
    experts = sorted({each.expert for each in own})
    times = np.zeros((len(shown), len(experts)))
    for row, label in enumerate(shown):
        for each in labels[label]:
            times[row, experts.index(each.expert)] = each.times
    top = max(own, key=lambda each: each.times)
    values = {
        "layer": top.layer + 1,
        "expert": top.expert + 1,
        "label": spoken(top.label),
        "share": top.share.value,
        "load": top.load,
    }
    return on_sheets(
        "expert_tokens",
        0.95 + 0.2 * len(times),
        lambda sheet: _heat(sheet, times, (shown, experts), words),
        title=caption("expert_tokens.title", **values),
        alt=caption("expert_tokens.alt", rows=len(times), **values),
    )


def _heat(sheet: Sheet, times: Floats, names: tuple[list[str], list[int]], words: Wording) -> None:
    """The heat map of `times` (label, expert), with the names of both."""
    labels, left = sheet.row_labels([spoken(label) for label in names[0]], 34, 3.0)
    axes = sheet.axes(left, 0.5, 0.15, 0.45)
    marks.cells(axes, np.digitize(times, np.array(_STEPS)), HEAT)
    axes.set_yticks(range(len(labels)), labels)
    experts = [words.numbers.count(expert + 1) for expert in names[1]]
    axes.set_xticks(range(len(experts)), experts)
    axes.set_xlabel(words.text("pictures.routing.expert"))
    marks.steps_key(sheet.figure, (left, 0.25), 0.6, _STEPS, words)
