"""The lists that configuration files write for the groups of which several parts are chosen.

Hydra keeps only the list with the last word. To know what a list such as `[+my_metric, -latency]`
changes, and who named a part, the files are read here in the order in which Hydra gives them the
last word: the command line, the overrides of a file before those of the files that it takes in,
and of these the last one first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.config.config_files import MULTIPLE, line_with, read_yaml, shown
from deepseek_report.config.sets import Layer, words_of

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

    Parameters
    ----------
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

    Parameters
    ----------
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
