"""From overrides to one plain configuration, with every problem of the overrides in one list."""

from __future__ import annotations

import copy
import hashlib
import itertools
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.ids import CROSS_VALIDATION
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.config.catalogue import folders, groups
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.config_files import (
    MULTIPLE,
    examined,
    line_with,
    malformed,
    read_yaml,
    shipped_file,
    shown,
    unreadable,
)
from deepseek_report.config.interpolation import TooMuch, Unresolved, only, resolve
from deepseek_report.config.overrides import forced, names, parse, quoted, refused, twice
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest
from deepseek_report.config.sets import Layer, Origin, Sets, bare_name, find_sets, words_of
from deepseek_report.config.setting_names import EXAMPLES
from deepseek_report.extension import BROUGHT, advice

if TYPE_CHECKING:
    from hydra.core.config_store import ConfigNode
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


_CONFIG_NAME = "config"
#: The sign of an override that sets a value whether or not it is there.
FORCED = "++"


@dataclass
class HydraTrees:
    """Composes trees of the same folders.

    roots : the config folders, that of this package last.
    groups : names of what the folders hold choices of.
    """

    roots: Sequence[Path]
    groups: Container[str]
    _composed: dict[tuple[str, ...], tuple[Any, dict[str, str]]] = field(default_factory=dict)

    def tree(self, overrides: Sequence[str]) -> tuple[Any, dict[str, str]]:
        """The tree, its interpolations not resolved, and {group: the choice that counts}.

        Raises
        ------
        HydraException, OmegaConfBaseException, yaml.YAMLError : the files do not compose.
        """
        values = [text for text in overrides if text.startswith(FORCED)]
        choosing = tuple(text for text in overrides if not text.startswith(FORCED))
        if any(text.lstrip("+~").partition("=")[0] not in self.groups for text in choosing):
            return self._by_hydra(overrides)  # a value is set that no file is chosen by
        if choosing not in self._composed:
            self._composed[choosing] = self._by_hydra(choosing)
        shared, names = self._composed[choosing]
        tree = copy.deepcopy(shared)
        if not _set(tree, values):
            return self._by_hydra(overrides)  # which says what is wrong
        return tree, names

    def _by_hydra(self, overrides: Sequence[str]) -> tuple[object, dict[str, str]]:
        from hydra import compose, initialize_config_dir
        from omegaconf import open_dict

        own = [quoted(f"file://{root.as_posix()}") for root in self.roots[:-1]]  # decodes no URI
        search = [f"hydra.searchpath=[{','.join(own)}]"] if own else []
        here = initialize_config_dir(str(self.roots[-1]), version_base="1.3")
        with here, only(_but_of_environment), _offered(overrides):
            tree = compose(_CONFIG_NAME, overrides=[*search, *overrides], return_hydra_config=True)
        choices = tree.hydra.runtime.choices
        names = {str(key): name for key, name in choices.items() if isinstance(name, str)}
        with open_dict(tree):
            del tree["hydra"]
        return tree, names


