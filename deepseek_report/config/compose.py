"""From overrides to one plain configuration, with every problem of the overrides in one list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_report.artifacts.ids import CROSS_VALIDATION
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.config.blocks import blocks
from deepseek_report.config.catalogue import folders, groups
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.config_files import (
    MULTIPLE,
    line_with,
    of_person,
    shipped_file,
    shipped_folders,
    shown,
)
from deepseek_report.config.interpolation import TooMuch, resolve
from deepseek_report.config.overrides import forced, names, parse, quoted, refused, twice
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest
from deepseek_report.config.sets import Layer, Origin, Sets, find_sets
from deepseek_report.config.setting_names import EXAMPLES
from deepseek_report.extension import BROUGHT, advice, is_lacking, not_installed

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from deepseek_report.config.hydra_files import ConfigFiles


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
    files: ConfigFiles

    @classmethod
    def of(cls, config_dir: str | None) -> Composer:
        """Of a person's folder and the shipped one.

        Raises ConfigProblems: the person's folder is none of configurations.
        """
        roots = tuple(folders(config_dir))
        shipped_groups = groups(shipped_folders())
        if apart := [
            problem for root in of_person(roots) for problem in misplaced(root, shipped_groups)
        ]:
            raise ConfigProblems(apart)
        known = groups(roots)
        from deepseek_report.config.hydra_files import ConfigFiles  # Hydra takes its time

        return cls(roots, known, find_sets(roots, known), ConfigFiles(roots))

    def compose(self, overrides: Sequence[str] = ()) -> Composed:
        """See `compose`."""
        known, files = self.known, self.files
        files.requests.clear()
        kept, problems = self._readable(overrides)
        chosen = {o.key_or_group: names(o) for o in kept if o.key_or_group in known}
        study = _leave_default_study(chosen, overrides)
        single = [override for override in kept if override.key_or_group not in MULTIPLE]
        with self._answering(overrides, problems):
            lists = files.lists(
                [*study, *(str(o.input_line) for o in single if o.key_or_group in known)]
            )
        for override in kept:
            if (group := override.key_or_group) in MULTIPLE:
                lists[group].insert(0, Layer(names(override)))
        selected: dict[str, dict[str, Origin]] = {}
        skipped: dict[str, dict[str, Origin]] = {}
        for group, own in ((group, self.sets[group]) for group in MULTIPLE):
            problems.extend(map(self._hinted, own.problems(lists[group])))
            whole = own.select([layer for layer in lists[group] if not layer.is_of_report])
            shown = own.select(sorted(lists[group], key=_precedence))
            # the kind of report leaves out parts that the study chooses, and brings none along
            selected[group] = {key: by for key, by in shown.items() if key in whole}
            skipped[group] = {key: by for key, by in whole.items() if key not in shown}
        parts = [
            f"{group}=[{','.join(map(quoted, files.joint(group, taken)))}]"
            for group, taken in selected.items()
        ]
        values = [forced(override, known) for override in single]
        with self._answering(overrides, problems):
            config, placements = files.tree([*study, *values, *parts])
            if files.problems:
                raise ConfigProblems([*problems, *files.problems])
            raw, unresolved = resolve(config)
        add_declared(raw, selected)
        composed = Composed(
            overrides=tuple(overrides),
            selected=selected,
            roots=self.roots,
            placements=placements,
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

    def _readable(self, overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
        """The overrides that can be used, and the problems of the others."""
        sets = {group: [*self.known[group], *self.sets[group].names] for group in MULTIPLE}
        parsed, problems = parse(overrides)
        problems.extend(twice(parsed))
        faults = [refused(override, {**self.known, **sets}) for override in parsed]
        problems.extend(self._hinted(problem) for refusals in faults for problem in refusals)
        return [o for o, fault in zip(parsed, faults, strict=True) if not fault], problems

    def _hinted(self, problem: Problem) -> Problem:
        """Where a file of an unknown choice's name lies elsewhere, that is what to do."""
        unknown = re.fullmatch(r'"(.*)" is not in the group (.*)', problem.fault, re.DOTALL)
        hint = found_elsewhere(unknown[2], unknown[1], self.roots) if unknown else ""
        return replace(problem, todo=hint) if hint else problem

    @contextmanager
    def _answering(self, overrides: Sequence[str], problems: Sequence[Problem]) -> Iterator[None]:
        """Say of what Hydra and OmegaConf refuse which line of a person it is about.

        problems : those so far, to be told with those that files have by themselves.
        """
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException

        files = self.files
        try:
            yield
        except TooMuch as error:
            key = ".".join(error.path)
            todo = "write out what is meant, in fewer references"
            where = _place(key, overrides, []) or key
            raise ConfigProblems.of(where, error.fault, todo=todo) from None
        except (HydraException, OmegaConfBaseException) as error:
            if files.problems:
                raise ConfigProblems([*problems, *files.problems]) from None
            refusal = _uncomposed(error, overrides, files.of_person, self.known)
            raise ConfigProblems([self._hinted(refusal)]) from None
        except RecursionError:
            fault = "its list of defaults takes in the file itself"
            raise ConfigProblems.of(shown(files.of_person[-1]), fault) from None


