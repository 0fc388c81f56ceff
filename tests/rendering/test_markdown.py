from __future__ import annotations

import html
import re
import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepseek_report.rendering import markdown, pandoc
from deepseek_report.rendering.document import build_environment
from deepseek_report.rendering.markdown import Markdown
from deepseek_report.wording.words import wording

from .conftest import Elements

#: What breaks out of Markdown somewhere, in pandoc or in Quarto.
NASTY = [
    "<script>alert(1)</script>", "{{< include /etc/passwd >}}", "{{% x %}}", "$x$", "$$", "@fig-1",
    "[@a; -@b]", "![a](http://x/y.png)", "[l](javascript:x)", "<http://x.y>", "http://x.y/z",
    "| a | b |", "+---+", "---", "===", "***", "- x", "* x", "+ x", "1. x", "a) x", "(i) x", "#. x",
    "(@) x", "# x", "> x", ": x", "::: {.x}", ":::", "```", "~~~", "`` ` ``", "~x~", "^x^", "^[n]",
    "[^1]: n", "\\begin{a}", "\\newcommand", "\\", "&lt;", "&#60;", "<!--", "-->", "<?x?>",
    "Table: x",
    "-- x", "...", "'x'", '"x"', "{#id .c}", "{=html}", "[x]{.c}", "*x*", "_x_", "**", "\n\n# x",
    "\n---\n", "\t x", "    x", "\r\n", "% x", "x\\", "a\u2028b", "Mr. X", ":smile:", "\u202eevil",
    "[ ] x", "[x]: http://y", "*[HTML]: x", "{::comment}", "\ue000fig-x\ue001", "!", "![", "]{",
    "}}",
]  # fmt: skip
TEXTS = st.lists(
    st.one_of(st.sampled_from(NASTY), st.text(max_size=8), st.sampled_from([" ", "\n", "x", "1"])),
    min_size=1,
    max_size=6,
).map("".join)


def normal(text: str) -> str:
    return " ".join(text.split())


def expected(text: str) -> str:
    return normal("".join(_visible(sign) for sign in text))


def _visible(sign: str) -> str:
    """A slow second telling of which characters are replaced."""
    if sign.isspace():
        return " "
    if unicodedata.category(sign) in {"Cc", "Cs", "Co"} or sign in "\u202a\u202b\u202c\u202d\u202e":
        return "\ufffd"
    if sign in "\u2066\u2067\u2068\u2069" or ord(sign) % 0x10000 in {0xFFFE, 0xFFFF}:
        return "\ufffd"
    return sign


def to_html(source: str) -> str:
    """Through pandoc with all extensions, more than the report's own reader has switched on."""
    command = [pandoc.program(), "--sandbox", "--from=markdown+emoji+autolink_bare_uris+mark"]
    command += ["--to=html5", "--wrap=none"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=True)
    return done.stdout.decode("utf-8")


SETTINGS = settings(max_examples=10, deadline=None, derandomize=True)


@SETTINGS
@given(texts=st.lists(TEXTS, min_size=40, max_size=60))
def test_any_text_shows_itself_and_adds_no_element(texts: list[str]) -> None:
    source = "\n\n".join(f"start\n\n{markdown.escape(text)}\n\nend" for text in texts)
    elements = Elements(to_html(source))
    assert set(elements.tags) <= {"p"}
    shown = normal("".join(elements.pieces))
    assert shown == normal(" ".join(f"start {expected(text)} end" for text in texts))


def test_every_character_is_kept_or_replaced_as_a_slow_telling_says() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert normal(markdown.clean(everything)) == expected(everything)


@SETTINGS
@given(texts=st.lists(TEXTS, min_size=40, max_size=60))
def test_any_text_stays_in_its_table_cell(texts: list[str]) -> None:
    rows = [f"| {markdown.escape(text)} | x |" for text in texts]
    elements = Elements(to_html("\n".join(["| a | b |", "|---|---|", *rows])))
    assert elements.tags.count("td") == 2 * len(texts)
    assert set(elements.tags) <= {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "div",
        "colgroup",
        "col",
    }
    assert normal("".join(elements.pieces)) == normal(
        "a b " + " ".join(f"{expected(text)} x" for text in texts)
    )


@SETTINGS
@given(texts=st.lists(TEXTS, min_size=40, max_size=60))
def test_any_text_stays_in_its_attribute(texts: list[str]) -> None:
    spans = [f'[x]{{title="{markdown.escape(text).strip()}"}}' for text in texts]
    page = to_html("\n\n".join(spans))
    titles = [html.unescape(title) for title in re.findall(r'<span title="([^"]*)">', page)]
    shown = [plain for text in texts if (plain := expected(text))]
    assert [normal(title) for title in titles if normal(title)] == shown


def test_code_blocks_and_spans_show_their_text() -> None:
    parts = [f"{markdown.code_block(text)}\n\nx {markdown.inline_code(text)} y" for text in NASTY]
    elements = Elements(to_html("\n\n".join(parts)))
    assert set(elements.tags) <= {"pre", "code", "p", "span"}
    shown = [f"{expected(text)} x {expected(text)} y" for text in NASTY]
    assert normal("".join(elements.pieces)) == normal(" ".join(shown))


@pytest.mark.parametrize(
    "template",
    [
        "{{ x }}",
        "{{ 'a' ~ x }}",
        "{{ (m ~ x) }}",
        "{{ m + x }}",
        "{{ x + m }}",
        "{{ [m, x] | join(', ') }}",
        "{{ '%s' % x }}",
        "{{ ('**' | safe) ~ x }}",
        "{{ x | e }}",
        "{{ x | escape }}",
        "{{ x | forceescape }}",
        "{% set y %}{{ x }}{% endset %}{{ y }}",
        "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(x) }}",
        "{{ x | trim }}",
        "{{ x | upper }}",
        "{{ x | one_line }}",
        "{{ x | default('d') }}",
        "{{ x | title }}",
        "{{ x | replace('q', 'r') }}",
        "{{ [x] | first }}",
        "{{ x | truncate(99) }}",
        "{{ [x, x] | join(m) }}",
        "{{ x.format(1) }}",
        "{{ {'k': x}.k }}",
        "{{ x | indent }}",
        "{{ x | string }}",
        "{{ (m | string) ~ x }}",
    ],
)
def test_no_way_of_writing_a_value_in_a_template_lets_markup_through(template: str) -> None:
    environment = build_environment([], wording())
    out = environment.from_string(template).render(x="<b>*x*</b>", m=Markdown("*m*"))
    unescaped = re.sub(r"\\.", "", out).replace("*m*", "").replace("**", "")
    assert not re.search(r"[<>*]", unescaped)


@pytest.mark.parametrize("name", ["tojson", "urlize", "xmlattr", "format", "striptags", "wordwrap"])
def test_filters_that_escape_for_html_are_gone(name: str) -> None:
    assert name not in build_environment([], wording()).filters


def test_templates_cannot_reach_python() -> None:
    from jinja2.exceptions import SecurityError

    with pytest.raises(SecurityError):
        build_environment([], wording()).from_string(
            "{{ ''.__class__.__mro__ }}{{ x.__globals__.y }}"
        ).render(x=normal)


@pytest.mark.parametrize("text", ["roc_curve", "Größe (m²)", "9 lives", "", "性别", "<b>"])
def test_slugs_are_identifiers(text: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", markdown.slug(text))
