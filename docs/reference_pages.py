"""Writes `docs/settings/`: choices of each group with their fields, and the tables of metrics.

`python docs/reference_pages.py docs/settings`, or `make settings`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from deepseek_report.artifacts.table import Column, TableType, TableTypes
from deepseek_report.config.blocks import declared_class
from deepseek_report.config.catalogue import describe, groups, target_of, yaml_file
from deepseek_report.config.config_files import (
    MULTIPLE,
    SINGLE,
    WHOLE,
    read_yaml,
    shipped_files,
    shipped_folders,
)
from deepseek_report.config.experiment import Settings
from deepseek_report.config.sets import Sets, describe_set, find_sets


def declared_tables() -> dict[str, TableTypes]:
    """{key of a shipped metric: its tables}, of those that declare any."""
    declared: dict[str, TableTypes] = {}
    for path in shipped_files("metrics"):
        for key, settings in yaml.safe_load(path.read_text("utf-8")).items():
            if not isinstance(settings, Mapping) or "_target_" not in settings:
                continue
            module, _, name = str(settings["_target_"]).rpartition(".")
            if by_name := getattr(getattr(import_module(module), name), "tables", None):
                declared[str(key)] = by_name
    return declared


def _tables_page(tables: Mapping[str, TableTypes]) -> Iterator[str]:
    """The tables of all metrics, one row for each."""
    yield from ("# Every table of a metric", "", _NOTE, "")
    yield "Columns by name and unit; the low and the high end of an interval stand in brackets."
    yield "How a table is declared: [contracts](../contracts.md#measurements)."
    yield from ("", "| metric | table | columns | shown in |", "|---|---|---|---|")
    for metric, by_name in tables.items():
        yield from (_line(metric, name, declared) for name, declared in by_name.items())


def _line(metric: str, name: str, declared: TableType) -> str:
    columns = ", ".join(_described(column) for column in declared.columns)
    return f"| {metric} | `{name}` | {columns} | {declared.section or '–'} |"


def _described(column: Column) -> str:
    """`observed: share (low, high)`, `features: text, may be missing`."""
    ends = f" ({column.low}, {column.high})" if column.low else ""
    kind = column.kind.replace("_", " ")
    return f"{column.key}: {kind}{ends}{', may be missing' if column.optional else ''}"


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
#: Indent, key, and what follows.
_YAML_LINE = re.compile(r"^( *)([\w-]+):(.*)$")


@dataclass(frozen=True)
class FieldDoc:
    """One field of a part. key : dotted where the field lies in another one."""

    key: str
    type: str
    default: str
    meaning: str


def field_docs(
    cls: Any, values: Mapping[str, object], comments: Mapping[str, str], prefix: str = ""
) -> Iterator[FieldDoc]:
    """The fields of a dataclass in order, nested ones below the field that holds them.

    values : defaults of its YAML, which count before those of the class.
    comments : {dotted key: the comment of the YAML}, taken where no docstring says more.
    prefix : what stands before the keys of a nested class.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    meanings = _meanings(cls)
    for field in dataclasses.fields(cls):
        key = f"{prefix}{field.name.rstrip('_')}"  # `from_` is written `from`
        value = values.get(field.name, _default(field))
        nested = _nested(hints[field.name])
        is_part = nested is not None and dataclasses.is_dataclass(hints[field.name])
        default = "" if is_part else _written(value)
        meaning = meanings.get(field.name) or comments.get(key, "")
        yield FieldDoc(key, type_words(hints[field.name]), default, meaning)
        if nested is not None:
            below = value if isinstance(value, Mapping) else {}
            yield from field_docs(nested, below, comments, f"{key}." if is_part else f"{key}[].")


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def _written(value: object) -> str:
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


def _nested(hint: object) -> object:
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


def _limits(metadata: Sequence[object]) -> str:
    """The range of an annotated field: `from 2 to 20`, `above 0`."""
    words = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
    words |= {"min_length": "at least {} long", "max_length": "at most {} long"}
    words |= {"pattern": "of the form `{}`"}
    bounds: dict[str, object] = {}
    for entry in metadata:
        for limit in entry.metadata if isinstance(entry, FieldInfo) else [entry]:
            bounds |= {name: getattr(limit, name) for name in words if hasattr(limit, name)}
    bounds = {name: value for name, value in bounds.items() if value is not None}
    if {"ge", "le"} <= bounds.keys():
        return "from {ge} to {le}".format(**bounds)
    return ", ".join(text.format(bounds[name]) for name, text in words.items() if name in bounds)


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
            indent, key, rest = match.groups()
            above = [*(outer for outer in above if outer[0] < len(indent)), (len(indent), key)]
            comment = re.search(r"(?:^|\s)#\s?(.*)$", rest)
            comments[".".join(key for _, key in above)] = [comment[1].strip()] if comment else []
        elif above and (comment := re.match(r"^\s+#\s?(.*)$", line)) is not None:
            comments[".".join(key for _, key in above)].append(comment[1].strip())
    return {key: " ".join(parts) for key, parts in comments.items() if parts}


