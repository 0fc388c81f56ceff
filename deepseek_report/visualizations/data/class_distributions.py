"""How the values of the features that tell the classes apart are spread in each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.performance.class_distributions import ClassShare, FeatureSeparation
from deepseek_report.tasks import task_of
from deepseek_report.visualizations.drawing import marks, sheet
from deepseek_report.visualizations.drawing.labels import caption, in_unit, short, spoken
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.style import MARKERS, SERIES, Axes
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording


@dataclass(frozen=True)
class ClassDistributionsPicture(sheet.OnePicture):
    """Draws the distribution of each feature that tells the classes apart, by class.

    most : features drawn, those that tell the explained class best by themselves.
    """

    reveals = "aggregate"
    section = "data"
    modalities = frozenset({"table"})
    needs = frozenset({"measures/class_distributions"})

    most: Annotated[int, Field(ge=1, le=12)] = 3

    def picture(self, results: Results) -> Picture:
        view = _View.of(results, self.most)
        return view.multiples.picture(
            "class_distributions",
            title=view.title(),
            alt=view.alt(),
            how_to_read=caption(
                "class_distributions.how_to_read",
                has_numbers=any(view.is_numeric(each.feature) for each in view.separations),
            ),
        )


@dataclass(frozen=True)
class _View:
    """Shares of bins and categories within each class, and how well each feature tells one."""

    shares: Sequence[ClassShare]
    separations: Sequence[FeatureSeparation]
    separated: str
    words: Wording

    @classmethod
    def of(cls, results: Results, most: int) -> _View:
        metric = "class_distributions"
        separations = required(results, metric, "separation", FeatureSeparation)[:most]
        names = [each.feature for each in separations]
        shares = required(results, metric, "distributions", ClassShare)
        shares = [share for share in shares if share.feature in names]
        classes = [share.class_name for share in shares]
        target = results.schema.target
        separated = target.explained_class if task_of(target).decides else classes[-1]
        known = {share.feature for share in shares}
        separations = [each for each in separations if each.feature in known]
        return cls(shares, separations, separated, words_of(results))

    @property
    def classes(self) -> list[str]:
        """In the order of the target; "" stands for all but the class that is told."""
        return list(dict.fromkeys(share.class_name for share in self.shares))

    def is_numeric(self, name: str) -> bool:
        return self._of(name)[0].kind == "numeric"

    def _of(self, name: str, class_name: str | None = None) -> list[ClassShare]:
        own = [share for share in self.shares if share.feature == name]
        return own if class_name is None else [s for s in own if s.class_name == class_name]

    @property
    def _looks(self) -> dict[str, marks.MarkStyle]:
        """The class that is told is drawn in the second colour, as what stands out elsewhere."""
        others = [name for name in self.classes if name != self.separated]
        tones = dict(zip(others, (SERIES[0], *SERIES[2:]), strict=False)) | {
            self.separated: SERIES[1]
        }
        shapes = dict(zip(self.classes, MARKERS, strict=False))
        return {name: marks.MarkStyle(tones[name], shapes[name], size=4.2) for name in self.classes}

    @property
    def multiples(self) -> sheet.Multiples:
        text = self.words.text
        titles, notes = [], []
        for each in self.separations:
            titles.append(in_unit(spoken(each.label), self._of(each.feature)[0].unit, self.words))
            notes.append(text("pictures.class_distributions.panel", area=each.roc_auc))
        key = [
            (f"■ {short(name or text('pictures.class_distributions.others'), 24)}", look.colour)
            for name, look in self._looks.items()
        ]
        lefts = [
            0.42 if self.is_numeric(e.feature) else sheet.Multiples.CATEGORIES
            for e in self.separations
        ]
        heading = text("pictures.class_distributions.heading")
        return sheet.Multiples(titles, self._paint, lefts, heading, key, notes)

    def _paint(self, axes: Axes, place: int) -> None:
        name = self.separations[place].feature
        (self._number if self.is_numeric(name) else self._categories)(axes, name)

    def _number(self, axes: Axes, name: str) -> None:
        for class_name, look in self._looks.items():
            part = self._of(name, class_name)
            edges = [*(share.start for share in part), part[-1].end]
            axes.stairs(
                [share.share.value for share in part], edges, color=look.colour, linewidth=1.4
            )
        axes.set_ylim(0, self._highest)
        marks.grid(axes, "y")
        marks.percent_ticks(axes, "y", self.words, 3)
        marks.quantity_ticks(axes, None, self.words)

    @property
    def _highest(self) -> float:
        """The common end of the shares of bins of numbers."""
        bins = (share.share.value for share in self.shares if share.kind == "numeric")
        return 1.05 * max(*bins, 1e-9)

    def _categories(self, axes: Axes, name: str) -> None:
        steps = np.linspace(-0.22, 0.22, len(self.classes))
        for step, (class_name, look) in zip(steps, self._looks.items(), strict=True):
            part = self._of(name, class_name)
            marks.intervals(axes, [(at + step, share.share) for at, share in enumerate(part)], look)
        first = self._of(name, self.classes[0])
        labels = [short(share.display, sheet.Multiples.CATEGORY_LETTERS) for share in first]
        marks.category_rows(axes, labels)
        axes.set_xlim(-0.06, 1.06)  # a mark at an end is whole
        marks.grid(axes, "x")
        marks.percent_ticks(axes, "x", self.words, 3)

    def title(self) -> Message:
        first = self.separations[0]
        low, _ = first.roc_auc.ends or (0.0, 1.0)
        return caption(
            "class_distributions.title",
            feature=spoken(first.label),
            class_name=spoken(self.separated),
            area=first.roc_auc,
            tells=low > 0.5,
        )

    def alt(self) -> Message:
        features = [
            caption(
                "class_distributions.alt_feature",
                feature=spoken(each.label),
                area=each.roc_auc,
                classes=[self._most_frequent(each.feature, name) for name in self.classes],
            )
            for each in self.separations
        ]
        class_name = spoken(self.separated)
        return caption("class_distributions.alt", class_name=class_name, features=features)

    def _most_frequent(self, name: str, class_name: str) -> Message:
        """Where most rows of a class lie: the bin or the category with the largest share."""
        most = max(self._of(name, class_name), key=lambda share: share.share.value)
        return caption(
            "class_distributions.alt_class",
            class_name=spoken(class_name) if class_name else "",
            share=most.share.value,
            low=most.start,
            high=most.end,
            unit=most.unit or None,
            display=spoken(most.display) if most.display else "",
        )
