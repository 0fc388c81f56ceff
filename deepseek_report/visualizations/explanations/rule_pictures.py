"""What stands for the model in a few rules: a small tree, ranges of two parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import quantity
from deepseek_report.artifacts.schema import CLASS_TASKS
from deepseek_report.artifacts.score import Score
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.surrogate_tree import SurrogateLeaf, SurrogateNode
from deepseek_report.metrics.failures.risk_windows import RiskCell, RiskWindow
from deepseek_report.tasks import task_of
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import (
    caption,
    clean,
    in_unit,
    known,
    short,
    spoken,
    wrapped,
)
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import OnePicture, picture_of
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

# --- A small tree that stands for the model, with how faithfully it does --------------------------

#: From this fidelity on the tree follows the model closely, and below it only roughly, where the
#: whole interval lies on that side.
_CLOSE, _ROUGH = 0.9, 0.8
#: Inches of a level of the tree, and of a row of the list.
_LEVEL, _ROW = 0.86, 0.36
#: Characters of a line of a node.
_WIDE = 18


@dataclass(frozen=True)
class SurrogateTreePicture(OnePicture):
    """Draws the small tree; on a narrow page as an indented list of rules."""

    reveals = "aggregate"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/surrogate_tree"})

    def picture(self, results: Results) -> Picture:
        view = _View.of(results)
        return Picture(
            name="surrogate_tree",
            svg=view.tree(),
            narrow=view.outline(),
            title=view.title(),
            alt=view.alt(),
            how_to_read=caption(
                "surrogate_tree.how_to_read",
                number=not view.scale.is_share,
                class_name=view.class_name,
            ),
        )


@dataclass(frozen=True)
class _View:
    nodes: Sequence[SurrogateNode]
    leaves: Sequence[SurrogateLeaf]
    fidelity: Score | None
    agreement: Score | None
    class_name: str
    scale: marks.Scale
    words: Wording

    @classmethod
    def of(cls, results: Results) -> _View:
        target, words = results.schema.target, words_of(results)
        decides = task_of(target).decides
        return cls(
            required(results, "surrogate_tree", "nodes", SurrogateNode),
            required(results, "surrogate_tree", "rules", SurrogateLeaf),
            results.score("surrogate_fidelity"),
            results.score("surrogate_agreement"),
            spoken(target.explained_class),
            marks.Scale(decides, None if decides else target.unit, words),
            words,
        )

    def text(self, name: str, **values: object) -> str:
        return self.words.text(f"pictures.surrogate_tree.{name}", **values)

    @cached_property
    def _leaves(self) -> list[int]:
        """The nodes that are not divided, from left to right."""
        return [place for place in self._in_order(0) if self.nodes[place].is_leaf]

    def _children(self, place: int) -> list[int]:
        below = [at for at, node in enumerate(self.nodes) if node.parent == place]
        return sorted(below, key=lambda at: not self.nodes[at].goes_left)

    def _in_order(self, place: int) -> list[int]:
        return [place, *(node for child in self._children(place) for node in self._in_order(child))]

    def _across(self, place: int) -> float:
        """Where a node stands: a leaf in its order, any other in the middle of its branches."""
        children = self._children(place)
        if not children:
            return float(self._leaves.index(place))
        return float(np.mean([self._across(child) for child in children]))

    def tree(self) -> str:
        depth = max(node.depth for node in self.nodes)
        height = (depth + 1) * _LEVEL

        def paint(figure: style.Figure) -> None:
            axes = style.panel(figure, 0.05, 0.05, style.WIDTH - 0.05, height - 0.05)
            axes.set_axis_off()
            axes.set(xlim=(-0.55, len(self._leaves) - 0.45), ylim=(depth + 0.45, -0.45))
            for place in range(len(self.nodes)):
                self._node(axes, place)

        return style.draw_svg("surrogate_tree", height, paint)

    def _node(self, axes: style.Axes, place: int) -> None:
        node, x, y = self.nodes[place], self._across(place), self.nodes[place].depth
        for child, answer in zip(self._children(place), ("left", "right"), strict=False):
            end = self._across(child)
            wide = 0.6 + 5 * self.nodes[child].share
            axes.plot([x, end], [y, y + 1], linewidth=wide, color=style.LIGHT.context, zorder=0)
            aside = -0.06 if answer == "left" else 0.06
            small: style.Look = {"fontsize": style.SMALL - 2, "color": style.LIGHT.muted}
            beside = "right" if answer == "left" else "left"
            place_of = (x + 0.55 * (end - x) + aside, y + 0.5)
            axes.text(*place_of, self.text(answer), ha=beside, va="center", **small)
        shown, tone, ink = self._question(node), style.LIGHT.grid, style.LIGHT.ink
        if node.is_leaf:
            shown, (tone, ink) = self._leaf(node), self._shade(node.value)
        box = {"boxstyle": "round,pad=0.25", "facecolor": tone, "edgecolor": "none"}
        axes.text(
            x, y, shown, ha="center", va="center", fontsize=style.SMALL - 1.8, color=ink, bbox=box
        )

    def _question(self, node: SurrogateNode) -> str:
        name = "is_not" if node.is_category else "up_to"
        split = self.text(name, split=short(node.split, _WIDE))
        return f"{wrapped(node.label, _WIDE, 3)}\n{split}"

    def _leaf(self, node: SurrogateNode) -> str:
        share = self.words.numbers.percent(node.share)
        return f"{self.words.say(self.scale.plain(Estimate(node.value)))}\n({share})"

    def _shade(self, value: float) -> tuple[str, str]:
        """The shade of a value among those of all leaves, and the ink to be read on it."""
        values = [node.value for node in self.nodes if node.is_leaf]
        low, high = min(values), max(values)
        level = round(3 * (value - low) / ((high - low) or 1.0))
        shades = (style.HEAT[0], style.HEAT[1], style.HEAT[2], style.HEAT[4])
        return shades[level], style.LIGHT.ink if level < 3 else style.HEAT[0]

    def outline(self) -> str:
        """The tree as an indented list, a row for each branch, with the value of each leaf."""
        branches = [place for place in self._in_order(0) if place]
        height = len(branches) * _ROW + 0.1

        def paint(figure: style.Figure) -> None:
            axes = style.panel(figure, 0.05, 0.05, style.NARROW - 0.05, height - 0.05)
            axes.set_axis_off()
            axes.set(xlim=(0, style.NARROW), ylim=(len(branches) - 0.5, -0.5))
            for line, place in enumerate(branches):
                self._branch(axes, line, place)

        return style.draw_svg("surrogate_tree", height, paint, style.NARROW)

    def _branch(self, axes: style.Axes, line: int, place: int) -> None:
        node = self.nodes[place]
        above = self.nodes[int(node.parent)]
        side = "left" if node.goes_left else "right"
        name = f"{'category' if above.is_category else 'number'}_{side}"
        text = self.text(name, label=spoken(above.label), split=short(above.split, 24))
        begin = 0.22 * (node.depth - 1)
        wide = int((style.NARROW - begin - (1.05 if node.is_leaf else 0.2)) * 15)
        look: style.Look = {"va": "center", "fontsize": style.SMALL - 1.5}
        axes.text(begin, line, wrapped(text, wide, 2), color=style.LIGHT.ink, **look)
        if node.is_leaf:
            tone, ink = self._shade(node.value)
            box = {"boxstyle": "round,pad=0.25", "facecolor": tone, "edgecolor": "none"}
            place_of = (style.NARROW - 0.5, line)
            axes.text(*place_of, self._leaf(node), ha="center", color=ink, bbox=box, **look)

    def title(self) -> Message:
        fidelity = self.fidelity
        low = None if fidelity is None else fidelity.low
        high = None if fidelity is None else fidelity.high
        return caption(
            "surrogate_tree.title",
            leaves=len(self._leaves),
            fidelity=None if fidelity is None else of_score(fidelity),
            agreement=None if self.agreement is None else of_score(self.agreement),
            close=low is not None and low >= _CLOSE,
            rough=high is not None and high < _ROUGH,
        )

    def alt(self) -> Message:
        leaves = [
            caption(
                "surrogate_tree.alt_leaf",
                rule=clean(leaf.rule)[:300],
                value=self.scale.full(
                    Estimate.of(leaf.value_share if self.scale.is_share else leaf.value)
                ),
                share=leaf.share,
            )
            for leaf in self.leaves
        ]
        return caption("surrogate_tree.alt", leaves=leaves)


# --- How frequent a class is, cell by cell of the two parameters that tell of it most surely ------

#: Cells that the alternative text tells of, and inches around the cells.
_TOLD, _LEFT, _FOOT, _CELL = 3, 0.95, 0.75, 0.5


@dataclass(frozen=True)
class RiskWindowsPicture(OnePicture):
    """Draws rate and number of rows by the first two parameters of the surest range."""

    reveals = "aggregate"
    section = "explanations"
    tasks = CLASS_TASKS
    needs = frozenset({"measures/risk_windows"})

    def picture(self, results: Results) -> Picture:
        table = required(results, "risk_windows", "cells", RiskCell)
        windows = required(results, "risk_windows", "windows", RiskWindow)
        mapped = [window for window in windows if window.slice == table[0].slice]
        if not mapped:  # left out for privacy
            raise NotApplicableError(message("refusals.no_windows", confirmed=0))
        target = results.schema.target.explained_class
        view = _WindowsView(table, mapped[0], target, words_of(results))
        return picture_of(view, "risk_windows")


@dataclass(frozen=True)
class _WindowsView:
    """The cells, the range that it shows, and the class."""

    table: Sequence[RiskCell]
    window: RiskWindow
    target: str
    words: Wording

    def _grid(self, value: Callable[[RiskCell], float], empty: float) -> Floats:
        """(row, column) of a number of each cell; what the table lacks is `empty`."""
        shape = max(cell.row for cell in self.table) + 1, max(c.column for c in self.table) + 1
        grid = np.full(shape, empty)
        for cell in self.table:
            grid[cell.row, cell.column] = value(cell)
        return grid

    @property
    def counts(self) -> Ints:
        return self._grid(lambda cell: cell.n, 0.0).astype(np.int64)

    @property
    def rates(self) -> Floats:
        return self._grid(lambda cell: cell.rate, np.nan)

    @property
    def levels(self) -> Ints:
        """(row, column) the shade of each cell; 0 where too few rows are."""
        rates = np.nan_to_num(self.rates, nan=-1.0)
        most = max(float(rates.max()), 1e-9)
        shades = np.clip(np.ceil(rates / most * len(marks.SHADES)), 1, len(marks.SHADES))
        return np.where(rates < 0, 0, shades).astype(np.int64)

    @property
    def inside(self) -> Bools:
        return self._grid(lambda cell: cell.inside, 0.0).astype(bool)

    def drawn(self, page: float) -> str:
        rows, columns = self.counts.shape
        height = _FOOT + rows * _CELL + 0.15

        def paint(figure: style.Figure) -> None:
            axes = style.panel(figure, _LEFT, _FOOT, page - 0.2, height - 0.15)
            is_small = (page - _LEFT - 0.2) / columns < 0.6
            marks.written_cells(
                axes, self.levels, self._texts, style.SMALL - (2 if is_small else 1)
            )
            axes.set_ylim(-0.5, rows - 0.5)
            axes.spines[:].set_visible(False)
            self._frame(axes)
            self._ticks(axes, page < style.WIDTH)

        return style.draw_svg("risk_windows", height, paint, page)

    @property
    def _texts(self) -> dict[tuple[int, ...], str]:
        """In each cell the rate above the number of rows; a dash where too few rows are."""
        numbers, levels, rates = self.words.numbers, self.levels, self.rates
        return {
            cell: f"{numbers.percent(float(rates[cell]))}\n{numbers.count(int(n))}"
            if levels[cell]
            else "–"
            for cell, n in np.ndenumerate(self.counts)
        }

    def _frame(self, axes: style.Axes) -> None:
        rows, columns = np.nonzero(self.inside)
        if not len(rows):
            return
        (low, high), (left, right) = (
            (places.min() - 0.5, places.max() + 0.5) for places in (rows, columns)
        )
        corners = ([left, right, right, left, left], [low, low, high, high, low])
        axes.plot(*corners, color=style.LIGHT.ink, linewidth=2, clip_on=False)

    def _ticks(self, axes: style.Axes, is_narrow: bool) -> None:
        size = style.SMALL - 1 if is_narrow else style.SMALL
        first = self.table[0]
        across = {cell.column: cell.across_to for cell in reversed(self.table)}
        down = {cell.row: cell.down_to for cell in reversed(self.table)}
        for axis, ends, label, unit in (
            (axes.xaxis, across, first.across, first.across_unit),
            (axes.yaxis, down, first.down, first.down_unit),
        ):
            borders = [quantity(end, None) for _, end in sorted(ends.items()) if known(end)]
            axis.set_ticks([k + 0.5 for k in range(len(borders))])
            look: style.Look = {"fontsize": size, "color": style.LIGHT.ink}
            if axis is axes.xaxis and is_narrow:
                look |= {"rotation": 40, "ha": "right"}
            axis.set_ticklabels([self.words.name(border) for border in borders], **look)
            name = in_unit(short(self.words.name(label), 40), unit, self.words)
            axis.set_label_text(name, fontsize=style.SMALL)

    def title(self) -> Message:
        return caption(
            "risk_windows.title",
            target=spoken(self.target),
            pattern=spoken(self.words.name(self.window.slice)),
            rate=self.window.rate,
            n=self.window.n,
            rest=self.window.rest_rate,
        )

    def alt(self) -> Message:
        rated = [cell for cell in self.table if known(cell.rate)]
        highest = sorted(rated, key=lambda cell: -cell.rate)[:_TOLD]
        return caption(
            "risk_windows.alt",
            target=spoken(self.target),
            across=spoken(self.table[0].across),
            down=spoken(self.table[0].down),
            cells=len(self.table),
            empty=len(self.table) - len(rated),
            highest=[
                caption(
                    "risk_windows.alt_cell",
                    rate=cell.rate,
                    n=cell.n,
                    across=_between(
                        cell.across, cell.across_from, cell.across_to, cell.across_unit
                    ),
                    down=_between(cell.down, cell.down_from, cell.down_to, cell.down_unit),
                )
                for cell in highest
            ],
        )


def _between(name: str, low: float, high: float, unit: str) -> Message:
    start, end = (quantity(value, unit or None) if known(value) else None for value in (low, high))
    return caption("risk_windows.between", name=spoken(name), low=start, high=end)
