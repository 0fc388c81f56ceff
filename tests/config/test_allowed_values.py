"""No word of the machinery reaches a person, whatever value is given for whatever field."""

from __future__ import annotations

import dataclasses
import importlib
import re
from typing import Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from deepseek_report.config.catalogue import target_of
from deepseek_report.config.config_files import shipped_folders
from deepseek_report.config.experiment import Settings
from deepseek_report.config.setting_names import misfits, shown_value
from deepseek_report.config.validate import _forbid_extra
from tests.worded import problems

typing_literal = Literal["auto"]
ODD: list[Any] = [None, "x", "", -1, 0, 1e30, 1.5, True, [1], ["a"], {"a": 1}, [], {}, [["a"]]]
ODD += [float("nan"), float("inf"), [{"a": 1}], {"a": {"b": 1}}, {1: 2}, ["a"] * 30, {"a": None}]
JARGON = re.compile(
    r"\b(literal\[|tuple|dict|int|str|float|boolean|pydantic|instance|Mapping|validation|regex"
    r"|pattern|keyword|constrained|NoneType|valid)\b|<class|\^|\\d|\[A-Z|[Ii]nput should|function-"
)


def targets() -> list[str]:
    classes = {target_of(file) for root in shipped_folders() for file in root.glob("*/*.yaml")}
    return sorted(name for name in classes if name)


def texts_on(cls: Any) -> set[str]:
    """Everything that is said of odd values of the fields of a class."""
    _forbid_extra(cls)
    adapter, texts = TypeAdapter(cls), set()
    for field in dataclasses.fields(cls):
        for value in ODD:
            try:
                adapter.validate_python({field.name: value})
            except ValidationError as error:
                for misfit in misfits(cls, error.errors()):
                    if misfit.type not in {"missing", "unexpected_keyword_argument", "value_error"}:
                        texts.update([*misfit.place, misfit.allowed])
    return texts


def plugin(target: str) -> Any:
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("target", [*targets(), ""])
def test_what_is_allowed_is_said_without_jargon(target: str) -> None:
    cls = plugin(target) if target else Settings
    texts = texts_on(cls)
    fields = [field for field in dataclasses.fields(cls) if field.name != "params"]
    assert texts or not fields or target.endswith(("Intrinsic", "Random"))
    assert [text for text in texts if JARGON.search(text)] == []


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("trainer.precision=7", "trainer.precision is 7"),
        ("dataset.task=7", "allowed: "),
        ("name=<b>", "a name of at most 64 letters"),
        ("report.as_of=yesterday", "a day as YYYY-MM-DD"),
        ("report.language=Deutsch", "the tag of a language, such as en"),
        ("metrics.impact_ratio.reference=[1]", "keys with values"),
    ],
)
def test_a_message_names_the_field_and_what_may_stand_there(override: str, expected: str) -> None:
    data = ["dataset=csv", "dataset.path=a.csv", "dataset.target=y", "~experiment"]
    text = problems(override, *(data if override.startswith("dataset") else []))
    assert expected in text
    assert not JARGON.search(text)


def test_alternatives_of_one_field_are_told_in_one_sentence() -> None:
    @dataclasses.dataclass(frozen=True)
    class Part:
        """Something with alternatives."""

        size: int | typing_literal = 1  # type: ignore[valid-type]

    Part.__annotations__["size"] = int | typing_literal
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Part).validate_python({"size": "wide"})
    (misfit,) = misfits(Part, caught.value.errors())
    assert misfit.place == ("size",)
    assert misfit.allowed == "a whole number or 'auto'"


def test_a_long_value_is_shortened() -> None:
    assert len(shown_value(["x"] * 1000)) < 100
