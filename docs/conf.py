"""The documentation as a site: our Markdown, and API pages from docstrings. Needs no network."""

from __future__ import annotations

import re
from typing import Any

import deepseek_report

project = "deepseek-report"
author = "The deepseek-report maintainers"
version = release = deepseek_report.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"deepseek-report {version}"

myst_heading_anchors = 4  # so that `page.md#heading` resolves
default_role = "code"  # docstrings mark code by single backticks, as Markdown does

autodoc_default_options = {"members": True, "show-inheritance": True, "member-order": "bysource"}
autodoc_preserve_defaults = True

#: `name : text`, by which docstrings tell parameters, fields and results.
_FIELD = re.compile(r"^(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*) : (?P<text>.+)$")
_UNDERLINE = re.compile(r"-{3,}")
_INDENT = "   "


def as_restructured_text(docstring: list[str]) -> list[str]:
    """The lines of a docstring in the language of Sphinx.

    Underlined sections become bold heads, `name : text` becomes an entry of a definition list, and
    a bar is a bar: absolute values are no substitutions.
    """
    lines: list[str] = []
    in_field = False
    for line in (line.replace("|", r"\|") if "`" not in line else line for line in docstring):
        if _UNDERLINE.fullmatch(line) and lines and lines[-1].strip():
            lines[-1:] = [f"**{lines[-1].strip()}**", ""]
        elif field := _FIELD.match(line):
            names = ", ".join(f"``{name}``" for name in field["names"].split(", "))
            lines += ["", names, _INDENT + field["text"]]
            in_field = True
        elif in_field and line.startswith(_INDENT):
            lines.append(_INDENT + line.strip())
        else:
            lines += ["", line] if in_field and line else [line]
            in_field = False
    return lines


def rewrite(
    _app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Give autodoc each docstring as it reads them."""
    lines[:] = as_restructured_text(lines)


def setup(app: Any) -> None:
    """What Sphinx calls first."""
    app.connect("autodoc-process-docstring", rewrite)
