"""Turns message ids and values into plain sentences; escaping for a format happens later."""

from __future__ import annotations

import copy
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template, pass_context
from jinja2.runtime import Context

from deepseek_report.artifacts.advice import as_arguments
from deepseek_report.artifacts.finding import PARTS, Finding
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import Message, Text, from_plain
from deepseek_report.artifacts.rounding import TEXT, bounded
from deepseek_report.artifacts.schema import CROSS
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.errors import ArtifactError
from deepseek_report.extension import installed
from deepseek_report.wording.compiled_texts import Compiled, compiled_texts
from deepseek_report.wording.estimates import in_sentence
from deepseek_report.wording.numbers import NumberFormat, closed_up, edged
from deepseek_report.wording.slots import (
    Empty,
    EmptyValueError,
    Items,
    Named,
    SlotEnvironment,
    filled,
    of_estimates,
    of_items,
    with_words,
)

DEFAULT_LANGUAGE = "en"
_BREAKS = re.compile(r"[ \t\r\n]+")
#: Between a sentence and the next one, also in marks (`benchmarks/marked_catalog.py`).
_SENTENCES = re.compile(
    r"(?<=[a-z)”%][.!?]) (?=[A-Z“0-9])|(?<=[a-z)”%][.!?]⟧) (?=⟦?[A-Z“0-9])|(?<=[。！？])"
)

#: Between joined conditions, and where it stands outside of quoted values.
_AND = " and "
_CONDITIONS = re.compile(rf"{_AND}(?![^“]*”)")

#: What a language says as a whole or takes from English as a whole: how it writes numbers.
_WHOLE = ("formats",)
#: {kind of artifact: the group of the catalog that names its artifacts}: by their names alone, and
#: beside that of the kind.
_NAMED_ALONE = {"measures": "metrics", "explanations": "explainers", "pictures": "pictures"}
_NAMED_BESIDE = {"sections": "section_titles", "predictions": "parts"}


@dataclass(frozen=True)
class WordedFinding:
    """A finding as its readers see it, in plain text."""

    id: str
    severity: str
    severity_label: str
    claim: str
    detail: str
    why: str
    do: str
    section: str
    section_title: str
    evidence: tuple[str, ...]
    limits: tuple[str, ...]
    more: str = ""
    folds: str = ""


