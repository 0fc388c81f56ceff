"""The ids of messages in the code and the texts of the catalogs are the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from jinja2 import meta

import deepseek_report
from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.datasets.sources import known_tables
from deepseek_report.models.transformers import transformer_parts
from deepseek_report.wording.words import wording

PACKAGE = Path(deepseek_report.__file__).parent
#: Groups of `en.yaml` are asked for by key, from sections, findings and pictures. A group whose
#: texts are given as messages moves to a file in `en/`, where both tests below read it.
FOLDER = shipped("templates") / "locale" / "en"
#: Names of columns and values, which are looked up by their English name.
LOOKED_UP = re.compile(r"^(names|composed|feature_kinds|data_sets\.\w+\.names)\.")
#: Groups of labels, and what sections and templates ask for by key; they have tests of their own.
LABELS = (
    *("metrics", "templates", "statuses", "evidence_states", "recorded", "digest_subjects"),
    *("starts", "steps", "sanity_tests", "human_fields", "responsible", "sectors"),
    *("groups_of_people", "applies_from", "dates"),
)
#: What runs of earlier versions say, and nothing says any more.
EARLIER = {"pictures.deletion_curves.title", "preparation.identifier"}
#: What every text can use without being given it.
GIVEN = {"noun", "nouns", "the_noun", "the_nouns", "interval"}


#: The one message whose id is made of whatever it is given; pictures are drawn in other tests.
ANY_PICTURE = "pictures.{}"
#: Files whose texts are given as messages alone; those of the others are asked for by key as well,
#: and have tests of their own (`metrics/test_texts.py`, `rendering/test_texts.py`).
OWNED = ("compliance", "data", "data_sets", "models")


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


def uses() -> Iterator[Use]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "message":
                where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                yield Use(where, id_of(node.args[0], where), values_of(node))


def id_of(node: ast.expr, where: str) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        return "".join(map(str, parts))
    assert isinstance(node, ast.Constant), f"{where}: the id of a message is no literal"
    return str(node.value)


def values_of(node: ast.Call) -> frozenset[str] | None:
    names = [keyword.arg for keyword in node.keywords]
    return None if None in names else frozenset(name for name in names if name)


def flat(tree: dict, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


USES = tuple(uses())
KEYS = dict(
    pair
    for path in sorted(FOLDER.glob("*.yaml"))
    for pair in flat(yaml.safe_load(path.read_text(encoding="utf-8")))
)


def test_every_message_has_a_text() -> None:
    words = wording("en")
    every = [key for key, _ in flat(dict(words._texts))]
    named = [use for use in USES if use.id != ANY_PICTURE]
    lost = [use for use in named if not any(use.pattern.fullmatch(key) for key in every)]
    assert [f"{use.where}: {use.id}" for use in lost] == []


def test_every_text_is_said_somewhere() -> None:
    patterns = [use.pattern for use in USES]
    owned = {
        key
        for name in OWNED
        for key, _ in flat(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
    }
    texts = [key for key in sorted(owned) if not LOOKED_UP.match(key)]
    texts = [key for key in texts if key.partition(".")[0] not in LABELS]
    texts = sorted(set(texts) - asked_by_key() - EARLIER)
    unused = [key for key in texts if not any(pattern.fullmatch(key) for pattern in patterns)]
    assert unused == []


def asked_by_key() -> set[str]:
    """All literals of the code: what a section asks for by its key stands there as it is."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.where}-{use.id}")
def test_a_message_gives_all_that_its_text_uses(use: Use) -> None:
    if use.values is None:
        return
    for key, text in KEYS.items():
        if use.pattern.fullmatch(key):
            needed = meta.find_undeclared_variables(wording("en")._environment.parse(text))
            assert needed - GIVEN <= use.values, key


def test_texts_in_the_folder_of_a_language_are_valid_templates() -> None:
    environment = wording("en")._environment
    for key, text in KEYS.items():
        assert isinstance(text, str), key
        environment.parse(text)


@pytest.mark.parametrize("name", ["boston_hmda", "breast_cancer", "diabetes", "taiwan_credit"])
def test_names_of_the_columns_that_ship_are_in_the_catalog(name: str) -> None:
    known = {key.removeprefix(f"data_sets.{name}.names.") for key in KEYS}
    for column in known_tables.known(name).columns.values():
        categories = column.categories if isinstance(column.categories, dict) else {}
        named = [column.label, column.attribute_label, column.unit, *categories.values()]
        named += (column.levels or {}).values()
        assert [label for label in named if label and label not in known | UNITS] == []


#: Units that are written in the same way everywhere.
UNITS = {"%", "NT$", "kg/m²", "mmHg", "mg/dl"}


def test_kinds_of_layers_are_in_the_catalog() -> None:
    kinds = {kind for _, kind in transformer_parts._KINDS}
    trained = {
        f"{kind}{suffix}" for kind in kinds for suffix in ("", ", frozen", ", partly trained")
    }
    assert {kind for kind in trained if f"names.{kind}" not in KEYS} == set()


def test_advice_that_an_earlier_run_holds_is_still_said() -> None:
    text = wording().text("advice.tried", option="reweighted")  # no word of whose fit it was
    assert text == "Tried with another model: reweighted"
