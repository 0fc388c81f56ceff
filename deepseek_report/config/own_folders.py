"""Folders of configs of the user's own: parts that they list, ship and name elsewhere."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepseek_report.config.config_files import MULTIPLE, line_with, read_yaml, shown
from deepseek_report.config.problems import Problem
from deepseek_report.config.sets import Layer, words_of


def found_elsewhere(group: str, name: str, roots: Sequence[Path]) -> str:
    """`conf/explainers/x.yaml is there; run with --config-dir conf`, or an empty text.

    Looked for in the current folder, in the one given by --config-dir, in the folders in both, and
    above a folder that is a group itself. A part of another group of which several are chosen, such
    as a metric among the explainers, is said to be one.
    """
    for other in MULTIPLE:
        if other != group and any((root / other / f"{name}.yaml").is_file() for root in roots):
            return f"{name} is in the group {other}: write {other}=[+{name}]"
    for root in _near(roots):
        file = root / group / f"{name}.yaml"
        if root not in roots and file.is_file():
            return f"{shown(file)} is there; run with --config-dir {shown(root)}"
    return ""


def misplaced(folder: Path, known: Mapping[str, Sequence[str]]) -> list[Problem]:
    """That a folder given by --config-dir is a group, or holds the folder that is meant."""
    if any((folder / group).is_dir() for group in known):
        return []
    if folder.name in known and any(folder.glob("*.yaml")):
        return [_to(folder.parent, f"{shown(folder)} is the group {folder.name} itself")]
    for inside in _folders(folder):
        if any(any((inside / group).glob("*.yaml")) for group in known):
            return [_to(inside, f"{shown(folder)} holds no folder of a group, such as model")]
    return []


def _to(folder: Path, fault: str) -> Problem:
    return Problem("--config-dir", fault, todo=f"run with --config-dir {shown(folder)}")


def _near(roots: Sequence[Path]) -> Iterator[Path]:
    for base in dict.fromkeys([Path.cwd(), *roots[:-1]]):
        yield base
        yield from _folders(base)


def _folders(folder: Path, most: int = 200) -> list[Path]:
    try:
        inside = [
            inner for inner in folder.iterdir() if inner.is_dir() and inner.name[0] not in "._"
        ]
    except OSError:
        return []
    return sorted(inside) if len(inside) <= most else []


_PREFIX = "parts_of_the_package_"


def together(group: str, names: Sequence[str], folder: Path) -> list[str]:
    """The choices by which Hydra takes these parts of a group: the package's own in few entries.

    names : the parts in their order. folder : the package's configurations.
    """
    runs = itertools.groupby(names, lambda name: (folder / group / f"{name}.yaml").is_file())
    return [choice for own, run in runs for choice in _choices(group, [*run], folder, own)]


def _choices(group: str, names: list[str], folder: Path, own: bool) -> Iterator[str]:
    if not own:
        yield from names
        return
    files = [folder / group / f"{name}.yaml" for name in names]
    states = [(file, file.stat()) for file in files]
    yield _stored(group, tuple((file, at.st_mtime_ns, at.st_size) for file, at in states))


@lru_cache(maxsize=256)
def _stored(group: str, states: tuple[tuple[Path, int, int], ...]) -> str:
    """The name of an entry of Hydra's store with the content of these files, as they are now."""
    from hydra.core.config_store import ConfigStore

    name = _PREFIX + hashlib.sha256(repr(states).encode()).hexdigest()[:16]
    content: dict[str, Any] = {}
    for file, _, _ in states:
        content |= read(file)
    ConfigStore.instance().store(name, content, group)
    return name


def read(file: Path) -> dict[str, Any]:
    """The content of a part's file as Hydra reads it."""
    import yaml

    return dict(yaml.load(file.read_text(encoding="utf-8"), _loader()))  # noqa: S506 - a safe one


