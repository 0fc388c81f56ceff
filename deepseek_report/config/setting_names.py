"""What is meant by a setting that lacks its group, or by a file where a name is wanted.

Read from the YAML files and the sources of their classes, so that a mistake is told without
importing any of them.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.catalogue import allowed_texts
from deepseek_report.config.config_files import MULTIPLE, SINGLE
from deepseek_report.config.problems import nearest, nearest_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


_LIST = "a list, such as [one, two]"
_KEYS = "keys with values, such as {key: value}"
_WORDS = {
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("dataclass_type", "dict_type", "mapping_type"), _KEYS),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(
        ("int_from_float", "int_parsing", "int_parsing_size", "int_type"), "a whole number"
    ),
    **dict.fromkeys(("frozen_set_type", "list_type", "set_type", "tuple_type"), _LIST),
    "finite_number": "a finite number",
    "invalid_key": "keys that are text",
    "none_required": "null",
    "path_type": "a path",
    "string_type": "text; a number is quoted twice, such as '\"7\"'",
}
#: Limits, filled with what pydantic says of them.
_LIMITS = {
    "greater_than": "a number greater than {gt:.15g}",
    "greater_than_equal": "a number greater than or equal to {ge:.15g}",
    "less_than": "a number less than {lt:.15g}",
    "less_than_equal": "a number less than or equal to {le:.15g}",
    "literal_error": "{expected}",
    "multiple_of": "a multiple of {multiple_of:.15g}",
    "string_too_long": "text of at most {max_length} characters",
    "string_too_short": "text of at least {min_length} characters",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
}
#: What the patterns of fields ask for.
_FORMS = {
    r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$": "the tag of a language, such as en",
    r"^\d{4}-\d{2}-\d{2}$": "a day as YYYY-MM-DD, such as 2026-03-02",
}
_ELSE = "another value; the comment in its YAML says which"
_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Misfit:
    """A value that does not fit: its place in the class, pydantic's error, and what is allowed."""

    place: tuple[str, ...]
    type: str
    value: object
    allowed: str


def misfits(cls: object, errors: Iterable[ErrorDetails]) -> list[Misfit]:
    """Each place with what is allowed there; the alternatives of one field are one sentence."""
    by_place: dict[tuple[tuple[str, ...], bool], list[Misfit]] = {}
    for error in errors:
        place, kind = tuple(_place(cls, error["loc"])), error["type"]
        alike = by_place.setdefault((place, kind == "unexpected_keyword_argument"), [])
        alike.append(Misfit(place, kind, error["input"], allowed(error)))
    return [
        dataclasses.replace(alike[0], allowed=" or ".join(dict.fromkeys(m.allowed for m in alike)))
        for alike in by_place.values()
    ]


def _place(hint: object, location: Sequence[object]) -> Iterable[str]:
    """The keys that lead to a value, without pydantic's names for alternatives (`literal[…]`)."""
    for part in location:
        alternatives = _alternatives(hint)
        if len(alternatives) > 1:
            hint = None  # `part` names one of them
            continue
        hint = alternatives[0] if alternatives else None
        if part == "[key]":
            continue
        yield str(part)
        hint = _inside(hint, part)


def _alternatives(hint: object) -> list[object]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [each for each in typing.get_args(hint) if each is not type(None)]
    return [hint]


def _inside(hint: object, part: object) -> object:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return type_hints(hint).get(str(part))
    arguments = [argument for argument in typing.get_args(hint) if argument is not Ellipsis]
    if isinstance(part, int) and len(arguments) > part and typing.get_origin(hint) is tuple:
        return arguments[part]
    return arguments[-1] if arguments else None


@cache
def type_hints(cls: type) -> dict[str, object]:
    """{field: its type} of a dataclass."""
    return typing.get_type_hints(cls)


