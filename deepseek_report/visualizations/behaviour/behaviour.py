"""The mean answer along ordered features over their whole range, with the rows at each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing.labels import caption, in_unit, short, spoken
from deepseek_report.visualizations.drawing.marks import grid, percent_ticks, value_ticks
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import Multiples
from deepseek_report.visualizations.style import LIGHT, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Points that the labels of the ends reach beyond their panel, and the columns that each may take:
#: so both stand side by side on a narrow page too.
_LEFT, _RIGHT, _COLUMNS = 22, 14, 14


@dataclass(frozen=True)
class BehaviourPicture(PicturePart):
    """Draws the mean answer over the whole range of ordered features, turns and counts marked.

    most : features drawn: those with turns first, then those along which the answer moves most.
    """

    reveals = "aggregate"
    section = "behaviour"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/behaviour"})

    most: Annotated[int, Field(ge=1, le=12)] = 6

    def draw(self, results: Results) -> Sequence[Picture]:
        curves = required(results, "behaviour", "curves")
        if not len(curves):
            return []
        view = _View.of(results, curves, self.most)
        return [view.multiples.picture("behaviour", title=view.title(), alt=view.alt())]


@dataclass(frozen=True)
class _View:
    parts: list[pd.DataFrame]
    outcome: str
    in_numbers: bool
    words: Wording

    @classmethod
    def of(cls, results: Results, curves: pd.DataFrame, most: int) -> _View:
        parts = [part.reset_index(drop=True) for _, part in curves.groupby("feature", sort=False)]
        parts.sort(key=lambda part: (-_fall(part), -float(np.ptp(part["answer"]))))
        target = results.schema.target
        in_numbers = not task_of(target).decides
        return cls(parts[:most], short(target.explained_class, 30), in_numbers, words_of(results))

    @property
    def multiples(self) -> Multiples:
        heading = self.words.text(
            "pictures.behaviour.heading", outcome=self.outcome, number=self.in_numbers
        )
        titles = [
            in_unit(spoken(part["label"].iloc[0]), str(part["unit"].iloc[0]) or None, self.words)
            for part in self.parts
        ]
        key = [(self.words.text("pictures.behaviour.turned"), SERIES[1])] if self._turning else []
        return Multiples(titles, self._paint, [0.46] * len(titles), heading, key, foot=0.62)

    @property
    def _turning(self) -> list[pd.DataFrame]:
        return [part for part in self.parts if part["turned"].any()]

    def _paint(self, axes: Axes, place: int) -> None:
        part = self.parts[place]
        at = np.arange(len(part))
        low, high = self._span
        tall = 0.25 * (high - low) / max(float(np.log1p(part["n"]).max()), 1e-9)
        axes.bar(at, np.log1p(part["n"]) * tall, 0.8, low, color=LIGHT.grid)
        axes.fill_between(at, part["low"], part["high"], color=LIGHT.heat[1])
        axes.plot(at, part["answer"], color=SERIES[0])
        turned = part["turned"].to_numpy(bool)
        if turned.any():
            axes.plot(at[turned], part["answer"][turned], color=SERIES[1], linewidth=2.4)
        axes.set_ylim(low, high)
        axes.set_xlim(-0.6, len(part) - 0.4)
        axes.set_xticks([])
        for k, side, beyond in ((0, "left", -_LEFT), (len(part) - 1, "right", _RIGHT)):
            rows = self.words.numbers.count(int(part["n"][k]))
            axes.annotate(
                f"{short(part['display'][k], _COLUMNS)}\nn = {rows}",
                (k, 0),
                (beyond, -3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha=side,
                va="top",
                fontsize=SMALL - 1.5,
                color=LIGHT.ink,
            )
        grid(axes, "y")
        (value_ticks if self.in_numbers else percent_ticks)(axes, "y", self.words, 4)

    @property
    def _span(self) -> tuple[float, float]:
        """Common limits, with room for the counts below."""
        ends = np.concatenate(
            [part[["low", "high"]].to_numpy(float).ravel() for part in self.parts]
        )
        known = ends[np.isfinite(ends)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        height = (high - low) or 1.0
        return low - 0.3 * height, high + 0.05 * height

    def title(self) -> Message:
        turning = self._turning
        if not turning:
            return caption("behaviour.title_none", n=len(self.parts))
        return caption("behaviour.title", **self._told(turning[0]))

    def _told(self, part: pd.DataFrame) -> dict[str, object]:
        inside = part[part["turned"]]
        first, last = inside.iloc[0], inside.iloc[-1]
        beyond = part[part["value"] > first["value"]]
        return {
            "label": spoken(part["label"].iloc[0]),
            "start": spoken(first["display"]),
            "end": spoken(last["display"]),
            "before": float(first["answer"]),
            "after": float(last["answer"]),
            "is_number": self.in_numbers,
            "outcome": self.outcome,
            "n": int(beyond["n"].sum()),
            "of": int(part["n"].sum()),
        }

    def alt(self) -> Message:
        features = [
            caption(
                "behaviour.alt_feature",
                label=spoken(part["label"].iloc[0]),
                first=float(part["answer"].iloc[0]),
                last=float(part["answer"].iloc[-1]),
                start=spoken(part["display"].iloc[0]),
                end=spoken(part["display"].iloc[-1]),
                is_number=self.in_numbers,
                turned=bool(part["turned"].any()),
            )
            for part in self.parts
        ]
        return caption("behaviour.alt", n=len(features), outcome=self.outcome, features=features)


def _fall(part: pd.DataFrame) -> float:
    """How far the answer moves within the turn; 0 without one."""
    inside = part["answer"][part["turned"]]
    return float(abs(inside.iloc[-1] - inside.iloc[0])) if len(inside) > 1 else 0.0
