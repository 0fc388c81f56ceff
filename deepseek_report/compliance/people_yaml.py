"""A YAML file that a person wrote, bounded, as texts with their lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from deepseek_report.compliance.statements import PeopleProblem, wrong

#: Most bytes, and most nested levels, of a file.
MOST_BYTES = 262_144
_MOST_DEPTH = 8
_GROUPS = ["subject", "by", "decisions", "statements"]


@dataclass(frozen=True)
class Entry:
    """A value of a file: a text, the entries below it, or its items. line : of its key or dash."""

    line: int
    text: str = ""
    below: dict[str, Entry] = field(default_factory=dict)
    is_mapping: bool = False
    items: tuple[Entry, ...] = ()


def parse(shown: str, content: bytes) -> tuple[Entry, list[PeopleProblem]]:
    """The content of a file and what is wrong with its form.

    Aliases and anchors are refused, so that a small file cannot stand for a large one; every scalar
    is taken as the text that is written, so that `no` is a word and a date is a date.
    """
    nothing = Entry(1, is_mapping=True)
    if len(content) > MOST_BYTES:
        return nothing, [wrong(shown, "bytes", n=len(content), most=MOST_BYTES)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return nothing, [wrong(f"{shown}:{line}", "not_utf8")]
    try:
        if problem := _refused(shown, text):
            return nothing, [problem]
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return nothing, [_no_yaml(shown, error)]
    if not isinstance(node, yaml.MappingNode):
        return nothing, [wrong(shown, "empty" if node is None else "no_keys", keys=_GROUPS)]
    problems: list[PeopleProblem] = []
    return _entry(node, 1, shown, problems), problems


def _refused(shown: str, text: str) -> PeopleProblem | None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{shown}:{event.start_mark.line + 1}" if event.start_mark else shown
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return wrong(where, "alias")
        if depth > _MOST_DEPTH:
            return wrong(where, "depth", most=_MOST_DEPTH, file="docs/decisions-of-people.md")
        if documents > 1:
            return wrong(where, "document")
    return None


def _no_yaml(shown: str, error: yaml.YAMLError) -> PeopleProblem:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or ""
    where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
    return wrong(where, "not_yaml", reason=reason)


def _entry(node: yaml.Node, line: int, shown: str, problems: list[PeopleProblem]) -> Entry:
    if isinstance(node, yaml.ScalarNode):
        return Entry(line, "" if node.tag.endswith(":null") else node.value.strip())
    if isinstance(node, yaml.MappingNode):
        return Entry(line, below=dict(_pairs(node, shown, problems)), is_mapping=True)
    items = (_entry(item, item.start_mark.line + 1, shown, problems) for item in node.value)
    return Entry(line, items=tuple(items))


def _pairs(
    node: yaml.MappingNode, shown: str, problems: list[PeopleProblem]
) -> Iterator[tuple[str, Entry]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(wrong(f"{shown}:{line}", "odd_key"))
            continue
        if key.value in seen:
            problems.append(wrong(f"{shown}:{line}", "twice", key=key.value))
            continue
        seen.add(key.value)
        yield key.value, _entry(value, line, shown, problems)
