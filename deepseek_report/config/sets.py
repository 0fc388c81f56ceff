"""Named sets: lists of parts that a configuration takes, extends and shortens.

`metrics: [default, my_metric, -latency]` is read from left to right: all parts of the set
`default`, then `my_metric`, and `latency` taken away. A list in which every word has a sign, such
as `[+my_metric, -latency]`, changes the list that would be taken without it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.config.config_files import (
    MULTIPLE,
    choice_files,
    line_with,
    malformed,
    of_person,
    read_yaml,
    shown,
)
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest

#: The folder of a group that holds its sets, and the set of all parts, which needs no file.
FOLDER = "sets"
ALL = "all"
_ALL_MEANS = "Every part of the group, also those of your own."
_SIGNS = ("+", "-")

#: Who chose a part: a set, a configuration file that names it, the command line that names it, or a
#: recommender or the declared use, which have yet to decide whether the part is taken.
Origin = Literal["set", "recommended", "use", "config", "command line"]
#: The group and the set of those parts.
RECOMMENDED = ("explainers", "recommend")
#: The group and the set of parts that the declared use decides on, which needs no file.
BY_USE = ("frameworks", "auto")
_BY_USE_MEANS = "Those made for what is declared: dataset.sector and report.places."
#: Sets that are decided after the configuration is read, and who then has chosen their parts.
_DECIDED_LATER: Mapping[tuple[str, str], Origin] = {RECOMMENDED: "recommended", BY_USE: "use"}
#: A later word of a list says again who chose these; parts that a person named stay theirs.
BY_SETS = frozenset({"set", "recommended", "use"})


@dataclass(frozen=True)
class Layer:
    """The list of one group as one place wrote it.

    words : names of parts and sets, with or without a sign. file : where it stands, None for the
    command line.
    """

    words: tuple[str, ...]
    file: Path | None = None

    @property
    def changes(self) -> bool:
        """Whether it changes the list below it, where others stand in its place."""
        return bool(self.words) and all(word.startswith(_SIGNS) for word in self.words)

    @property
    def is_of_report(self) -> bool:
        """Whether a kind of report wrote it, `report=quick` say, and so not the study."""
        return self.file is not None and self.file.parent.name == "report"


@dataclass(frozen=True)
class Sets:
    """The sets of one group.

    files : {set: its file}. parts : names of all parts of the group, sorted.
    """

    group: str
    files: Mapping[str, Path]
    parts: Sequence[str]
    _members: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    @property
    def names(self) -> list[str]:
        """The sets there are, sorted."""
        made = [ALL] if self.parts else []
        made += [BY_USE[1]] if self.parts and self.group == BY_USE[0] else []
        return sorted({*self.files, *made} - {*self.parts})

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def members(self, name: str, inside: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The parts of a set, in order.

        Raises ConfigProblems: its file holds no list, or a name that does not exist or leads back
        to it.
        """
        if name in self._members:
            return self._members[name]
        parts: dict[str, None] = {} if name in self.files else dict.fromkeys(self.parts)
        for word in self._words(name, inside) if name in self.files else ():
            bare = bare_name(word)
            for part in self.members(bare, (*inside, name)) if bare in self else (bare,):
                if word.startswith("-"):
                    parts.pop(part, None)
                else:
                    parts.setdefault(part)
        self._members[name] = tuple(parts)
        return self._members[name]

    def _words(self, name: str, inside: tuple[str, ...]) -> list[str]:
        file = self.files[name]
        content = read_yaml(file)
        if not isinstance(content, list) or not all(isinstance(word, str) for word in content):
            raise ConfigProblems.of(
                shown(file), f"the set {name} is no list of names", "a list, such as `- shap`"
            )
        problems, known = [], [*self.parts, *self.names]
        for word in content:
            bare = bare_name(word)
            where = line_with([file], [bare]) or shown(file)
            if bare not in known:
                problems.append(unknown(where, word, self.group, known))
            elif (self.group, bare) in _DECIDED_LATER:
                fault = f"the set {name} holds the set {bare}, which is decided by the data"
                todo = f"write both: {self.group}=[{bare},{name}]"
                problems.append(Problem(where, fault, todo=todo))
            elif bare in {name, *inside}:
                problems.append(Problem(where, f"the set {bare} is made from itself"))
        if problems:
            raise ConfigProblems(problems)
        return list(content)

    def select(self, layers: Sequence[Layer]) -> dict[str, Origin]:
        """{part: who chose it}, in order.

        layers : the lists that were written for this group, the one with the last word first.
        """
        selected: dict[str, Origin] = {}
        for layer in reversed(_counting(layers)):
            for word in self._known(layer):
                self._change(selected, word, "config" if layer.file else "command line")
        return selected

    def problems(self, layers: Sequence[Layer]) -> Iterator[Problem]:
        """Words of lists that have two meanings, or in files none; `select` leaves these out."""
        counting = _counting(layers)
        yield from self.twins({bare_name(word) for layer in counting for word in layer.words})
        for layer in counting:
            for word in layer.words:
                if layer.file is not None and word not in self._known(layer):
                    file = [layer.file]
                    where = line_with(file, [bare_name(word)]) or line_with(file, [self.group])
                    yield unknown(where, word, self.group, [*self.parts, *self.names])

    def twins(self, words: Container[str] | None = None) -> Iterator[Problem]:
        """Files of sets that have the name of something else; of these words alone, where given."""
        for name in sorted({*self.parts, ALL} & {*self.files}):
            if words is None or name in words:
                what = "the set of all parts" if name == ALL else "a part of its group"
                fault = f"{name} is already the name of {what}"
                todo = "give one of them another name"
                yield Problem(shown(self.files[name]), fault, todo=todo)

    def _known(self, layer: Layer) -> list[str]:
        known = {*self.parts, *self.names}
        return [word for word in layer.words if bare_name(word) in known]

    def _change(self, selected: dict[str, Origin], word: str, by: Origin) -> None:
        name = bare_name(word)
        origin: Origin = "set" if name in self else by
        origin = _DECIDED_LATER.get((self.group, name), origin)
        for part in self.members(name) if name in self else (name,):
            if word.startswith("-"):
                selected.pop(part, None)
            elif origin == "use":  # what another set holds is taken whatever the use
                selected.setdefault(part, origin)
            elif selected.get(part, "set") in BY_SETS or origin == "command line":
                selected[part] = origin


