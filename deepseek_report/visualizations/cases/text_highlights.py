"""The text of a case, each word shaded by what it added to or took from the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.written_texts import NOWHERE, Span, gaps, legible
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.cases.case_views import (
    Case,
    CasePicture,
    by_players,
    cases_of,
    shown_explainers,
    title_of,
    unit_of,
)
from deepseek_report.visualizations.drawing import marks
from deepseek_report.visualizations.drawing.labels import attribution, caption, columns, short
from deepseek_report.visualizations.style import LIGHT, NARROW, WIDTH, Axes, Figure, draw_svg
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

_SIZE, _SMALL = 10.0, 7.5
_LINE, _HEAD, _GAP = 29.0, 22.0, 10.0
_LEFT = 6.0
_THICKNESS = (0.0, 0.7, 1.1, 1.6, 2.2)
_SPACE = 5.0
#: Stands for a token of control characters, which cannot be shown.
_BLANK = "□"


@dataclass(frozen=True)
class TextHighlightsPicture(CasePicture):
    """Draws, for each chosen case, its text as written, every word shaded by its attribution.

    Words that the model does not know, and what it did not read of a long text, are grey.

    explainer : whose attributions come first; empty takes the one that does best in the tests.
    methods : explainers shown below one another. words : of a text that are shown, from its start.
    numbered : words whose attribution is written above them.
    """

    reveals = "rows"
    modalities = frozenset({"text"})

    explainer: str = ""
    methods: Annotated[int, Field(ge=1, le=6)] = 2
    words: Annotated[int, Field(ge=10, le=400)] = 120
    numbered: Annotated[int, Field(ge=0, le=20)] = 5

    def draw(self, results: Results) -> Sequence[Picture]:
        names = shown_explainers(results, self.explainer, self.methods)
        return [self._picture(results, case, names) for case in cases_of(results)]

    def _picture(self, results: Results, case: Case, names: Sequence[str]) -> Picture:
        def drawn(width: float) -> tuple[list[_TextBlock], str]:
            limits = Limits(self.words, self.numbered, 72 * width - _LEFT)
            blocks = [_block(results, case, method, limits) for method in names]
            blocks = blocks or [_bare(results, case, limits)]
            height = (sum(block.height for block in blocks) + 44) / 72
            words = words_of(results)
            return blocks, draw_svg(name, height, lambda fig: _paint(fig, blocks, words), width)

        name = f"text_highlights_{case.number}"
        blocks, wide = drawn(WIDTH)
        return Picture(
            name=name,
            svg=wide,
            narrow=drawn(NARROW)[1],
            title=title_of(results, case, names[0] if names else None),
            alt=_alt(case, blocks),
            how_to_read=caption(
                "text_highlights.how_to_read",
                cut=blocks[0].cut,
                methods=len(names),
                grey=any(not word.read for word in blocks[0].words),
            ),
        )


@dataclass(frozen=True)
class Limits:
    """How many words are shown, how many bear a number, and where lines end, in points."""

    words: int
    numbered: int
    right: float


@dataclass(frozen=True)
class _Word:
    """One word of a text: where it stands on the page, what it did, and whether it was read."""

    text: str
    x: float
    line: int
    width: float
    level: int
    raises: bool
    number: str
    framed: bool
    read: bool = True

    def baseline(self, top: float) -> float:
        """In points, in a block that begins there."""
        return top + _HEAD + _LINE * self.line + 20


@dataclass(frozen=True)
class _TextBlock:
    explainer: str
    heading: str
    words: list[_Word]
    cut: Message | None
    strongest: list[Message]

    @property
    def lines(self) -> int:
        return max((word.line for word in self.words), default=0) + 1

    @property
    def height(self) -> float:
        return _HEAD + _LINE * self.lines + _GAP


def _block(results: Results, case: Case, explainer: str, limits: Limits) -> _TextBlock:
    """The text as one method shades it."""
    values = by_players(results, explainer, case.place)
    present = np.flatnonzero(~np.isnan(values))
    shown = present[: limits.words]
    sizes = np.abs(values)
    named = shown[kind_of(results.schema).nameable(case.inputs[None])[0][shown]]
    strongest = set(named[np.argsort(-sizes[named], kind="stable")][: limits.numbered].tolist())
    most = float(sizes[present].max()) if len(present) else 0.0
    space, wording = results.explanations[explainer].output_space, words_of(results)
    effects = {player: attribution(values[player], space) for player in strongest}
    written = _words(results, case, shown, limits)
    words = [
        replace(
            word,
            level=marks.level_of(float(sizes[player]), most),
            raises=values[player] > 0,
            number=wording.numbers.attribution(effects[player], unit=False)
            if player in strongest
            else "",
        )
        for player, word in zip(shown, written, strict=False)
    ]
    cut = None
    if len(shown) < len(present):
        share = float(sizes[shown].sum()) / (float(sizes[present].sum()) or 1.0)
        cut = caption("text_highlights.cut", shown=len(shown), n=len(present), share=share)
    return _TextBlock(
        explainer=explainer,
        heading=wording.text(
            "pictures.text_highlights.heading",
            explainer=explainer,
            unit=unit_of(results, explainer, case.place),
        ),
        words=[*words, *written[len(words) :]],
        cut=cut,
        strongest=[
            caption("text_highlights.alt_word", word=words[at].text, effect=effects[shown[at]])
            for at in np.argsort(-sizes[shown], kind="stable")
            if shown[at] in strongest
        ],
    )


def _bare(results: Results, case: Case, limits: Limits) -> _TextBlock:
    present = np.flatnonzero(kind_of(results.schema).present(case.inputs[None])[0])
    shown = present[: limits.words]
    cut = None
    if len(shown) < len(present):
        cut = caption("text_highlights.cut_input", shown=len(shown), n=len(present))
    return _TextBlock("", "", _words(results, case, shown, limits), cut, [])


def _words(results: Results, case: Case, shown: np.ndarray, limits: Limits) -> list[_Word]:
    """The words of these players in their places, without any shade, and then what was not read."""
    known, owners = kind_of(results.schema).nameable(case.inputs[None])[0], results.schema.owners
    words = _as_written(results, case, shown) or _as_read(results, case, shown)
    rest = _not_read(results, case, shown)[: limits.words - len(words)]
    placed = _placed([*words, *rest], limits.right)
    behind = [
        _Word(
            text, x, line, _width(text, _SIZE), 0, raises=False, number="", framed=False, read=False
        )
        for text, x, line in placed[len(words) :]
    ]
    return [
        _Word(
            text=text,
            x=x,
            line=line,
            width=_width(text, _SIZE),
            level=0,
            raises=False,
            number="",
            framed=case.truth is not None and bool(case.truth[owners == player].any()),
            read=bool(known[player]),
        )
        for player, (text, x, line) in zip(shown, placed, strict=False)
    ] + behind


def _placed(words: Sequence[tuple[str, bool]], right: float) -> list[tuple[str, float, int]]:
    """(text, left edge in points, line) of words, each told with whether a space is before it."""
    placed: list[tuple[str, float, int]] = []
    x, line = _LEFT, 0
    for whole, apart in words:
        text = short(whole, int(right / 8)) if any(map(str.isprintable, whole)) else _BLANK
        before, width = _SPACE * apart, _width(text, _SIZE)
        if x + before + width > right and x > _LEFT:
            x, line, before = _LEFT, line + 1, 0.0
        placed.append((text, x + before, line))
        x += before + width + 1.0
    return placed


def _as_written(results: Results, case: Case, players: np.ndarray) -> list[tuple[str, bool]]:
    """The words of these players as the text has them; none where that is not stored.

    Signs between two words that belong to no token stand with the one behind them.
    """
    texts = results.test.texts
    spans = [_span(results, case, player) for player in players]
    if texts is None or any(start < 0 for start, _ in spans):
        return []
    whole, behind, words = texts.text(case.position), 0, list[tuple[str, bool]]()
    for start, end in spans:
        between = whole[behind : max(start, behind)]
        text = between.strip() + whole[max(start, behind) : end]
        words.append((text, bool(words) and between[:1].isspace()))
        behind = max(end, behind)
    return words


def _span(results: Results, case: Case, player: int) -> Span:
    texts = results.test.texts
    columns = np.flatnonzero(results.schema.owners == player)
    return NOWHERE if texts is None else texts.span(case.position, columns)


def _as_read(results: Results, case: Case, players: np.ndarray) -> list[tuple[str, bool]]:
    tokens, owners = results.schema.vocabulary, results.schema.owners
    values = [case.inputs[owners == player] for player in players]
    words = [[tokens[int(at)] for at in value[~np.isnan(value)]] for value in values]
    spaces = iter(gaps([token for word in words for token in word]))
    shown = []
    for word in words:
        apart = [next(spaces) for _ in word]
        parts = enumerate(zip(word, apart, strict=True))
        text = "".join(" " * (gap and at > 0) + legible(token) for at, (token, gap) in parts)
        shown.append((text, bool(apart) and apart[0]))
    return shown


def _not_read(results: Results, case: Case, shown: np.ndarray) -> list[tuple[str, bool]]:
    """The words behind the last one that the model reads, where all before it are shown."""
    texts, present = results.test.texts, kind_of(results.schema).present(case.inputs[None])[0]
    if texts is None or not len(shown) or len(shown) < present.sum():
        return []
    end = _span(results, case, int(shown[-1]))[1]
    return [(word, True) for word in texts.text(case.position)[end:].split()] if end >= 0 else []


@lru_cache(maxsize=4096)
def _advance(character: str) -> float:
    """Width of a character at one point, in points; an em for what the font lacks."""
    font = _font()
    if font.get_char_index(ord(character)) == 0:
        return 1.0 if columns(character) == 2 else 0.7
    font.set_size(100.0, 72.0)
    return float(font.load_char(ord(character)).linearHoriAdvance) / 65536 / 100


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans"))


def _width(text: str, size: float) -> float:
    return sum(_advance(sign) for sign in text) * size


def _paint(figure: Figure, blocks: Sequence[_TextBlock], words: Wording) -> None:
    """Everything in points, y counted downwards."""
    width, height = (float(side) * 72 for side in figure.get_size_inches())
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    top = 0.0
    for block in blocks:
        axes.text(_LEFT, top + 12, block.heading, fontsize=9, color=LIGHT.muted, va="baseline")
        numbered: dict[int, list[_Word]] = {}
        for word in block.words:
            _word(axes, word, word.baseline(top))
            if word.number:
                numbered.setdefault(word.line, []).append(word)
        for of_line in numbered.values():
            _numbers(axes, of_line, of_line[0].baseline(top))
        _shades(axes, block, top)
        top += block.height
    framed = any(word.framed for block in blocks for word in block.words)
    if any(word.level for block in blocks for word in block.words) or framed:
        _legend(axes, top + 12, words, framed=framed)


def _shades(axes: Axes, block: _TextBlock, top: float) -> None:
    """What lies behind and below the words: one path for all words of a colour and a strength."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    alike: dict[tuple[bool, int], list[_Word]] = {}
    for word in block.words:
        if word.level:
            alike.setdefault((word.raises, word.level), []).append(word)
    for (raises, level), words in alike.items():
        boxes, lines = list[tuple[float, float]](), list[tuple[float, float]]()
        for word in words:
            left, right, baseline = word.x, word.x + word.width, word.baseline(top)
            above, below = baseline - 11, baseline + 3.5
            boxes += [(left - 1, above), (right + 1, above), (right + 1, below), (left - 1, below)]
            boxes.append((left - 1, above))
            lines += [(left, baseline + 5), (right, baseline + 5)]
        tone = LIGHT.raises if raises else LIGHT.lowers
        codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY] * len(words)
        shade = {"facecolor": tone, "alpha": marks.OPACITY[level], "linewidth": 0}
        axes.add_patch(PathPatch(Path(boxes, codes), clip_on=False, **shade))
        strokes = Path(lines, [Path.MOVETO, Path.LINETO] * len(words))
        look = _line_style(raises=raises, level=level)
        axes.add_patch(PathPatch(strokes, fill=False, clip_on=False, zorder=2, **look))


