"""Overrides as advice prints them, and the arguments of a Python call that mean the same."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
from collections.abc import Sequence

#: What the command line reads as a text without quotes; numbers and these words are no texts.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"null", "true", "false", "nan", "inf"}
_INTERPOLATION = re.compile(r"(\\*)\$\{")
_QUOTE = re.compile(r'(\\*)("|$)')


def override(key: str, value: str | int | float | Sequence[str]) -> str:
    r"""`key=value` as it can be pasted behind the command in a shell.

    Parameters
    ----------
    value : a text, a number, or a list of texts. Texts may hold anything: blanks, quotes, commas,
        brackets, equals signs, letters of any script.

    >>> override("dataset.drop", ["age"])
    "'dataset.drop=[age]'"
    >>> override("dataset.drop", ["Größe (m²)"])
    '\'dataset.drop=["Größe (m²)"]\''
    >>> override("dataset.bounds.cells", 5)
    'dataset.bounds.cells=5'
    """
    if isinstance(value, str):
        written = _text(value)
    elif isinstance(value, int | float):
        written = str(value)
    else:
        written = f"[{','.join(map(_text, value))}]"
    return shlex.quote(f"{key}={written}")


def column_override(column: str, field: str, value: str) -> str:
    """What to declare of a column: an override where its name can be a key, else lines of YAML."""
    if _PLAIN.fullmatch(column):
        return override(f"+dataset.columns.{column}.{field}", value)
    name = column.replace("\\", "\\\\").replace('"', '\\"')
    return f'columns: {{"{name}": {{{field}: {value}}}}} under `dataset:` in a YAML file'


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    doubled = _QUOTE.sub(lambda m: 2 * m[1] + ('\\"' if m[2] else ""), without_variables(text))
    return f'"{doubled}"'


def without_variables(text: str) -> str:
    r"""The text as a config must hold it, so that no part of it is taken for a variable.

    >>> without_variables("${a} of b")
    '\\${a} of b'
    """
    return _INTERPOLATION.sub(lambda match: 2 * match[1] + "\\${", text)


#: {key of a config: argument of `deepseek_report.report`}, where the two are called otherwise than
#: "dataset.drop" and "drop".
_RENAMED = {
    "explain.instances": "instances",
    "explain.background": "background",
    "decision.threshold": "threshold",
    "decision.costs": "costs",
    "split.folds": "folds",
    "model.classes": "classes",
    "paths.reports": "reports",
    "paths.store": "store",
}
#: Fields of a data set and of a report that are arguments by their own names.
_OF_DATA = frozenset(
    {
        *("target", "task", "sensitive", "compare_by", "entity", "time", "favourable", "positive"),
        *("use_sensitive", "drop", "columns", "unit", "labels_are_decisions", "max_classes"),
        *("max_categories", "duplicates", "rows", "validation_share", "test_share", "description"),
        *("source", "licence", "citation", "doi", "period", "population", "decision", "limits"),
        *("sector", "max_length", "text"),
    }
)
_OF_REPORTS = frozenset(
    {
        *("title", "subtitle", "author", "language", "audience", "formats", "engine"),
        *("thresholds", "as_of", "places", "interactive", "privacy", "privacy_floor", "cases"),
    }
)
_GROUPS = (
    "dataset|report|decision|explain|split|model|paths|metrics|explainers|visualizations|trainer"
)
_LIST = r"\[[^\]\n]*\]"
_OVERRIDE = re.compile(
    rf"""(?<![\w./"\[])(?P<quote>'?)\+?(?P<key>(?:{_GROUPS})(?:\.[A-Za-z_]\w*)+)"""
    rf"""(?:=(?P<value>{_LIST}|"[^"\n]*"|…|[\w.-]*\w))?(?P=quote)(?![\w/])"""
)


def as_arguments(text: str) -> str:
    """The text with keys of a config, and overrides, as the arguments of a call that mean the same.

    What no argument of `deepseek_report.report` says becomes one of `overrides`.

    >>> as_arguments("Drop it: 'dataset.drop=[age]'")
    'Drop it: drop=["age"]'
    >>> as_arguments("Explain more cases: explain.instances.")
    'Explain more cases: instances.'
    >>> as_arguments("Set metrics.multiplicity.refits to 5.")
    'Set overrides=["metrics.multiplicity.refits=…"] to 5.'
    """
    return _OVERRIDE.sub(_argument, text)


def argument_of(key: str) -> str | None:
    """The argument of `deepseek_report.report` that a key of a config is; None where there is none.

    >>> argument_of("dataset.drop"), argument_of("trainer.max_epochs")
    ('drop', None)
    """
    group, _, field = key.partition(".")
    known = {"dataset": _OF_DATA, "report": _OF_REPORTS}.get(group, frozenset())
    return _RENAMED.get(key) or (field if field in known else None)


def _argument(match: re.Match[str]) -> str:
    key, value = match.group("key", "value")
    if key.startswith("dataset.columns.") and value is not None:
        _, _, column, field = f"{key}.".split(".")[:4]
        return f'columns={{"{column}": {{"{field}": {_in_python(value)}}}}}'
    if key.startswith("decision.costs."):
        return f'costs={{"{key.rpartition(".")[2]}": {"…" if value is None else value}}}'
    name = argument_of(key)
    if name is not None:
        return name if value is None else f"{name}={_in_python(value)}"
    if key.startswith(("report.", "model.")):
        return match[0]  # a file's name, or a part of the report that no call sets
    stated = f"{key}={'…' if value is None else value}"
    return f"overrides=[{json.dumps(stated, ensure_ascii=False)}]"


def _in_python(value: str) -> str:
    """A value in the grammar of the command line as Python writes it."""
    if value.startswith("["):
        parts = re.findall(r'"(?:[^"\\]|\\.)*"|[^,\[\]]+', value)
        return f"[{', '.join(_in_python(part.strip()) for part in parts)}]"
    if value.startswith('"') or value == "…" or re.fullmatch(r"-?\d+(\.\d+)?", value):
        return value
    return {"true": "True", "false": "False", "null": "None"}.get(value) or f'"{value}"'


# How a library is installed that this package can use and does not bring.

DISTRIBUTION = "deepseek-report"
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)[^;]*")


def pip_install(*libraries: str) -> str:
    """The command that installs libraries in the versions that this package can use.

    They are named themselves, not an extra of this package: that is right wherever the package
    itself came from, be it an index, a wheel or a folder. What it does not declare has no bounds.

    >>> pip_install("openpyxl")
    "pip install 'openpyxl<4,>=3.1'"
    """
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        required = []
    matches = filter(None, map(_REQUIREMENT.match, required))
    bounded = {match[1].lower(): match[0].strip() for match in matches}
    words = [bounded.get(name.lower(), name) for name in libraries]
    quoted = (f"'{word}'" for word in words)
    return f"pip install {' '.join(quoted)}"