class Wording:
    """The texts of one language, and its way to write numbers (`numbers`).

    texts : the language's catalog, from `templates/locale`. noun : what the columns of the data
    are explained by. data_set : its name where the package ships it, and with it the names of its
    columns and values. own_names : names that the data have, whoever gave them. written : those of
    them that stand as a file has them, and so keep their case inside of a sentence. stored : how
    names are put together in English, from the catalog of that language. compiled : where compiled
    texts and templates are kept; wordings of one catalog share it.
    """

    #: How many texts the language lacks, which stand in English, and of how many.
    untranslated = (0, 0)

    def __init__(
        self,
        texts: Mapping[str, Any],
        noun: str = "feature",
        data_set: str = "",
        own_names: frozenset[str] = frozenset(),
        written: frozenset[str] = frozenset(),
        stored: Mapping[str, str] | None = None,
        compiled: Compiled | None = None,
    ) -> None:
        self._texts = texts
        self._written = written
        self.compiled: Compiled = {} if compiled is None else compiled
        self._take_formats()
        shipped_names = texts.get("data_sets", {}).get(data_set, {}).get("names", {})
        known = texts.get("names", {}) | {name: name for name in own_names} | shipped_names
        inside = {
            in_sentence(stored_name): self.inline(name) for stored_name, name in known.items()
        }
        patterns = texts.get("composed", {})
        self.names = Names(inside | known, stored or patterns, patterns, self.numbers.respelled)
        known = texts.get("nouns", {}).get(noun, {})
        self._nouns = {
            "noun": known.get("one", noun),
            "nouns": known.get("many", noun),
            "the_noun": known.get("before_one", ""),
            "the_nouns": known.get("before_many", ""),
        }
        self._slots: dict[str, Any] = {**self._nouns, **_usual_case_words(texts)}
        self._templates: dict[str, Template | str] = {}  # texts without slots as they are
        self._speaks_python = False
        self._worded: dict[int, tuple[Finding, WordedFinding]] = {}  # findings as they were worded
        self._environment = _environment(self)

    def _take_formats(self) -> None:
        """Write numbers and labels as the catalog says."""
        symbols = dict(self._texts.get("formats", {}))
        self._small_inside = symbols.pop("labels_inside", "") == "small"
        closes_up = symbols.pop("between_sentences", " ") == ""
        texts = dict(self._texts.get("numbers", {}))
        self.numbers = NumberFormat(symbols.pop("locale", "en_GB"), symbols, texts, closes_up)

    def _copy(self) -> Wording:
        own = copy.copy(self)
        own._worded = {}
        return own

    def for_cases(self, slots: Mapping[str, object]) -> Wording:
        """The same texts with a run's own words in the slots of `_usual_case_words`, if any.

        They are in this language where the data set names them.
        """
        own = self._copy()
        own_words = {name: self.named(word) for name, word in slots.items() if word}
        own._slots = {**self._slots, **own_words}
        return own

    def over(self, texts: Mapping[str, Any]) -> Wording:
        """The same with these texts, of another language, in the place of those that they replace.

        texts : as a catalog has them, with `formats`: numbers are written as these say.
        """
        own = self._copy()
        own._texts = {**_merged(self._texts, texts), **{key: texts[key] for key in _WHOLE}}
        own._take_formats()
        own._templates = {}
        own._environment = _environment(own)
        return own

    def for_python(self) -> Wording:
        """The same texts, which advise arguments of a Python call in place of keys of a config."""
        own = self._copy()
        own._speaks_python = True
        return own

    def has(self, key: str) -> bool:
        """Whether there is a text of this key, such as `findings.failed.claim`."""
        return isinstance(self._look_up(key), str)

    def text(self, key: str, /, **values: object) -> str:
        """The text of a key with its slots filled, on one line.

        `noun` and `nouns` are always filled: what the columns of these data are explained by, a
        feature, a word, a patch or a window. `the_noun` and `the_nouns` stand before labels that
        do not name a thing by themselves, as those of features do: "the window ".

        A text that needs a value which is empty, and has no words for that, is left out: in its
        place stands which value it needs (see `slots.Empty`).
        """
        try:
            worded = self._text(key, values)
        except EmptyValueError as error:
            worded = self._text("refusals.needs_a_value", {"value": str(error)})
        return as_arguments(worded) if self._speaks_python else worded

    def _text(self, key: str, values: Mapping[str, object]) -> str:
        """The same, or EmptyValueError: to the text that it fills it is empty."""
        if key not in self._templates:
            text = self._look_up(key)
            if not isinstance(text, str):
                raise ArtifactError(f"the locale has no text {key!r}; add it to templates/locale")
            self._templates[key] = self._compiled(text) if "{" in text else self._on_a_line(text)
        template = self._templates[key]
        if isinstance(template, str):
            return template
        slots = {name: self._filling(value, name) for name, value in values.items()}
        return self._on_a_line(template.render(self._slots | slots))

    def _on_a_line(self, text: str) -> str:
        return self.closed_up(_BREAKS.sub(" ", text).strip())

    def _compiled(self, text: str) -> Template:
        if text not in self.compiled:
            self.compiled[text] = self._environment.compile(text)
        known = self._environment.make_globals(None)
        return Template.from_code(self._environment, self.compiled[text], known)

    def closed_up(self, text: str) -> str:
        """The text without blanks behind full-width marks, where the language writes none.

        At the edges of filled slots Han characters stand apart from Latin ones and figures; what
        fills a slot stays as it is.
        """
        return closed_up(text) if self.numbers.closes_up else text

    def say(self, text: Text) -> str:
        """A message in this language; a plain text as it stands."""
        return self.text(text.id, **text.values) if isinstance(text, Message) else text

    def name(self, name: str) -> str:
        """The name of a column, value, class or group in this language, where the package ships it.

        Names from a person's own data stay as they are, also inside of names that are put together.
        """
        return self.names.of(name)

    def named(self, value: object) -> Any:
        """The value with every name inside of lists and mappings in this language."""
        if type(value) is str:
            return self.name(value)
        if isinstance(value, dict):
            return {key: self.named(inside) for key, inside in value.items()}
        if isinstance(value, list):
            return [self.named(inside) for inside in value]
        return value

    def _filling(self, value: object, path: str) -> object:
        """What fills a slot: messages worded, names in this language, texts cut to a page."""
        if isinstance(value, Message):
            try:
                return self._text(value.id, value.values)
            except EmptyValueError as error:
                return Empty(str(error))
        if isinstance(value, Mapping):
            return {name: self._filling(each, f"{path}.{name}") for name, each in value.items()}
        if isinstance(value, list | tuple):
            inside = (self._filling(each, f"{path}[{at}]") for at, each in enumerate(value))
            return Items.of(inside, path)
        if isinstance(value, str) and not hasattr(value, "__html__"):
            name = self.name(value) if type(value) is str else value
            return Named.of(bounded(name, TEXT), value)
        return filled(value, path)

    def label(self, group: str, name: str) -> str:
        """The readable name of a key, such as `label("explainers", "shap")`."""
        label = self._texts.get(group, {}).get(name)
        return label if isinstance(label, str) else self.name(sentence_case(name.replace("_", " ")))

    def inline(self, label: str) -> str:
        """A label inside of a sentence, by the rule of the language: `Age band -> age band`.

        Both labels of a crossing: `Sex × Age band -> sex × age band`.
        """
        if not self._small_inside or label in self._written:
            return label
        parts = label.split(CROSS)
        return CROSS.join(part if part in self._written else in_sentence(part) for part in parts)

    def condition(self, text: str) -> str:
        """Joined conditions inside of a sentence, each label as `inline` has it.

        `Credit limit is over 7 and Age is “35–44” -> credit limit is over 7 and age is “35–44”`.
        """
        joints = _CONDITIONS.split(text) if self._small_inside else [text]
        return _AND.join(map(self._one_condition, joints))

    def _one_condition(self, text: str) -> str:
        is_written = any(text.startswith(f"{label} ") for label in self._written)
        return in_sentence(text) if self._small_inside and not is_written else text

    def explainer(self, name: str) -> str:
        """The name of an explainer inside of a sentence: `integrated gradients`, `SHAP`."""
        known = self._texts.get("explainers_in_sentences", {}).get(name)
        return bounded(known or name.replace("_x_", " × ").replace("_", " "))

    def artifact(self, name: str) -> str:
        """The readable name of an artifact id: `measures/deletion/lime -> "Deletion (LIME)"`."""
        known = ArtifactId(name)
        group = _NAMED_ALONE.get(known.kind) if known.name else None
        label = self.label(group, known.name) if group else self.label("artifacts", known.kind)
        if known.name and not group:
            beside = self.label(_NAMED_BESIDE.get(known.kind, known.kind), known.name)
            label = f"{label} ({self.inline(beside)})"
        return f"{label} ({self.label('explainers', known.subject)})" if known.subject else label

    def framework(self, name: str) -> Mapping[str, Any]:
        """The texts of a regulatory framework in this language; empty where there are none."""
        texts: Mapping[str, object] = self._texts.get("frameworks", {}).get(name, {})
        return texts

    def table(self, group: str) -> dict[str, str]:
        """The texts of a flat group, such as `glossary`; an empty one is left out.

        Empty where there is no such group.
        """
        return {key: text for key, text in (self._look_up(group) or {}).items() if text}

    def finding(self, finding: Finding) -> WordedFinding:
        """The texts of a finding, and its labels; `more` where it has more to tell.

        `folds` says in how many folds of a cross-validation it was made, where that was looked at.
        """
        if id(finding) not in self._worded:  # several sections tell the same one
            self._worded[id(finding)] = finding, self._words_of(finding)
        return self._worded[id(finding)][1]

    def _words_of(self, finding: Finding) -> WordedFinding:
        values, key = from_plain(finding.values), f"findings.{finding.message}"
        own = {part: bounded(str(values.get(part, "")), TEXT) for part in PARTS}
        texts = {part: self.text(f"{key}.{part}", **values) for part in PARTS if finding.message}
        if self.has(f"{key}.more"):
            texts["more"] = self.text(f"{key}.more", **values)
        return WordedFinding(
            id=finding.id,
            severity=finding.severity,
            severity_label=self.label("severities", finding.severity),
            section=finding.section,
            section_title=self.label("section_titles", finding.section),
            evidence=finding.evidence,
            limits=tuple(self.text(f"limits.{key}", **values) for key in finding.limits),
            folds=self.text("in_folds", **values) if "of_folds" in values else "",
            **own | texts,
        )

    def _look_up(self, key: str) -> Any:
        node: object = self._texts
        for part in key.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node


