"""Matplotlib's SVG without its ballast: no metadata, no global style, no ids, short numbers."""

from __future__ import annotations

import io
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TAG = re.compile(r"<[^>]*>")
_TOKEN = re.compile(r"[A-Za-z]|-?\d+\.?\d*(?:e-?\d+)?")
_NUMBER = re.compile(r"-?\d+\.\d+")
_ROOT = (
    ' font-family="DejaVu Sans, Verdana, Noto Sans, sans-serif"'
    ' stroke-linejoin="round" stroke-linecap="butt">'
)


def compact_svg(figure: Figure) -> str:
    """The figure as a small SVG text: well-formed, deterministic, safe to inline in a page.

    Matplotlib's own style sheet would apply to the whole page, its ids would occur once a picture,
    and half of its bytes are decimals that nobody can see.
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not axis.get_label_text():  # else all of its ticks would be measured to place it
                axis.set_label_coords(0, 0)
    width, height = 72 * figure.get_size_inches()
    stream, image_dpi = io.StringIO(), figure.dpi
    figure.dpi = 72
    renderer = _renderer()(width, height, stream, image_dpi=image_dpi, metadata={"Date": None})
    figure.draw(renderer)
    renderer.finalize()
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r">\s*\n\s*<", "><", text).strip()
    return _unwrapped(_TAG.sub(lambda match: _tag(match[0]), text)) + "\n"


@cache
def _renderer() -> Any:
    """Matplotlib's writer of SVG, which knows of texts in earlier pictures how wide they are."""
    from matplotlib.backends.backend_svg import RendererSVG

    known: dict[tuple[str, Any, bool], tuple[float, float, float]] = {}

    class Renderer(RendererSVG):
        def get_text_width_height_descent(
            self, s: str, prop: Any, ismath: Any
        ) -> tuple[float, float, float]:
            if (s, prop, ismath) not in known:
                if len(known) > _MOST_KNOWN:
                    known.clear()
                measure: Any = super().get_text_width_height_descent
                extent = measure(s, prop, ismath)
                known[s, prop.copy(), ismath] = extent
            return known[s, prop, ismath]

    return Renderer


_MOST_KNOWN = 20_000


def _tag(tag: str) -> str:
    """One tag, shortened. Text between tags is never touched."""
    if tag.startswith("<svg"):
        return tag[:-1].rstrip() + _ROOT
    if tag.startswith("<g"):
        tag = re.sub(r' id="[^"]*"', "", tag)
    if tag.startswith("<path"):
        tag = re.sub(r' d="([^"]*)"', lambda match: f' d="{_path(match[1])}"', tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", tag)
    tag = re.sub(r"; font-family: [^;\"]*|; stroke-linejoin: miter|; text-anchor: start", "", tag)
    tag = re.sub(
        r' (x|y|width|height|transform)="([^"]*)"',
        lambda match: f' {match[1]}="{_NUMBER.sub(lambda n: _short(n[0]), match[2])}"',
        tag,
    )
    return tag.replace("; ", ";").replace(": ", ":").replace(' style=""', "")


def _short(number: str) -> str:
    """Two decimals at most, no trailing zeros."""
    text = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _path(data: str) -> str:
    """Path data with short numbers; level and upright lines as H and V, dots as `h.01`."""
    parts: list[str] = []
    here: tuple[str, str] = ("", "")
    before = ""
    tokens = _TOKEN.findall(data)
    at = 0
    while at < len(tokens):
        command, size = tokens[at], _ARGUMENTS[tokens[at]]
        numbers = [_short(token) for token in tokens[at + 1 : at + 1 + size]]
        at += 1 + size
        end = (numbers[-2], numbers[-1]) if numbers else ("", "")
        if command == "L" and here == end:  # a dot where the path begins so: no length shows none
            parts.append("h.01" if before == "M" else "h0")
        else:
            parts.append(_step(command, numbers, here, end))
        here, before = end, command
    return "".join(parts)


_ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "z": 0}


def _step(command: str, numbers: list[str], here: tuple[str, str], end: tuple[str, str]) -> str:
    if command != "L":
        return command + " ".join(numbers)
    if here[1] == end[1]:
        return "H" + end[0]
    if here[0] == end[0]:
        return "V" + end[1]
    return "L" + " ".join(numbers)


def _unwrapped(text: str) -> str:
    """Without the groups that carry no attribute, and without those that hold nothing."""
    text = re.sub(r"<defs></defs>|<defs/>|<g/>", "", text)
    keep: list[bool] = []

    def kept(match: re.Match[str]) -> str:
        tag = match[0]
        if tag == "</g>":
            return tag if keep.pop() else ""
        if tag.startswith("<g") and not tag.endswith("/>"):
            keep.append(tag != "<g>")
            return tag if keep[-1] else ""
        return tag

    return _TAG.sub(kept, text)
