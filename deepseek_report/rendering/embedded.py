"""The embedded renderer: the document as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import itertools
import json
import re
import tempfile
from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.picture import check_svg
from deepseek_report.artifacts.storage import plain_files
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.compliance.decision import ROLES, VERDICTS
from deepseek_report.compliance.people_form import Questions
from deepseek_report.compliance.statements import DECIDE, FORM
from deepseek_report.errors import ArtifactError, RenderError
from deepseek_report.rendering import page_parts, pandoc
from deepseek_report.rendering.page_words import label_arguments, page_template, words_of_document
from deepseek_report.visualizations.style import PALETTE

#: Values hold no `<` and no `>` once a picture is checked.
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r"""(\sid=["'])([^"']+)(["'])""")
_USE = re.compile(r"""((?:xlink:)?href=["']#|url\(#)([^"')]+)""")
_SIZE = re.compile(r"""\s(?:width|height|role|aria-label)=(?:"[^"]*"|'[^']*')""")
_HEX = re.compile("#[0-9a-fA-F]{6}")
_VARIABLE = {light.lower(): f"var(--pic-{role})" for role, (light, _) in PALETTE.items()}


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
    tags = _named("\0".join(_TAG.findall(text)), name).split("\0")  # which no picture holds
    described = f' role="img" aria-label="{html.escape(alt)}">'
    tags[0] = f"{_SIZE.sub('', tags[0])[:-1]}{described}"
    return "".join(itertools.chain(*zip(["", *_TAG.split(text)[1:-1]], tags, strict=True)))


def _named(tags: str, name: str) -> str:
    """Tags in the page's names and colours; texts between tags stay as they are."""
    tags = _ID.sub(rf"\g<1>pic-{name}-\2\3", tags)
    tags = _USE.sub(rf"\g<1>pic-{name}-\2", tags)
    return _HEX.sub(lambda match: _VARIABLE.get(match[0].lower(), match[0]), tags)


_CANVAS = re.compile(r'(<div class="canvas") data-src="([^"]*)" data-alt="([^"]*)">')
_TWIN = re.compile(r'<div class="twin" data-twin="([\w-]+)"></div>')
_PLOTLY = "plotly-report.min.js.gz"
#: A section in the contents, and the sections that are a door of the report by themselves.
_ENTRY = re.compile(r'<li><a href="#sec-([\w-]+)" id="toc-sec-')
_DOORS = frozenset({"summary", "cases"})


def render_html(document: Path) -> Path:
    """Write `report.html` beside the document; the same document gives the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "page.html"
        words = words_of_document(plain_files.read_text(document))
        plain_files.write_text(template, page_template(page_parts.part("page.html"), words))
        arguments = (
            "--standalone",
            "--toc",
            "--toc-depth=3",
            "--section-divs",
            "--mathml",
            "--wrap=none",
            "--syntax-highlighting=none",
        )
        page = with_doors(convert(document, template, arguments), words.text("page.audit"))
    path = document.with_suffix(".html")
    plain_files.write_text(path, assemble(page, document.parent))
    return path


def with_doors(page: str, audit: str) -> str:
    """The page with a label in its contents where the sections of the audit begin.

    The decision and the cases are doors of one section each, and name themselves.
    """
    entries = {entry[1]: entry.start() for entry in reversed([*_ENTRY.finditer(page)])}
    start = min((at for name, at in entries.items() if name not in _DOORS), default=None)
    if "summary" not in entries or start is None:
        return page
    return f'{page[:start]}<li class="door">{html.escape(audit)}</li>\n{page[start:]}'


def assemble(page: str, folder: Path) -> str:
    """Put style, script, pictures and the packed interactive figures into the page."""
    times: Counter[str] = Counter()
    page = _CANVAS.sub(lambda match: _canvas(match, folder, times), page)
    twins = sorted(set(_TWIN.findall(page)))
    data, hashes = _data(folder, twins)
    parts = [
        name for place, name in page_parts.SCRIPTED.items() if f'<div class="{place}">' in page
    ]
    for name in parts:
        read = _json(folder / "tables" / f"{name}.json", f"the {name}")
        data += f"\n{_packed(name, json.dumps(read, ensure_ascii=False, separators=(',', ':')))}"
    script = page_parts.script(parts)
    pieces = {
        "policy": _policy([script_hash(script.encode()), *hashes]),
        "style": _style(parts),
        "data": data,
        "script": script,
    }
    for name, text in pieces.items():
        page = page.replace(f"@@{name}@@", text, 1)
    return page


def _canvas(match: re.Match[str], folder: Path, times: Counter[str]) -> str:
    """A picture inside of the page; `times` counts how often each stands in it already."""
    source = html.unescape(match[2])
    path = folder / source
    if not path.resolve().is_relative_to(folder.resolve()) or path.suffix != ".svg":
        raise RenderError(f"{source}: a picture must be an SVG file below {folder}")
    try:
        text = plain_files.read_text(path, below=folder)
    except FileNotFoundError:
        raise RenderError(f"{path}: the picture is missing; render the run again") from None
    alt = html.unescape(match[3])
    times[path.stem] += 1
    name = path.stem if times[path.stem] == 1 else f"{path.stem}-{times[path.stem]}"
    wide = inline_svg(text, name, alt)
    small = path.parent / "narrow" / path.name
    if not small.exists():
        return f"{match[1]}>{wide}"
    narrow = inline_svg(plain_files.read_text(small, below=folder), f"{name}-narrow", alt)
    return f'{match[1]}><div class="wide">{wide}</div><div class="narrow">{narrow}</div>'


def _data(folder: Path, twins: Sequence[str]) -> tuple[str, list[str]]:
    """Script elements that hold the packed library and figures, and the library's hash."""
    if not twins:
        return "", []
    packed = (shipped("templates") / "html" / "vendor" / _PLOTLY).read_bytes()
    figures = {
        name: _json(folder / "figures" / f"{name}.json", "the interactive figure") for name in twins
    }
    text = json.dumps(figures, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # {light colour: dark colour}, for pictures that a script draws
    palette = {light.lower(): dark for light, dark in PALETTE.values()}
    elements = [
        _holder("plotly", "application/octet-stream", base64.b64encode(packed).decode()),
        _packed("twins", text),
        _holder("palette", "application/json", json.dumps(palette, sort_keys=True)),
    ]
    return "\n".join(elements), [script_hash(gzip.decompress(packed))]


def _json(path: Path, what: str) -> object:
    try:
        return load_json(path)
    except ArtifactError as error:
        raise RenderError(f"{path}: {what} cannot be read ({error})") from None


def _holder(name: str, kind: str, text: str) -> str:
    return f'<script type="{kind}" id="{name}">{text}</script>'


def _packed(name: str, text: str) -> str:
    """The script element that holds the text compressed, without a clock, in base64."""
    packed = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
    return _holder(name, "application/octet-stream", packed)


def script_hash(script: bytes) -> str:
    """The source expression of a content security policy that allows this very script."""
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    return f"'sha256-{digest}'"


def _policy(hashes: Sequence[str]) -> str:
    rules = (
        "default-src 'none'",
        f"script-src {' '.join(hashes)}",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "font-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


#: The page's own colours at night; the pictures' come from the palette.
_DARK = """
--page: #14171c; --side: #101317; --sunk: #1b1f26; --raised: #1b1f26;
--ink: #e8eaef; --soft: #a9b0bd; --line: #3a404b; --hair: #2a2f38;
--accent: #86c3dd; --focus: #ffb066; --shade: rgb(0 0 0 / .65);
--note: #9dbfdc; --note-bg: #1a222b; --tip: #8ccbab; --tip-bg: #18241f;
--warning: #e5b76a; --warning-bg: #282115; --important: #ff9a8c; --important-bg: #2c1b1a;
--caution: #dfa3cb; --caution-bg: #271b25;
"""
_LIGHT_START = "--page: #ffffff;"


def _style(parts: Sequence[str]) -> str:
    css = page_parts.part("style.css").replace("@@blocks@@", page_parts.blocks(parts))
    own = css[css.index(_LIGHT_START) : css.index("--serif:")]
    light, night = (
        " ".join(f"--pic-{role}: {pair[dark]};" for role, pair in PALETTE.items())
        for dark in (False, True)
    )
    dark = f"{' '.join(_DARK.split())} {night}"
    return (
        css.replace("@@light@@", f":root {{ {light} }}")
        .replace("@@dark@@", dark)
        .replace("@@lightprint@@", " ".join(own.split()) + " " + light)
        .strip()
    )


# A long document written by two pandocs at the same time, as one would have written it.
#
# The document is cut before a heading of the first level. Neither part counts: each tells in order
# what is numbered in it, and marks stand for numbers and titles until both are there.

#: Marks that the filter leaves; text from data cannot hold these characters.
OPEN, CLOSE = "\ue002", "\ue003"
_MARK = re.compile(f"{OPEN}(number|title):([^{CLOSE}]*){CLOSE}")
_HELD = re.compile(f"<!--{OPEN}(.*?){CLOSE}-->\n?", re.DOTALL)
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_SECTION = re.compile(r'<section id="([^"]+)"')
_CUT = "@@cut@@"
_TOC_END, _BODY_END = "@@toc@@", "@@body@@"


def convert(document: Path, template: Path, arguments: Sequence[str]) -> str:
    """The document as HTML in a page template that ends its contents and its body with marks."""
    text = plain_files.read_text(document)
    first, *rest = cut(text)
    labels = label_arguments(words_of_document(text))
    plain = template.with_name("part.html")
    plain_files.write_text(plain, f"$toc$\n{_CUT}\n$body$")
    templates = [template, *(plain for _ in rest)]

    def converted(part: str, page: Path) -> str:
        own = [f"--template={page}", *labels, "--metadata=in-parts", *arguments]
        return pandoc.convert_text(part, document.parent, "html5", own)

    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(converted, [first, *rest], templates))
    return join(_numbered(pages, document))


def cut(text: str) -> list[str]:
    """The document in one part, or in two of whole chapters and about the same length."""
    starts = [start for start, line in _open_lines(text) if line.startswith("# ")]
    if len(starts) < 2:
        return [text]
    middle = min(starts[1:], key=lambda start: abs(start - len(text) / 2))
    return [text[:middle], text[middle:]]


def _open_lines(text: str) -> list[tuple[int, str]]:
    """(start, line) of each line that is in no fenced block."""
    lines, fence, start = [], "", 0
    for line in text.splitlines(keepends=True):
        opened = _FENCE.match(line)
        if not (fence or opened):
            lines.append((start, line))
        if opened and (not fence or opened[1].startswith(fence)):
            fence = "" if fence else opened[1]
        start += len(line)
    return lines


def join(pages: Sequence[str]) -> str:
    """The first page with the contents and the bodies of the others at its marks."""
    page = pages[0]
    for other in pages[1:]:
        contents, body = _renamed(page, other).split(f"\n{_CUT}\n", 1)
        entries = contents.strip().removeprefix("<ul>").removesuffix("</ul>").strip("\n")
        if end := re.search(rf"</ul>\s*{_TOC_END}", page):
            page = f"{page[: end.start()]}{entries}\n{page[end.start() :]}"
        page = page.replace(_BODY_END, f"\n{body}{_BODY_END}")
    return page.replace(_TOC_END, "").replace(_BODY_END, "")


def _renamed(page: str, other: str) -> str:
    """`other` with its sections renamed where `page` has one of that name, as pandoc would."""
    used = set(_SECTION.findall(page))
    own = _SECTION.findall(other)
    renamed = {}
    for name in own:
        base = re.sub(r"-\d+$", "", name)
        stem, number, chosen = base if base in own else name, 0, name
        while chosen in used:
            number += 1
            chosen = f"{stem}-{number}"
        used.add(chosen)
        renamed[name] = chosen
    return re.sub(
        r'( id="(?:toc-)?|href="#)([^"]+)"', lambda m: f'{m[1]}{renamed.get(m[2], m[2])}"', other
    )


def _numbered(pages: Sequence[str], document: Path) -> list[str]:
    """The parts with the numbers and titles for which marks stand."""
    counted, own = _Counted(), []
    for page in pages:
        own.append({"number": dict[str, str](), "title": dict[str, str]()})
        for text in _HELD.findall(page):
            held = json.loads(text)
            own[-1]["number"].update(counted.numbers_of(held))
            own[-1]["title"].update((header["id"], header["title"]) for header in held["sec"])
    everywhere = {kind: ChainMap(*(known[kind] for known in own)) for kind in ("number", "title")}

    def filled(page: str, known: Mapping[str, Mapping[str, str]]) -> str:
        def text(match: re.Match[str]) -> str:
            kind, name = match.groups()
            value = known[kind].get(name, everywhere[kind].get(name))
            if value is None:
                raise RenderError(
                    f"{document}: the document has parts that cannot be rendered: "
                    f"unresolved reference @{name}"
                )
            return html.escape(_MARK.sub(text, value))

        return _MARK.sub(text, _HELD.sub("", page))

    return [filled(page, known) for page, known in zip(pages, own, strict=True)]


class _Counted:
    """How many figures and tables there were so far, and the numbers of the last heading."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self.levels: list[int] = []

    def numbers_of(self, held: Mapping[str, Sequence[Any]]) -> dict[str, str]:
        """{identifier: number} of what a part holds."""
        numbers = {}
        for kind in ("fig", "tbl"):
            for name in held[kind]:
                self.times[kind] += 1
                numbers[name] = str(self.times[kind])
        for header in held["sec"]:
            level = header["level"]
            self.levels = [*self.levels, *[0] * level][:level]
            self.levels[-1] += 1
            numbers[header["id"]] = ".".join(map(str, self.levels))
        return numbers


# `decide.html`, a page beside the report that asks for decisions in words, offline: a form that a
# script turns into the YAML that `render --people` takes. Nothing is loaded and nothing is sent.


def write_decide_page(questions: Questions, folder: Path) -> Path:
    """Write the page into a run folder; return its path."""
    path = folder / DECIDE
    plain_files.write_text(path, decide_page(questions))
    return path


def decide_page(questions: Questions) -> str:
    """The page; every text of a person in it is escaped."""
    words, script = questions.words, page_parts.joined("yaml_file.js", "kept.js", "decide.js")
    names = [name for name in words.table("decisions.page") if name != "subject"]
    digests = {name: value[:12] or "–" for name, value in vars(questions.subject).items()}
    return page_parts.template("decide.html").render(
        q=questions,
        # what stands on the page and what its script says, which fills the braces in it
        words={name: words.text(f"decisions.page.{name}") for name in names},
        title=words.text("decisions.form.title", title=questions.title),
        subject=words.text("decisions.page.subject", **digests),
        language=questions.language,
        roles={role: words.label("decision_roles", role) for role in ROLES},
        verdicts={verdict: words.label("verdicts", verdict) for verdict in VERDICTS},
        needed=words.text("decisions.form.needed"),
        statements=words.text("decisions.form.statements"),
        style=page_parts.part("form.css"),
        script=script,
        script_hash=script_hash(script.encode()),
        command=f"deepseek-report render RUN --people {FORM}",
    )