@dataclass(frozen=True)
class CaseWords:
    """Words that a config gives; each is said as it stands, and an empty one by the usual word.

    case, cases : one case and several: "client", "clients".
    favourable, unfavourable : what a case is whose decision is the favourable one, and what it is
        otherwise, behind "is" and "are": "accepted", "refused".
    deciders : where the labels are decisions, those who took them: "lenders".
    groups : {attribute: {level, as the data name it: what such cases are called}}:
        {age_band: {"under 25": "clients under 25"}}. A crossing is named by both, as the attribute
        and as the level: {"sex × age_band": {"men × under 25": "men under 25"}}. A level that
        stands here without an attribute is called so whatever it is a level of.
    """

    case: str = ""
    cases: str = ""
    favourable: str = ""
    unfavourable: str = ""
    deciders: str = ""
    groups: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> CaseWords:
        """Those of the part `report.words` of a resolved config; none where that is empty."""
        known = {"case", "cases", "favourable", "unfavourable", "deciders"}
        texts = {name: str(word or "") for name, word in (config or {}).items() if name in known}
        groups = (config or {}).get("groups") or {}
        return cls(
            **texts, groups={str(name): _group_words(words) for name, words in groups.items()}
        )

    def group_names(self, labels: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """{attribute, as findings name it: {level: what such cases are called}}, in lower case.

        labels : {name of an attribute: its label}. Under "" stand levels without an attribute.
        """
        named: dict[str, dict[str, str]] = {"": {}}
        for key, words in self.groups.items():
            if isinstance(words, str):
                named[""][key] = words
                continue
            label = CROSS.join(labels.get(part, part) for part in key.split(CROSS))
            for attribute in (key, label):
                named.setdefault(attribute.lower(), {}).update(words)
        return named


def _group_words(words: object) -> str | dict[str, str]:
    if isinstance(words, Mapping):
        return {str(level): str(name) for level, name in words.items()}
    return str(words)


#: Names a folder of further catalogs, for languages that are being translated and for tests. It
#: is read from the environment alone: no config and no run folder can name texts of its own.
CATALOGS = "DEEPSEEK_REPORT_CATALOGS"


def languages() -> list[str]:
    """The languages that have a catalog, sorted."""
    places = [path for folder in _folders() if folder.is_dir() for path in folder.iterdir()]
    names = {path.stem for path in places if path.is_dir() or path.suffix == ".yaml"}
    return sorted(name for name in names if "." not in name)


def _folders() -> tuple[Path, ...]:
    """Where catalogs are: those of the package, and the folder that the environment names."""
    further = os.environ.get(CATALOGS)
    return (shipped("templates") / "locale", *([Path(further)] if further else []))


def wording(
    language: str = DEFAULT_LANGUAGE,
    task: str = "",
    noun: str = "feature",
    data_set: str = "",
    own_names: frozenset[str] = frozenset(),
    written: frozenset[str] = frozenset(),
) -> Wording:
    """The texts of a language; those of the default language for each that it lacks.

    task : what `tasks.<task>` of the catalog says replaces the other texts, as `regression` does,
    where a number is predicted and nothing is decided. noun : what the columns are explained by.
    data_set, own_names, written : see `Wording`.
    """
    names = (own_names, written)
    return _wording(_folders(), _having_texts(language), task, noun, data_set, names)


def _having_texts(language: str) -> str:
    """The language, or the default one where it has no catalog."""
    return language if language in languages() else DEFAULT_LANGUAGE


@lru_cache(maxsize=64)
def _wording(
    folders: tuple[Path, ...],
    language: str,
    task: str,
    noun: str,
    data_set: str,
    own_names: tuple[frozenset[str], frozenset[str]],
) -> Wording:
    english = _catalog(folders[0], DEFAULT_LANGUAGE)
    texts = english
    if language != DEFAULT_LANGUAGE:
        own = _catalog(_folder_of(language), language)
        texts = {**_merged(english, own), **{key: own[key] for key in _WHOLE if key in own}}
    texts = _merged(texts, texts["tasks"].get(task, {}))
    compiled = _compiled_texts(_folder_of(language), language)
    lacking = untranslated(language)
    counts = len(lacking), sum(1 for _ in _keys(english)) if lacking else 0
    words = Wording(texts, noun, data_set, *own_names, english["composed"], compiled)
    words.untranslated = counts
    return words


def untranslated(language: str) -> list[str]:
    """The keys of the texts that a language lacks: they stand in English."""
    if language == DEFAULT_LANGUAGE:
        return []
    own = set(_keys(_catalog(_folder_of(language), language)))
    return [key for key in _keys(_catalog(_folders()[0], DEFAULT_LANGUAGE)) if key not in own]


def texts_of_kind(kind: str, kinds: Iterable[str]) -> list[str]:
    """The keys of the English texts that a kind of data must have: all that every other kind has.

    kinds : all kinds. The first is the plainest: what it lacks is said of some kinds alone.
    """
    plainest, *further = kinds
    others = {plainest, *further} - {kind}
    english = _catalog(_folders()[0], DEFAULT_LANGUAGE)
    return list(_by_kind(english, kind, others)) if kind != plainest else []


def _by_kind(
    texts: Mapping[str, Any], kind: str, others: Set[str], above: str = ""
) -> Iterator[str]:
    """The keys below every mapping whose keys are kinds of data, with this kind in their place."""
    for key, inside in texts.items():
        if isinstance(inside, Mapping):
            yield from _by_kind(inside, kind, others, f"{above}{key}.")
    if others <= texts.keys():
        below = [set(_keys({"": texts[other]})) for other in others]
        yield from sorted(f"{above}{kind}{key}" for key in set.intersection(*below))


def _keys(texts: Mapping[str, object], above: str = "") -> Iterator[str]:
    for key, inside in texts.items():
        if isinstance(inside, Mapping):
            yield from _keys(inside, f"{above}{key}.")
        elif f"{above}{key}".partition(".")[0] not in _WHOLE:
            yield f"{above}{key}"


def _folder_of(language: str) -> Path:
    """The folder of catalogs that has this language."""
    return next(
        path
        for path in _folders()
        if (path / f"{language}.yaml").is_file() or (path / language).is_dir()
    )


@cache
def _compiled_texts(folder: Path, language: str) -> Compiled:
    """What the wordings of one catalog have compiled; kept for later where it is a shipped one."""
    return compiled_texts(language, Path(__file__)) if folder == _folders()[0] else {}


def texts_digest(language: str) -> str:
    """SHA-256 of the files of a language: what words inside of pictures are made from."""
    files = {
        path
        for name in (_having_texts(language), DEFAULT_LANGUAGE)
        for path in catalog_files(_folder_of(name), name)
    }
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


@cache
def _catalog(folder: Path, language: str) -> Mapping[str, Any]:
    """What `read_catalog` reads, parsed once for an installation."""
    contents = [path.read_bytes() for path in catalog_files(folder, language)]
    parsed = _compiled_texts(folder, language)
    key = "catalog", hashlib.sha256(b"\0".join(contents)).digest()
    if key not in parsed:
        parsed[key] = _joined(contents)
    texts: Mapping[str, object] = parsed[key]
    return texts


def read_catalog(folder: Path, language: str) -> Mapping[str, object]:
    """`<language>.yaml`, and what the files in the folder `<language>`, however deep, add to it."""
    return _joined(path.read_bytes() for path in catalog_files(folder, language))


def catalog_files(folder: Path, language: str) -> list[Path]:
    """The files of a language in a folder of catalogs; with what ships also those of extensions."""
    brought = installed() if folder == _folders()[0] else ()
    alone = folder / f"{language}.yaml"
    further = [
        path
        for each in brought
        for path in sorted((each.folder / "locale" / language).rglob("*.yaml"))
    ]
    return [
        *([alone] if alone.is_file() else []),
        *sorted((folder / language).rglob("*.yaml")),
        *further,
    ]


def _joined(contents: Iterable[bytes]) -> dict[str, object]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts: dict[str, object] = {}
    for content in contents:
        texts = _merged(texts, yaml.load(content, Loader=loader))  # noqa: S506 - a safe one
    return texts


def _merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, Any]:
    """The base with each text of `over` in place of its own."""
    both = dict(base)
    for key, value in over.items():
        inside = base.get(key)
        if isinstance(value, Mapping) and isinstance(inside, Mapping):
            both[key] = _merged(inside, value)
        else:
            both[key] = value
    return both


