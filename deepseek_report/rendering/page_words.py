"""What a rendered page says around the document, in the language that the document's head names."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

import yaml
from markupsafe import Markup
from pydantic import Field

from deepseek_report.artifacts.disclosure import Level
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.storage.local_paths import LocalFile
from deepseek_report.compliance.applicability import Place
from deepseek_report.rendering.markdown import Markdown, clean, escape, inline_code
from deepseek_report.wording.words import DEFAULT_LANGUAGE, CaseWords, Wording, wording

#: What the script of every page says, `page.<name>` in the catalogs; what each part says stands
#: below `page.<part>`.
_SCRIPT = (
    *("light_page", "dark_page", "unfold", "short_note", "views", "text", "scrolls", "sort"),
    *("figure", "enlarge", "enlarge_figure", "explore", "static_picture", "interactive", "no_twin"),
)
_PARTS = ("cases", "marks", "thresholds", "continuation")
#: The slots of these texts, which the script fills: they stay in braces.
_SLOTS = {
    slot: f"{{{slot}}}"
    for slot in (
        *("about", "alike", "all", "answer", "caption", "case", "decided", "decision", "explained"),
        *("feature", "figure", "file", "fits", "high", "label", "least", "low", "mark", "method"),
        *("n", "name", "now", "number", "other", "parts", "places", "probability", "problem"),
        *("rival", "rows", "rule", "run", "section", "share", "shown", "source", "start"),
        *("stated", "target", "text", "threshold", "token", "truth", "unit", "used", "value"),
        *("values", "was", "weight"),
    )
}


def head_of_document(text: str) -> dict[str, object]:
    """The front matter of a document; empty where it has none or pandoc will refuse it."""
    head = text.removeprefix("---\n").split("\n---\n", 1)[0] if text.startswith("---\n") else ""
    try:
        read = yaml.safe_load(head)
    except yaml.YAMLError:  # pandoc names the place
        return {}
    return read if isinstance(read, dict) else {}


def words_of_document(text: str) -> Wording:
    """The texts of the language that `lang` in the head of a document names."""
    language = head_of_document(text).get("lang")
    return wording(language if isinstance(language, str) else DEFAULT_LANGUAGE)


#: Words that a page itself needs, `page.labels.<name>`: before numbers, of files, over promises.
LABELS = ("fig", "tbl", "sec", "attached", "beside", "promise", "value", "interval", "bound")


def labels(words: Wording) -> dict[str, str]:
    """The metadata by which the filter learns its words, such as those before numbers."""
    named = {f"word-{kind}": words.text(f"page.labels.{kind}") for kind in LABELS}
    return {"toc-title": words.text("page.table_of_contents"), **named}


def label_arguments(words: Wording) -> list[str]:
    """The same as arguments of pandoc."""
    return [f"--metadata={name}:{word}" for name, word in labels(words).items()]


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
    of_parts = (f"{part}.{name}" for part in _PARTS for name in words.table(f"page.{part}"))
    phrases = {name: words.text(f"page.{name}", **_SLOTS) for name in (*_SCRIPT, *of_parts)}
    phrases |= {"not_defined": words.text("numbers.not_defined")}
    return json.dumps(phrases, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")


def _in_template(text: str) -> str:
    return text.replace("$", "$$")


# What a config can say about the report itself: the fields of `conf/report/*.yaml`.

Format = Literal["html", "brief", "pdf", "docx"]
Paper = Literal["a4", "letter"]
Engine = Literal["auto", "embedded", "quarto"]
#: The source of the brief, beside that of the report.
BRIEF = "brief.qmd"
#: Every format, in the order in which they are offered.
FORMATS: tuple[Format, ...] = get_args(Format)


def page_of(name: Format) -> str:
    """The file of a format: `report.html`, `brief.pdf`."""
    return "brief.pdf" if name == "brief" else f"report.{name}"


@dataclass(frozen=True)
class Threshold:
    """A promise about one number, made before the run.

    metric : key of the score. at_least, at_most : the bound; exactly one of them.
    set_by : who promised it. why : the reason, shown in the report.
    attribute, level, explainer : the subject, where the score is about one.
    predictor : of a gain, the simpler model that the model is set against: `majority` (`mean` of
        numbers), `logistic_regression` (`ridge`) or `gradient_boosting`.
    """

    metric: str
    set_by: str
    at_least: float | None = None
    at_most: float | None = None
    why: str = ""
    attribute: str = ""
    level: str = ""
    explainer: str = ""
    predictor: str = ""


@dataclass(frozen=True)
class ReportOptions:
    """A report in HTML; in PDF or DOCX, and a brief of one or two pages to sign, where asked for.

    thresholds : what was promised; the summary says which promises were met.
    fail_on : whether a threshold that is not met, or a rejection, gives exit code 3.
    as_of : the day (YYYY-MM-DD) for which the age of legal texts, and whether decisions are still
        valid, is judged; None: the run's day for texts, the day of writing for decisions.
    policy : a YAML of the decisions that are required of people; None: the one that ships.
    seal : what `check --seal` wrote before any result existed; None: nothing was sealed.
    places : codes of the places where the model decides, by which `frameworks=auto` chooses and
        rows of other places are out of scope; empty: not declared.
    interactive : whether pictures carry an interactive twin in HTML.
    privacy : what the run folder may hold of single persons: "full", everything; "cases",
        aggregates and the cases that are named; "aggregate", nothing about one person.
    privacy_floor : fewest instances that a published count may rest on, below "full"; of rows of
        entities, the fewest entities.
    cases : rows that get a page of their own, each by its number in the source, counted from 0.
    paper : the pages of PDF, DOCX and brief.
    words : what cases, decisions and groups are called, in the words of those who act on them.
    """

    title: str = "Model report"
    subtitle: str = ""
    author: str = ""
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    audience: str = ""
    formats: tuple[Format, ...] = ("html",)
    engine: Engine = "auto"
    thresholds: tuple[Threshold, ...] = ()
    fail_on: bool = False
    as_of: Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = None
    policy: LocalFile | None = None
    seal: LocalFile | None = None
    places: tuple[Place, ...] = ()
    interactive: bool = True
    paper: Paper = "a4"
    privacy: Level = "full"
    privacy_floor: Annotated[int, Field(ge=2, le=1000)] = 5
    cases: tuple[Annotated[int, Field(ge=0)], ...] = ()
    words: CaseWords = field(default_factory=CaseWords)


# What templates say in the language of the report: catalog texts, with Markdown in slots.

#: Around the number of a slot that holds Markdown; `clean` leaves neither in a text from data.
_OPEN, _CLOSE = "\ue004", "\ue005"
#: Slots of messages that name what no language translates: files, and keys of config and data.
_CODE = frozenset({"file", "files", "folder", "key", "keys", "nearest"})


@dataclass(frozen=True)
class TemplateTexts:
    """The functions by which templates say what the catalog says."""

    words: Wording

    def text(self, key: str, /, **values: object) -> str:
        """The text of a key, plain; Markdown where a value is Markdown.

        A text of the catalog is never read as Markdown. What a template gives as Markdown, such as
        `code("people/")`, stays so in its slot, and everything around it is escaped.
        """
        slots = _Slots()
        return slots.filled(self.words.text(key, **slots.marked(values)))

    def say(self, text: Text) -> str:
        """A message in the language of the report; a text that is none as it stands."""
        if not isinstance(text, Message):
            return text
        slots = _Slots()
        return slots.filled(self.words.say(slots.marked(text)))

    def heads(self, key: str, /, *columns: str) -> dict[str, str]:
        """{column: what its head says}, in this order, from the texts under a key."""
        return {column: self.text(f"{key}.{column}") for column in columns}


class _Slots:
    """Holds the Markdown of slots while a text is worded, in which marks stand for it."""

    def __init__(self) -> None:
        self._held: list[Markup] = []

    def marked(self, value: object, *, code: bool = False) -> Any:
        """The value, or what is inside of it, with a mark for all that is Markdown.

        code : whether texts are names of the code; in a message, its slot tells.
        """
        if isinstance(value, Message):
            slots = value.values.items()
            return Message(value.id, {k: self.marked(v, code=k in _CODE) for k, v in slots})
        if isinstance(value, Mapping):
            return {name: self.marked(inside) for name, inside in value.items()}
        if isinstance(value, list | tuple):
            return [self.marked(item, code=code) for item in value]
        if not isinstance(value, str) or not value:
            return value
        if not code and not isinstance(value, Markup):
            return clean(value)
        self._held.append(value if isinstance(value, Markup) else inline_code(value))
        return f"{_OPEN}{len(self._held) - 1}{_CLOSE}"

    def filled(self, text: str) -> str:
        """The text with the Markdown in its places, and everything around it escaped."""
        if not self._held:
            return text
        written = Markdown("")
        for at, piece in enumerate(text.replace(_CLOSE, _OPEN).split(_OPEN)):
            is_slot = at % 2 == 1
            written += self._held[int(piece)] if is_slot else _escaped(piece, bool(written))
        return written


def _escaped(piece: str, inside: bool) -> Markdown:
    """The piece as Markdown; inside of a line, nothing in it can open a list or a heading."""
    return Markdown(escape(f"/{piece}")[1:] if inside else escape(piece))
