"""Turns message ids and values into plain sentences; escaping for a format happens later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template

from deepseek_report.artifacts.bounds import bounded_texts
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.message import Message, Text
from deepseek_report.artifacts.shipped import shipped
from deepseek_report.errors import ArtifactError
from deepseek_report.wording.estimates import in_sentence
from deepseek_report.wording.numbers import NumberFormat

DEFAULT_LANGUAGE = "en"
_BREAKS = re.compile(r"[ \t\r\n]+")


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


class Wording:
    """The texts of one language, and its way to write numbers (`numbers`).

    texts : the language's catalog, from `templates/locale`. noun : what the columns of the data
    are explained by.
    """

    def __init__(self, texts: Mapping[str, Any], noun: str = "feature") -> None:
        self._texts = texts
        symbols = dict(texts.get("formats", {}))
        self.numbers = NumberFormat(
            symbols.pop("locale", "en_GB"), symbols, dict(texts.get("numbers", {}))
        )
        known = texts.get("nouns", {}).get(noun, {})
        self._nouns = {"noun": known.get("one", noun), "nouns": known.get("many", f"{noun}s")}
        named = noun == "feature"
        self._nouns["the_noun"] = "" if named else f"the {self._nouns['noun']} "
        self._nouns["the_nouns"] = "" if named else f"the {self._nouns['nouns']} "
        self._templates: dict[str, Template] = {}
        self._environment = _environment(self.numbers)

    def has(self, key: str) -> bool:
        """Whether there is a text of this key, such as `findings.failed.claim`."""
        return isinstance(self._look_up(key), str)

    def text(self, key: str, /, **values: Any) -> str:
        """The text of a key with its slots filled, on one line.

        `noun` and `nouns` are always filled: what the columns of these data are explained by, a
        feature, a word, a patch or a window. `the_noun` and `the_nouns` stand before labels that
        do not name a thing by themselves, as those of features do: "the window ".
        """
        if key not in self._templates:
            found = self._look_up(key)
            if not isinstance(found, str):
                raise ArtifactError(f"the locale has no text {key!r}; add it to templates/locale")
            self._templates[key] = self._environment.from_string(found)
        filled = self._nouns | {name: self._filling(value) for name, value in values.items()}
        return _BREAKS.sub(" ", self._templates[key].render(**filled)).strip()

    def say(self, text: Text) -> str:
        """A message in this language; a plain text as it stands."""
        return self.text(text.id, **text.values) if isinstance(text, Message) else text

    def _filling(self, value: Any) -> Any:
        """What fills a slot: messages worded, texts from the data cut to a page."""
        if isinstance(value, Message):
            return self.say(value)
        if isinstance(value, list | tuple):
            return bounded_texts([self._filling(inside) for inside in value])
        return bounded_texts(value)

    def label(self, group: str, name: str) -> str:
        """The readable name of a key, such as `label("explainers", "shap")`."""
        found = self._texts.get(group, {}).get(name)
        return found if isinstance(found, str) else sentence_case(name.replace("_", " "))

    def table(self, group: str) -> dict[str, str]:
        """The texts of a flat group, such as `glossary`; an empty one is left out.

        Empty where there is no such group.
        """
        return {key: text for key, text in (self._look_up(group) or {}).items() if text}

    def finding(self, one: Finding) -> WordedFinding:
        """The four texts of a finding, and its labels."""
        said = {
            part: self.text(f"findings.{one.message}.{part}", **one.values)
            for part in ("claim", "detail", "why", "do")
        }
        return WordedFinding(
            id=one.id,
            severity=one.severity,
            severity_label=self.label("severities", one.severity),
            section=one.section,
            section_title=self.label("section_titles", one.section),
            evidence=one.evidence,
            limits=tuple(self.text(f"limits.{key}", **one.values) for key in one.limits),
            **said,
        )

    def _look_up(self, key: str) -> Any:
        found: Any = self._texts
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


@cache
def wording(language: str = DEFAULT_LANGUAGE, task: str = "", noun: str = "feature") -> Wording:
    """The texts of a language; those of the default language where it has none.

    task : what `tasks.<task>` of the catalog says replaces the other texts, as `regression` does,
    where a number is predicted and nothing is decided. noun : what the columns are explained by.
    """
    folder = shipped("templates") / "locale"
    if not (folder / f"{language}.yaml").is_file():
        language = DEFAULT_LANGUAGE
    texts = dict(_catalog(folder, language))
    own = texts.pop("tasks", {}).get(task, {})
    return Wording(_merged(texts, own), noun)


def _catalog(folder: Path, language: str) -> Mapping[str, Any]:
    """`<language>.yaml`, with what further files in the folder `<language>` add to it."""
    texts = _texts(folder / f"{language}.yaml")
    for path in sorted((folder / language).glob("*.yaml")):
        texts = _merged(texts, _texts(path))
    return texts


def _texts(path: Path) -> Mapping[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=loader))  # noqa: S506 - a safe one


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The base with each text of `over` in place of its own."""
    both = dict(base)
    for key, value in over.items():
        inside = base.get(key)
        if isinstance(value, Mapping) and isinstance(inside, Mapping):
            both[key] = _merged(inside, value)
        else:
            both[key] = value
    return both


def sentence_case(text: str) -> str:
    """The first letter as a capital, the rest as it was."""
    return text[:1].upper() + text[1:]


def _environment(numbers: NumberFormat) -> Environment:
    made = Environment(
        autoescape=False,  # noqa: S701 - plain text; the renderer escapes it for its format
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "count": numbers.count,
        "number": numbers.number,
        "percent": numbers.percent,
        "points": numbers.points,
        "p": numbers.p_sentence,
        "listing": numbers.listing,
        "seconds": numbers.seconds,
        "share": numbers.share,
        "value": numbers.value,
        "plural": numbers.plural,
        "form": numbers.form,
        "bound": numbers.declared,
        "gap": numbers.gap,
        "quantity": numbers.quantity,
        "inline": in_sentence,
        "sentence": sentence_case,
    }
    made.globals["interval"] = numbers.interval
    return made
