"""The report as PDF, and pictures as PNG: pandoc writes Typst, a wheel sets it."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.errors import RenderError
from deepseek_report.rendering import pandoc

_POINTS_PER_INCH = 200.0
#: The standards that a report keeps to, the strictest first, by Typst's names: for archives that
#: hold further files (ISO 19005-3; level A has tags, U only searchable text), for screen readers
#: (ISO 14289-1). PDF/A-4 and PDF/UA-1 exclude each other, and PDF/A-2 carries no tables as files.
_STANDARDS = (("a-3a", "ua-1"), ("a-3u",), ("ua-1",), ())
#: How readers, and the messages of Typst, name them.
STANDARD_NAMES = {"a-3a": "PDF/A-3a", "a-3u": "PDF/A-3u", "ua-1": "PDF/UA-1"}
#: What Quarto's page looks like, beside the document so that `quarto preview` finds it, and the
#: folder of the fonts that it writes paper with.
STYLESHEET, FONTS = "report.css", "quarto/fonts"
_OF_A_STANDARD = re.compile(r"PDF/(?:A|UA)")
#: Pictures that begin a page are moved to the head of it, so that text fills the page before; how
#: often the document is looked at for that, and how far down a page such a picture may begin.
_LOOKS, _BEGINS_PAGE_MM = 6, 55.0


@dataclass(frozen=True)
class PrintedPdf:
    """A PDF that was written.

    standards : that it keeps to, by the names that readers know. notices : what is not as it should
    be, in sentences: a standard that it does not keep to, characters that no font has.
    """

    path: Path
    standards: tuple[str, ...]
    notices: tuple[str, ...]


def render_pdf(document: Path) -> PrintedPdf:
    """Write a PDF of the same name beside the document.

    It keeps to PDF/A-3a and PDF/UA-1 unless something in the document, such as a heading that skips
    a level in a section of one's own, stands against that; PDF/A needs the day of the run.
    """
    template = shipped("templates") / "typst" / "report.typ"
    source = pandoc.convert(
        document,
        "typst",
        (f"--template={template}", "--variable=own-fonts", "--standalone", "--wrap=none"),
    )
    source, notices = _printable(source, document.parent)
    source = _with_full_pages(source, document.parent)
    path = document.with_suffix(".pdf")
    content, standards, lacking = _by_strictest_standard(source, document.parent)
    plain_files.write_bytes(path, content)
    shown = tuple(STANDARD_NAMES[name] for name in standards)
    return PrintedPdf(path, shown, tuple(f"{path.name}: {text}" for text in (*lacking, *notices)))


def _by_strictest_standard(
    source: str, root: Path
) -> tuple[bytes, tuple[str, ...], tuple[str, ...]]:
    """The PDF, the standards that it keeps to, and why it does not keep to the others."""
    dated = "#let day = " in source
    lacking: list[str] = [] if dated else [_NO_DAY]
    for standards in _STANDARDS[0 if dated else 2 :]:
        try:
            return compile_pdf(source, root, standards), standards, tuple(lacking)
        except RenderError as error:
            if not standards or not _OF_A_STANDARD.search(str(error)):
                raise
            reason = str(error).rpartition("could not be set: ")[2].strip()
            names = " with ".join(STANDARD_NAMES[name] for name in standards)
            lacking.append(f"it does not keep to {names}: {reason}")
    raise AssertionError("the last try asks for no standard")


_NO_DAY = "it does not keep to PDF/A-3a, which asks for a date: the run records none"


def _printable(source: str, root: Path) -> tuple[str, list[str]]:
    """The source with characters that no font has replaced, and a sentence on them."""
    pictures = {path: root / path[1:] for path in dict.fromkeys(_PICTURE.findall(source))}
    texts = {path: plain_files.read_text(file, below=root) for path, file in pictures.items()}
    lacking = without_glyph([source, *texts.values()], _known_fonts)
    if not lacking:
        return source, []
    changed = {path: replaced(text, lacking) for path, text in texts.items() if lacking & set(text)}
    shown = replaced(source, lacking)
    if changed:
        items = ", ".join(f"{_string(path)}: bytes({_string(t)})" for path, t in changed.items())
        shown = shown.replace("#let rewritten = (:)", f"#let rewritten = ({items})", 1)
    return shown, glyph_notices(source, {path: texts[path] for path in changed}, lacking)


_PICTURE = re.compile(r'#picture\("(/[\w/.-]+)"')


def _with_full_pages(source: str, root: Path) -> str:
    """The source with the pictures that leave the page before them half empty named as such.

    Those that would then stand before one that they follow are named, too. One that would stand
    above the title that it belongs to stays where it is, and so does any of a row of pictures.
    """
    order = list(dict.fromkeys(_PICTURE.findall(source)))
    moved: set[str] = set()
    kept: set[str] = set()
    for _ in range(_LOOKS if order else 0):
        layout = _Layout.of(
            json.loads(_call("query", source, root, selector="<place>", field="value"))
        )
        kept |= {path for path in moved if layout.stands_above_its_title(path)}
        places = layout.pictures
        shown = [path for path in order if path in places]
        late = {path for path in shown if places[path][0] > 1 and places[path][1] < _BEGINS_PAGE_MM}
        for before, path in itertools.pairwise(shown):
            if before in moved | late and places[path] < places[before]:
                late.add(path)
        wanted = (moved | late) - kept
        if wanted == moved:
            break
        moved = wanted
        names = "".join(f"{_string(path)}, " for path in sorted(moved))
        source = re.sub(r"(?m)^#let moved = .*$", f"#let moved = ({names})", source, count=1)
    return source


@dataclass(frozen=True)
class _Layout:
    """Where things of a document stand: the page, and how far down it in millimetres.

    pictures : by path. texts : where each picture would stand if it was not moved. titles : all of
    the document.
    """

    pictures: dict[str, tuple[int, float]]
    texts: dict[str, tuple[int, float]]
    titles: list[tuple[int, float]]

    @classmethod
    def of(cls, marks: Iterable[tuple[str, str | None, int, float]]) -> _Layout:
        """The layout by what `place-of` in the template left."""
        layout = cls({}, {}, [])
        for what, path, page, down in marks:
            if path is None:
                layout.titles.append((page, down))
            else:
                of_path = layout.pictures if what == "picture" else layout.texts
                of_path[path] = (page, down)
        return layout

    def stands_above_its_title(self, path: str) -> bool:
        """Whether a title stands between the picture and its place in the text."""
        picture, text = self.pictures[path], self.texts[path]
        return any(picture < title <= text for title in self.titles)


def rasterise(
    pictures: Sequence[Path], on_notice: Callable[[str], None] = lambda _: None
) -> list[bytes]:
    """The pictures, all of one folder, as PNG, for formats that cannot show SVG.

    on_notice : gets a sentence for each picture with characters that no font has.
    """
    if not pictures:
        return []
    texts = [plain_files.read_text(picture) for picture in pictures]
    lacking = without_glyph(texts, _known_fonts)
    for picture, text in zip(pictures, texts, strict=True):
        for notice in glyph_notices("", {picture.name: text}, lacking):
            on_notice(notice)
    pages = "\n#pagebreak()\n".join(
        f"#image(bytes({_string(replaced(text, lacking))}))"
        if lacking & set(text)
        else f'#image("/{picture.name}")'
        for picture, text in zip(pictures, texts, strict=True)
    )
    source = f"#set page(width: auto, height: auto, margin: 4pt, fill: white)\n{pages}"
    made = _call("compile", source, pictures[0].parent, format="png", ppi=_POINTS_PER_INCH)
    return made if isinstance(made, list) else [made]


def compile_pdf(source: str, root: Path, standards: Sequence[str] = ()) -> bytes:
    """Compile Typst source; files are read below `root` alone.

    standards : that the file must keep to, by Typst's names.
    """
    return bytes(_call("compile", source, root, format="pdf", pdf_standards=list(standards)))


def _call(function: str, source: str, root: Path, **arguments: object) -> Any:
    import typst

    call: Any = getattr(typst, function)
    try:
        return call(source.encode(), root=str(root), font_paths=_fonts()[0], **arguments)
    except (RuntimeError, ValueError, OSError) as error:
        raise RenderError(f"typst: the document in {root} could not be set: {error}") from None


def _string(text: str) -> str:
    """The text as a string of Typst."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def chinese_font() -> Path:
    """The font in which Chinese is printed; it comes with the package."""
    return shipped("templates") / "typst" / "fonts" / "report-han-sans.otf"