def first_sentence(text: str) -> str:
    """The text up to its second sentence.

    >>> first_sentence("Use neither. Look for an error, e.g. in the labels.")
    'Use neither.'
    """
    return _SENTENCES.split(text, maxsplit=1)[0]


def sentence_case(text: str) -> str:
    """The first letter as a capital, the rest as it was."""
    return text[:1].upper() + text[1:]


def _usual_case_words(texts: Mapping[str, Any]) -> dict[str, object]:
    """What fills the slots of every text for cases, decisions and groups of cases."""
    cases = texts.get("cases_as", {}).get("table", {})
    decided = texts.get("decided", {})
    return {
        "case_one": cases.get("one", ""),
        "case_many": cases.get("many", ""),
        "case_numbered": cases.get("numbered", ""),
        "decided_for": decided.get("favourably", ""),
        "decided_against": decided.get("against", ""),
        "deciders": "",
        "group_names": {},
    }


def _group_name(context: Context, level: str, attribute: str, *, again: bool = False) -> str:
    """What the cases of one level are called; without words of their own, of which attribute.

    again : whether the attribute was named before in the sentence.
    """
    names = context.get("group_names") or {}
    for known in (names.get(str(attribute).lower(), {}), names.get("", {})):
        if level in known:
            return str(known[level])
    say: Wording = context["wording"]
    if again:
        first, *others = level.split(CROSS)
        for other in others:
            first = say.names.composed("place", one=first, other=other)
        return say.numbers.quoted([first])[0]
    names_of, levels = str(attribute).split(CROSS), str(level).split(CROSS)
    if len(names_of) != len(levels):
        names_of, levels = [attribute], [level]
    parts = [{"attribute": a, "level": b} for a, b in zip(names_of, levels, strict=True)]
    return say.text("group_of", parts=parts, case_many=context["case_many"])