def _set(tree: DictConfig, values: Sequence[str]) -> bool:
    """Set values in a tree as Hydra does; False where it would refuse one."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    parser = OverridesParser.create()
    with only(_but_of_environment):
        for text in values:
            try:
                override = parser.parse_override(text)
                if override.package is not None or override.is_sweep_override():
                    return False
                OmegaConf.update(
                    tree, override.key_or_group, override.value(), merge=True, force_add=True
                )
            except (HydraException, OmegaConfBaseException):
                return False
    return True


def _but_of_environment(resolver: str) -> bool:
    return resolver != "oc.env"


#: The parts that `causal` asks for, by their groups.
_OF_CAUSES = {
    "metrics": ("causal_claims", "causal_effects", "causal_gaps"),
    "visualizations": ("causal_graph",),
    "sections": ("causes",),
}
#: {metric: the key of the questions that it answers}; without such a one it is not made.
_ANSWERING = {"causal_effects": "effect_of", "causal_gaps": "gap"}
#: The section behind which that of causes stands.
_BEFORE_CAUSES = "bias"
#: The metric and the section that `corrections` asks for.
CORRECTIONS = "corrections"


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> Composed:
    """Compose the configuration from the YAML folders and the overrides.

    Overrides that cannot be read or that name an unknown choice are left out and listed in
    `Composed.problems`, so that the rest can be checked in the same pass.

    Raises ConfigProblems: the YAML files themselves do not compose.
    """
    return Composer.of(config_dir).compose(overrides)


@dataclass(frozen=True)
class Composer:
    """Composes configurations of the same YAML folders; what they share is read once.

    roots : the config folders. known : {group: its choices}. sets : {group: its named sets}.
    """

    roots: tuple[Path, ...]
    known: Mapping[str, Sequence[str]]
    sets: Mapping[str, Sets]
    trees: HydraTrees

    @classmethod
    def of(cls, config_dir: str | None) -> Composer:
        """Of a person's folder and the shipped one.

        Raises ConfigProblems: the person's folder is none of configurations.
        """
        roots = tuple(folders(config_dir))
        shipped_groups = groups(roots[-1:])
        if apart := [problem for root in roots[:-1] for problem in misplaced(root, shipped_groups)]:
            raise ConfigProblems(apart)
        known = groups(roots)
        return cls(roots, known, find_sets(roots, known), HydraTrees(roots, known))

    def compose(self, overrides: Sequence[str] = ()) -> Composed:
        """See `compose`."""
        roots, known, sets = self.roots, self.known, self.sets
        kept, problems = _readable(overrides, roots, known, sets)
        chosen = {
            override.key_or_group: names(override)
            for override in kept
            if override.key_or_group in known
        }
        study = _leave_default_study(chosen, overrides)
        files = _read(kept, study, roots)
        layers = files.layers
        selected: dict[str, dict[str, Origin]] = {}
        skipped: dict[str, dict[str, Origin]] = {}
        for group, own in ((group, sets[group]) for group in MULTIPLE):
            words = [word for layer in layers[group] for word in layer.words]
            unknown = own.problems(layers[group])
            problems.extend(_with_hint(problem, group, words, roots) for problem in unknown)
            whole = own.select([layer for layer in layers[group] if not is_of_report(layer)])
            shown = own.select(layers[group])
            # the kind of report leaves out parts that the study chooses, and brings none along
            selected[group] = {key: by for key, by in shown.items() if key in whole}
            skipped[group] = {key: by for key, by in whole.items() if key not in shown}
        for path in (f"{group}/{part}" for group, taken in selected.items() for part in taken):
            files.take(path)
        if files.problems:
            raise ConfigProblems([*problems, *files.problems])
        single = (override for override in kept if override.key_or_group not in MULTIPLE)
        values = [forced(override, known) for override in single]
        taken = {group: together(group, [*parts], roots[-1]) for group, parts in selected.items()}
        lists = [f"{group}=[{','.join(map(quoted, parts))}]" for group, parts in taken.items()]
        raw, chosen_names, unresolved = _compose(
            [*study, *values, *lists], self.trees, files.of_person
        )
        add_declared(raw, selected)
        composed = Composed(
            overrides=tuple(overrides),
            selected=selected,
            roots=roots,
            choices=chosen_names,
            problems=tuple(problems),
            skipped=skipped,
            sweep=raw.pop("sweep", None) or {},
            launcher=raw.pop("launcher", None) or {},
            raw=raw,
        )
        if unresolved:
            unclear = (
                Problem(locate(composed, value.path), value.fault, todo=value.todo)
                for value in unresolved
            )
            raise ConfigProblems([*problems, *unclear])
        return composed


def _readable(
    overrides: Sequence[str],
    roots: Sequence[Path],
    known: Mapping[str, Sequence[str]],
    sets: Mapping[str, Sets],
) -> tuple[list[Override], list[Problem]]:
    """The overrides that can be used, and the problems of the others."""
    allowed = {**known, **{group: [*known[group], *sets[group].names] for group in MULTIPLE}}
    parsed, problems = parse(overrides)
    problems.extend(twice(parsed))
    kept = []
    for override in parsed:
        faults = refused(override, allowed)
        words = () if override.is_sweep_override() or override.is_delete() else names(override)
        group = override.key_or_group
        problems.extend(_with_hint(problem, group, words, roots) for problem in faults)
        kept.extend([] if faults else [override])
    return kept, problems


def _read(kept: Sequence[Override], study: Sequence[str], roots: Sequence[Path]) -> FilesInUse:
    """The files that these overrides choose, with what they and the command line list."""
    chosen: dict[str, object] = {
        override.key_or_group: None if override.is_delete() else override.value()
        for override in kept
        if override.key_or_group not in MULTIPLE
    }
    if "~experiment" in study:
        chosen["experiment"] = None
    files = FilesInUse([*roots[-1:], *roots[:-1]], chosen)
    files.visit(_ROOT)
    for layers in files.layers.values():
        layers.sort(key=lambda layer: not is_of_report(layer))
    for override in kept:
        if (group := override.key_or_group) in MULTIPLE:
            place = f"command line, {override.input_line}"
            files.layers[group].insert(0, Layer(names(override), "command line", place))
    return files


def add_declared(raw: dict[str, Any], selected: dict[str, dict[str, Origin]]) -> None:
    """What `split.folds`, `corrections` and `causal` ask for is there whatever else is chosen."""
    split = raw.get("split")
    folds = split.get("folds") if isinstance(split, Mapping) else None
    if folds is not None:
        _add_part(raw, selected, "metrics", CROSS_VALIDATION, folds=folds)
    if raw.get("corrections"):
        for group in ("metrics", "sections"):
            _add_part(raw, selected, group, CORRECTIONS)
        _lead(raw, ["summary", "cases", CORRECTIONS])
    causal = raw.get("causal")
    if not causal:
        return
    questions = str(causal.get("questions") if isinstance(causal, Mapping) else None)
    for group, asked_for in _OF_CAUSES.items():
        for part in asked_for:
            if _ANSWERING.get(part, "") in questions:
                _add_part(raw, selected, group, part)
    names = [name for name in raw["sections"] if name != "causes"]
    place = names.index(_BEFORE_CAUSES) + 1 if _BEFORE_CAUSES in names else len(names)
    _lead(raw, [*names[:place], "causes"])


def _lead(raw: dict[str, Any], first: Sequence[str]) -> None:
    """Put these sections before the others, as far as they are chosen."""
    sections = raw["sections"]
    order = dict.fromkeys([*(name for name in first if name in sections), *sections])
    raw["sections"] = {name: sections[name] for name in order}


def _add_part(
    raw: dict[str, Any],
    selected: dict[str, dict[str, Origin]],
    group: str,
    part: str,
    **fields: object,
) -> None:
    """Choose a shipped part that is not yet chosen, with what a file of the person sets of it.

    fields : values that count before all others.
    """
    if part not in selected[group]:
        entry = bounded_yaml.load(shipped_file(group, part))[part]
        parts = raw.get(group) or {}
        raw[group] = {**parts, part: {**entry, **(parts.get(part) or {}), **fields}}
        selected[group][part] = "config"


def _with_hint(
    problem: Problem, group: str, words: Iterable[str], roots: Sequence[Path]
) -> Problem:
    """Where a file of an unknown choice's name lies elsewhere, that is what to do."""
    bare = (bare_name(word) for word in words)
    unknown = (name for name in bare if problem.fault.startswith(f'"{name}" is not in'))
    hint = next(filter(None, (found_elsewhere(group, name, roots) for name in unknown)), "")
    return replace(problem, todo=hint) if hint else problem