_NOTE = "*Made from the code by `make settings`; a test fails where it is not up to date.*"
_HEAD = ("| field | type and range | default | meaning |", "|---|---|---|---|")


def pages(roots: Sequence[Path]) -> dict[str, str]:
    """{file name: text} of the pages on the groups of these config folders, and on all tables."""
    known = groups(roots)
    sets = find_sets(roots, known)
    chosen = [group for group in known if group in {*SINGLE, *MULTIPLE, "launcher"}]
    written = {
        f"{group}.md": "\n".join(_group_page(roots, group, known[group], sets.get(group)))
        for group in chosen
    }
    tables = "\n".join(_tables_page(declared_tables()))
    return {"README.md": "\n".join(_front_page(roots, chosen)), "tables.md": tables, **written}


def _front_page(roots: Sequence[Path], chosen: Sequence[str]) -> Iterator[str]:
    yield from ("# Every setting", "", _NOTE, "")
    yield "How a configuration is put together: [configuration](../configuration.md). By group:"
    yield " · ".join(f"[{group}]({group}.md)" for group in chosen) + "."
    yield "What metrics store: [tables](tables.md)."
    for group in WHOLE:
        yield from ("", f"## {group}", "", f"One of them: `{group}=name`.", "")
        places = [root / group for root in roots]
        files = sorted((file for at in places for file in at.glob("*.yaml")), key=lambda f: f.name)
        yield from (f"- `{file.stem}`: {describe(file)}" for file in files)
    yield from ("", "## What is no part of a group", "")
    file = roots[-1] / "config.yaml"
    values, comments = read_yaml(file), yaml_comments(_text(file))
    classes = (Settings, declared_class())
    yield from _table(doc for cls in classes for doc in field_docs(cls, values, comments))


def _group_page(
    roots: Sequence[Path], group: str, names: Sequence[str], sets: Sets | None
) -> Iterator[str]:
    yield from (f"# {group}", "", _NOTE, "")
    if sets is not None:
        yield f"Several of them: `{group}=[default,name,-other]`. Sets:"
        yield ""
        yield from (f"- `{name}`: {describe_set(sets, name)}" for name in sets.names)
    else:
        yield f"One of them: `{group}=name`."
    for name in names:
        if (file := yaml_file(roots, group, name)) is not None:
            yield from ("", f"## {name}", "", describe(file), "")
            yield from _table(_fields(file, group, name))


def _fields(file: Path, group: str, name: str) -> Iterator[FieldDoc]:
    module, _, cls = target_of(file).rpartition(".")
    values = read_yaml(file)[name] if group in MULTIPLE else read_yaml(file)
    comments = _comments(file, group)
    for other in sorted(file.parent.glob("*.yaml")):  # of the same class, with other settings
        if target_of(other) == target_of(file):
            comments = _comments(other, group) | comments
    return field_docs(getattr(importlib.import_module(module), cls), values, comments)


def _comments(file: Path, group: str) -> dict[str, str]:
    """{key of a field: the comment of a YAML}, without the key of the part itself."""
    comments = yaml_comments(_text(file))
    if group not in MULTIPLE:
        return comments
    return {key.partition(".")[2]: text for key, text in comments.items()}


def _table(fields: Iterable[FieldDoc]) -> Iterator[str]:
    rows = []
    for field in fields:
        default = f"`{field.default}`" if field.default else ""
        cells = (f"`{field.key}`", field.type, default, field.meaning)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    yield from (*_HEAD, *rows) if rows else ("Nothing to set.",)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def stale(folder: Path, written: Mapping[str, str]) -> list[str]:
    """Names of pages in a folder that are missing, other than they should be, or left over."""
    present = {file.name: _text(file).rstrip("\n") for file in sorted(folder.glob("*.md"))}
    return [name for name in {**written, **present} if present.get(name) != written.get(name)]


def main(arguments: Sequence[str]) -> None:
    """Write the pages into a folder."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    texts = pages(shipped_folders())
    for name in stale(folder, texts):
        if name in texts:
            (folder / name).write_text(f"{texts[name]}\n", encoding="utf-8")
        else:
            (folder / name).unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
