"""What was decided for each label, as a table of shares in shades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.traits import PicturePart
from deepseek_report.artifacts.results import Results
from deepseek_report.metrics.performance.performance_rows import ClassRecall, Confusion
from deepseek_report.visualizations.drawing.labels import caption, extent, short, spoken
from deepseek_report.visualizations.drawing.marks import SHADES, written_cells
from deepseek_report.visualizations.drawing.read_results import required
from deepseek_report.visualizations.drawing.sheet import picture_of
from deepseek_report.visualizations.style import LIGHT, SMALL, WIDTH, Figure, Look, draw_svg, panel
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

#: Classes up to which each cell holds its numbers, and classes that are drawn at most.
_NUMBERED, _MOST = 12, 40
#: Confusions that the alternative text tells of.
_TOLD = 5


@dataclass(frozen=True)
class ConfusionMatrixPicture(PicturePart):
    """Draws which labels are decided as which, as shares of each label."""

    reveals = "aggregate"
    section = "performance"
    needs = frozenset({"measures/confusion_matrix"})

    def draw(self, results: Results) -> Sequence[Picture]:
        matrix = required(results, "confusion_matrix", "matrix", Confusion)
        rates = required(results, "confusion_matrix", "classes", ClassRecall)
        view = _View.of(matrix, rates, words_of(results))
        return [picture_of(view, "confusion_matrix")]


@dataclass(frozen=True)
class _View:
    """Counts and shares (label, decision), and the rates of each class."""

    classes: list[str]
    counts: Ints
    shares: Floats
    rates: Sequence[ClassRecall]
    words: Wording

    @classmethod
    def of(cls, matrix: Sequence[Confusion], rates: Sequence[ClassRecall], words: Wording) -> _View:
        names = list(dict.fromkeys(cell.actual for cell in matrix))[:_MOST]
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        for cell in matrix:
            if cell.actual in names and cell.decided in names:
                counts[names.index(cell.actual), names.index(cell.decided)] = cell.n
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return cls(names, counts, shares, rates, words)

    @property
    def _levels(self) -> Ints:
        """(label, decision) the shade of each cell; 0 where there is no case."""
        return np.ceil(self.shares * len(SHADES)).astype(np.int64)

    def drawn(self, page: float) -> str:
        n = len(self.classes)
        labels = [short(name, 22 if page == WIDTH else 14) for name in self.classes]
        left = min(extent(labels) + 0.25, 0.4 * page)
        room = page - left - 0.15
        cell = min(room / n, 1.5 if n == 2 else 0.62)
        tall = min(cell, 0.6 if n <= 5 else 0.36)
        foot = 0.75 if n <= _NUMBERED else 0.35

        def paint(figure: Figure) -> None:
            height = float(figure.get_size_inches()[1])
            axes = panel(figure, left, foot, left + n * cell, height - 0.1)
            texts = self._texts if n <= _NUMBERED else {}
            written_cells(axes, self._levels, texts, SMALL - 2 if cell < 0.4 else SMALL)
            axes.set_yticks(range(n), labels, color=LIGHT.ink, fontsize=SMALL - (n > _NUMBERED))
            axes.spines[:].set_visible(False)
            turned = extent(labels) > 0.9 * cell
            axes.set_xticks(range(n) if n <= _NUMBERED else [])
            if n <= _NUMBERED:
                below = [short(name, 14) for name in labels]
                look: Look = {"rotation": 35, "ha": "right"} if turned else {}
                axes.set_xticklabels(below, color=LIGHT.ink, fontsize=SMALL, **look)
            axes.set_xlabel(self.words.text("pictures.confusion_matrix.decided"), fontsize=SMALL)

        return draw_svg("confusion_matrix", foot + n * tall + 0.1, paint, page)

    @property
    def _texts(self) -> dict[tuple[int, ...], str]:
        """Of each cell with cases its share, and below it the count where there is room."""
        numbers, many = self.words.numbers, len(self.classes) > 5
        counts = {cell: int(n) for cell, n in np.ndenumerate(self.counts) if n}
        return {
            cell: ("" if many else f"{numbers.percent(float(self.shares[cell]))}\n")
            + numbers.count(n)
            for cell, n in counts.items()
        }

    @property
    def confusions(self) -> list[tuple[int, int]]:
        """(label, decision) of the errors, the most frequent first."""
        wrong = self.counts * ~np.eye(len(self.classes), dtype=bool)
        order = np.argsort(-wrong.ravel(), kind="stable")
        pairs = [divmod(int(place), len(self.classes)) for place in order]
        return [pair for pair in pairs if wrong[pair]]

    def title(self) -> Message:
        """The class that is found least often, and the error that is made most often."""
        known = [row for row in self.rates if row.n > 0]
        hardest = min(known, key=lambda row: row.recall.value)
        confusions = self.confusions
        actual, decided = confusions[0] if confusions else (0, 0)
        return caption(
            "confusion_matrix.title",
            hardest=spoken(hardest.level),
            recall=hardest.recall,
            of=hardest.n,
            actual=spoken(self.classes[actual]),
            decided=spoken(self.classes[decided]),
            n=int(self.counts[actual, decided]) if confusions else 0,
            errors=int(sum(self.counts[pair] for pair in confusions)),
            many=len(self.classes) > 2,
        )

    def alt(self) -> Message:
        classes = [
            caption(
                "confusion_matrix.alt_class", name=spoken(row.level), n=row.n, recall=row.recall
            )
            for row in self.rates
        ]
        errors = [
            caption(
                "confusion_matrix.alt_error",
                actual=spoken(self.classes[actual]),
                decided=spoken(self.classes[decided]),
                n=int(self.counts[actual, decided]),
            )
            for actual, decided in self.confusions[:_TOLD]
        ]
        return caption("confusion_matrix.alt", classes=classes, errors=errors)
