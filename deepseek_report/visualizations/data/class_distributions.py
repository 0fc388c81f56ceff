"""How the values of the features that tell the classes apart are spread in each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing.labels import caption, in_unit, measured, short, spoken
from deepseek_report.visualizations.drawing.marks import MarkStyle, grid, intervals, percent_ticks
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import (
    CATEGORIES,
    CATEGORY_LETTERS,
    Multiples,
    quantity_ticks,
)
from deepseek_report.visualizations.style import LIGHT, MARKERS, SERIES, SMALL, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class ClassDistributionsPicture(PicturePart):
    """Draws the distribution of each feature that tells the classes apart, by class.

    most : features drawn, those that tell the explained class best by themselves.
    """

    reveals = "aggregate"
    section = "data"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/class_distributions"})

    most: Annotated[int, Field(ge=1, le=12)] = 3

    def draw(self, results: Results) -> Sequence[Picture]:
        view = _View.of(results, self.most)
        return [
            view.multiples.picture(
                "class_distributions",
                title=view.title(),
                alt=view.alt(),
                how_to_read=caption(
                    "class_distributions.how_to_read",
                    has_numbers=any(view.is_numeric(name) for name in view.features),
                ),
            )
        ]


@dataclass(frozen=True)
class _View:
    """Shares of bins and categories within each class, and how well each feature tells one."""

    shares: pd.DataFrame
    separation: pd.DataFrame
    separated: str
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        separation = required(results, "class_distributions", "separation").head(most)
        shares = required(results, "class_distributions", "distributions")
        shares = shares[shares["feature"].isin(separation["feature"])]
        classes = list(dict.fromkeys(shares["class"]))
        target = results.schema.target
        separated = target.explained_class if task_of(target).decides else classes[-1]
        return cls(shares, separation, separated, words_of(results))

    @property
    def features(self) -> list[str]:
        known = set(self.shares["feature"])
        return [name for name in self.separation["feature"] if name in known]

    @property
    def classes(self) -> list[str]:
        """In the order of the target; "" stands for all but the class that is told."""
        return list(dict.fromkeys(self.shares["class"]))

    def is_numeric(self, name: str) -> bool:
        return bool(self._of(name)["kind"].iloc[0] == "numeric")

    def _of(self, name: str, class_name: str | None = None) -> pd.DataFrame:
        own = self.shares[self.shares["feature"] == name]
        return own if class_name is None else own[own["class"] == class_name]

    def _area(self, name: str) -> pd.Series[Any]:
        return self.separation[self.separation["feature"] == name].iloc[0]

    @property
    def _looks(self) -> dict[str, MarkStyle]:
        """The class that is told is drawn in the second colour, as what stands out elsewhere."""
        others = [name for name in self.classes if name != self.separated]
        tones = dict(zip(others, (SERIES[0], *SERIES[2:]), strict=False)) | {
            self.separated: SERIES[1]
        }
        marks = dict(zip(self.classes, MARKERS, strict=False))
        return {name: MarkStyle(tones[name], marks[name], size=4.2) for name in self.classes}

    @property
    def multiples(self) -> Multiples:
        text = self.words.text
        titles, notes = [], []
        for name in self.features:
            area, unit = self._area(name), self._of(name)["unit"].iloc[0]
            titles.append(in_unit(spoken(area["label"]), unit, self.words))
            separated = measured(area, "roc_auc")
            notes.append(text("pictures.class_distributions.panel", area=separated))
        key = [
            (f"■ {short(name or text('pictures.class_distributions.others'), 24)}", look.colour)
            for name, look in self._looks.items()
        ]
        lefts = [0.42 if self.is_numeric(name) else CATEGORIES for name in self.features]
        heading = text("pictures.class_distributions.heading")
        return Multiples(titles, self._paint, lefts, heading, key, notes)

    def _paint(self, axes: Axes, place: int) -> None:
        name = self.features[place]
        (self._number if self.is_numeric(name) else self._categories)(axes, name)

    def _number(self, axes: Axes, name: str) -> None:
        for class_name, look in self._looks.items():
            part = self._of(name, class_name)
            edges = [*part["from"], part["to"].iloc[-1]]
            axes.stairs(part["share"], edges, color=look.colour, linewidth=1.4)
        axes.set_ylim(0, self._highest)
        grid(axes, "y")
        percent_ticks(axes, "y", self.words, 3)
        quantity_ticks(axes, None, self.words)

    @property
    def _highest(self) -> float:
        """The common end of the shares of bins of numbers."""
        bins = self.shares[self.shares["kind"] == "numeric"]
        return 1.05 * max(float(bins["share"].max()), 1e-9)

    def _categories(self, axes: Axes, name: str) -> None:
        steps = np.linspace(-0.22, 0.22, len(self.classes))
        for step, (class_name, look) in zip(steps, self._looks.items(), strict=True):
            part = self._of(name, class_name)
            places = np.arange(len(part)) + step
            intervals(axes, places, part["share"], (part["low"], part["high"]), look)
        labels = [
            short(text, CATEGORY_LETTERS) for text in self._of(name, self.classes[0])["display"]
        ]
        axes.set_yticks(range(len(labels)), labels, color=LIGHT.ink, fontsize=SMALL - 1.5)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(-0.06, 1.06)  # a mark at an end is whole
        grid(axes, "x")
        percent_ticks(axes, "x", self.words, 3)

    def title(self) -> Message:
        area = self._area(self.features[0])
        return caption(
            "class_distributions.title",
            feature=spoken(area["label"]),
            class_name=spoken(self.separated),
            area=measured(area, "roc_auc"),
            tells=bool(area["low"] > 0.5),
        )

    def alt(self) -> Message:
        features = [
            caption(
                "class_distributions.alt_feature",
                feature=spoken(self._area(name)["label"]),
                area=measured(self._area(name), "roc_auc"),
                classes=[self._most_frequent(name, class_name) for class_name in self.classes],
            )
            for name in self.features
        ]
        class_name = spoken(self.separated)
        return caption("class_distributions.alt", class_name=class_name, features=features)

    def _most_frequent(self, name: str, class_name: str) -> Message:
        """Where most rows of a class lie: the bin or the category with the largest share."""
        part = self._of(name, class_name)
        row = part.loc[part["share"].idxmax()]
        return caption(
            "class_distributions.alt_class",
            class_name=spoken(class_name) if class_name else "",
            share=float(row["share"]),
            low=float(row["from"]),
            high=float(row["to"]),
            unit=str(row["unit"]) or None,
            display=spoken(row["display"]) if row["display"] else "",
        )