def _leave_default_study(
    chosen: Mapping[str, Sequence[str]], overrides: Sequence[str]
) -> list[str]:
    """The default experiment is a study of its own data: other data leave it, title and all."""
    if "dataset" not in chosen or "experiment" in chosen:
        return []
    named = any(text.lstrip("+~").startswith("name=") for text in overrides)
    return ["~experiment", *([] if named else [f"++name={chosen['dataset'][0]}"])]


def _compose(
    overrides: Sequence[str], trees: HydraTrees, files: Sequence[Path]
) -> tuple[dict[str, Any], dict[str, str], list[Unresolved]]:
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        config, names = trees.tree(overrides)
        raw, unresolved = resolve(config)
        return raw, names, unresolved
    except TooMuch as error:
        key = ".".join(error.path)
        todo = "write out what is meant, in fewer references"
        where = _place(key, overrides, []) or key
        raise ConfigProblems.of(where, error.fault, todo=todo) from None
    except yaml.YAMLError as error:
        file = Path(getattr(getattr(error, "problem_mark", None), "name", "a YAML file"))
        raise ConfigProblems([unreadable(file, error)]) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigProblems([_uncomposed(error, overrides, files, trees.roots)]) from None


def _uncomposed(
    error: Exception, overrides: Sequence[str], files: Sequence[Path], roots: Sequence[Path]
) -> Problem:
    """What Hydra refused, with the override or the line of a user's file that it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if merged := re.match(r"Error merging override \+*(.*)", lines[0]):
        key, _, value = merged[1].partition("=")
        fault = f"{key} is {value}, and what stands there is of another kind"
        allowed = "keys with values where there are keys, a list where there is a list"
        return Problem(f"command line, {merged[1]}", fault, allowed, EXAMPLES.get(key, ""))
    if missing := getattr(error, "missing_cfg_file", None):
        group, _, name = str(missing).rpartition("/")
        hint = found_elsewhere(group.rpartition("/")[2], name, roots)
        problem = _missing(group, name, files, groups(roots))
        return replace(problem, todo=hint) if hint else problem
    if lost := re.search(r"Could not override '([^']+)'", str(error)):
        return _no_such_group(lost[1].partition("@")[0], files, groups(roots))
    if no_keys := re.search(r"node `([^`]+)` is not a container", str(error)):
        where = _place(no_keys[1], overrides, files) or no_keys[1]
        return Problem(where, "the value has no keys", "keys with values")
    keys = [getattr(error, "full_key", None), *re.findall(r"'([^']+)'", lines[0])]
    places = (_place(str(key), overrides, files) for key in keys if key)
    where = next(filter(None, places), "configuration")
    if lost := re.match(r"Interpolation key '([^']+)' not found", lines[0]):
        todo = f"name a key that there is, in place of ${{{lost[1]}}}"
        return Problem(where, f"it refers to {lost[1]}, and there is no such key", "", todo)
    return Problem(where, " ".join(lines[:2]))


def _no_such_group(
    group: str, files: Sequence[Path], known: Mapping[str, Sequence[str]]
) -> Problem:
    """That a `defaults:` list overrides a choice which nobody makes: a slash or a name is wrong."""
    inner = group.rpartition("/")[2]
    where = line_with(files, ["override", inner]) or "defaults"
    if inner != group and inner in known:
        fault = f"`override {inner}` is looked for inside the file's own group"
        return Problem(where, fault, "", f"write a slash: `override /{inner}: …`")
    return Problem(where, f'"{group}" is not a group', choices(known), nearest(inner, known))


def _place(key: str, overrides: Sequence[str], files: Sequence[Path]) -> str:
    texts = [text.lstrip("+") for text in overrides]
    matching = [text for text in texts if text.lstrip("~").partition("=")[0] == key.lstrip("+~")]
    return (
        f"command line, {matching[-1]}" if matching else line_with(files, [key.rpartition(".")[2]])
    )


def _missing(
    group: str, name: str, files: Sequence[Path], known: Mapping[str, Sequence[str]]
) -> Problem:
    inner = group.rpartition("/")[2]
    where = line_with(files, [inner, name]) or f"the group {group}"
    if group not in known and inner in known:
        fault = f'"{inner}" is looked for inside the file\'s own group'
        return Problem(where, fault, todo=f"write `override /{inner}: {name}`")
    allowed = known.get(group, ())
    return Problem(
        where, f'"{name}" is not in the group {group}', choices(allowed), nearest(name, allowed)
    )


# Folders of configs of the user's own: parts that they list, ship and name elsewhere.


def found_elsewhere(group: str, name: str, roots: Sequence[Path]) -> str:
    """`conf/explainers/x.yaml is there; run with --config-dir conf`, or an empty text.

    Looked for in the current folder, in the one given by --config-dir, in the folders in both, and
    above a folder that is a group itself. A part of another group of which several are chosen, such
    as a metric among the explainers, is said to be one, and one of an extension is told with it.
    """
    if (choice := f"{group}={name}") in BROUGHT:
        return "; ".join(advice(choice))
    for other in MULTIPLE:
        if other != group and any((root / other / f"{name}.yaml").is_file() for root in roots):
            return f"{name} is in the group {other}: write {other}=[+{name}]"
    near = dict.fromkeys([Path.cwd(), *roots[:-1]])
    for root in (place for base in near for place in (base, *_folders(base))):
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


#: A folder with more of them is none of configurations.
_MOST_FOLDERS = 200


def _to(folder: Path, fault: str) -> Problem:
    return Problem("--config-dir", fault, todo=f"run with --config-dir {shown(folder)}")


def _folders(folder: Path) -> list[Path]:
    try:
        inside = [each for each in folder.iterdir() if each.is_dir() and each.name[0] not in "._"]
    except OSError:
        return []
    return sorted(inside) if len(inside) <= _MOST_FOLDERS else []


_PREFIX = "parts_of_the_package_"


def together(group: str, names: Sequence[str], folder: Path) -> list[str]:
    """The choices by which Hydra takes these parts of a group: the package's own in few entries.

    names : the parts in their order. folder : the package's configurations.
    """
    choices: list[str] = []
    for own, run in itertools.groupby(
        names, lambda name: (folder / group / f"{name}.yaml").is_file()
    ):
        if own:
            states = ((file, file.stat()) for file in (folder / group / f"{n}.yaml" for n in run))
            known = tuple((file, at.st_mtime_ns, at.st_size) for file, at in states)
            choices.append(_stored(group, known))
        else:
            choices += run
    return choices


@cache
def _stored(group: str, states: tuple[tuple[Path, int, int], ...]) -> str:
    """The name of an entry with the content of these files, as they are now; see `_offered`."""
    from hydra.core.config_store import ConfigStore

    name = _PREFIX + hashlib.sha256(repr(states).encode()).hexdigest()[:16]
    content: dict[str, object] = {}
    for file, _, _ in states:
        content |= read(file)
    store = ConfigStore.instance()
    store.store(name, content, group)
    _ENTRIES[name] = store.repo[group].pop(f"{name}.yaml")
    return name


_ENTRY = re.compile(f"{_PREFIX}[0-9a-f]{{16}}")
_ENTRIES: dict[str, ConfigNode] = {}


@contextmanager
def _offered(overrides: Iterable[str]) -> Iterator[None]:
    """Put the entries that are named in Hydra's store, all of which it copies each time."""
    from hydra.core.config_store import ConfigStore

    repo = ConfigStore.instance().repo
    entries = [_ENTRIES[name] for name in set(_ENTRY.findall(" ".join(overrides)))]
    for entry in entries:
        repo.setdefault(str(entry.group), {})[entry.name] = entry
    try:
        yield
    finally:
        for entry in entries:
            del repo[str(entry.group)][entry.name]


