"""The declared graph in layers, causes above effects, with the pairs that the data contradict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.extensions.causes.cause_findings import contradicted_claims
from deepseek_report.extensions.causes.cause_rows import ClaimNode, GraphArrow, TestedClaim
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing.labels import caption, spoken, wrapped
from deepseek_report.visualizations.drawing.sheet import OnePicture, Sheet, on_sheets

#: Inches of a row of nodes, and of a line and a column of a node's label.
_ROW, _LINE, _COLUMN = 0.9, 0.135, 0.067
#: Nodes side by side on a wide and on a narrow page, and columns of a label on each.
_SIDE_BY_SIDE = {False: (5, 16), True: (3, 14)}
#: Inches between a node and the tip of an arrow.
_APART = 0.05
#: Where nodes that stand alone in a row stand across the page, one after the other: not below one
#: another, so that arrows past a row do not hide in one line.
_ALONE = (0.32, 0.68, 0.46, 0.82, 0.2, 0.58)
#: By how much of a slot every second row is moved aside.
_ASIDE = 0.22
#: How far an arrow that passes a row bends aside, as a share of its length.
_BENT = 0.16


@dataclass(frozen=True)
class CausalGraphPicture(OnePicture):
    """Draws the declared graph, and joins by a broken line what goes together against it.

    most : contradicted pairs that are drawn, those that go together most first.
    """

    reveals = "aggregate"
    section = "causes"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/causal_claims"})

    most: Annotated[int, Field(ge=0, le=40)] = 8

    def picture(self, results: Results) -> Picture:
        view = _View(
            {node.name: node for node in results.rows("causal_claims", "nodes", ClaimNode)},
            [(a.start, a.end) for a in results.rows("causal_claims", "arrows", GraphArrow)],
            contradicted_claims(results),
            self.most,
        )
        heights = tuple(len(view.placed_rows(narrow)) * _ROW + 0.1 for narrow in (False, True))
        return on_sheets(
            "causal_graph", (heights[0], heights[1]), view.paint, title=view.title(), alt=view.alt()
        )


@dataclass(frozen=True)
class _View:
    """nodes : rows by their names. arrows : (start, end). contradicted : such claims, those that
    go together most first.
    """

    nodes: Mapping[str, ClaimNode]
    arrows: list[tuple[str, str]]
    contradicted: list[TestedClaim]
    most: int

    @cached_property
    def _layers(self) -> dict[str, int]:
        """{node: arrows of the longest way that leads to it}."""
        layers = dict.fromkeys(self.nodes, 0)
        for _ in self.nodes:
            for start, end in self.arrows:
                layers[end] = max(layers[end], layers[start] + 1)
        return layers

    def placed_rows(self, narrow: bool) -> list[list[str]]:
        """The nodes row by row: layers in order, each near what acts on it, wide ones broken."""
        most, _ = _SIDE_BY_SIDE[narrow]
        across: dict[str, float] = {}
        placed: list[list[str]] = []
        for layer in range(max(self._layers.values(), default=0) + 1):
            names = [name for name, at in self._layers.items() if at == layer]
            above = {
                name: [across[start] for start, end in self.arrows if end == name] for name in names
            }
            names.sort(key=lambda name: float(np.mean(above[name])) if above[name] else 0.5)
            n_rows = -(-len(names) // most)
            for part in (names[k::n_rows] for k in range(n_rows)):
                across |= {name: (k + 0.5) / len(part) for k, name in enumerate(part)}
                placed.append(part)
        return placed

    def paint(self, sheet: Sheet) -> None:
        """The graph on a page of this width."""
        axes = sheet.axes(0.02, 0.02, 0.02, 0.02)
        axes.set_axis_off()
        axes.set(xlim=(0, sheet.width), ylim=(sheet.height, 0))
        boxes = self._boxes(sheet)
        for start, end in self.arrows:
            passes = round((boxes[end].y - boxes[start].y) / _ROW) > 1
            _joined(axes, boxes[start], boxes[end], passes, _ARROW)
        for row in self.contradicted[: self.most]:
            _joined(axes, boxes[row.first], boxes[row.second], True, _AGAINST)
        for name, box in boxes.items():
            box.paint(axes, self.nodes[name].role)

    def _boxes(self, sheet: Sheet) -> dict[str, _Box]:
        _, columns = _SIDE_BY_SIDE[sheet.is_narrow]
        boxes = {}
        for place, names in enumerate(self.placed_rows(sheet.is_narrow)):
            if len(names) == 1:
                across = [_ALONE[place % len(_ALONE)]]
            else:
                aside = _ASIDE * (place % 2 - 0.5)
                across = [(k + 0.5 + aside) / len(names) for k in range(len(names))]
            for name, part in zip(names, across, strict=True):
                text = wrapped(self.nodes[name].label, columns, 3)
                boxes[name] = _Box(text, sheet.width * part, _ROW * (place + 0.5))
        return boxes

    def title(self) -> Message:
        first = self.contradicted[0] if self.contradicted and self.most else None
        return caption(
            "causal_graph.title",
            n=len(self.contradicted),
            nodes=len(self.nodes),
            arrows=len(self.arrows),
            first=spoken(first.first_label) if first else "",
            second=spoken(first.second_label) if first else "",
        )

    def alt(self) -> Message:
        nodes = [
            caption(
                "causal_graph.alt_node",
                label=spoken(node.label),
                parents=[spoken(self.nodes[a].label) for a, b in self.arrows if b == name],
                role=node.role,
            )
            for name, node in self.nodes.items()
        ]
        against = [
            caption(
                "causal_graph.alt_pair",
                first=spoken(row.first_label),
                second=spoken(row.second_label),
            )
            for row in self.contradicted
        ]
        return caption("causal_graph.alt", nodes=nodes, against=against)


@dataclass(frozen=True)
class _Box:
    """A node: its label in lines, and the middle of it in inches."""

    text: str
    x: float
    y: float

    @property
    def half(self) -> tuple[float, float]:
        """Half its width and height."""
        lines = self.text.split("\n")
        wide = max(len(line) for line in lines) * _COLUMN + 0.1
        return wide / 2, len(lines) * _LINE / 2 + 0.05

    def edge(self, other: _Box) -> tuple[float, float]:
        """Where a straight line to another node leaves this one."""
        dx, dy = other.x - self.x, other.y - self.y
        wide, tall = (half + _APART for half in self.half)
        scale = min(
            wide / abs(dx) if abs(dx) > 1e-9 else np.inf,
            tall / abs(dy) if abs(dy) > 1e-9 else np.inf,
        )
        return self.x + dx * scale, self.y + dy * scale

    def paint(self, axes: style.Axes, role: str) -> None:
        unseen = role == "unmeasured"
        look: style.Look = {
            "boxstyle": "round,pad=0.32",
            "facecolor": style.HEAT[1]
            if role == "target"
            else "none"
            if unseen
            else style.LIGHT.grid,
            "edgecolor": style.LIGHT.context if unseen else "none",
            "linestyle": (0, (2, 2)),
        }
        axes.text(
            self.x,
            self.y,
            self.text,
            ha="center",
            va="center",
            fontsize=style.SMALL - 1.2,
            color=style.LIGHT.ink,
            bbox=look,
            zorder=3,
        )


_ARROW: style.Look = {
    "arrowstyle": "-|>",
    "mutation_scale": 8,
    "color": style.LIGHT.context,
    "linewidth": 0.9,
    "zorder": 1,
}
_AGAINST: style.Look = {
    "arrowstyle": "-",
    "color": style.LIGHT.raises,
    "linewidth": 2.2,
    "linestyle": (0, (4, 2)),
    "zorder": 2,
}


def _joined(axes: style.Axes, start: _Box, end: _Box, bent: bool, look: style.Look) -> None:
    """A line between two nodes that ends at their edges."""
    from matplotlib.patches import FancyArrowPatch

    turn = f"arc3,rad={_BENT if bent else 0}"
    axes.add_patch(FancyArrowPatch(start.edge(end), end.edge(start), connectionstyle=turn, **look))
