"""The files that a page is put together from: frame, styles, scripts."""

from __future__ import annotations

from deepseek_report.artifacts.storage.shipped import shipped

#: What every block shares, then what each door of the report adds.
_BLOCKS = ("blocks.css", "decide.css", "cases.css", "audit.css")
#: What runs on every page, and the browser of cases, for pages that have one.
_COMMON, _CASES = "script.js", "cases.js"


def part(name: str) -> str:
    """The text of one file of `templates/html`."""
    return (shipped("templates") / "html" / name).read_text(encoding="utf-8")


def blocks() -> str:
    """The styles of a report's blocks, on the embedded page and on Quarto's alike."""
    return "".join(part(name) for name in _BLOCKS)


def script(*, cases: bool = True) -> str:
    """What runs in the embedded page, which reads whole without; cases : whether it has cases."""
    names = (_COMMON, _CASES) if cases else (_COMMON,)
    return "\n".join(part(name).strip() for name in names)