def read(file: Path) -> dict[str, Any]:
    """The content of a part's file as Hydra reads it."""
    import yaml

    return dict(yaml.load(bounded_yaml.read_text(file), _loader()))  # noqa: S506 - a safe one


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
    value: object
    is_override: bool

    @property
    def paths(self) -> list[str]:
        """The files that it takes in, without their endings."""
        names = [name for name in words_of(self.value) if "${" not in name]
        return [f"{self.group}/{name}" if self.group else name for name in names]


@dataclass
class FilesInUse:
    """The files of one configuration, and what the person's own list and have wrong.

    roots : config folders in the order in which Hydra looks into them, the shipped one first.
    chosen : {group: its choice}, by who came first; None for a group that was taken away.
    layers : {group: the lists that files wrote for it}, the one with the last word first.
    of_person : files in use that are not of the package. problems : of these; what lies beside them
        stops nothing.
    """

    roots: Sequence[Path]
    chosen: dict[str, object]
    layers: dict[str, list[Layer]] = field(
        default_factory=lambda: {group: [] for group in MULTIPLE}
    )
    of_person: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    def visit(self, path: str) -> None:
        """Take a file, and those that it takes in, by its path without its ending."""
        file = self.take(path)
        if file is None:
            return
        entries = list(_entries(read_yaml(file), path.rpartition("/")[0]))
        if any("${" in name for entry in entries for name in words_of(entry.value)):
            self.problems += malformed(self.roots[1:])  # it may take in any of them
        for entry in (entry for entry in entries if entry.is_override):
            if entry.group in MULTIPLE:
                self.add(entry, file)
            else:
                self.chosen.setdefault(entry.group, entry.value)
        for entry in reversed([entry for entry in entries if not entry.is_override]):
            self.enter(entry, file)

    def take(self, path: str) -> Path | None:
        """The file of a path that is not yet read, if it is as it must be."""
        files = (root / f"{path}.yaml" for root in self.roots)
        file = next((file for file in files if os.path.lexists(file)), None)
        if file is None or path in self.read:  # Hydra says what is wrong
            return None
        self.read.add(path)
        if file.is_relative_to(self.roots[0]):
            return file
        self.of_person.append(file)
        problems = list(examined(file))
        self.problems += problems
        return None if problems else file

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


def _entries(content: object, folder: str) -> Iterator[_Entry]:
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


def is_of_report(layer: Layer) -> bool:
    """Whether the kind of report that is chosen wrote a list, which then stands for the study's."""
    return layer.file is not None and layer.file.parent.name == _REPORT
