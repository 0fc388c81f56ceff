"""Static pictures as parts of a page: safe, described, responsive, and in the page's colours."""

from __future__ import annotations

import html
import re

from deepseek_report.artifacts.svg_rules import check_svg
from deepseek_report.visualizations.style import PALETTE

#: Values hold no `<` and no `>` once a picture is checked.
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r"""(\sid=["'])([^"']+)(["'])""")
_USE = re.compile(r"""((?:xlink:)?href=["']#|url\(#)([^"')]+)""")
_ROOT = re.compile(r"<svg\b[^>]*>")
_SIZE = re.compile(r"""\s(?:width|height|role|aria-label)=(?:"[^"]*"|'[^']*')""")
_HEX = re.compile("|".join(light for light, _ in PALETTE.values()), re.IGNORECASE)
_ROLE = {light.lower(): role for role, (light, _) in PALETTE.items()}


def inline_svg(svg: str, name: str, alt: str) -> str:
    """The picture as an element of a page.

    Its ids get the prefix `pic-<name>`, so that none is one of the page's own; the palette's
    colours become CSS variables, its size follows the page, and `alt` (text) describes it.

    Raises
    ------
    ArtifactError : it holds more than a picture may.
    """
    check_svg(svg, name)
    text = svg[svg.index("<svg") :].strip()
    text = _TAG.sub(lambda match: _tag(match[0], name), text)
    described = f' role="img" aria-label="{html.escape(alt)}">'
    return _ROOT.sub(lambda match: _SIZE.sub("", match[0])[:-1] + described, text, count=1)


def _tag(tag: str, name: str) -> str:
    """One tag, in the page's names and colours; texts between tags stay as they are."""
    tag = _ID.sub(rf"\g<1>pic-{name}-\2\3", tag)
    tag = _USE.sub(rf"\g<1>pic-{name}-\2", tag)
    return _HEX.sub(lambda match: f"var(--pic-{_ROLE[match[0].lower()]})", tag)


def palette_css(dark: bool) -> str:
    """The palette as CSS variables `--pic-<role>`."""
    return " ".join(f"--pic-{role}: {pair[dark]};" for role, pair in PALETTE.items())


def dark_palette() -> dict[str, str]:
    """{light colour: dark colour}, for pictures that a script draws."""
    return {light.lower(): dark for light, dark in PALETTE.values()}
