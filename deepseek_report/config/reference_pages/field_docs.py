"""What can be set in a part: each field with type, default, limits and meaning, from the code."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

_PLAIN = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    type(None): "null",
    Any: "any value",
}
_NAMES = r"[a-z_]\w*(?:, [a-z_]\w*)*"
#: The start of what a docstring says of a field or of several: `low, high : ends of the range`.
_ENTRY = re.compile(rf"^({_NAMES}) : ")
_NEXT = re.compile(rf"(?<=[.;)] )({_NAMES}) : ")
_YAML_LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w-]+):(?P<rest>.*)$")


@dataclass(frozen=True)
class FieldDoc:
    """One field of a part. key : dotted where the field lies in another one."""

    key: str
    type: str
    default: str
    meaning: str


def field_docs(cls: type, values: Mapping[str, Any], comments: Mapping[str, str]) -> list[FieldDoc]:
    """The fields of a dataclass in order, nested ones below the field that holds them.

    Parameters
    ----------
    values : defaults of its YAML, which count before those of the class.
    comments : {dotted key: the comment of the YAML}, taken where no docstring says more.
    """
    return list(_rows(cls, values, comments, ""))


def _rows(
    cls: Any, values: Mapping[str, Any], comments: Mapping[str, str], prefix: str
) -> Iterator[FieldDoc]:
    hints = typing.get_type_hints(cls, include_extras=True)
    meanings = _meanings(cls)
    for field in dataclasses.fields(cls):
        key = f"{prefix}{field.name}"
        value = values.get(field.name, _default(field))
        nested = _nested(hints[field.name])
        is_part = nested is not None and dataclasses.is_dataclass(hints[field.name])
        default = "" if is_part else _written(value)
        meaning = meanings.get(field.name) or comments.get(key, "")
        yield FieldDoc(key, type_words(hints[field.name]), default, meaning)
        if nested is not None:
            below = value if isinstance(value, Mapping) else {}
            yield from _rows(nested, below, comments, f"{key}." if is_part else f"{key}[].")


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def _written(value: Any) -> str:
    """A default as YAML has it; empty where a value must be given."""
    if value is dataclasses.MISSING:
        return "must be given"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Iterable):
        return "[" + ", ".join(map(_written, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _nested(hint: Any) -> Any:
    """The dataclass that a field holds, one or a list of them; None where it holds none."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint
    leaves = (leaf for argument in typing.get_args(hint) for leaf in [_nested(argument)])
    return next((leaf for leaf in leaves if leaf is not None), None)


# --- types ----------------------------------------------------------------------------------------


def type_words(hint: Any) -> str:
    """A type as a person reads it: `whole number, from 2 to 20, or null`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return ", ".join(filter(None, [type_words(arguments[0]), _limits(arguments[1:])]))
    if origin is typing.Literal:
        return " · ".join(f"`{_written(argument)}`" for argument in arguments)
    inner = list(
        dict.fromkeys(type_words(argument) for argument in arguments if argument is not Ellipsis)
    )
    if origin in (typing.Union, types.UnionType):
        return (", or " if any("," in words for words in inner) else " or ").join(inner)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        listed = f"list of: {', '.join(inner)}"
        return f"keys with values of: {inner[-1]}" if issubclass(origin, Mapping) else listed
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return "the keys below"
    return _PLAIN.get(hint, getattr(hint, "__name__", str(hint)))


def _limits(metadata: Sequence[Any]) -> str:
    """The range of an annotated field: `from 2 to 20`, `above 0`."""
    bounds: dict[str, Any] = {}
    for entry in metadata:
        for limit in entry.metadata if isinstance(entry, FieldInfo) else [entry]:
            names = ("ge", "gt", "le", "lt", "pattern", "min_length", "max_length")
            bounds |= {name: getattr(limit, name) for name in names if hasattr(limit, name)}
    bounds = {name: value for name, value in bounds.items() if value is not None}
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
    words |= {"min_length": "at least {} long", "max_length": "at most {} long"}
    limits = [text.format(bounds[name]) for name, text in words.items() if name in bounds]
    limits += [f"of the form `{bounds['pattern']}`"] if "pattern" in bounds else []
    return ", ".join(limits)


# --- meanings -------------------------------------------------------------------------------------


def _meanings(cls: type) -> dict[str, str]:
    """{field: what the docstring of the class, or of one that it extends, says of it}."""
    fields = {field.name for field in dataclasses.fields(cls)}
    sentences: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            sentences |= docstring_entries(inspect.cleandoc(base.__doc__ or ""), fields)
    return sentences


def docstring_entries(text: str, fields: Iterable[str]) -> dict[str, str]:
    """{field: its sentence} of the entries `name, name : sentence` of a docstring."""
    known = set(fields)
    sentences: dict[str, str] = {}
    for entry in _entries(text):
        starts = [m for m in [_ENTRY.match(entry), *_NEXT.finditer(entry)] if m is not None]
        starts = [m for m in starts if known.issuperset(m[1].split(", "))]
        for start, end in zip(starts, [*(m.start() for m in starts[1:]), len(entry)], strict=False):
            sentences |= dict.fromkeys(start[1].split(", "), entry[start.end() : end].strip(" ;"))
    return sentences


def _entries(text: str) -> Iterator[str]:
    """The entries of a docstring, each on one line: up to the next entry or a blank line.

    A line that ends in a comma goes on with the next one, even where that begins with a name.
    """
    entry: list[str] = []
    for line in [*text.splitlines(), ""]:
        begins = _ENTRY.match(line) and not (entry and entry[-1].endswith(","))
        if entry and (begins or not line.strip()):
            yield " ".join(entry)
            entry = []
        if begins or entry:
            entry.append(line.strip())


def yaml_comments(text: str) -> dict[str, str]:
    """{dotted key: the comment behind it, and on the lines below it} of a YAML file."""
    comments: dict[str, list[str]] = {}
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        if (match := _YAML_LINE.match(line)) is not None:
            indent = len(match["indent"])
            above = [*(outer for outer in above if outer[0] < indent), (indent, match["key"])]
            comment = re.search(r"(?:^|\s)#\s?(.*)$", match["rest"])
            comments[".".join(key for _, key in above)] = [comment[1].strip()] if comment else []
        elif above and (comment := re.match(r"^\s+#\s?(.*)$", line)) is not None:
            comments[".".join(key for _, key in above)].append(comment[1].strip())
    return {key: " ".join(parts) for key, parts in comments.items() if parts}
