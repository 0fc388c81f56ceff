"""The ids of messages in the code and the texts of the catalogs are the same."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from jinja2 import meta

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.datasets.sources.shipped_table import known
from deepseek_report.models.transformers import transformer_module
from deepseek_report.tasks.classification import ECE_BINS
from deepseek_report.wording.words import DEFAULT_LANGUAGE, read_catalog, wording
from tests.house import PACKAGE, modules
from tests.worded import leaves

#: Names of columns and values, which are looked up by their English name.
LOOKED_UP = re.compile(r"^(names|composed|feature_kinds|data_sets\.\w+\.names)\.")
#: What every text can use without being given it.
GIVEN = {"noun", "nouns", "the_noun", "the_nouns", "interval", "case_one", "case_many"}


#: The one message whose id is made of whatever it is given; pictures are drawn in other tests.
ANY_PICTURE = "pictures.{}"
#: Groups whose texts are given as messages alone; those of the others are asked for by key as well,
#: and have tests of their own (`metrics/test_texts.py`, `rendering/test_texts.py`).
OWNED = (
    *("compliance", "evidence_kinds", "given_rows", "data", "values", "refusals", "capabilities"),
    *("kinds_of_data", "columns_as", "noise_on", "predicted", "labels_as", "kinds", "card"),
    *("preparation", "data_sets", "explainer_variants", "explainer_notes", "recommendation"),
    *("explainer_refusals", "model_refusals", "training_notes", "precision", "architectures"),
    "tokens",
)


@dataclass(frozen=True)
class Use:
    """One place where the code makes a message; `{}` in the id stands for any one part of a key.

    values : the names of its values, or None where they are not written out there.
    """

    where: str
    id: str
    values: frozenset[str] | None

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.id).replace(r"\{\}", "[^.]+"))


@cache
def read_code() -> tuple[tuple[Use, ...], frozenset[str]]:
    """Every message that the code makes, and every literal text of the code."""
    uses, literals = [], set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "message":
                where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                uses.append(Use(where, id_of(node.args[0], where), values_of(node)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                literals.add(node.value)
    return tuple(uses), frozenset(literals)


def id_of(node: ast.expr, where: str) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        return "".join(map(str, parts))
    assert isinstance(node, ast.Constant), f"{where}: the id of a message is no literal"
    return str(node.value)


def values_of(node: ast.Call) -> frozenset[str] | None:
    names = [keyword.arg for keyword in node.keywords]
    return None if None in names else frozenset(name for name in names if name)


KEYS = dict(leaves(read_catalog(shipped("templates") / "locale", DEFAULT_LANGUAGE)))


def test_every_message_has_a_text() -> None:
    unsure = [use for use in read_code()[0] if use.id not in KEYS.keys() | {ANY_PICTURE}]
    lost = [use for use in unsure if not any(use.pattern.fullmatch(key) for key in KEYS)]
    assert [f"{use.where}: {use.id}" for use in lost] == []


def test_every_text_is_said_somewhere() -> None:
    uses, literals = read_code()
    patterns = [use.pattern for use in uses if "{}" in use.id]
    literals |= {use.id for use in uses}
    owned = {key for key in KEYS if key.partition(".")[0] in OWNED and not LOOKED_UP.match(key)}
    texts = sorted(owned - literals)  # a section asks by key
    unused = [key for key in texts if not any(pattern.fullmatch(key) for pattern in patterns)]
    assert unused == []


def test_a_message_gives_all_that_its_text_uses() -> None:
    environment = wording("en")._environment
    needed = {key: meta.find_undeclared_variables(environment.parse(KEYS[key])) for key in KEYS}
    families = {key for key in KEYS if key.partition(".")[0] in OWNED}
    lacking = [
        f"{use.where}: {key}"
        for use in read_code()[0]
        if use.values is not None
        for key in (families if "{}" in use.id else KEYS.keys() & {use.id})
        if use.pattern.fullmatch(key) and not needed[key] - GIVEN <= use.values
    ]
    assert not lacking, "\n".join(lacking)


CODEBOOKS = sorted(PACKAGE.rglob("data/*.yaml"))


@pytest.mark.parametrize("codebook", CODEBOOKS, ids=lambda path: path.stem)
def test_names_of_the_columns_that_ship_are_in_the_catalog(codebook: Path) -> None:
    named_there = {key.removeprefix(f"data_sets.{codebook.stem}.names.") for key in KEYS}
    for column in known(codebook).columns.values():
        categories = column.categories if isinstance(column.categories, dict) else {}
        named = [column.label, column.attribute_label, column.unit, *categories.values()]
        named += (column.levels or {}).values()
        assert [label for label in named if label and label not in named_there | UNITS] == []


#: Units that are written in the same way everywhere.
UNITS = {"%", "NT$", "kg/m²", "mmHg", "mg/dl"}


def test_kinds_of_layers_are_in_the_catalog() -> None:
    kinds = {kind for _, kind in transformer_module._KINDS}
    trained = {
        f"{kind}{suffix}" for kind in kinds for suffix in ("", ", frozen", ", partly trained")
    }
    assert {kind for kind in trained if f"names.{kind}" not in KEYS} == set()


@pytest.mark.parametrize(
    ("n", "errors", "sentence"),
    [
        (1, 1, "the one error decides “b”"),
        (1, 3, "1 of 3 errors decides"),
        (2, 3, "3 errors decide"),
    ],
)
def test_errors_are_told_in_their_number(n: int, errors: int, sentence: str) -> None:
    recall = Estimate(0.9, 0.8, 0.95)
    values = {"many": False, "classes": 2, "of": 10, "hardest": "a", "recall": recall}
    title = wording().text(
        "pictures.confusion_matrix.title", **values, n=n, errors=errors, decided="b", actual="a"
    )
    assert sentence in title


def test_kinds_of_hints_are_called_alike_wherever_they_stand() -> None:
    texts = read_catalog(shipped("templates") / "locale", DEFAULT_LANGUAGE)
    names = texts["data_sets"]["traces"]["names"]
    hints = {name: label for name, label in texts["chains"]["hints"].items() if name != "all"}
    assert hints == {name: names[name] for name in hints}


def test_an_option_of_the_model_itself_is_not_introduced_by_its_own_name() -> None:
    option = "the model itself, fitted anew without age"
    text = wording().text("advice.tried", option=option, own=True)
    assert text == "Tried as well: the model itself, fitted anew without age"


def test_the_bins_of_a_calibration_error_among_some_cases_stand_beside_its_name() -> None:
    assert wording().label("columns", "ece") == f"Calibration error ({ECE_BINS} bins)"
