"""YAML that others wrote: its size, depth and aliases are bounded before it is built.

A few lines of aliases stand for billions of nodes (`b: [*a, *a]`, `c: [*b, *b]`, …), so what they
stand for is counted first, from the events of the parser, which build nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deepseek_report.artifacts.storage.plain_files import open_file

#: The most bytes of a file, nodes once every alias is written out, and levels inside each other.
MOST_BYTES = 2**20
MOST_NODES = 100_000
MOST_LEVELS = 50

_TOO_DEEP = f"it is more than {MOST_LEVELS} levels deep"
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlTooLarge(yaml.MarkedYAMLError):
    """A YAML text is larger, deeper or stands for more than is read; `problem` says the bound."""


def read_text(path: Path) -> str:
    """The text of a regular file in UTF-8, or of one that a link leads to.

    Raises YamlTooLarge: it has more than `MOST_BYTES`.
    Raises UnicodeDecodeError, OSError: it is not in UTF-8, or cannot be read.
    Raises ArtifactError: it is a device or a pipe, which might never end.
    """
    with open_file(path, links=True) as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise YamlTooLarge(problem=f"it has more than {MOST_BYTES // 1024} KiB")
    return content.decode("utf-8")


def load(path: Path) -> Any:
    """The content of a YAML file whose size, depth and aliases are within the bounds.

    Raises
    ------
    yaml.YAMLError : it is no YAML, or too large (`YamlTooLarge`).
    UnicodeDecodeError, OSError, ArtifactError : see `read_text`.
    """
    return parsed(read_text(path))


def parsed(text: str) -> Any:
    """The content of a YAML text whose depth and aliases are within the bounds.

    Raises yaml.YAMLError: it is no YAML, or stands for too much (`YamlTooLarge`).
    """
    check_bounds(text)
    try:
        return _loaded(text)
    except (ValueError, OverflowError) as error:  # a date or a number that does not exist
        raise yaml.YAMLError(f"a value cannot be read ({str(error)[:100]})") from None
    except RecursionError:  # so deep that the fast parser gave up before it told anything
        raise YamlTooLarge(problem=_TOO_DEEP) from None


def nodes(text: str) -> yaml.Node | None:
    """The nodes of a YAML text, which know their line; raises yaml.YAMLError."""
    return yaml.compose(text, Loader=_FAST)


def _loaded(text: str) -> object:
    try:
        return yaml.load(text, Loader=_FAST)  # noqa: S506 - a safe one
    except yaml.YAMLError:
        return yaml.safe_load(text)  # the slow parser says more clearly what is wrong


def check_bounds(text: str) -> None:
    """Raise YamlTooLarge where a text is too deep or stands for too many nodes.

    A text that is no YAML passes: who loads it says where it is broken.
    """
    counter = _Counter()
    try:
        for event in yaml.parse(text, Loader=_FAST):
            counter.count(event)
    except YamlTooLarge:
        raise
    except (yaml.YAMLError, ValueError):
        return


class _Counter:
    """Counts nodes as if every alias were written out."""

    def __init__(self) -> None:
        self.total = 0
        self.open: list[tuple[str | None, int]] = []  # anchor, and the total before the node
        self.sizes: dict[str, int] = {}

    def count(self, event: object) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.alias(event)
        elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            self.node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = self.open.pop()
            self.remember(anchor, self.total - before)

    def node(self, event: yaml.NodeEvent) -> None:
        self.add(1, event)
        if isinstance(event, yaml.ScalarEvent):
            self.remember(event.anchor, 1)
            return
        self.open.append((event.anchor, self.total - 1))
        if len(self.open) > MOST_LEVELS:
            self.refuse(_TOO_DEEP, event)

    def alias(self, event: yaml.NodeEvent) -> None:
        if any(anchor == event.anchor for anchor, _ in self.open):
            self.refuse(f"*{event.anchor} stands inside of what it names", event)
        self.add(self.sizes.get(event.anchor or "", 1), event)

    def remember(self, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self.sizes[anchor] = size

    def add(self, nodes: int, event: yaml.Event) -> None:
        self.total += nodes
        if self.total > MOST_NODES:
            bound = f"{MOST_NODES:,}".replace(",", " ")
            self.refuse(f"with its aliases written out it has more than {bound} values", event)

    def refuse(self, problem: str, event: yaml.Event) -> None:
        raise YamlTooLarge(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


def with_on(entry: object) -> object:
    """A mapping of YAML whose key `on` is a text again: YAML 1.1 reads it as true.

    >>> with_on({"effect_of": "limit", True: "default"})
    {'effect_of': 'limit', 'on': 'default'}
    """
    if not isinstance(entry, dict):
        return entry
    return {"on" if key is True else key: value for key, value in entry.items()}
