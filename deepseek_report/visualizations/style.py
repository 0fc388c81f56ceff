"""One palette, one type size, one way to open a figure: what all pictures share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

from deepseek_report.artifacts.explanation import CONTROL

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

#: What pictures are painted on; the library itself is loaded where something is drawn.
Axes: TypeAlias = "matplotlib.axes.Axes"
Figure: TypeAlias = "matplotlib.figure.Figure"

#: Keyword arguments of Matplotlib, which it has no types for.
Look: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Palette:
    """The colours of pictures on one page, each for one role.

    Every hex occurs once, so that a page can replace the light hex of an inlined SVG by a CSS
    variable. Text roles (ink, muted, series, raises, lowers) have a contrast of at least 4.5 : 1
    on both pages, marks at least 3 : 1; the hues are those of Okabe & Ito (2008), made darker or
    lighter until they pass. `heat` is a scale of amounts that starts near the page, `value` one
    from low to high values.
    """

    ink: str
    muted: str
    context: str
    grid: str
    series: tuple[str, ...]
    raises: str
    lowers: str
    heat: tuple[str, ...]
    value: tuple[str, ...]

    @property
    def roles(self) -> dict[str, str]:
        """{role: hex}; those of a scale are numbered from 1, as in `heat1`."""
        named: dict[str, str] = {}
        for role in fields(self):
            tone: str | tuple[str, ...] = getattr(self, role.name)
            if isinstance(tone, str):
                named[role.name] = tone
            else:
                named |= {f"{role.name}{i}": step for i, step in enumerate(tone, start=1)}
        return named


LIGHT = Palette(
    ink="#1f2430",
    muted="#596070",
    context="#848b98",
    grid="#dfe2e8",
    series=(
        *("#0071b8", "#bb4b00", "#00493a", "#a94f86"),
        *("#5e4300", "#2d2478", "#8a5f4e", "#4d7a12"),
    ),
    raises="#b03a2e",
    lowers="#1d62ad",
    heat=("#dce9f3", "#b5d0e6", "#85b1d6", "#5590c2", "#2f6da6", "#164a7c"),
    value=("#2779b7", "#6a74b0", "#8d6b9e", "#ab5f7c", "#c24f4f"),
)
DARK = Palette(
    ink="#e8eaef",
    muted="#a7aebb",
    context="#7f8795",
    grid="#363c48",
    series=(
        *("#4aa8ec", "#f0813f", "#4fdcae", "#e58bbd"),
        *("#ffe28c", "#cfcaff", "#b98872", "#a6c94d"),
    ),
    raises="#ff8f80",
    lowers="#6cb1ff",
    heat=("#1f3042", "#264c6e", "#2f6d9f", "#4a93cc", "#7fbcea", "#c4e2fb"),
    value=("#5fb0f0", "#8fa3ea", "#b598d8", "#d990b0", "#f98f85"),
)
#: {role: (on a light page, on a dark page)}.
PALETTE = {role: (light, DARK.roles[role]) for role, light in LIGHT.roles.items()}

SERIES, HEAT, VALUE = LIGHT.series, LIGHT.heat, LIGHT.value
#: A second channel beside the colour, in the same order as `SERIES`.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")

#: Width of a picture in inches, and of its layout for a narrow page.
WIDTH, NARROW = 7.2, 4.3
SMALL = 9.0

FACE = "DejaVu Sans"
_RC: Look = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": [FACE],
    "font.size": 10.0,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelpad": 5.0,
    "axes.facecolor": "none",
    "axes.edgecolor": LIGHT.context,
    "axes.labelcolor": LIGHT.muted,
    "axes.titlecolor": LIGHT.ink,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "figure.facecolor": "none",
    "figure.edgecolor": "none",
    "grid.color": LIGHT.grid,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
    "text.color": LIGHT.ink,
    "xtick.color": LIGHT.context,
    "ytick.color": LIGHT.context,
    "xtick.labelcolor": LIGHT.muted,
    "ytick.labelcolor": LIGHT.muted,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.major.pad": 5.0,
    "ytick.major.pad": 5.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
}


def draw_svg(
    name: str, height: float, paint: Callable[[Figure], None], width: float = WIDTH
) -> str:
    """The SVG of what `paint` puts on an empty figure, `width` × `height` inches.

    The same painting gives the same bytes; no global setting of Matplotlib is left changed.
    """
    from matplotlib.figure import Figure

    from deepseek_report.visualizations.drawing.svg import compact_svg

    with settings(**{"svg.hashsalt": name}):
        figure = Figure(figsize=(width, height))
        paint(figure)
        return compact_svg(figure)


@contextmanager
def settings(**changed: object) -> Iterator[None]:
    """The settings of all pictures and these, until the end of the block."""
    from matplotlib import rc_context

    settings: Any = {**_RC, **changed}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def panel(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """Axes in the box between these edges, in inches from the left and the bottom."""
    width, height = figure.get_size_inches()
    return figure.add_axes(
        (left / width, bottom / height, (right - left) / width, (top - bottom) / height)
    )


def colours(names: Sequence[str]) -> dict[str, str]:
    """{name: colour}, in the order of the names; the control is grey.

    Sorted here, so that the same set of names has the same colours in every picture.
    """
    return _dealt(names, SERIES, LIGHT.context)


def markers(names: Sequence[str]) -> dict[str, str]:
    """{name: marker}, by the same rule as `colours`."""
    return _dealt(names, MARKERS, "o")


def _dealt(names: Sequence[str], kinds: Sequence[str], of_control: str) -> dict[str, str]:
    ordered = sorted(set(names) - {CONTROL})
    own = {name: kinds[i % len(kinds)] for i, name in enumerate(ordered)}
    return {name: own.get(name, of_control) for name in names}
