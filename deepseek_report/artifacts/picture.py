"""A drawn picture: static SVG for everywhere, an interactive twin where hovering helps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from deepseek_report.artifacts.estimate import restored
from deepseek_report.artifacts.message import Text, plain, with_texts
from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.artifacts.storage.local_paths import check_name
from deepseek_report.artifacts.storage.plain_files import read_text, write_text
from deepseek_report.errors import ArtifactError

_SPACE = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
#: What may stand before the picture: that it is XML, in UTF-8.
_BEGINNING = re.compile(
    r"""\s*(<\?xml\s+version=["']1\.\d["'](\s+encoding=["'][uU][tT][fF]-8["'])?"""
    r"""(\s+standalone=["'](yes|no)["'])?\s*\?>\s*)?(?=<svg[\s/>])"""
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS = _words(
    """
    svg g defs path rect circle ellipse line polyline polygon image use text tspan title desc
    clipPath linearGradient radialGradient stop pattern marker
    """
)
#: They hold text alone: what lies in them, a page would read as its own.
_LEAVES = _words("title desc")
#: Properties that colour, and never place: these stand in a `style` or as attributes.
_PROPERTIES = _words(
    """
    fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin
    stroke-dasharray stroke-dashoffset stroke-miterlimit opacity color clip-path clip-rule font
    font-family font-size font-style font-weight font-stretch font-variant text-anchor
    text-decoration dominant-baseline alignment-baseline baseline-shift letter-spacing word-spacing
    stop-color stop-opacity image-rendering shape-rendering text-rendering paint-order
    vector-effect marker-start marker-mid marker-end
    """
)
_ATTRIBUTES = _PROPERTIES | _words(
    """
    id style version viewBox preserveAspectRatio role aria-label aria-hidden x y width height rx ry
    cx cy r x1 y1 x2 y2 d points dx dy rotate textLength lengthAdjust transform offset fx fy
    gradientUnits gradientTransform spreadMethod patternUnits patternContentUnits patternTransform
    clipPathUnits markerUnits markerWidth markerHeight refX refY orient
    """
)
#: The picture itself is placed by the page.
_NOT_OF_THE_ROOT = _words("transform id")
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_IDENTITY = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_OWN_ELEMENT = re.compile(r"#[A-Za-z_][\w.-]*", re.ASCII)
_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]*=*")
#: Signs by which a value ends, escapes, or says more than it seems to.
_SIGNS = re.compile(r"""[<>"&=\\{}@\x00-\x1f\x7f]|/\*""")
#: Attributes that are not written in the one way in which those of a page are found and renamed.
_LOOSE = re.compile(r"<[^>]*?(?:\s=|=\s)")
_CALL = re.compile(r"([\w-]*)\(([^()]*)")
_CALLS = frozenset(
    ["rgb", "rgba", "hsl", "hsla", "matrix", "translate", "rotate", "scale", "skewX", "skewY"]
)
_DEEPEST = 64
_SHOWN = 60
#: SHA-256 of pictures that were looked through: a report's are, before and after they are written.
_FAULTLESS: set[bytes] = set()


def check_svg(svg: str, name: str) -> None:
    """Raise unless the picture draws and does nothing else.

    Raises ArtifactError: it holds what is not allowed, or is no well-formed picture.
    """
    digest = sha256(svg.encode("utf-8", "surrogatepass")).digest()
    if digest in _FAULTLESS:
        return
    if (fault := _fault(svg)) is not None:
        raise ArtifactError(
            f"figures/{name}.svg: {fault}. A picture may draw shapes and texts, and refer to "
            "nothing but its own parts"
        )
    _FAULTLESS.add(digest)


def _fault(svg: str) -> str | None:
    beginning = _BEGINNING.match(svg)
    if beginning is None:
        return "it does not begin with <svg"
    if "<!" in svg or "<?" in svg[beginning.end() :]:
        return "entities, comments, declarations and instructions are not allowed in a picture"
    if _LOOSE.search(svg, beginning.end()) is not None:
        return "a blank beside the = of an attribute is not allowed in a picture"
    try:
        root = fromstring(svg)  # noqa: S314 - there are no entities: see above
    except ParseError as error:
        return f"not well-formed ({error})"
    return next(_faults(root), None)


def _faults(root: Element) -> Iterator[str]:
    """All that is not allowed; parts that are used and use others could be drawn without end."""
    reused, drawn = set[str](), set[str]()
    waiting: list[tuple[Element, int, tuple[str, ...]]] = [(root, 0, ())]
    while waiting:
        element, depth, above = waiting.pop()
        tag = element.tag.removeprefix(_SPACE)
        yield from _element_faults(element, tag, depth)
        if identity := element.get("id"):
            above = (*above, identity)
        if references := set(_references(element)):
            drawn |= references
            reused.update(above)
        waiting += [(child, depth + 1, above) for child in element]
    if nested := sorted(reused & drawn):
        yield f"a picture may not use {nested[0][:_SHOWN]!r}, which uses other parts itself"


def _references(element: Element) -> Iterator[str]:
    """The ids of parts of the picture that an element draws, fills or cuts with."""
    for key, value in element.attrib.items():
        if key in {"href", _LINK} and value.startswith("#"):
            yield value[1:]
        elif "url(" in value:
            yield from (inside[1:] for name, inside in _CALL.findall(value) if name == "url")


def _element_faults(element: Element, tag: str, depth: int) -> Iterator[str]:
    if tag not in _ELEMENTS or (tag == "svg") != (depth == 0):
        yield f"a picture may not hold <{tag.rpartition('}')[2][:_SHOWN]}>"
    if depth > _DEEPEST:
        yield "it is nested too deeply"
    if tag in _LEAVES and len(element):
        yield f"a picture may not hold an element inside of <{tag}>"
    for key, value in element.attrib.items():
        if not _is_allowed(tag, key, value):
            shown = key.rpartition("}")[2][:_SHOWN]
            yield f"a picture may not hold {shown}={value[:_SHOWN]!r} in <{tag}>"


def _is_allowed(tag: str, key: str, value: str) -> bool:
    if key in {"href", _LINK}:
        refers = _IMAGE if tag == "image" else _OWN_ELEMENT
        return tag in {"image", "use"} and refers.fullmatch(value) is not None
    if key == _XML_SPACE:
        return value in {"preserve", "default"}
    if key not in _ATTRIBUTES or (tag == "svg" and key in _NOT_OF_THE_ROOT):
        return False
    if key == "id":
        return _IDENTITY.fullmatch(value) is not None
    if _SIGNS.search(value) is not None:
        return False
    return _is_plain(value) and (key != "style" or _is_style(value))


def _is_plain(value: str) -> bool:
    """Whether a value calls nothing but colours, moves and parts of its own picture."""
    if "(" not in value:
        return True
    return all(
        _OWN_ELEMENT.fullmatch(inside) if name == "url" else name in _CALLS
        for name, inside in _CALL.findall(value)
    )


@lru_cache(maxsize=1024)
def _is_style(value: str) -> bool:
    """Whether each declaration of a style sets a property that colours."""
    names = [text.partition(":")[0].strip() for text in value.split(";") if text.strip()]
    return all(name in _PROPERTIES for name in names)


#: The fields that a person reads.
_TEXTS = ("title", "alt", "how_to_read")


@dataclass(frozen=True)
class Picture:
    """One picture of the report.

    svg : text of the static picture.
    title : states what the picture shows in this run ("Late payments decide; …").
    alt : what it shows, for a reader who cannot see it. how_to_read : one sentence. These three
    are messages, worded in the language of the report, or plain texts that stand as they are;
    words inside of the drawing and its twin are in the language that it was drawn in.
    interactive : a Plotly figure as plain JSON ({"data": …, "layout": …}), or None.
    section, shows : the section that shows it, and the ids of what it was drawn from; the runner
        writes here what the plug-in declares.
    narrow : the same picture laid out for a narrow page, or None where the wide one will do.
    """

    name: str
    svg: str
    title: Text
    alt: Text
    how_to_read: Text
    interactive: dict[str, Any] | None = None
    section: str = ""
    narrow: str | None = None
    shows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "picture")

    def declared(self, section: str, shows: Iterable[str]) -> Picture:
        """The picture with what the plug-in that drew it declares."""
        return replace(self, section=section, shows=tuple(sorted(shows)))

    def check(self) -> None:
        """Raise ArtifactError if a drawing does more than draw, as a stranger's may."""
        for svg in (self.svg, self.narrow):
            if svg is not None:
                check_svg(svg, self.name)

    def save(self, folder: Path) -> None:
        self.check()
        write_text(folder / f"{self.name}.svg", self.svg)
        if self.narrow is not None:
            write_text(folder / "narrow" / f"{self.name}.svg", self.narrow)
        fields = {k: plain(v) for k, v in vars(self).items() if k not in {"svg", "narrow"}}
        save_json(folder / f"{self.name}.json", fields)

    @classmethod
    def load(cls, folder: Path, name: str) -> Picture:
        svg = read_text(folder / f"{name}.svg")
        small = folder / "narrow" / f"{name}.svg"
        narrow = read_text(small) if small.exists() else None
        fields = load_json(folder / f"{name}.json")
        texts = {key: restored(fields.pop(key)) for key in _TEXTS if key in fields}
        shows = tuple(fields.pop("shows", ()))
        return cls(svg=svg, narrow=narrow, shows=shows, **with_texts(texts, texts), **fields)