@lru_cache(maxsize=1)
def _loader() -> Any:
    """A reader that knows numbers as OmegaConf's does, on the fast parser where that is built."""
    import yaml
    from omegaconf._utils import get_yaml_loader

    slow = get_yaml_loader()
    if not hasattr(yaml, "CSafeLoader"):
        return slow

    class Fast(yaml.CSafeLoader):
        yaml_implicit_resolvers = slow.yaml_implicit_resolvers

    return Fast


_ROOT = "config"
#: A kind of report, `report=quick` say, decides how much of what a study lists is done.
_REPORT = "report"


@dataclass(frozen=True)
class _Entry:
    """One line of a `defaults:` list. group : absolute, "" for a file named by its path."""

    group: str
    value: Any
    is_override: bool

    @property
    def paths(self) -> list[str]:
        """The files that it takes in, without their endings."""
        names = [name for name in words_of(self.value) if "${" not in name]
        return [f"{self.group}/{name}" if self.group else name for name in names]


@dataclass
class _Reader:
    """Walks through the files of one configuration.

    roots : config folders in the order in which Hydra looks into them.
    chosen : {group: its choice}, by who came first; None for a group that was taken away.
    """

    roots: Sequence[Path]
    chosen: dict[str, Any]
    layers: dict[str, list[Layer]] = field(
        default_factory=lambda: {group: [] for group in MULTIPLE}
    )
    read: set[str] = field(default_factory=set)

    def visit(self, path: str) -> None:
        files = (root / f"{path}.yaml" for root in self.roots)
        file = next((file for file in files if file.is_file()), None)
        if file is None or path in self.read:  # Hydra says what is wrong
            return
        self.read.add(path)
        entries = list(_entries(read_yaml(file), path.rpartition("/")[0]))
        for entry in (entry for entry in entries if entry.is_override):
            if entry.group in MULTIPLE:
                self.add(entry, file)
            else:
                self.chosen.setdefault(entry.group, entry.value)
        for entry in reversed([entry for entry in entries if not entry.is_override]):
            self.enter(entry, file)

    def enter(self, entry: _Entry, file: Path) -> None:
        if entry.group in MULTIPLE:
            self.add(entry, file)
            return
        value = self.chosen.get(entry.group, entry.value) if entry.group else entry.value
        for path in reversed(_Entry(entry.group, value, is_override=False).paths):
            self.visit(path)

    def add(self, entry: _Entry, file: Path) -> None:
        where = line_with([file], [entry.group]) or shown(file)
        self.layers[entry.group].append(Layer(words_of(entry.value), "config", where, file))


def _entries(content: Any, folder: str) -> Iterator[_Entry]:
    """The lines of a `defaults:` list that name files.

    folder : the group that the file lies in; names without a slash in front are looked for there.
    """
    defaults = content.get("defaults", ()) if isinstance(content, Mapping) else ()
    for line in defaults if isinstance(defaults, list) else ():
        if isinstance(line, str) and line != "_self_":
            yield _Entry("", _absolute(line, folder), is_override=False)
        for key, value in line.items() if isinstance(line, Mapping) else ():
            *keywords, group = str(key).split()
            yield _Entry(_absolute(group, folder), value, is_override="override" in keywords)


def _absolute(name: str, folder: str) -> str:
    path = name.partition("@")[0]
    if path.startswith("/"):
        return path[1:]
    return f"{folder}/{path}" if folder else path


def read_layers(roots: Sequence[Path], chosen: Mapping[str, Any]) -> dict[str, list[Layer]]:
    """{group: the lists that files wrote for it}, the one with the last word first.

    roots : config folders, the shipped one last.
    chosen : {group: its choice on the command line}, None for a group that is taken away there.
    """
    reader = _Reader([*roots[-1:], *roots[:-1]], dict(chosen))
    reader.visit(_ROOT)
    return {
        group: sorted(layers, key=lambda layer: not is_of_report(layer))
        for group, layers in reader.layers.items()
    }


def is_of_report(layer: Layer) -> bool:
    """Whether the kind of report that is chosen wrote a list, which then stands for the study's."""
    return layer.file is not None and layer.file.parent.name == _REPORT
