"""What a rendered page says around the document, in the language that the document's head names."""

from __future__ import annotations

import html
import json

import yaml

from deepseek_report.wording.words import DEFAULT_LANGUAGE, Wording, wording

#: What the page's script says, and the slots that it fills itself.
_SCRIPT = {
    "light_page": (),
    "dark_page": (),
    "views": (),
    "text": (),
    "scrolls": ("caption",),
    "sort": (),
    "figure": (),
    "enlarge": (),
    "enlarge_figure": ("figure",),
    "explore": (),
    "static_picture": (),
    "interactive": ("caption",),
    "no_twin": ("problem",),
}


def words_of_document(text: str) -> Wording:
    """The texts of the language that `lang` in the head of a document names."""
    head = text.removeprefix("---\n").split("\n---\n", 1)[0] if text.startswith("---\n") else ""
    try:
        read = yaml.safe_load(head)
    except yaml.YAMLError:  # pandoc names the place
        read = None
    language = read.get("lang") if isinstance(read, dict) else None
    return wording(language if isinstance(language, str) else DEFAULT_LANGUAGE)


def label_arguments(words: Wording) -> list[str]:
    """The arguments by which the filter learns how figures, tables and sections are called."""
    kinds = ("fig", "tbl", "sec")
    return [f"--metadata=word-{kind}:{words.text(f'page.labels.{kind}')}" for kind in kinds]


def page_template(page: str, words: Wording) -> str:
    """Pandoc's template of the page with its words in their places, `@@word:<name>@@`."""
    before, *pieces = page.split("@@word:")
    filled = [before]
    for piece in pieces:
        name, _, rest = piece.partition("@@")
        filled += [_in_template(html.escape(words.text(f"page.{name}"))), rest]
    return "".join(filled).replace("@@words@@", _in_template(_script_words(words)))


def _script_words(words: Wording) -> str:
    """What the script says, as JSON that can stand in a script element."""
    phrases = {
        name: words.text(f"page.{name}", **{slot: f"{{{slot}}}" for slot in slots})
        for name, slots in _SCRIPT.items()
    }
    phrases["not_defined"] = words.text("numbers.not_defined")
    return json.dumps(phrases, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")


def _in_template(text: str) -> str:
    return text.replace("$", "$$")