def _environment(words: Wording) -> Environment:
    numbers = words.numbers
    made = SlotEnvironment(
        autoescape=False,  # plain text; the renderer escapes it for its format
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # a text is then compiled alike, whatever the filters make of constants
        finalize=edged if numbers.closes_up else None,
    )
    made.filters |= {
        "count": numbers.count,
        "number": with_words(numbers.number),
        "percent": with_words(numbers.percent),
        "points": with_words(numbers.points),
        "p": with_words(numbers.p_sentence),
        "listing": of_items(numbers.listing),
        "either": of_items(numbers.either),
        "quoted": numbers.quoted,
        "seconds": with_words(numbers.seconds),
        "share": of_estimates(numbers.share),
        "value": of_estimates(numbers.value),
        "plural": numbers.plural,
        "form": numbers.form,
        "bound": numbers.declared,
        "setting": numbers.setting,
        "attribution": with_words(numbers.attribution, {"value": None, "space": ""}),
        "explainer": words.explainer,
        "artifact": words.artifact,
        "labelled": lambda name, group: words.label(group, name),
        "digits": numbers.digits,
        "gap": of_estimates(numbers.gap),
        "rough_share": of_estimates(numbers.rough_share),
        "rough_percent": of_estimates(numbers.rough_percent),
        "rough_value": of_estimates(numbers.rough_value),
        "rough_gap": of_estimates(numbers.rough_gap),
        "signed_gap": of_estimates(numbers.signed_gap),
        "quantity": with_words(numbers.quantity),
        "inline": words.inline,
        "condition": lambda text: words.condition(str(text)),
        "sentence": sentence_case,
        "lead": lambda text: first_sentence(str(text)),
        "rest": lambda text: " ".join(_SENTENCES.split(str(text), maxsplit=1)[1:]),
        "first": lambda items: made.getitem(items, 0),
        "last": lambda items: made.getitem(items, -1),
        "clause": lambda sentence: sentence.rstrip(". "),
        "spelled": lambda n: words.table("cardinals").get(str(n)) or numbers.count(n),
        "group": pass_context(_group_name),
    }
    made.tests["none"] = lambda value: value is None or isinstance(value, Empty)
    made.globals |= {
        "interval": with_words(numbers.interval),
        "label": words.label,
        "wording": words,
    }
    return made


