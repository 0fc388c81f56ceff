"""Reads a YAML file that a person wrote, bounded, as texts with their lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from deepseek_report.config.problems import Problem

#: Most bytes, and most nested levels, of a file.
MOST_BYTES = 262_144
_MOST_DEPTH = 8
_TEXT_TODO = "write the text behind the colon, in quotes if it holds `: ` or begins with a mark"


@dataclass(frozen=True)
class Entry:
    """A value of a file: a text, or the entries below it. line : where its key stands."""

    line: int
    text: str = ""
    below: dict[str, Entry] = field(default_factory=dict)
    is_mapping: bool = False


def parse(shown: str, content: bytes) -> tuple[Entry, list[Problem]]:
    """The content of a file and what is wrong with its form.

    Aliases and anchors are refused, so that a small file cannot stand for a large one; every scalar
    is taken as the text that is written, so that `no` is a word and a date is a date.
    """
    nothing = Entry(1, is_mapping=True)
    if len(content) > MOST_BYTES:
        found = f"{len(content)} bytes"
        return nothing, [Problem(shown, found, f"at most {MOST_BYTES} bytes", "split the file")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return nothing, [Problem(f"{shown}:{line}", "not UTF-8", todo="save the file as UTF-8")]
    try:
        if problem := _refused(shown, text):
            return nothing, [problem]
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return nothing, [_no_yaml(shown, error)]
    if not isinstance(node, yaml.MappingNode):
        found = "the file is empty" if node is None else "the file holds no keys"
        return nothing, [Problem(shown, found, "statements, judgements or not_applicable")]
    problems: list[Problem] = []
    return _entry(node, 1, shown, problems), problems


def _refused(shown: str, text: str) -> Problem | None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{shown}:{event.start_mark.line + 1}" if event.start_mark else shown
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return Problem(where, "an alias or anchor (* or &)", todo="write the text out")
        if depth > _MOST_DEPTH:
            return Problem(where, f"more than {_MOST_DEPTH} levels", todo="see docs/statements.md")
        if documents > 1:
            return Problem(where, "a second document (---)", "one", "write it in a file of its own")
    return None


def _no_yaml(shown: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
    where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
    todo = "correct this line or the one before it: colons, quotes, indents made of spaces"
    return Problem(where, f"not valid YAML: {said}", todo=todo)


def _entry(node: yaml.Node, line: int, shown: str, problems: list[Problem]) -> Entry:
    if isinstance(node, yaml.ScalarNode):
        return Entry(line, "" if node.tag.endswith(":null") else node.value.strip())
    if isinstance(node, yaml.MappingNode):
        return Entry(line, below=dict(_pairs(node, shown, problems)), is_mapping=True)
    problems.append(Problem(f"{shown}:{line}", "a list", "a text", _TEXT_TODO))
    return Entry(line)


def _pairs(
    node: yaml.MappingNode, shown: str, problems: list[Problem]
) -> Iterator[tuple[str, Entry]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(f"{shown}:{line}", "a key that is no text", "a name"))
            continue
        if key.value in seen:
            found = f"`{key.value}` stands twice"
            problems.append(Problem(f"{shown}:{line}", found, "once", "keep one of the two"))
            continue
        seen.add(key.value)
        yield key.value, _entry(value, line, shown, problems)
