"""Every text, in every language, with values that take each of its branches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer

from deepseek_report.artifacts.rounding import THIN
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.extension import installed
from deepseek_report.wording.slots import EmptyValueError
from deepseek_report.wording.words import Wording, languages, read_catalog, wording
from tests.worded import leaves
from tests.wording.slot_values import NAMES, Draw, Reader, Shape, emptied, places, put

CATALOGS = shipped("templates") / "locale"
#: {language of letters: its file}.
LETTERS = {
    path.stem: path for each in installed() for path in each.folder.glob("letters_in/*.yaml")
}
#: What every text can use without being given it.
GIVEN = {"noun", "nouns", "the_noun", "the_nouns", "case_one", "case_many", "case_numbered"}
GIVEN |= {"decided_for", "decided_against", "deciders", "group_names", "wording"}
#: Patterns that are filled by `str.format`.
PATTERNS = ("numbers.", "composed.", "formats.")
#: Draws of values for a text, at most; most take all its branches with the first few.
MOST = 200
#: Numbers that some languages put into words: "neither", "the one", "both".
WORDED = {0.0, 1.0, 2.0}
#: Texts with a branch that needs values of several slots which are drawn together too seldom.
RARE = {
    *("comparison.kept_by", "comparison.conclusions.data_sets_better"),
    *("comparison.conclusions.fitted_open", "comparison.conclusions.to_decide"),
    *("compliance.score", "corrections.outcome", "data.undocumented_codes.text"),
    *("decisions.state.required", "findings.data_label_balance.claim"),
    *("findings.hot_spot.claim", "findings.hot_spot.detail", "findings.stated_off.more"),
    *("pictures.confusion_matrix.title", "pictures.global_importance.title"),
    *("pictures.layer_profile.title", "preparation.corrected.labels"),
    *("sections.bottlenecks.hottest", "sections.cases.change.drawn"),
    *("sections.model.answer.training", "sections.reproducibility.answer.run"),
}
#: Words that only agree with a number, or stand before a name.
AGREEING = {"a", "an", "the", "is", "are", "was", "were", "has", "have", "do", "does", "it", "they"}
AGREEING |= {"them", "its", "their", "this", "these", "that", "one", "give", "promised"}
AGREEING |= {"in", "by", "of", "from", "on", "for", "with"}
#: {text: slots of which the first is at most the second in every run}.
AT_MOST = {
    "pictures.confusion_matrix.title": ("n", "errors"),
    "pictures.global_importance.title": ("top", "explainers"),
    "notes.options.own": ("n", "of"),
    "decisions.state.required": ("n", "of"),
}
_PRIVATE = {"row": "Quvek", "rows": "Quvek", "tested": 13, "named": 16, "floor": 17}
_FEWER = {"people": False, "validation": 0, "neighbours": 0, "entity": ""}
_MORE = {"people": True, "validation": 14, "neighbours": 15, "entity": "Zorbit"}
#: Values of texts whose slots belong together.
OWN: dict[str, tuple[dict[str, Any], ...]] = {
    "compliance.banners.applies_later": (
        {"parts": ["Quvek"], "dates": {"Quvek": "Zorbit"}, "day": "Wimlar"},
    ),
    "seal.changed.limit": (
        {"key": "Quvek:Zorbit", "before": "Wimlar", "after": ""},
        {"key": "Quvek", "before": "", "after": "Wimlar"},
    ),
    **{
        f"sections.summary.privacy.{level}": ({**_PRIVATE, **_FEWER}, {**_PRIVATE, **_MORE})
        for level in ("full", "cases", "aggregate")
    },
}


@dataclass(frozen=True)
class Case:
    """A text: its key, what is asked of its slots, and values that take its branches.

    untaken : the outcomes of conditions of the English text that none of the values has.
    """

    key: str
    shape: Shape
    draws: tuple[dict[str, Any], ...]
    untaken: tuple[str, ...]


class Marked(NodeTransformer):
    """A template that tells which outcome each of its conditions has."""

    def __init__(self) -> None:
        self.conditions: list[nodes.Expr] = []

    def visit_If(self, node: nodes.If) -> nodes.Node:  # noqa: N802
        return self._marked(node)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:  # noqa: N802
        return self._marked(node)

    def _marked(self, node: nodes.If | nodes.CondExpr) -> nodes.Node:
        inside = self.generic_visit(node)
        self.conditions.append(node.test)
        called = [nodes.Const(len(self.conditions) - 1), node.test]
        node.test = nodes.Call(nodes.Name("took", "load"), called, [], None, None)
        return inside


class Spoken:
    """A language as tests hear it: labels are keys, and every number is in figures."""

    def __init__(self, words: Wording, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self.words = words.over(words._texts)
        self.environment = self.words._environment
        key = "⟨{}⟩".format
        self.environment.globals["label"] = lambda group, name: key(name)
        self.environment.filters |= {
            "labelled": lambda name, group: key(name),
            "explainer": key,
            "artifact": key,
            "spelled": self.words.numbers.count,
        }
        decimal, group = self.words.numbers.separators
        self._number = re.compile(rf"(?<![\w.])\d[\d{THIN}{group}]*(?:\{decimal}\d+)?")
        self._signs = str.maketrans({decimal: ".", group: None, THIN: None})

    def says(self, key: str, values: Mapping[str, Any]) -> str:
        """The text; empty where it is left out."""
        try:
            return self.words._text(key, values)
        except EmptyValueError:
            return ""

    def numbers(self, text: str) -> set[float]:
        """The numbers in a text, without their signs."""
        return {float(each.translate(self._signs)) for each in self._number.findall(text)}

    def content(self, text: str) -> list[str]:
        """A text without names, numbers and words that only agree with a number."""
        bare = self._number.sub(" ", re.sub("|".join(NAMES), " ", text, flags=re.IGNORECASE))
        words = re.findall(r"[^\W\d_]+|⟨\w+⟩", bare.lower())
        return [word.removesuffix("s") for word in words if word not in AGREEING]


@cache
def spoken(language: str) -> Spoken:
    """A language, or that of letters in a language."""
    name, _, letters = language.partition(" ")
    if letters:
        texts = bounded_yaml.load(LETTERS[name])
        return Spoken(wording("en").over(texts), dict(leaves(texts)))
    return Spoken(wording(name), dict(leaves(read_catalog(CATALOGS, name))))


ENGLISH = "en"
OTHERS = [name for name in languages() if name != ENGLISH]
OTHERS += [f"{name} letters" for name in LETTERS]


@cache
def cases() -> tuple[Case, ...]:
    """Every English text with slots."""
    texts = spoken(ENGLISH).texts
    keys = [key for key, text in texts.items() if "{" in text and not key.startswith(PATTERNS)]
    return tuple(map(case_of, keys))


@cache
def groups() -> dict[str, list[str]]:
    """{group of the catalog: its keys}, for what is written as the label of a key."""
    catalog = read_catalog(CATALOGS, ENGLISH)
    return {group: list(keys) for group, keys in catalog.items() if isinstance(keys, Mapping)}


def case_of(key: str) -> Case:
    reader = Reader(groups())
    for language in (ENGLISH, *OTHERS):
        if key in spoken(language).texts:
            reader.read(spoken(language).environment.parse(spoken(language).texts[key]))
    for name in GIVEN & reader.root.parts.keys():
        if not reader.root.parts[name].marks & {"asked"} and not reader.root.parts[name].constants:
            reader.root.parts.pop(name)
    if key in OWN:
        return Case(key, reader.root, OWN[key], ())
    return Case(key, reader.root, *taking_branches(key, reader.root))


def taking_branches(key: str, shape: Shape) -> tuple[tuple[dict[str, Any], ...], tuple[str, ...]]:
    """Values of which each takes a branch that those before it do not, the first two at least."""
    english = spoken(ENGLISH)
    marked = Marked()
    tree = marked.visit(english.environment.parse(english.texts[key]))
    if not marked.conditions:
        return tuple(Draw(seed).of(shape) for seed in range(2)), ()
    globals_ = english.environment.make_globals(None)
    template = Template.from_code(english.environment, english.environment.compile(tree), globals_)
    taken: set[tuple[int, bool]] = set()
    draws: list[dict[str, Any]] = []
    for seed in range(MOST):
        before = len(taken)
        draw = Draw(seed)
        values = (
            draw.of(shape) if seed < MOST / 4 else draw.changed(draw.random.choice(draws), shape)
        )
        if key in AT_MOST and values[AT_MOST[key][0]] > values[AT_MOST[key][1]]:
            continue

        def took(at: int, outcome: object) -> object:
            taken.add((at, bool(outcome)))
            return outcome

        slots = {name: english.words._filling(value, name) for name, value in values.items()}
        with suppress(EmptyValueError):
            template.render({**english.words._slots, **slots, "took": took})
        draws += [values] if len(taken) > before or len(draws) < 2 else []
        if len(taken) == 2 * len(marked.conditions) and len(draws) > 1:
            break
    missing = (n for n in range(2 * len(marked.conditions)) if (n // 2, n % 2 == 0) not in taken)
    return tuple(draws), tuple(f"{marked.conditions[n // 2]} is {n % 2 == 0}" for n in missing)


def common(language: str) -> Iterator[Case]:
    """The texts that a language has as well."""
    return (case for case in cases() if case.key in spoken(language).texts)


def test_values_are_found_that_take_every_branch_of_nearly_every_text() -> None:
    untaken = {case.key: case.untaken for case in cases() if case.untaken}
    assert {key: outcomes for key, outcomes in untaken.items() if key not in RARE} == {}


def leftovers(template: str) -> re.Pattern[str]:
    """What a sentence shows only where something in it was empty."""
    own = {word for word in ("None", "nan") if word in template}
    words = "|".join(rf"\b{word}\b" for word in {"None", "nan", "NaN", "null"} - own)
    return re.compile(rf"{words}|“”|\(\)|（）|⟨None⟩|⟨⟩")


@pytest.mark.parametrize("language", [ENGLISH, *OTHERS])
def test_a_text_with_an_empty_value_has_words_for_it_or_is_left_out_with_a_reason(
    language: str,
) -> None:
    here = spoken(language)
    shown = []
    for case in common(language):
        leftover = leftovers(here.texts[case.key])
        for values in case.draws[:1]:
            for place, with_empty in emptied(values, case.shape):
                text = here.words.text(case.key, **with_empty)
                if not text and here.words.text(case.key, **values):
                    continue
                if leftover.search(text):
                    shown.append((case.key, place, text))
    assert shown[:10] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_text_says_the_names_and_the_numbers_that_the_english_one_says(language: str) -> None:
    here, english = spoken(language), spoken(ENGLISH)
    other = []
    for case in common(language):
        for values in case.draws:
            texts = english.says(case.key, values), here.says(case.key, values)
            if all(texts):
                names = set.symmetric_difference(*map(names_in, texts))
                numbers = english.numbers(texts[0]) ^ here.numbers(texts[1])
                if names or numbers - WORDED:
                    other.append((case.key, names, numbers, *texts))
    assert other[:10] == []


def names_in(text: str) -> set[str]:
    return {name for name in NAMES if name.lower() in text.lower()}


@pytest.mark.parametrize("language", OTHERS)
def test_a_text_tells_apart_what_the_english_one_tells_apart(language: str) -> None:
    here, english = spoken(language), spoken(ENGLISH)
    alike = []
    for case in common(language):
        for values, (path, _, shape) in choices_of(case):
            first_of: dict[tuple[str, ...], tuple[Any, str, str]] = {}
            for choice in Draw(0).choices(shape):
                chosen = put(values, path, choice)
                texts = english.says(case.key, chosen), here.says(case.key, chosen)
                if all(texts):
                    content = tuple(english.content(texts[0]))
                    other = tuple(here.content(texts[1]))
                    before = first_of.setdefault(other, (choice, content, texts[0]))
                    if before[1] != content:
                        alike.append((case.key, path, choice, texts, before))
    assert alike[:10] == []


def choices_of(case: Case) -> Iterator[tuple[dict[str, Any], tuple[Any, Any, Shape]]]:
    """Values, and each place in them whose value a text may choose its words by."""
    for values in () if case.key in OWN else case.draws:
        for place in places(values, case.shape):
            yield values, place