# Names of columns, values, groups and parts of the data, in the language of the report.
#
# Schemas, tables and findings hold names in English, since names are keys as well: `Sex × age
# band`, `Age is over 46 years`. The patterns by which they are put together stand in the catalogs
# under `composed`. That of English takes a name apart, that of the report's language puts it
# together.

_SLOT = re.compile(r"\{(\w+)\}")
_NUMBER = re.compile(r"[+\u2212]?\d[\d\u202f]*(\.\d+)?")
_LETTER = re.compile(r"[^\W\d_]")
_LETTERS = re.compile(r"[^\W\d_]+")
#: A longer text is no name.
_LONGEST = 400


@dataclass(frozen=True)
class Names:
    """Names in one language.

    known : {name as it is stored: name in this language}; names of a person's own data, which are
        the same in every language, are among them.
    stored, patterns : {key: pattern} for names that are put together, in English and in this
        language. Every slot holds a name or a number.
    number : writes a number that was written in English.

    >>> names = Names({"Age": "Alter"}, {"is": "{name} is {value}"}, {"is": "{name} = {value}"})
    >>> names.of("Age is 46"), names.of("Height is 46")
    ('Alter = 46', 'Height is 46')
    """

    known: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    number: Callable[[str], str] = str
    _read: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)

    def of(self, name: str) -> str:
        """The name in this language; what is not made of known names and numbers stays as it is."""
        if len(name) > _LONGEST or _NUMBER.fullmatch(name):
            return name
        worded = self._of(name)
        return name if worded is None else worded

    def composed(self, key: str, /, **parts: str) -> str:
        """Names in this language put together by a pattern of its catalog."""
        return self.patterns[key].format(**parts)

    def _of(self, name: str) -> str | None:
        if name not in self._read:
            known_words = self._words.issuperset(_LETTERS.findall(name))
            self._read[name] = self._worded(name) if known_words else None
        return self._read[name]

    @cached_property
    def _words(self) -> frozenset[str]:
        """Every word of a known name or a pattern: a text with another word is no name."""
        around = (piece for pattern in self.stored.values() for piece in _SLOT.split(pattern)[::2])
        return frozenset(word for text in (*self.known, *around) for word in _LETTERS.findall(text))

    def _worded(self, name: str) -> str | None:
        if name in self.known:
            return self.known[name]
        if _NUMBER.fullmatch(name):
            return self.number(name)
        if not _LETTER.search(name):  # a unit such as `%`
            return name
        return next(self._composed(name), None)

    def _composed(self, name: str) -> Iterator[str]:
        """The name by every pattern that fits it."""
        for key, slots, around in self._taken_apart:
            if not name.startswith(around[0]) or not name.endswith(around[-1]):
                continue
            for parts in _splits(name, around):
                if not all(map(_fits, slots, parts)):
                    continue
                words = list(self._until_unknown(parts))
                if len(words) == len(slots):
                    yield self.composed(key, **dict(zip(slots, words, strict=True)))

    @cached_property
    def _taken_apart(self) -> list[tuple[str, list[str], list[str]]]:
        """Key, slots, and the pieces around the slots of each pattern."""
        return [
            (key, _SLOT.findall(pattern), _SLOT.split(pattern)[::2])
            for key, pattern in self.stored.items()
        ]

    def _until_unknown(self, parts: Iterable[str]) -> Iterator[str]:
        for part in parts:
            if (word := self._of(part)) is None:
                return
            yield word


def _fits(slot: str, part: str) -> bool:
    """Whether a part may stand in a slot: in one for a number, a number alone."""
    return slot != "number" or _NUMBER.fullmatch(part) is not None


def _splits(text: str, around: list[str]) -> Iterator[tuple[str, ...]]:
    """What may stand in the slots between these pieces of a pattern.

    >>> list(_splits("a and b and c", ["", " and ", ""]))
    [('a', 'b and c'), ('a and b', 'c')]
    """
    before, *after = around
    if not text.startswith(before):
        return
    for piece in after:
        if piece not in text:
            return
    rest = text.removeprefix(before)
    if len(after) == 1:
        end = len(rest) - len(after[0])
        if end > 0 and rest.endswith(after[0]):
            yield (rest[:end],)
        return
    at = rest.find(after[0], 1)
    while at > 0:
        for others in _splits(rest[at:], after):
            yield (rest[:at], *others)
        at = rest.find(after[0], at + 1)
