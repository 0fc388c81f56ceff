"""Inside of a routed transformer: what heads read, how they are weighed, what experts do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import ArtifactError, NotApplicableError
from deepseek_report.metrics.internals import routing
from deepseek_report.metrics.internals.internal_rows import AblatedPart
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import caption, short, spoken, wrapped
from deepseek_report.visualizations.drawing.read_results import grouped, reach, required
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets
from deepseek_report.visualizations.style import HEAT, LIGHT, SERIES, Axes, colours, markers
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- Which token each attention head reads from, on average over the explained cases --------------

#: From how many times the even share on a cell has the colour of the next level.
_STEPS = (1.5, 2.5, 4.0, 6.5, 10.0, 16.0)
#: Share of the attention beyond the even one from which a token is called preferred.
_NOTABLE = 0.01
#: Inches above the maps: two lines for the levels, two for what each head reads most.
_TOP = 1.1
#: Panels side by side, and on a narrow page.
_ABREAST, _ABREAST_NARROW = 4, 2
_ARRAYS = ("mean", "even", "there")


@dataclass(frozen=True)
class AttentionMapsPicture(PicturePart):
    """Draws one heat map for each layer, branch and head: who reads from whom."""

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/attention"})

    def draw(self, results: Results) -> Sequence[Picture]:
        arrays = results.arrays("attention")
        for name in _ARRAYS:
            if name not in arrays:
                raise ArtifactError(
                    f"measures/attention: the array `{name}` is not there; measure it again"
                )
        mean, evenly, present = (arrays[name] for name in _ARRAYS)
        tokens = required(results, "attention", "tokens", routing.AttentionToken)
        branches = required(results, "attention", "branches", routing.AttentionBranch)
        names = [spoken(token.label) for token in tokens], [spoken(b.branch) for b in branches]
        words = words_of(results)
        return [
            _picture(_View(layer, maps, even, present, *names, words))
            for layer, (maps, even) in enumerate(zip(mean, evenly, strict=True))
        ]


@dataclass(frozen=True)
class _View:
    """The maps (branch, head, query, key) of one layer.

    even : (branch, query, key). present : (query,) share of the cases that have the token.
    """

    layer: int
    maps: Floats
    even: Floats
    present: Floats
    tokens: list[str]
    branches: list[str]
    words: Wording
    abreast: int = _ABREAST
    width: float = style.WIDTH

    @property
    def name(self) -> str:
        return f"attention_maps_{self.layer}"

    @property
    def lines(self) -> list[tuple[int, list[int]]]:
        """(branch, its heads) for each line of small maps."""
        heads = range(self.maps.shape[1])
        return [
            (branch, list(heads[start : start + self.abreast]))
            for branch in range(len(self.branches))
            for start in range(0, len(heads), self.abreast)
        ]

    def favourite(self, branch: int, head: int) -> tuple[str, float]:
        """The token that this head reads most beyond its even share, and its share in all."""
        token, share, _ = self._preferred(self.maps[branch, head], self.even[branch])
        return token, share

    def most_read(self) -> tuple[str, float, float]:
        """The same over all heads, with times the even share."""
        return self._preferred(self.maps.mean(axis=(0, 1)), self.even.mean(axis=0))

    def levels(self, branch: int, head: int) -> Ints:
        """(query, key) how many of the steps above the even share each cell is."""
        even = self.even[branch]
        times = np.divide(self.maps[branch, head], even, out=np.zeros_like(even), where=even > 0)
        return np.asarray(np.digitize(times, np.array(_STEPS)))

    def _preferred(self, weights: Floats, even: Floats) -> tuple[str, float, float]:
        shares, expected = (
            self.present @ pattern / self.present.sum() for pattern in (weights, even)
        )
        best = int((shares - expected).argmax())
        return self.tokens[best], float(shares[best]), float(shares[best] / expected[best])


def _picture(view: _View) -> Picture:
    return Picture(
        name=view.name,
        svg=_drawn(view),
        narrow=_drawn(replace(view, abreast=_ABREAST_NARROW, width=style.NARROW)),
        title=_title(view),
        alt=_alt(view),
        how_to_read=caption("attention_maps.how_to_read"),
    )


def _drawn(view: _View) -> str:
    abreast = min(view.maps.shape[1], view.abreast)
    side = min((view.width - 0.55) / abreast - 0.12, 2.2)
    height = _TOP + len(view.lines) * (side + 0.72) - 0.42
    return style.draw_svg(view.name, height, lambda figure: _paint(figure, view, side), view.width)


def _paint(figure: style.Figure, view: _View, side: float) -> None:
    width, height = (float(inches) for inches in figure.get_size_inches())
    _key(figure, view.words)
    for line, (branch, heads) in enumerate(view.lines):
        upper = height - _TOP - line * (side + 0.72)
        for column, head in enumerate(heads):
            left = 0.5 + column * (side + 0.12)
            axes = style.panel(figure, left, upper - side, left + side, upper)
            marks.cells(axes, view.levels(branch, head), style.HEAT)
            _dress(axes, view, (branch, head), first=column == 0, width=side)
    across = view.words.text("pictures.attention_maps.across")
    figure.text(0.5 / width, 0.1 / height, across, fontsize=style.SMALL, color=style.LIGHT.muted)


def _dress(
    axes: style.Axes, view: _View, which: tuple[int, int], *, first: bool, width: float
) -> None:
    marks.frame(axes)
    token, share = view.favourite(*which)
    fitting = int(width * 72 / 5.6)
    head = view.words.text("pictures.attention_maps.head", head=which[1] + 1, share=share)
    title = f"{head}\n{wrapped(token, fitting)}"
    axes.set_title(title, fontsize=style.SMALL, pad=4, linespacing=1.15)
    if first:
        branch = f"{short(view.branches[which[0]], 18)}\n" if len(view.branches) > 1 else ""
        upright = view.words.text("pictures.attention_maps.upright")
        axes.set_ylabel(f"{branch}{upright}", fontsize=style.SMALL)


def _key(figure: style.Figure, words: Wording) -> None:
    width, height = (float(inches) for inches in figure.get_size_inches())
    figure.text(
        0.5 / width,
        1 - 0.14 / height,
        words.text("pictures.attention_maps.key"),
        fontsize=style.SMALL,
        color=style.LIGHT.muted,
        va="center",
    )
    marks.steps_key(figure, (0.5, 0.4), 0.62, _STEPS, words)


def _title(view: _View) -> Message:
    token, share, times = view.most_read()
    if times < 1.5 or share * (1 - 1 / times) < _NOTABLE:
        return caption("attention_maps.title_even", layer=view.layer + 1)
    return caption(
        "attention_maps.title", layer=view.layer + 1, token=token, share=share, times=times
    )


def _alt(view: _View) -> Message:
    several = len(view.branches) > 1
    branches = [
        caption(
            "attention_maps.alt_branch",
            branch=name if several else "",
            heads=[_alt_head(view, branch, head) for head in range(view.maps.shape[1])],
        )
        for branch, name in enumerate(view.branches)
    ]
    return caption("attention_maps.alt", layer=view.layer + 1, branches=branches)


def _alt_head(view: _View, branch: int, head: int) -> Message:
    token, share = view.favourite(branch, head)
    return caption("attention_maps.alt_head", head=head + 1, token=token, share=share)


# --- How the router weighs the heads, and what the experts do -------------------------------------


@dataclass(frozen=True)
class RoutingPicture(PicturePart):
    """Draws the weight of each head and the load of each expert, layer by layer."""

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/route_entropy"})
    also = frozenset({"measures/expert_load"})

    def draw(self, results: Results) -> Sequence[Picture]:
        routes = required(results, "route_entropy", "routes", routing.HeadWeight)
        load = results.rows("expert_load", "load", routing.ExpertShare)
        layers = sorted({head.layer for head in routes})
        groups = [layers[start : start + _ABREAST] for start in range(0, len(layers), _ABREAST)]
        views = [
            _RoutingView(
                group,
                [head for head in routes if head.layer in group],
                [expert for expert in load if expert.layer in group],
                words_of(results),
            )
            for group in groups
        ]
        return [
            _picture_routing(view, "routing" if not at else f"routing_{at + 1}")
            for at, view in enumerate(views)
        ]


@dataclass(frozen=True)
class _RoutingView:
    layers: list[int]
    routes: list[routing.HeadWeight]
    load: list[routing.ExpertShare]
    words: Wording

    @property
    def branches(self) -> list[str]:
        return list(dict.fromkeys(head.branch for head in self.routes))


def _picture_routing(view: _RoutingView, name: str) -> Picture:
    height = 4.5 if view.load else 2.5
    return on_sheets(
        name,
        height,
        lambda sheet: _paint_routing(sheet, view),
        title=_title_routing(view),
        alt=caption("routing.alt", layers=[_alt_layer(view, layer) for layer in view.layers]),
        how_to_read=caption("routing.how_to_read"),
    )


def _paint_routing(sheet: Sheet, view: _RoutingView) -> None:
    width, height = (sheet.width - 0.65) / len(view.layers), sheet.height
    for column, layer in enumerate(view.layers):
        left = 0.65 + column * width
        right = sheet.width - left - min(width - 0.15, 4.4)
        heads = sheet.axes(left, height - 2.0, right, 0.5)
        _heads(heads, view, layer, first=column == 0)
        if view.load:
            experts = sheet.axes(left, 0.5, right, height - 2.0)
            _experts(
                experts,
                view.words,
                [expert for expert in view.load if expert.layer == layer],
                max(reach(expert.share) for expert in view.load),
                first=column == 0,
            )


def _heads(axes: Axes, view: _RoutingView, layer: int, *, first: bool) -> None:
    own = [head for head in view.routes if head.layer == layer]
    tone, shape = colours(view.branches), markers(view.branches)
    for branch in view.branches:
        part = [(at, head.weight) for at, head in enumerate(own) if head.branch == branch]
        marks.intervals(axes, part, marks.MarkStyle(tone[branch], shape[branch]), upright=True)
        if part:
            middle = float(np.mean([at for at, _ in part]))
            look = {"ha": "center", "va": "bottom", "color": tone[branch]}
            marks.above(axes, spoken(branch), middle, 0, **look)
    ticks = [view.words.numbers.count(head.head + 1) for head in own]
    _frame(axes, ticks, 1 / max(len(own), 1), view.words, first=first)
    axes.set_title(view.words.text("pictures.routing.layer", layer=layer + 1), pad=20)
    axes.set_xlabel(view.words.text("pictures.routing.head"))
    axes.set_ylim(0, max(reach(head.weight) for head in view.routes) * 1.12)
    if first:
        axes.set_ylabel(view.words.text("pictures.routing.weight"))


def _experts(
    axes: Axes, words: Wording, own: Sequence[routing.ExpertShare], most: float, *, first: bool
) -> None:
    shares = [expert.share.value for expert in own]
    axes.vlines(range(len(own)), 0, np.nan_to_num(shares), colors=LIGHT.grid, linewidth=5)
    placed = enumerate(expert.share for expert in own)
    marks.intervals(axes, placed, marks.MarkStyle(SERIES[2], "D"), upright=True)
    ticks = [words.numbers.count(expert.expert + 1) for expert in own]
    _frame(axes, ticks, 1 / max(len(own), 1), words, first=first)
    axes.set_ylim(0, most * 1.12)
    axes.set_xlabel(words.text("pictures.routing.expert"))
    if first:
        axes.set_ylabel(words.text("pictures.routing.share"))


def _frame(axes: Axes, ticks: list[str], even: float, words: Wording, *, first: bool) -> None:
    marks.grid(axes, "y")
    axes.axhline(even, color=LIGHT.context, linewidth=1.2, linestyle=(0, (3, 2)))
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlim(-0.7, len(ticks) - 0.3)
    marks.percent_ticks(axes, "y", words, 4)
    axes.tick_params(labelleft=first)


def _title_routing(view: _RoutingView) -> Message:
    top = max(view.routes, key=lambda head: head.weight.value)
    return caption(
        "routing.title",
        head=top.head + 1,
        branch=spoken(top.branch),
        layer=top.layer + 1,
        times=top.weight.value * len(view.routes) / len(view.layers),
        **_busiest(view),
    )


def _busiest(view: _RoutingView) -> dict[str, object]:
    """How busy the busiest expert is, and how many are hardly used; None without experts."""
    if not view.load:
        return {"busiest": None, "idle": 0, "experts": 0}
    experts = len(view.load) / len(view.layers)
    shares = [expert.share.value for expert in view.load]
    return {
        "busiest": max(shares) * experts,
        "idle": sum(share < 0.1 / experts for share in shares),
        "experts": len(view.load),
    }


def _alt_layer(view: _RoutingView, layer: int) -> Message:
    sums: dict[str, float] = {}
    for head in view.routes:
        if head.layer == layer:
            sums[head.branch] = sums.get(head.branch, 0.0) + head.weight.value
    branches = [
        caption("routing.alt_branch", branch=spoken(branch), share=share)
        for branch, share in sums.items()
    ]
    load = [expert.share for expert in view.load if expert.layer == layer]
    values = {"layer": layer + 1, "branches": branches}
    ends = {
        "least": min(load, key=lambda share: share.value, default=None),
        "most": max(load, key=lambda share: share.value, default=None),
    }
    return caption("routing.alt_layer", **values, **ends)


# --- What experts are needed for beside how much work they have, and what each is asked about -----


@dataclass(frozen=True)
class ExpertEffectsPicture(OnePicture):
    """Draws the rise of the loss with an expert's mean in its place against the expert's load."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/ablation"})
    also = frozenset({"measures/expert_load"})

    def picture(self, results: Results) -> Picture:
        parts = required(results, "ablation", "parts", AblatedPart)
        experts = [part for part in parts if part.kind == "expert" and part.load is not None]
        if not experts:
            raise NotApplicableError(message("refusals.nothing_to_list"))
        words = words_of(results)
        busiest = max(experts, key=_load)
        needed = [part for part in experts if part.verdict == "needed"]
        most, foremost = (
            max(parts, key=lambda part: part.mean.value) for parts in (experts, needed or experts)
        )
        values = {
            "experts": len(experts),
            "needed": len(needed),
            "foremost": _named(foremost),
            "spare": sum(part.verdict == "spare" for part in experts),
            "busiest": _named(busiest),
            "load": _load(busiest),
            "most": _named(most),
            "rise": most.mean.value,
        }
        return on_sheets(
            "expert_effects",
            3.4,
            lambda sheet: _scatter(sheet, experts, words),
            title=caption("expert_effects.title", **values),
            alt=caption("expert_effects.alt", **values),
        )


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
            marks.intervals(axes, own, look, upright=True)
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
_STEPS_ROUTING = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
#: So many kinds of tokens are drawn.
_ROWS = 24


