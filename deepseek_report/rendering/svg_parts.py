"""Static pictures as parts of a page: safe, described, responsive, and in the page's colours."""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import ParseError, fromstring

from deepseek_report.errors import RenderError
from deepseek_report.visualizations.style import PALETTE

_ID = re.compile(r"""(\sid=["'])([^"']+)(["'])""")
_USE = re.compile(r"""((?:xlink:)?href=["']#|url\(#)([^"')]+)""")
_ROOT = re.compile(r"<svg\b[^>]*>")
_SIZE = re.compile(r"""\s(?:width|height|role|aria-label)=(?:"[^"]*"|'[^']*')""")
_ALLOWED = frozenset(
    {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text"}
    | {"tspan", "defs", "use", "clipPath", "image", "title", "desc", "linearGradient", "stop"}
    | {"radialGradient", "style", "symbol", "marker", "pattern", "mask"}
)
_HEX = re.compile("|".join(light for light, _ in PALETTE.values()), re.IGNORECASE)
_ROLE = {light.lower(): role for role, (light, _) in PALETTE.items()}


def inline_svg(svg: str, name: str, alt: str) -> str:
    """The picture as an element of a page.

    Its ids get the prefix `name`, the palette's colours become CSS variables, its size follows
    the page, and `alt` (text) describes it.
    """
    check_svg(svg, name)
    text = svg[svg.index("<svg") :].strip()
    text = _ID.sub(rf"\g<1>{name}-\2\3", text)
    text = _USE.sub(rf"\g<1>{name}-\2", text)
    text = _HEX.sub(lambda match: f"var(--pic-{_ROLE[match[0].lower()]})", text)
    described = f' role="img" aria-label="{html.escape(alt)}">'
    return _ROOT.sub(lambda match: _SIZE.sub("", match[0])[:-1] + described, text, count=1)


def check_svg(svg: str, name: str) -> None:
    """Raise unless the picture is well-formed and draws, links and runs nothing else."""
    if "<!ENTITY" in svg:
        raise RenderError(f"figures/{name}.svg: entities are not allowed in a picture")
    try:
        root = fromstring(svg)  # noqa: S314 - entities are refused above
    except ParseError as error:
        raise RenderError(f"figures/{name}.svg: not well-formed ({error})") from None
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        if tag not in _ALLOWED:
            raise RenderError(f"figures/{name}.svg: a picture may not hold <{tag}>")
        for key, value in element.attrib.items():
            _check_attribute(name, key.rpartition("}")[2].lower(), value)


def _check_attribute(name: str, key: str, value: str) -> None:
    outward = key in {"href", "src"} and not value.startswith(("#", "data:image/"))
    if key.startswith("on") or outward or re.search(r"url\(\s*[^#\s]", value):
        raise RenderError(f"figures/{name}.svg: a picture may not hold {key}={value[:60]!r}")


def palette_css(dark: bool) -> str:
    """The palette as CSS variables `--pic-<role>`."""
    return " ".join(f"--pic-{role}: {pair[dark]};" for role, pair in PALETTE.items())


def dark_palette() -> dict[str, str]:
    """{light colour: dark colour}, for pictures that a script draws."""
    return {light.lower(): dark for light, dark in PALETTE.values()}
