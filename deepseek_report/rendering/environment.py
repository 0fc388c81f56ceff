"""The Jinja environment in which every value is escaped as Markdown unless it is Markdown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, FileSystemLoader, StrictUndefined, Undefined, nodes
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from deepseek_report.rendering import markdown
from deepseek_report.rendering.markdown import Markdown
from deepseek_report.rendering.template_texts import TemplateTexts
from deepseek_report.sections.shared.tables import DASH
from deepseek_report.wording.compiled_texts import Compiled
from deepseek_report.wording.words import Wording

#: Filters that would escape as HTML, which protects nothing in Markdown.
_HTML_FILTERS = ("xmlattr", "urlize", "wordwrap", "striptags", "tojson", "format", "pprint")


class _Generator(CodeGenerator):
    """Compiles `a ~ b` so that the parts are escaped as Markdown."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.concat_markdown((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Kept(BytecodeCache):
    """Templates that were compiled before, for a report in the same language."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.compiled.get((bucket.key, bucket.checksum, _compiler()))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self.compiled[bucket.key, bucket.checksum, _compiler()] = bucket.code


@cache
def _compiler() -> str:
    """What compiles templates: another version of this module does it in another way."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


class Environment(ImmutableSandboxedEnvironment):
    """Templates cannot reach beyond their values, and values cannot become markup."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Markup) or isinstance(right, Markup):
            left, right = Markdown.escape(left), Markdown.escape(right)
        return super().call_binop(context, operator, left, right)

    @staticmethod
    def concat_markdown(parts: Iterable[Any]) -> str:
        """What `~` gives: plain while all parts are plain, else Markdown."""
        parts = list(parts)
        if any(isinstance(part, Markup) for part in parts):
            return Markdown("".join(Markdown.escape(part) for part in parts))
        return "".join(str(part) for part in parts)


def _finalize(value: Any) -> Any:
    if value is None:
        return Markdown("")
    if isinstance(value, (Markup, Undefined)):
        return value
    return Markdown.escape(value)


def _join(value: Iterable[Any], between: str = "") -> str:
    parts = list(value)
    glue = [piece for part in parts for piece in (between, part)][1:]
    return Environment.concat_markdown(glue)


def _replace(value: str, old: str, new: str) -> str:
    if isinstance(value, Markup) or isinstance(new, Markup):
        raise TypeError("`replace` works on plain text; replace before making it Markdown")
    return str(value).replace(old, new)


def _finite(write: Callable[..., str]) -> Callable[..., str]:
    def filtered(value: Any, *args: Any, **named: Any) -> str:
        if value is None or value != value:  # noqa: PLR0124 - NaN alone differs from itself
            return DASH
        return write(value, *args, **named)

    return filtered


#: Filters for Markdown.
FILTERS: Mapping[str, Callable[..., Any]] = {
    "code": markdown.inline_code,
    "code_block": markdown.code_block,
    "slug": markdown.slug,
    "one_line": markdown.one_line,
    "join": _join,
    "replace": _replace,
    "e": Markdown.escape,
    "escape": Markdown.escape,
    "forceescape": lambda value: Markdown(markdown.escape(str(value))),
    "markdown": Markdown.escape,
    "strong": lambda text: Markdown(f"**{Markdown.escape(text)}**"),
    "emphasis": lambda text: Markdown(f"*{Markdown.escape(text)}*"),
}


def build_environment(folders: Iterable[Path], words: Wording) -> Environment:
    """An environment that finds templates in these folders, the first one first.

    words : the texts of the report's language, which templates say by `t` and `heads`.
    """
    environment = Environment(
        loader=FileSystemLoader([str(folder) for folder in folders]),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_Kept(words.compiled),
        optimized=False,  # see `wording.words`
    )
    for name in _HTML_FILTERS:
        environment.filters.pop(name, None)
    numbers, texts = words.numbers, TemplateTexts(words)
    environment.filters.update(FILTERS)
    for name in ("count", "percent", "number", "points"):
        environment.filters[name] = _finite(getattr(numbers, name))
    environment.filters["say"] = texts.say
    environment.globals.update(
        interval=numbers.interval,
        plural=numbers.plural,
        quantity=numbers.quantity,
        has=words.has,
        t=texts.text,
        say=texts.say,
        heads=texts.heads,
    )
    return environment
