"""A configuration as it was composed, before anybody has validated it, and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from deepseek_report.artifacts.message import Message, Text, plain
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.bounded_yaml import nodes, read_text
from deepseek_report.config.config_files import (
    MULTIPLE,
    SINGLE,
    WHOLE,
    choice_files,
    examined,
    of_person,
    shipped_file,
    shown,
)
from deepseek_report.config.problems import Problem
from deepseek_report.config.sets import RECOMMENDED, Origin


@dataclass(frozen=True)
class Placement:
    """A file that a configuration takes in.

    root : its config folder. package : the keys below which its content stands; none for the top.
    """

    root: Path
    file: Path
    package: tuple[str, ...] = ()

    def where(self, path: Sequence[str]) -> str:
        """`conf/explainers/lime.yaml:3`, where the file sets this value; "" where it does not."""
        depth = len(self.package)
        inner = path[depth:] if tuple(path[:depth]) == self.package else ()
        line = _line(self.file, inner) if inner else None
        return f"{self.file.relative_to(self.root.parent).as_posix()}:{line}" if line else ""

    def writes(self, path: Sequence[str]) -> bool:
        """Whether the file says something of a part or setting, or may choose another one."""
        group, folder = path[0], self.file.parent.name
        if folder == group:
            return group not in MULTIPLE or self.file.stem == path[1]
        if folder not in WHOLE:
            return False
        inside = bounded_yaml.load(self.file).get(group) or {}
        return group in SINGLE or not isinstance(inside, Mapping) or path[-1] in inside


@dataclass(frozen=True)
class Composed:
    """A composed configuration that nobody has validated yet.

    raw : plain data, interpolations resolved. overrides : as given on the command line.
    selected : {group: {part: who chose it}}, for groups of which several are chosen.
    roots : the config folders.
    placements : the files that are taken in, the one that has the last word at the end; parts of
        the package, each in the file of its name, are not listed.
    problems : overrides that were left out, since they cannot be read or name an unknown choice.
    left_out : {explainer: why a recommender left it out}.
    skipped : {group: {part: who chose it}} of what the study chooses and the kind of report that is
        chosen, `report=quick` say, leaves out.
    held : {place of a plug-in: the object that it holds}, where these were given in Python.
    sweep : what the experiment declares to be varied, as it stands there.
    launcher : how stages come to processes; empty where those of this machine are meant.
    arguments : keys, such as `report.formats`, that the arguments of a call in Python set.
    """

    raw: Mapping[str, Any]
    overrides: tuple[str, ...]
    selected: Mapping[str, Mapping[str, Origin]]
    roots: tuple[Path, ...]
    placements: tuple[Placement, ...] = ()
    problems: tuple[Problem, ...] = ()
    left_out: Mapping[str, Text] = field(default_factory=dict)
    skipped: Mapping[str, Mapping[str, Origin]] = field(default_factory=dict)
    held: Mapping[tuple[str, ...], Any] = field(default_factory=dict)
    sweep: Any = field(default_factory=dict)
    launcher: Mapping[str, object] = field(default_factory=dict)
    arguments: frozenset[str] = frozenset()

    def origin(self, group: str, part: str) -> Origin:
        """Who chose a part; one that a file defines in its body is named by that file."""
        return self.selected.get(group, {}).get(part, "config")

    def is_written(self, *path: str) -> bool:
        """Whether a person wrote a value there, on the command line or in a file of their own.

        Parts that are only chosen, as in `metrics=[accuracy]`, stay as they are shipped.
        """
        dotted = ".".join(path)
        keys = [text.lstrip("+~").partition("=")[0] for text in self.overrides]
        if any(key == dotted or key.startswith(f"{dotted}.") for key in keys):
            return True
        if any(key and dotted.startswith(f"{key}.") for key in {*keys} - {*SINGLE, *MULTIPLE}):
            return True
        own = of_person(self.roots)
        return any(each.writes(path) for each in self.placements if each.root in own)


@dataclass(frozen=True)
class Undecided:
    """What `explainers=recommend` leaves open until the data are known.

    candidates : {explainer: fields that a person set, which stay as they are}.
    """

    composed: Composed
    candidates: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, composed: Composed, explainers: Iterable[str]) -> Undecided | None:
        """The candidates among explainers that suit model and data; None where all is decided."""
        group, _ = RECOMMENDED
        if "recommended" not in composed.selected.get(group, {}).values():
            return None
        candidates = {
            key: _set_fields(composed, group, key)
            for key in explainers
            if composed.origin(group, key) == "recommended"
        }
        return cls(composed, candidates)

    def decided(
        self,
        explainers: Mapping[str, Mapping[str, Any]],
        left_out: Mapping[str, Message],
        evaluations: int,
        reasons: Mapping[str, Message],
    ) -> Composed:
        """The configuration with the choice written out, as if a person had written it.

        explainers : {candidate that is taken: its fields, as plain data}. left_out : why others are
            not. evaluations : rows that the model may evaluate. reasons : of the choice.
        """
        group, _ = RECOMMENDED
        configs = {
            key: {**config, **explainers.get(key, {})}
            for key, config in self.composed.raw[group].items()
            if key not in left_out
        }
        explain = dict(self.composed.raw.get("explain") or {})
        explain |= {"evaluations": evaluations, "reasons": plain(reasons)}
        origins: dict[str, Origin] = {
            key: "set" if origin == "recommended" else origin
            for key, origin in self.composed.selected[group].items()
            if key not in left_out
        }
        return replace(
            self.composed,
            raw={**self.composed.raw, group: configs, "explain": explain},
            selected={**self.composed.selected, group: origins},
            left_out=left_out,
        )


def _set_fields(composed: Composed, group: str, key: str) -> frozenset[str]:
    chosen, prefix = composed.raw[group][key], f"{group}.{key}."
    file = shipped_file(group, key)
    usual = bounded_yaml.load(file)[key] if file.is_file() else {}
    keys = (text.lstrip("+~").partition("=")[0] for text in composed.overrides)
    named = {name.removeprefix(prefix) for name in keys if name.startswith(prefix)}
    other = {name for name, value in chosen.items() if name not in usual or usual[name] != value}
    return frozenset(named | other)


#: Overrides of these keys choose files, in which a value may stand with its line.
_GROUPS = frozenset({*SINGLE, *MULTIPLE})


def locate(composed: Composed, path: Sequence[str]) -> str:
    """Where a value was set: `command line, seed=x`, `conf/explainers/lime.yaml:3`, or its key."""
    dotted = ".".join(path)
    overrides = [
        (text, text.lstrip("+~").partition("=")[0]) for text in reversed(composed.overrides)
    ]
    above = [(text, key) for text, key in overrides if key and dotted.startswith(f"{key}.")]
    set_there = [text for text, key in overrides if key == dotted]
    set_there += [text for text, key in above if key not in _GROUPS]
    if set_there:
        return f"command line, {set_there[0]}"
    if argument := next(
        (key for key in composed.arguments if f"{dotted}.".startswith(f"{key}.")), ""
    ):
        return f"command line, {argument}"
    placements = [*reversed(composed.placements)]
    if path[0] in MULTIPLE and path[1:]:
        parts = [root / path[0] / f"{path[1]}.yaml" for root in composed.roots]
        placements += [Placement(f.parents[1], f, (path[0],)) for f in parts if f.is_file()]
    if place := next(filter(None, (each.where(path) for each in placements)), ""):
        return place
    if above:  # the choice of a part, whose files do not name the value
        return f"command line, {above[0][0]}"
    inside = [text for text, key in overrides if key.startswith(f"{dotted}.")]
    return f"command line, {inside[0]}" if inside else dotted


def _line(file: Path, path: Sequence[str]) -> int | None:
    node = nodes(read_text(file))
    line = None
    for part in path:
        if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
            continue
        if not isinstance(node, yaml.MappingNode):
            return line
        pairs = [(key, value) for key, value in node.value if key.value == part]
        if not pairs:
            return None
        line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return line


# What a study's file leaves open for a person to say: comments that begin with a fixed word.

#: What such a comment begins with; without it the rest of the line is the setting.
OPEN = "# open:"
#: The most of them that are listed.
MOST = 30


@dataclass(frozen=True)
class OpenLine:
    """One of them. file : as a person names it. number : of the line, from 1."""

    file: str
    number: int
    text: str


def open_lines(roots: Sequence[Path], experiment: str) -> list[OpenLine]:
    """Those of an experiment of a person's own folders. roots : the config folders."""
    files = (path for root in of_person(roots) for path in choice_files(root, "experiment"))
    return [
        OpenLine(shown(path), number, line.strip().removeprefix(OPEN).strip())
        for path in files
        if path.stem == experiment and not any(examined(path))
        for number, line in enumerate(read_text(path).splitlines(), start=1)
        if line.strip().startswith(OPEN)
    ]