@dataclass(frozen=True)
class ExpertTokensPicture(OnePicture):
    """Draws which tokens go to which expert, in the layer that parts them most."""

    reveals = "aggregate"
    section = "bottlenecks"
    needs = frozenset({"measures/expert_load"})

    def picture(self, results: Results) -> Picture:
        questions = required(results, "expert_load", "asked", routing.AskedExpert)
        layers = grouped(
            (each for each in questions if not each.attribute), lambda each: each.layer
        )
        several = [own for own in layers.values() if len({each.label for each in own}) > 1]
        if not several:
            raise NotApplicableError(message("refusals.nothing_to_list"))
        own = max(several, key=lambda own: max(each.times for each in own))
        return _token_picture(own, words_of(results))


def _token_picture(own: Sequence[routing.AskedExpert], words: Wording) -> Picture:
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
    marks.cells(axes, np.digitize(times, np.array(_STEPS_ROUTING)), HEAT)
    axes.set_yticks(range(len(labels)), labels)
    experts = [words.numbers.count(expert + 1) for expert in names[1]]
    axes.set_xticks(range(len(experts)), experts)
    axes.set_xlabel(words.text("pictures.routing.expert"))
    marks.steps_key(sheet.figure, (left, 0.25), 0.6, _STEPS_ROUTING, words)
