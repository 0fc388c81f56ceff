"""Which token each attention head reads from, on average over the explained cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import ArtifactError
from deepseek_report.metrics.internals.routing import AttentionBranch, AttentionToken
from deepseek_report.visualizations.drawing.labels import caption, short, spoken, wrapped
from deepseek_report.visualizations.drawing.marks import cells, steps_key
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.style import (
    HEAT,
    LIGHT,
    NARROW,
    SMALL,
    WIDTH,
    Axes,
    Figure,
    draw_svg,
    panel,
)
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: From how many times the even share on a cell has the colour of the next level.
_STEPS = (1.5, 2.5, 4.0, 6.5, 10.0, 16.0)
#: Share of the attention beyond the even one from which a token is called preferred.
_NOTABLE = 0.01
#: Inches above the maps: two lines for the levels, two for what each head reads most.
_TOP = 1.1
_ABREAST, _ABREAST_NARROW = 4, 2


@dataclass(frozen=True)
class AttentionMapsPicture(PicturePart):
    """Draws one heat map for each layer, branch and head: who reads from whom."""

    reveals = "aggregate"
    section = "explanations"
    needs = frozenset({"measures/attention"})

    def draw(self, results: Results) -> Sequence[Picture]:
        arrays = results.arrays("attention")
        for name in ("mean", "even", "there"):
            if name not in arrays:
                raise ArtifactError(
                    f"measures/attention: the array `{name}` is not there; measure it again"
                )
        tokens = required(results, "attention", "tokens", AttentionToken)
        branches = required(results, "attention", "branches", AttentionBranch)
        names = [spoken(token.label) for token in tokens], [spoken(b.branch) for b in branches]
        words = words_of(results)
        return [
            _picture(_View(layer, maps, even, arrays["there"], *names, words))
            for layer, (maps, even) in enumerate(zip(arrays["mean"], arrays["even"], strict=True))
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
        narrow=_drawn(replace(view, abreast=_ABREAST_NARROW, width=NARROW)),
        title=_title(view),
        alt=_alt(view),
        how_to_read=caption("attention_maps.how_to_read"),
    )


def _drawn(view: _View) -> str:
    abreast = min(view.maps.shape[1], view.abreast)
    side = min((view.width - 0.55) / abreast - 0.12, 2.2)
    height = _TOP + len(view.lines) * (side + 0.72) - 0.42
    return draw_svg(view.name, height, lambda figure: _paint(figure, view, side), view.width)


def _paint(figure: Figure, view: _View, side: float) -> None:
    width, height = (float(inches) for inches in figure.get_size_inches())
    _key(figure, view.words)
    for line, (branch, heads) in enumerate(view.lines):
        upper = height - _TOP - line * (side + 0.72)
        for column, head in enumerate(heads):
            left = 0.5 + column * (side + 0.12)
            axes = panel(figure, left, upper - side, left + side, upper)
            cells(axes, view.levels(branch, head), HEAT)
            _dress(axes, view, (branch, head), first=column == 0, width=side)
    across = view.words.text("pictures.attention_maps.across")
    figure.text(0.5 / width, 0.1 / height, across, fontsize=SMALL, color=LIGHT.muted)


def _dress(axes: Axes, view: _View, which: tuple[int, int], *, first: bool, width: float) -> None:
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set(visible=True, color=LIGHT.grid)
    token, share = view.favourite(*which)
    fitting = int(width * 72 / 5.6)
    head = view.words.text("pictures.attention_maps.head", head=which[1] + 1, share=share)
    title = f"{head}\n{wrapped(token, fitting)}"
    axes.set_title(title, fontsize=SMALL, pad=4, linespacing=1.15)
    if first:
        branch = f"{short(view.branches[which[0]], 18)}\n" if len(view.branches) > 1 else ""
        upright = view.words.text("pictures.attention_maps.upright")
        axes.set_ylabel(f"{branch}{upright}", fontsize=SMALL)


def _key(figure: Figure, words: Wording) -> None:
    width, height = (float(inches) for inches in figure.get_size_inches())
    figure.text(
        0.5 / width,
        1 - 0.14 / height,
        words.text("pictures.attention_maps.key"),
        fontsize=SMALL,
        color=LIGHT.muted,
        va="center",
    )
    steps_key(figure, (0.5, 0.4), 0.62, _STEPS, words)


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