@cache
def _fonts() -> tuple[Any, tempfile.TemporaryDirectory[str]]:
    """The fonts that documents are set in, and the folder that must stay as long as they are used.

    They are those of Typst, ours, and those of the system. Ours are the Chinese one and the faces
    of DejaVu that matplotlib brings, in a folder of their own: beside them lies `LastResort`, which
    has a box for every character and so would be taken for whole labels.
    """
    import typst

    folder = tempfile.TemporaryDirectory(prefix="deepseek-report-fonts-")
    for path in font_files():
        try:
            (Path(folder.name) / path.name).symlink_to(path)
        except OSError:  # a system without links
            plain_files.write_bytes(Path(folder.name) / path.name, path.read_bytes())
    return typst.Fonts(font_paths=[folder.name]), folder


def _known_fonts() -> list[Path]:
    """The files of all fonts, ours first; those that Typst itself holds have none."""
    files = [Path(font.path) for font in _fonts()[0].fonts() if font.path]
    ours = Path(_fonts()[1].name)
    return sorted(set(files), key=lambda path: (path.parent != ours, path))


def font_files() -> list[Path]:
    """The files of the fonts that come along, the first one for most of the text of pictures."""
    files = [chinese_font()]
    spec = importlib.util.find_spec("matplotlib")  # found without importing it
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
        files = [*sorted(folder.glob("DejaVuSans*.ttf")), *files]
    return files


