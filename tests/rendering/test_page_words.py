"""The page around a document speaks the language that the document's head names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.rendering import page_parts, page_words
from deepseek_report.wording.words import DEFAULT_LANGUAGE, Wording, wording

HTML = shipped("templates") / "html"


def hostile() -> Wording:
    """The English page with markup in its texts."""
    page = dict(wording().table("page")) | {"explore": "</script>$x$", "contents": '<b> "$y$'}
    return Wording({"page": page, "numbers": {"not_defined": "–"}})


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
    for part, said_by in (("cases", "phrase"), ("thresholds", "phrase"), ("live", "say")):
        script = page_parts.part(f"{part}.js")
        phrases = {f"{part}.{name}" for name in re.findall(rf'\b{said_by}\("(\w+)"', script)}
        # Some are named by a filter, a unit, a key of a list.
        families = tuple(f"{part}.{name}" for name in re.findall(r"\bphrase\(`(\w+)\$", script))
        listed = {f"{part}.{name}" for name in re.findall(r'"(\w+)"', script)} - phrases
        mine = {name for name in worded if name.startswith(f"{part}.")}
        assert phrases <= mine | {"cases.percent"}
        assert {name for name in mine - phrases if not name.startswith(families or (" ",))} <= (
            listed | {"cases.percent"}
        )


def test_texts_of_the_catalog_cannot_leave_their_place_in_the_page() -> None:
    text = page_words.page_template("<p>@@word:contents@@</p><script>@@words@@</script>", hostile())
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
    words = Wording({"page": {"labels": labels}})
    monkeypatch.setattr(pandoc, "words_of_document", lambda _: words)
    document = tmp_path / "report.qmd"
    document.write_text("# A {#sec-a}\n\nIn @sec-a.\n", encoding="utf-8")
    assert "Abschnitt\u00a01" in pandoc.convert(document, "html5")