def _precedence(layer: Layer) -> int:
    """The command line has the first word, then the kind of report, then the study."""
    return 0 if layer.file is None else 1 if layer.is_of_report else 2


def add_declared(raw: dict[str, Any], selected: dict[str, dict[str, Origin]]) -> None:
    """What `split.folds` and the blocks of extensions ask for is there whatever else is chosen.

    Raises ConfigError: a block is declared whose extension is not installed.
    """
    split = raw.get("split")
    folds = split.get("folds") if isinstance(split, Mapping) else None
    if folds is not None:
        _add_part(raw, selected, "metrics", CROSS_VALIDATION, folds=folds)
    for key in list(filter(is_lacking, raw)):
        if raw.pop(key):
            raise not_installed(key)
    declared = {key: block for key, block in blocks().items() if raw.get(key)}
    for key, block in reversed(declared.items()):
        for group, parts in block.parts(raw[key]).items():
            for part in parts:
                _add_part(raw, selected, group, part)
        _lead(raw, block.leading([*raw["sections"]]))


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


def _leave_default_study(
    chosen: Mapping[str, Sequence[str]], overrides: Sequence[str]
) -> list[str]:
    """The default experiment is a study of its own data: other data leave it, title and all."""
    if "dataset" not in chosen or "experiment" in chosen:
        return []
    named = any(text.lstrip("+~").startswith("name=") for text in overrides)
    return ["~experiment", *([] if named else [f"++name={chosen['dataset'][0]}"])]


def _uncomposed(
    error: Exception,
    overrides: Sequence[str],
    files: Sequence[Path],
    known: Mapping[str, Sequence[str]],
) -> Problem:
    """What Hydra refused, with the override or the line of a user's file that it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if merged := re.match(r"Error merging override \+*(.*)", lines[0]):
        key, _, value = merged[1].partition("=")
        fault = f"{key} is {value}, and what stands there is of another kind"
        allowed = "keys with values where there are keys, a list where there is a list"
        return Problem(f"command line, {merged[1]}", fault, allowed, EXAMPLES.get(key, ""))
    if missing := getattr(error, "missing_cfg_file", None):
        return _no_such_choice(str(missing), files, known)
    if lost := re.search(r"Could not override '([^'@]+)", str(error)):
        return _no_such_group(lost[1], files, known)
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


def _no_such_choice(
    path: str, files: Sequence[Path], known: Mapping[str, Sequence[str]]
) -> Problem:
    """That a `defaults:` list takes in a file which is not there."""
    group, _, name = path.rpartition("/")
    inner = group.rpartition("/")[2]
    where = line_with(files, [inner, name]) or f"the group {group}"
    if group not in known and inner in known:
        fault = f'"{inner}" is looked for inside the file\'s own group'
        return Problem(where, fault, todo=f"write `override /{inner}: {name}`")
    near = known.get(group, ())
    return Problem(
        where, f'"{name}" is not in the group {group}', choices(near), nearest(name, near)
    )


def _place(key: str, overrides: Sequence[str], files: Sequence[Path]) -> str:
    texts = [text.lstrip("+") for text in overrides]
    matching = [text for text in texts if text.lstrip("~").partition("=")[0] == key.lstrip("+~")]
    if matching:
        return f"command line, {matching[-1]}"
    return line_with(files, [key.rpartition(".")[2]])


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
    near = dict.fromkeys([Path.cwd(), *of_person(roots)])
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
