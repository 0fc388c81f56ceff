"""A small tree that stands for the model, with how faithfully it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.tasks import task_of
from deepseek_report.visualizations import style
from deepseek_report.visualizations.drawing.labels import caption, clean, short, spoken, wrapped
from deepseek_report.visualizations.drawing.marks import Scale
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.wording.estimates import of_score
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: From this fidelity on the tree follows the model closely, and below it only roughly, where the
#: whole interval lies on that side.
_CLOSE, _ROUGH = 0.9, 0.8
#: Inches of a level of the tree, and of a row of the list.
_LEVEL, _ROW = 0.86, 0.36

#: Characters of a line of a node.
_WIDE = 18


@dataclass(frozen=True)
class SurrogateTreePicture(PicturePart):
    """Draws the small tree; on a narrow page as an indented list of rules."""

    reveals = "aggregate"
    section = "explanations"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/surrogate_tree"})

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results)
        return [
            Picture(
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
        ]


@dataclass(frozen=True)
class _Shares:
    """The values of the tree are shares of one, or numbers in the unit of the target."""

    is_share: bool


@dataclass(frozen=True)
class _View:
    nodes: pd.DataFrame
    rules: pd.DataFrame
    fidelity: Score | None
    agreement: Score | None
    class_name: str
    scale: Scale
    words: Wording

    @classmethod
    def of(cls, results: Results) -> _View:
        target = results.schema.target
        return cls(
            required(results, "surrogate_tree", "nodes"),
            required(results, "surrogate_tree", "rules"),
            results.score("surrogate_fidelity"),
            results.score("surrogate_agreement"),
            spoken(target.explained_class),
            Scale.of(_Shares(task_of(target).decides), results),
            words_of(results),
        )

    def text(self, name: str, **values: object) -> str:
        return self.words.text(f"pictures.surrogate_tree.{name}", **values)

    @cached_property
    def _leaves(self) -> list[int]:
        """The nodes that are not divided, from left to right."""
        return [place for place in self._in_order(0) if not self.nodes["label"].iloc[place]]

    def _children(self, place: int) -> list[int]:
        below = self.nodes[self.nodes["parent"] == place]
        return list(below.sort_values("goes_left", ascending=False, kind="stable").index)

    def _in_order(self, place: int) -> list[int]:
        return [place, *(node for child in self._children(place) for node in self._in_order(child))]

    def _across(self, place: int) -> float:
        """Where a node stands: a leaf in its order, any other in the middle of its branches."""
        children = self._children(place)
        if not children:
            return float(self._leaves.index(place))
        return float(np.mean([self._across(child) for child in children]))

    def tree(self) -> str:
        depth = int(self.nodes["depth"].max())
        height = (depth + 1) * _LEVEL

        def paint(figure: style.Figure) -> None:
            axes = style.panel(figure, 0.05, 0.05, style.WIDTH - 0.05, height - 0.05)
            axes.set_axis_off()
            axes.set(xlim=(-0.55, len(self._leaves) - 0.45), ylim=(depth + 0.45, -0.45))
            for place in range(len(self.nodes)):
                self._node(axes, place)

        return style.draw_svg("surrogate_tree", height, paint)

    def _node(self, axes: Any, place: int) -> None:
        row, x = self.nodes.iloc[place], self._across(place)
        y = float(row["depth"])
        for child, answer in zip(self._children(place), ("left", "right"), strict=False):
            end = self._across(child)
            share = float(self.nodes["share"].iloc[child])
            look: dict[str, Any] = {"color": style.LIGHT.context, "zorder": 0}
            axes.plot([x, end], [y, y + 1], linewidth=0.6 + 5 * share, **look)
            aside = -0.06 if answer == "left" else 0.06
            small: dict[str, Any] = {"fontsize": style.SMALL - 2, "color": style.LIGHT.muted}
            beside = "right" if answer == "left" else "left"
            place_of = (x + 0.55 * (end - x) + aside, y + 0.5)
            axes.text(*place_of, self.text(answer), ha=beside, va="center", **small)
        leaf = not row["label"]
        shown = self._leaf(row) if leaf else self._question(row)
        tone, ink = (
            self._shade(float(row["value"])) if leaf else (style.LIGHT.grid, style.LIGHT.ink)
        )
        box = {"boxstyle": "round,pad=0.25", "facecolor": tone, "edgecolor": "none"}
        axes.text(
            x, y, shown, ha="center", va="center", fontsize=style.SMALL - 1.8, color=ink, bbox=box
        )

    def _question(self, row: pd.Series[Any]) -> str:
        name = "is_not" if row["is_category"] else "up_to"
        split = self.text(name, split=short(row["split"], _WIDE))
        return f"{wrapped(row['label'], _WIDE, 3)}\n{split}"

    def _leaf(self, row: pd.Series[Any]) -> str:
        share = self.words.numbers.percent(float(row["share"]))
        return f"{self.words.say(self.scale.plain(float(row['value'])))}\n({share})"

    def _shade(self, value: float) -> tuple[str, str]:
        """The shade of a value among those of all leaves, and the ink to be read on it."""
        values = self.nodes["value"].iloc[self._leaves]
        low, high = float(values.min()), float(values.max())
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

    def _branch(self, axes: Any, line: int, place: int) -> None:
        row, above = self.nodes.iloc[place], self.nodes.iloc[int(self.nodes["parent"].iloc[place])]
        name = f"{'category' if above['is_category'] else 'number'}_{_side(row)}"
        text = self.text(name, label=spoken(above["label"]), split=short(above["split"], 24))
        begin = 0.22 * (float(row["depth"]) - 1)
        leaf = not row["label"]
        wide = int((style.NARROW - begin - (1.05 if leaf else 0.2)) * 15)
        look: dict[str, Any] = {"va": "center", "fontsize": style.SMALL - 1.5}
        axes.text(begin, line, wrapped(text, wide, 2), color=style.LIGHT.ink, **look)
        if leaf:
            tone, ink = self._shade(float(row["value"]))
            box = {"boxstyle": "round,pad=0.25", "facecolor": tone, "edgecolor": "none"}
            place_of = (style.NARROW - 0.5, line)
            axes.text(*place_of, self._leaf(row), ha="center", color=ink, bbox=box, **look)

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
        column = "value_share" if self.scale.is_share else "value"
        leaves = [
            caption(
                "surrogate_tree.alt_leaf",
                rule=clean(row["rule"])[:300],
                value=self.scale.full(float(row[column])),
                share=float(row["share"]),
            )
            for row in self.rules.to_dict("records")
        ]
        return caption("surrogate_tree.alt", leaves=leaves)


def _side(row: pd.Series[Any]) -> str:
    return "left" if row["goes_left"] else "right"
