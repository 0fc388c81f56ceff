"""Which token each attention head reads from, on average over the explained cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.numbers import number, percent
from deepseek_report.artifacts.picture import Picture
from deepseek_report.errors import ArtifactError
from deepseek_report.visualizations.labels import short, spoken, wrapped
from deepseek_report.visualizations.marks import cells
from deepseek_report.visualizations.reading import required
from deepseek_report.visualizations.style import HEAT, LIGHT, NARROW, SMALL, WIDTH, draw_svg, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from deepseek_report.artifacts.results import Results

#: From how many times the even share on a cell has the colour of the next level.
_STEPS = (1.5, 2.5, 4.0, 6.5, 10.0, 16.0)
#: Inches above the maps: two lines for the levels, two for what each head reads most.
_TOP = 1.1
_ABREAST, _ABREAST_NARROW = 4, 2


@dataclass(frozen=True)
class AttentionMaps:
    """Draws one heat map for each layer, branch and head: who reads from whom."""

    section: ClassVar[str] = "explanations"
    needs: ClassVar[frozenset[str]] = frozenset({"measures/attention"})

    def draw(self, results: Results) -> Sequence[Picture]:
        mean = results.arrays("attention").get("mean")
        if mean is None:
            raise ArtifactError(
                "measures/attention: the array `mean` is not there; measure it again"
            )
        tokens = [spoken(one) for one in required(results, "attention", "tokens")["label"]]
        branches = [spoken(one) for one in required(results, "attention", "branches")["branch"]]
        return [_picture(_View(layer, maps, tokens, branches)) for layer, maps in enumerate(mean)]


@dataclass(frozen=True)
class _View:
    """The maps (branch, head, query, key) of one layer."""

    layer: int
    maps: NDArray[np.float64]
    tokens: list[str]
    branches: list[str]
    abreast: int = _ABREAST
    width: float = WIDTH

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
        """The token that is read most by this head, and its share of the attention."""
        received = self.maps[branch, head].mean(axis=0)
        best = int(np.nanargmax(received))
        return self.tokens[best], float(received[best])


def _picture(view: _View) -> Picture:
    return Picture(
        name=view.name,
        svg=_drawn(view),
        narrow=_drawn(replace(view, abreast=_ABREAST_NARROW, width=NARROW)),
        title=_title(view),
        alt=_alt(view),
        how_to_read=(
            "In each map a row is a token that reads and a column one that is read, in the order "
            "of the data; cells without colour get no more than their even share. Attention "
            "shows where the layer looks, not what decides."
        ),
    )


def _drawn(view: _View) -> str:
    abreast = min(view.maps.shape[1], view.abreast)
    side = min((view.width - 0.55) / abreast - 0.12, 2.2)
    height = _TOP + len(view.lines) * (side + 0.72) - 0.42
    return draw_svg(view.name, height, lambda figure: _paint(figure, view, side), view.width)


def _paint(figure: Figure, view: _View, side: float) -> None:
    width, height = (float(one) for one in figure.get_size_inches())
    _key(figure, len(view.tokens))
    for line, (branch, heads) in enumerate(view.lines):
        upper = height - _TOP - line * (side + 0.72)
        for column, head in enumerate(heads):
            left = 0.5 + column * (side + 0.12)
            axes = panel(figure, left, upper - side, left + side, upper)
            cells(
                axes,
                np.digitize(view.maps[branch, head], np.array(_STEPS) / len(view.tokens)),
                HEAT,
            )
            _dress(axes, view, (branch, head), first=column == 0, width=side)
    figure.text(
        0.5 / width, 0.1 / height, "token that is read →", fontsize=SMALL, color=LIGHT["muted"]
    )


def _dress(axes: Axes, view: _View, which: tuple[int, int], *, first: bool, width: float) -> None:
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set(visible=True, color=LIGHT["grid"])
    token, share = view.favourite(*which)
    fitting = int(width * 72 / 5.6)
    axes.set_title(
        f"head {which[1] + 1}: {percent(share)} to\n{wrapped(token, fitting)}",
        fontsize=SMALL,
        pad=4,
        linespacing=1.15,
    )
    if first:
        axes.set_ylabel(f"{short(view.branches[which[0]], 18)}\n← token that reads", fontsize=SMALL)


def _key(figure: Figure, tokens: int) -> None:
    """The levels of colour, above the maps."""
    width, height = (float(one) for one in figure.get_size_inches())
    y = 1 - 0.4 / height
    figure.text(
        0.5 / width,
        1 - 0.14 / height,
        f"times the even share of {percent(1 / tokens)}:",
        fontsize=SMALL,
        color=LIGHT["muted"],
        va="center",
    )
    for place, (step, colour) in enumerate(zip(_STEPS, HEAT, strict=True)):
        x = (0.5 + 0.62 * place) / width
        figure.text(x, y, "■", fontsize=11, color=colour, va="center")
        figure.text(
            x + 0.15 / width, y, f"{step:g}+", fontsize=SMALL, color=LIGHT["muted"], va="center"
        )


def _most_read(view: _View) -> tuple[str, float, float]:
    """The token that is read most over all heads, its share, and times the even share."""
    received = view.maps.mean(axis=(0, 1, 2))
    best = int(np.nanargmax(received))
    return view.tokens[best], float(received[best]), float(received[best] * len(view.tokens))


def _title(view: _View) -> str:
    token, share, times = _most_read(view)
    if times < 1.5:
        return f"Layer {view.layer + 1} spreads its attention almost evenly over the tokens"
    return (
        f"Layer {view.layer + 1} looks most at {token}: {percent(share)} of its attention, "
        f"{number(times)} times an even share"
    )


def _alt(view: _View) -> str:
    parts = []
    for branch, name in enumerate(view.branches):
        said = []
        for head in range(view.maps.shape[1]):
            token, share = view.favourite(branch, head)
            said.append(f"head {head + 1} {token} ({percent(share)})")
        parts.append(f"{name} branch, most read token by head: " + ", ".join(said))
    return f"Attention maps of layer {view.layer + 1}. " + "; ".join(parts) + "."