def _counting(layers: Sequence[Layer]) -> Sequence[Layer]:
    """The lists down to the first one that stands in the place of those below it."""
    whole = next((k for k, layer in enumerate(layers) if not layer.changes), len(layers))
    return layers[: whole + 1]


def bare_name(word: str) -> str:
    """A word of a list without its sign."""
    return word[1:] if word.startswith(_SIGNS) else word


def unknown(where: str, word: str, group: str, known: Sequence[str]) -> Problem:
    """The problem of a list that names neither a part nor a set, with the nearest name."""
    name = bare_name(word)
    sign = word.removesuffix(name)
    replaced = {"sr_11_7": "sr_26_2"} if group == BY_USE[0] else {}  # texts of law, and by which
    close = nearest(replaced.get(name, name), known)
    hint = close.replace('"', f'"{sign}', 1) if sign else close
    return Problem(where, f'"{name}" is not in the group {group}', choices(known), hint)


def words_of(value: object) -> tuple[str, ...]:
    """The words of a group's value: a name, a list of names, or nothing."""
    listed = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(word) for word in listed if word is not None)


def find_sets(roots: Sequence[Path], parts: Mapping[str, Sequence[str]]) -> dict[str, Sets]:
    """The sets of every group of which several parts are chosen; no file is read yet.

    roots : config folders; a set of the first one hides one of the same name further on.
    parts : {group: its parts}.
    """
    return {group: Sets(group, _files(roots, group), parts[group]) for group in MULTIPLE}


def faults_beside(roots: Sequence[Path], parts: Mapping[str, Sequence[str]]) -> list[Problem]:
    """What is wrong with files of a person's folder, whether a configuration uses them or not."""
    several = find_sets(roots, parts).values()
    return [
        *malformed(of_person(roots)),
        *(problem for sets in several for problem in sets.twins()),
    ]


def _files(roots: Sequence[Path], group: str) -> dict[str, Path]:
    files = (file for root in reversed(roots) for file in choice_files(root, f"{group}/{FOLDER}"))
    return {file.stem: file for file in files}


def describe_set(sets: Sets, name: str) -> str:
    """One line on a set: the comment at its head, and how many parts it holds."""
    if name not in sets.files:
        return _BY_USE_MEANS if (sets.group, name) == BY_USE else _ALL_MEANS
    try:
        count = len(sets.members(name))
    except ConfigProblems as error:
        return f"cannot be used: {error.problems[0].where}: {error.problems[0].fault}"
    first = bounded_yaml.read_text(sets.files[name]).partition("\n")[0]
    head = first.lstrip("# ") if first.startswith("#") else ""
    return f"{head} ({count})".lstrip()
