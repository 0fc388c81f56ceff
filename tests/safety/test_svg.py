"""A picture from a stranger draws inside of its frame, in the page and as a file, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.picture import Picture, check_svg
from deepseek_report.errors import ArtifactError
from deepseek_report.rendering.embedded import inline_svg
from tests.rendering.conftest import Elements
from tests.shared_runs import Terminal, offered

from .conftest import reseal

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawing(inner: str, root: str = "") -> str:
    return f"{HEAD}{root}>{inner}</svg>"


#: What leaves the frame, loads, runs, or is read by a page otherwise than by a reader of XML.
HOSTILE = {
    "import": drawing("<style>@import url(http://x.example/a.css);</style>"),
    "style": drawing("<style>.verdict{display:none}</style>"),
    "prefixed style": drawing('<s:style xmlns:s="http://www.w3.org/2000/svg">*{}</s:style>'),
    "style of a page": drawing('<style xmlns="http://www.w3.org/1999/xhtml">*{}</style>'),
    "stylesheet": f'<?xml-stylesheet href="http://x.example/a.css"?>{drawing("")}',
    "stylesheet inside": drawing('<?xml-stylesheet href="http://x.example/a.css"?>'),
    "instruction that a page ends early": drawing("<?x ><style>*{}</style> ?>"),
    "comment that a page ends early": drawing("<!--><style>*{}</style>-->"),
    "data section": drawing("<![CDATA[<style>*{}</style>]]>"),
    "document type": f'<!DOCTYPE svg SYSTEM "http://x.example/a.dtd">{drawing("")}',
    "entities": f'<!DOCTYPE svg [<!ENTITY a "b">]>{drawing("&a;")}',
    "text before": f"x{drawing('')}",
    "address": drawing('<path fill="url(http://x.example/a#b)"/>'),
    "address in quotes": drawing("<path fill=\"url('http://x.example/a')\"/>"),
    "escaped address": drawing(r'<path style="fill:\75rl(http://x.example/a)"/>'),
    "escaped sign": drawing(r'<path style="fill:u\72l(//x.example/a)"/>'),
    "comment in a style": drawing('<path style="fill:red/**/;position/**/:fixed"/>'),
    "image of a style": drawing('<path style="fill:image-set(//x.example/a 1x)"/>'),
    "address by capitals": drawing('<path style="fill:URL(http://x.example/a)"/>'),
    "place": drawing("", ' style="position:fixed;top:0;left:0"'),
    "size": drawing("", ' style="width:100vw;height:100vh"'),
    "move": drawing("", ' transform="translate(-500 0)"'),
    "overflow": drawing("", ' overflow="visible"'),
    "class": drawing('<g class="verdict"/>'),
    "id of the root": drawing("", ' id="sec-summary"'),
    "loose id": drawing('<g id ="x"/>'),
    "loose size": drawing("", ' width= "9999"'),
    "value that ends the tag": drawing("", """ font-family='a" onload="x()'"""),
    "value with an end of a tag": drawing("", ' font-family="a>b"'),
    "script": drawing("<script>x()</script>"),
    "event": drawing('<g onload="x()"/>'),
    "link": drawing('<a href="http://x.example"/>'),
    "picture from elsewhere": drawing('<image xlink:href="http://x.example/a.png"/>'),
    "picture that is a document": drawing('<image href="data:image/svg+xml;base64,PHN2Zz4="/>'),
    "use of another file": drawing('<use href="a.svg#b"/>'),
    "page inside": drawing("<foreignObject/>"),
    "element in a title": drawing("<title><g/></title>"),
    "element in a description": drawing('<desc><image href="#x"/></desc>'),
    "picture in a picture": drawing('<svg x="1"/>'),
    "base": drawing('<g xml:base="http://x.example/"/>'),
    "animation": drawing('<set attributeName="href" to="http://x.example"/>'),
    "filter": drawing('<filter id="a"/>'),
    "uses of uses": drawing(
        '<g id="a"><path d="M0 0"/></g><g id="b"><use href="#a"/><use href="#a"/></g>'
        '<use href="#b"/>'
    ),
    "patterns of patterns": drawing(
        '<pattern id="a"><path fill="url(#b)" d="M0 0"/></pattern><pattern id="b"/>'
        '<path fill="url(#a)" d="M0 0"/>'
    ),
    "depth": drawing("<g>" * 5000 + "</g>" * 5000),
    "not closed": drawing("<g>"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_picture_that_does_more_than_draw_is_refused(name: str) -> None:
    with pytest.raises(ArtifactError, match=r"figures/roc\.svg: "):
        check_svg(HOSTILE[name], "roc")


def test_what_plug_ins_draw_with_is_allowed() -> None:
    inner = (
        '<defs><clipPath id="c"><rect width="2" height="2"/></clipPath>'
        '<linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient>'
        '<path id="m" d="M0 0h.01" style="stroke:#1f77b4;stroke-width:.8"/></defs>'
        '<g clip-path="url(#c)"><use xlink:href="#m" x="1" y="2" style="fill:rgb(1,2,3)"/></g>'
        '<circle cx="1" cy="1" r="1" fill="url(#g)" transform="translate(1 2) rotate(-90)"/>'
        "<text style=\"font: 12px 'DejaVu Sans', sans-serif; text-anchor: middle\">a &lt; b = c"
        '</text><image href="data:image/png;base64,iVBORw0KGgo=" width="1" height="1"/>'
    )
    declared = f'<?xml version="1.0" encoding="utf-8"?>\n{drawing(inner)}'
    check_svg(declared, "own")
    inlined = inline_svg(declared, "own", "what it shows")
    assert 'id="pic-own-c"' in inlined
    assert "a &lt; b = c" in inlined


def test_texts_that_look_like_tags_stay_texts_in_the_page() -> None:
    text = ' id="a" #1f77b4 href="#b" > &lt;style&gt;'
    inlined = inline_svg(drawing(f'<text x="1">{text}</text>'), "own", "it")
    assert f">{text}</text>" in inlined
    assert Elements(inlined).tags == ["svg", "text"]


@pytest.mark.parametrize("name", ["import", "escaped address", "stylesheet", "place"])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_strangers_picture_reaches_neither_the_page_nor_the_figures(
    narrow: bool, name: str, received: Path, terminal: Terminal
) -> None:
    folder = received / "artifacts/pictures/roc_curve"
    picture = folder / "narrow/roc_curve.svg" if narrow else folder / "roc_curve.svg"
    picture.parent.mkdir(exist_ok=True)
    picture.write_text(HOSTILE[name])
    before = {path: path.read_bytes() for path in received.glob("figures/**/*.svg")}
    page = (received / "report.html").read_bytes()
    reseal(received)
    assert "figures/roc_curve.svg: " in terminal("render", received, code=1).err
    assert (received / "report.html").read_bytes() == page
    assert {path: path.read_bytes() for path in received.glob("figures/**/*.svg")} == before
    for words in offered(["verify", str(received)]):
        printed = terminal(*words, code=3).out  # it cannot be made again, so nothing is proved
        assert "Documents not proved" in printed.splitlines()[0]


def test_a_plug_in_that_draws_so_fails_by_itself(tmp_path: Path) -> None:
    picture: Any = Picture("mine", HOSTILE["style"], "", "", "")
    with pytest.raises(ArtifactError, match="may not hold <style>"):
        picture.save(tmp_path)