def allowed(error: ErrorDetails) -> str:
    """What is allowed where pydantic reports this error."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return _FORMS.get(context["pattern"], _ELSE)
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context)
    return _WORDS.get(kind, _ELSE)


#: How lists look whose entries have keys.
EXAMPLES = {
    "report.thresholds": "write a list: "
    "'report.thresholds=[{metric: roc_auc, at_least: 0.7, set_by: \"Risk team\"}]'"
}
#: What `check` prints of a column's kind, and how a config names it.
_PRINTED = {
    "number": "numeric",
    "ordered": "ordinal",
    "categories": "categorical",
    "words": "token",
}


def correction(key: str, misfit: Misfit) -> str:
    """What to write in the place of a value that does not fit, where that can be known."""
    value = misfit.value
    if example := EXAMPLES.get(re.sub(r"\.\d+$", "", key)):
        return example
    if misfit.allowed == _LIST and isinstance(value, (str, int, float)):
        return f"write {key}=[{value}]"
    if not isinstance(value, str):
        return ""
    named = re.findall(r"'([^']+)'", misfit.allowed)
    if (word := _PRINTED.get(value.lower(), value.lower())) in named:
        return f"write {key}={word}"
    if (percent := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value)) and "number" in misfit.allowed:
        return f"write {key}={float(percent[1]) / 100:g}"
    return nearest(value, named)


def shown_value(value: object) -> str:
    """A value as it stands in YAML, shortened; `null` where Python says None."""
    names = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return names[value]
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


#: The class whose fields most people mean, of each group of which one is chosen.
_USUAL = {
    "dataset": "deepseek_report.datasets.sources.csv.TableFile",
    "trainer": "deepseek_report.training.settings.TrainingSettings",
    "report": "deepseek_report.rendering.page_words.ReportOptions",
}
#: {what other programs call it: what it is called here}.
_OTHERWISE = {
    **dict.fromkeys(("csv", "data", "file"), "dataset.path"),
    **dict.fromkeys(("label", "y"), "dataset.target"),
    **dict.fromkeys(("out", "output"), "paths.reports"),
    **dict.fromkeys(("test", "test_size"), "dataset.test_share"),
    "batch": "trainer.batch_size",
    "cv": "split.folds",
    "epochs": "trainer.max_epochs",
    "format": "report.formats",
    "language": "report.language",
    "lr": "trainer.learning_rate",
    "protected": "dataset.sensitive",
    "sep": "dataset.separator",
    "sheet_name": "dataset.sheet",
    "validation": "dataset.validation_share",
}
#: Files of data, of which `dataset=csv` reads the ones with columns.
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".xls")
_YAML = (".yaml", ".yml")


@cache
def _homes() -> dict[str, str]:
    """{field: `group.field`}, for fields that stand in one group alone."""
    from deepseek_report.config import experiment

    names = {
        "decision": [field.name for field in dataclasses.fields(experiment.DeclaredDecision)],
        "explain": [field.name for field in dataclasses.fields(experiment.ExplainOptions)],
        "paths": [field.name for field in dataclasses.fields(experiment.Paths)],
        "split": [field.name for field in dataclasses.fields(experiment.SplitOptions)],
        **{group: list(allowed_texts(target)) for group, target in _USUAL.items()},
    }
    homes: dict[str, str] = {}
    for group, own in names.items():
        for name in own:
            homes.setdefault(name, f"{group}.{name}")
    return {**_OTHERWISE, **homes}


def full_key(name: str) -> str:
    """`target` → `dataset.target`; "" where nothing of that name is known, or it has its group.

    >>> full_key("target"), full_key("threshold"), full_key("dataset.target")
    ('dataset.target', 'decision.threshold', '')
    """
    bare = name.replace("-", "_")
    return bare if bare in (*SINGLE, *MULTIPLE) else _homes().get(bare, "")


def misplaced_key(name: str, known: Iterable[str]) -> tuple[str, str]:
    """The full key that a key without a place may mean, and else what to do; "" for none."""
    if full := full_key(name):
        return full, ""
    if nearest_name(name, ["override", "defaults"]):
        return "", "a choice stands in a list below `defaults:`, as `- override /model: mlp`"
    near = {key: key for key in known} | _homes()
    close = nearest_name(name, near)
    return "", f'did you mean "{near[close]}"?' if close else ""


def in_shell(value: str) -> str:
    """A value as it can stand on a command line."""
    return f"'{value}'" if any(sign in value for sign in " ;&|<>$*()[]{}") else value


def data_hint(path: str) -> str:
    """How a file of data is named."""
    return f"write dataset=csv dataset.path={path or 'FILE'} dataset.target=COLUMN"


def file_hint(text: str) -> str:
    """What to write where a file stands in the place of a setting, or "" if it is none."""
    suffix = PurePath(text).suffix.lower()
    if suffix in _TABLES:
        return data_hint(text)
    return choice_of_file("experiment", text) if suffix in _YAML else ""


def choice_of_file(group: str, text: str) -> str:
    """What to write where the path of a file stands in the place of a choice, or "".

    A choice is a name; the folder that holds its group is named by `--config-dir`.
    """
    path = PurePath(text)
    if path.suffix.lower() in _TABLES and group == "dataset":
        return data_hint(text)
    if path.suffix.lower() not in _YAML and len(path.parts) < 2:
        return ""
    name = path.stem if path.suffix.lower() in _YAML else path.name
    chosen = f"{group}=[{name}]" if group in MULTIPLE else f"{group}={name}"
    if path.parent.name == group:
        folder = path.parent.parent.as_posix()
        inside = shipped("conf").as_posix() in (folder, Path(folder).resolve().as_posix())
        return f"write {chosen}" + ("" if inside else f" and --config-dir {folder}")
    return f"put the file into a folder conf/{group}/, and write {chosen} and --config-dir conf"
