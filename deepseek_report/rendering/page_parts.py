"""The files that a page is put together from: frame, styles, scripts."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from deepseek_report.artifacts.storage.local_paths import shipped

#: What every block shares, then what each door of the report adds.
_BLOCKS = ("blocks.css", "decide.css", "cases.css", "audit.css")
#: {script of a part: the styles of what it alone makes}.
_STYLES = {"cases": ("marks.css",), "continuation": ("continuation.css",)}
#: What runs on every page of a report.
_COMMON = "script.js"
#: {class of a place on the page: what fills it}: the name of its script, and of its data.
SCRIPTED = {
    "case-browser": "cases",
    "threshold-slider": "thresholds",
    "continuation": "continuation",
}
#: {script of a part: the scripts that it needs before it}.
_BEFORE = {"cases": ("kept.js", "yaml_file.js", "marks.js"), "thresholds": ("kept.js",)}


def part(name: str) -> str:
    """The text of one file of `templates/html`."""
    return (shipped("templates") / "html" / name).read_text(encoding="utf-8")


def template(name: str) -> Template:
    """One file of `templates/html` to be filled; what is filled in is escaped as HTML."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def blocks(parts: Collection[str] = ()) -> str:
    """The styles of a report's blocks, on the embedded page and on Quarto's alike.

    parts : of `SCRIPTED` that are on the page; what scripts make needs its styles only there.
    """
    needed = (name for part_ in parts for name in _STYLES.get(part_, ()))
    return "".join(part(name) for name in (*_BLOCKS, *needed))


def script(parts: Collection[str] = tuple(SCRIPTED.values())) -> str:
    """What runs in the embedded page, which reads whole without; parts : of `SCRIPTED`."""
    needed = (name for part_ in parts for name in (*_BEFORE.get(part_, ()), f"{part_}.js"))
    return joined(_COMMON, *dict.fromkeys(needed))


def joined(*names: str) -> str:
    """These files one behind another."""
    return "\n".join(part(name).strip() for name in names)
