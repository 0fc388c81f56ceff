"""What templates and the page say comes from the catalog of the language, and stays escaped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jinja2 import nodes

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.rendering import page_parts, page_words
from deepseek_report.rendering.document import Environment, build_environment
from deepseek_report.rendering.markdown import Markdown, inline_code
from deepseek_report.rendering.page_words import TemplateTexts
from deepseek_report.wording.words import DEFAULT_LANGUAGE, Wording, wording

TEMPLATES = shipped("templates")


#: Templates whose prose is still in the file.
NOT_YET = {"bias", "bottlenecks", "robustness"}
CONVERTED = sorted(
    path for path in TEMPLATES.rglob("*.qmd.j2") if path.name.removesuffix(".qmd.j2") not in NOT_YET
)


#: Attributes and fences of Markdown, in which letters are no prose.
_MARKUP = re.compile(r"\{(?!\{)[^}]*\}|```\s*\w*|^:::.*$|</?\w+[^>]*>|\]\([^)]*\)", re.MULTILINE)


#: Attributes of a fence or span that a Jinja tag cuts in pieces.
_PIECE = re.compile(
    r"^[\s\S]*?\}|\{[.#][^}]*$|^ (?:\.[\w-]+ ?)+$|^\s*(?:collapse|group|appearance)=\S*"
)


#: Arguments of the templates' own functions that a reader never sees.
_SILENT_CALLS = {"picture", "picture_names", "measured", "section_ref", "t", "heads", "code"}


_FRONT_MATTER = re.compile(r"^---\n.*?^---\n", re.MULTILINE | re.DOTALL)


def environment() -> Environment:
    return build_environment([TEMPLATES], wording())


def prose(template: str) -> list[str]:
    """Text between the tags of a template that holds letters and is no markup or front matter."""
    pieces = []
    template = _FRONT_MATTER.sub("", template)
    for part in environment().parse(template).find_all(nodes.TemplateData):
        text = _PIECE.sub("", _MARKUP.sub("", part.data))
        if re.search(r"[^\W\d_]{2,}", text):
            pieces.append(text.strip())
    return pieces


def sentences(template: str) -> list[str]:
    """Literals in expressions that read like something said: words with a blank or a capital."""
    tree = environment().parse(template)
    calls = [call for call in tree.find_all(nodes.Call) if _called(call) in _SILENT_CALLS]
    silent = {id(constant) for call in calls for constant in call.find_all(nodes.Const)}
    texts = [
        constant.value for constant in tree.find_all(nodes.Const) if id(constant) not in silent
    ]
    return [
        text
        for text in texts
        if isinstance(text, str) and re.search(r"[a-z]{2,} [a-z]|^[A-Z][a-z]", text)
    ]


def _called(call: nodes.Call) -> str:
    return call.node.name if isinstance(call.node, nodes.Name) else ""


@pytest.mark.parametrize("path", CONVERTED, ids=lambda path: path.name)
def test_a_template_holds_no_prose_of_its_own(path: Path) -> None:
    template = path.read_text(encoding="utf-8")
    if path.name == "_macros.qmd.j2":  # the outcomes that it gives shapes to are keys
        template = re.sub(r"\{%- set shapes = .*%\}", "", template)
    assert prose(template) == []
    assert sentences(template) == []


@pytest.mark.parametrize(
    "template",
    [
        "## Groups of people",
        "{% if x %}No rows.{% endif %}",
        "::: {.note}\nWritten here\n:::",
        "**Why.** {{ x }}",
        "[Said here]{.lead-in} {{ x }}",
    ],
)
def test_prose_between_tags_is_seen(template: str) -> None:
    assert prose(template) != []


@pytest.mark.parametrize(
    "template", ["{{ table(x, 'a', 'Where it lies') }}", "{{ f({'n': 'Name'}) }}"]
)
def test_prose_in_expressions_is_seen(template: str) -> None:
    assert sentences(template) != []


def test_every_text_that_a_template_names_is_in_the_catalog() -> None:
    words, named = wording(), 0
    for path in CONVERTED:
        for call in environment().parse(path.read_text("utf-8")).find_all(nodes.Call):
            if _called(call) not in {"t", "heads"} or not isinstance(call.args[0], nodes.Const):
                continue
            key, *columns = [argument.as_const() for argument in call.args]
            for text in [f"{key}.{column}" for column in columns] or [key]:
                assert words.has(text), f"{path.name}: {text}"
                named += 1
    assert named > 100


def texts(text: str) -> TemplateTexts:
    return TemplateTexts(Wording({"said": text}))


def test_a_text_without_markdown_is_plain() -> None:
    text = texts("{{ name }} *is* here").text("said", name="*b*")
    assert text == "*b* *is* here"
    assert not isinstance(text, Markdown)


def test_markdown_stays_in_its_slot_and_all_around_it_is_escaped() -> None:
    text = texts("{{ name }} in {{ file }}, [{{ file }}]").text(
        "said", name="*b*", file=inline_code("a_b.csv")
    )
    assert isinstance(text, Markdown)
    assert text == r"\*b\* in `a_b.csv`, \[`a_b.csv`\]"


def test_a_slot_may_have_any_name() -> None:
    assert texts("{{ key }} {{ self_ }}").text("said", key="a", self_="b") == "a b"


def test_data_cannot_name_a_slot() -> None:
    text = texts("{{ name }}: {{ file }}").text(
        "said", name="\ue0040\ue005 \ue0047\ue005", file=Markdown("*m*")
    )
    assert text.count("*m*") == 1


def test_a_template_says_a_text_with_a_hostile_value_escaped() -> None:
    template = "{{ t('templates.report.audience', audience=x) }}"
    assert environment().from_string(template).render(x="<b>") == r"Written for \<b\>."


def test_a_message_shows_files_and_keys_as_code_at_any_depth_and_the_rest_escaped() -> None:
    texts = {
        "a": "{{ file }} lacks {{ keys|join(', ') }}: {{ reason }}",
        "b": "{{ key }} of *{{ who }}*",
    }
    words = TemplateTexts(Wording(texts))
    reason = message("b", key="roles", who="<b>")
    text = words.say(message("a", file="card.json", keys=["rows", "parts"], reason=reason))
    assert text == "`card.json` lacks `rows`, `parts`: `roles` of \\*\\<b\\>\\*"
    assert words.say("*as it stands*") == "*as it stands*"


def test_a_key_that_is_empty_is_nothing() -> None:
    words = TemplateTexts(Wording({"a": "said{% if key %} as {{ key }}{% endif %}"}))
    assert words.say(message("a", key="")) == "said"


HTML = shipped("templates") / "html"


def test_the_page_and_its_script_hold_no_words_of_their_own() -> None:
    body = (HTML / "page.html").read_text("utf-8").split("<body>")[1]
    page = re.sub(r"@@word:\w+@@|<[^>]*>|\$[^$]*\$|@@\w+@@", "", body)
    assert not re.search(r"[A-Za-z]{2,}", page)
    assert not re.search(r'aria-label="(?!@@word:)', body)
    script = re.sub(r"/\*.*?\*/", "", page_parts.script(), flags=re.DOTALL)
    literals = re.findall(r'"([^"\n]*)"|`([^`\n]*)`', script)
    phrases = [text for pair in literals for text in pair if re.match(r"[A-Z][a-z]+(?: |$)", text)]
    assert [
        text for text in phrases if text not in {"ArrowRight", "Home", "End", "Escape", "Enter"}
    ] == []


def test_every_word_that_the_script_asks_for_is_given() -> None:
    matches = set(re.findall(r'\bwords\.(\w+)|\bsay\("(\w+)"', page_parts.part("script.js")))
    names = {name for pair in matches for name in pair if name}
    template = page_words.page_template("@@words@@", wording())
    worded = set(json.loads(template.replace("$$", "$")))
    assert names == {name for name in worded if "." not in name}
    for part in ("cases", "thresholds"):
        script = page_parts.part(f"{part}.js")
        phrases = {f"{part}.{name}" for name in re.findall(r'\bphrase\("(\w+)"', script)}
        # Some are named by a filter, a unit, a key of a list.
        families = tuple(f"{part}.{name}" for name in re.findall(r"\bphrase\(`(\w+)\$", script))
        listed = {f"{part}.{name}" for name in re.findall(r'"(\w+)"', script)} - phrases
        mine = {name for name in worded if name.startswith(f"{part}.")}
        assert phrases <= mine | {"cases.percent"}
        assert {name for name in mine - phrases if not name.startswith(families or (" ",))} <= (
            listed | {"cases.percent"}
        )


def test_texts_of_the_catalog_cannot_leave_their_place_in_the_page() -> None:
    page = dict(wording().table("page")) | {"explore": "</script>$x$", "contents": '<b> "$y$'}
    hostile = Wording({"page": page, "numbers": {"not_defined": "–"}})
    text = page_words.page_template("<p>@@word:contents@@</p><script>@@words@@</script>", hostile)
    assert text.startswith("<p>&lt;b&gt; &quot;$$y$$</p>")
    assert text.count("</script>") == 1


def test_the_language_is_that_of_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    languages: list[str] = []
    monkeypatch.setattr(page_words, "wording", languages.append)
    for text in ("---\nlang: de\n---\n\nx", "x", "---\n- : [\n---\n", "---\nlang: [a]\n---\n"):
        page_words.words_of_document(text)
    assert languages == ["de", *[DEFAULT_LANGUAGE] * 3]


def test_figures_are_named_as_the_catalog_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.rendering import pandoc

    labels = dict.fromkeys(page_words.LABELS, "x") | {"sec": "Abschnitt"}
    words = Wording({"page": {"labels": labels, "table_of_contents": "Inhalt"}})
    monkeypatch.setattr(pandoc, "words_of_document", lambda _: words)
    document = tmp_path / "report.qmd"
    document.write_text("# A {#sec-a}\n\nIn @sec-a.\n", encoding="utf-8")
    assert "Abschnitt\u00a01" in pandoc.convert(document, "html5")