def _line_style(*, raises: bool, level: int) -> dict[str, object]:
    """Of the line below a word: whole where it raises the output, broken where it lowers it."""
    return {
        "edgecolor": LIGHT.raises if raises else LIGHT.lowers,
        "linewidth": _THICKNESS[level],
        "linestyle": "solid" if raises else (0, (2.2, 1.4)),
        "capstyle": "butt",
    }


def _word(axes: Axes, word: _Word, baseline: float) -> None:
    from matplotlib.patches import Rectangle

    if word.framed:
        box = ((word.x - 1.5, baseline - 12), word.width + 3, 20)
        frame = Rectangle(*box, fill=False, edgecolor=LIGHT.ink, linewidth=1, clip_on=False)
        axes.add_patch(frame)
    tone = LIGHT.ink if word.read else LIGHT.muted
    axes.text(word.x, baseline, word.text, fontsize=_SIZE, va="baseline", color=tone)


def _numbers(axes: Axes, words: Sequence[_Word], baseline: float) -> None:
    """The attributions of a line, each above its word as far as none stands over another."""
    left, right = 0.0, float(axes.get_xlim()[1]) - _LEFT
    placed = []
    for word in words:
        width = _width(word.number, _SMALL)
        placed.append((word, width, max(word.x + (word.width - width) / 2, left + 4)))
        left = placed[-1][2] + width
    places = []
    for _, width, wanted in reversed(placed):
        places.append(min(wanted, right - width))
        right = places[-1] - 4
    for word, x in zip(words, reversed(places), strict=True):
        tone = LIGHT.raises if word.raises else LIGHT.lowers
        axes.text(x, baseline - 13.5, word.number, fontsize=_SMALL, va="baseline", color=tone)


def _legend(axes: Axes, y: float, words: Wording, *, framed: bool) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x = _LEFT
    for raises in (True, False):
        text = words.text(f"pictures.text_highlights.{'raises' if raises else 'lowers'}")
        stroke = Path([(x, y - 3), (x + 22, y - 3)])
        look = _line_style(raises=raises, level=3)
        axes.add_patch(PathPatch(stroke, fill=False, clip_on=False, **look))
        axes.text(x + 27, y, text, fontsize=9, color=LIGHT.muted, va="baseline")
        x += 150
    if framed:
        text = words.text("pictures.text_highlights.framed")
        axes.text(_LEFT, y + 14, text, fontsize=9, color=LIGHT.muted, va="baseline")


def _alt(case: Case, blocks: Sequence[_TextBlock]) -> Message:
    explainers = [
        caption("text_highlights.alt_explainer", explainer=block.explainer, words=block.strongest)
        for block in blocks
        if block.strongest
    ]
    values = {"case": case.outcome, "explainers": explainers, "cut": blocks[0].cut}
    return caption("text_highlights.alt", **values)