# Which characters of a document no font has, on this machine: they are replaced and named. A PDF
# for archives may hold no character without a glyph, and a box tells a reader nothing.

#: What stands for a character that no font has: U+FFFD, which DejaVu Sans has.
REPLACEMENT = "\ufffd"
#: Latin, Greek and Cyrillic, punctuation and arrows: every document has them, and DejaVu Sans has
#: them all, so that they need no look into the fonts.
_PLAIN = re.compile(
    r"[\n\t -~\u00a0-\u0233\u0250-\u02af\u0386-\u03ce\u0400-\u045f\u2010-\u2027\u2030-\u205e]+"
)
#: What takes no room and is drawn by no font: joiners, marks of direction, variation selectors.
_INVISIBLE = re.compile(
    r"[\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+"
)
_SHOWN, _WIDEST = 12, 40
_LABEL = re.compile(r">([^<>]+)</text>")


def without_glyph(texts: Iterable[str], fonts: Callable[[], Iterable[Path]]) -> frozenset[str]:
    """The characters of these texts that none of the fonts has.

    fonts : gives the files of the fonts; called only where a text holds rare characters.
    """
    rare = set(_INVISIBLE.sub("", _PLAIN.sub("", "".join(texts))))
    if not rare:
        return frozenset()
    for path in fonts():
        rare -= _characters(path)
        if not rare:
            break
    return frozenset(rare)


@cache
def _characters(path: Path) -> frozenset[str]:
    """The characters that a font file has; none if it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            return frozenset(map(chr, font.getBestCmap() or ()))
    except (OSError, TTLibError, KeyError, ValueError, AssertionError):
        return frozenset()


def replaced(text: str, lacking: Set[str]) -> str:
    """The text with each of these characters replaced by U+FFFD."""
    return text.translate(dict.fromkeys(map(ord, lacking), REPLACEMENT))


def glyph_notices(source: str, pictures: Mapping[str, str], lacking: Set[str]) -> list[str]:
    """A sentence on the text and on each picture that lacks characters, with where they stand."""
    parts = {"the text": source.splitlines()}
    parts |= {path.lstrip("/"): _LABEL.findall(svg) for path, svg in pictures.items()}
    sentences = []
    for place, texts in parts.items():
        letters = sorted(lacking & set("".join(texts)))
        if not letters:
            continue
        first = next(text for text in texts if lacking & set(text))
        named = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in letters[:_SHOWN])
        more = f" and {len(letters) - _SHOWN} more" if len(letters) > _SHOWN else ""
        at = min(first.index(letter) for letter in letters if letter in first)
        part = first[max(0, at - _WIDEST // 2) : at + _WIDEST // 2].strip()
        sentences.append(
            f"{place} has characters that no font on this machine has, {named}{more}; "
            f"{REPLACEMENT} stands for them, first in “{part}”. Install a font that has them, such "
            "as Noto"
        )
    return sentences
