"""From overrides to one plain configuration, with every problem of the overrides in one list."""

from __future__ import annotations

import copy
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import starmap
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.ids import CROSS_VALIDATION
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.config.catalogue import folders, groups
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.config_files import MULTIPLE, line_with, malformed, parts, unreadable
from deepseek_report.config.interpolation import TooMuch, Unresolved, only, resolve
from deepseek_report.config.overrides import forced, names, parse, quoted, refused, twice
from deepseek_report.config.own_folders import (
    found_elsewhere,
    is_of_report,
    misplaced,
    read_layers,
    together,
)
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest
from deepseek_report.config.sets import Layer, Origin, Sets, bare_name, find_sets
from deepseek_report.config.setting_names import EXAMPLES

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
        if not all(self._chooses(text) for text in choosing):
            return self._by_hydra(overrides)
        if choosing not in self._composed:
            self._composed[choosing] = self._by_hydra(choosing)
        shared, names = self._composed[choosing]
        tree = copy.deepcopy(shared)
        if not _set(tree, values):
            return self._by_hydra(overrides)  # which says what is wrong
        return tree, names

    def _chooses(self, text: str) -> bool:
        """Whether an override decides which files are taken, and sets no value by itself."""
        return text.lstrip("+~").partition("=")[0] in self.groups

    def _by_hydra(self, overrides: Sequence[str]) -> tuple[Any, dict[str, str]]:
        from hydra import compose, initialize_config_dir
        from omegaconf import open_dict

        own = [quoted(f"file://{root.as_posix()}") for root in self.roots[:-1]]  # decodes no URI
        search = [f"hydra.searchpath=[{','.join(own)}]"] if own else []
        here = initialize_config_dir(str(self.roots[-1]), version_base="1.3")
        with here, only(_but_of_environment):
            tree = compose(_CONFIG_NAME, overrides=[*search, *overrides], return_hydra_config=True)
        choices = tree.hydra.runtime.choices
        names = {str(key): name for key, name in choices.items() if isinstance(name, str)}
        with open_dict(tree):
            del tree["hydra"]
        return tree, names


def _set(tree: Any, values: Sequence[str]) -> bool:
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

        Raises ConfigProblems: a file of the person's folder is misplaced or malformed.
        """
        roots = tuple(folders(config_dir))
        shipped_groups = groups(roots[-1:])
        broken = [problem for root in roots[:-1] for problem in misplaced(root, shipped_groups)]
        if broken := broken or malformed(roots[:-1]):
            raise ConfigProblems(broken)
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
        layers = _layers(kept, study, roots)
        problems.extend(_unknown_words(sets, layers, roots))
        selected = {group: sets[group].select(layers[group]) for group in MULTIPLE}
        whole = {group: sets[group].select(_of_study(layers[group])) for group in MULTIPLE}
        single = (override for override in kept if override.key_or_group not in MULTIPLE)
        values = [forced(override, known) for override in single]
        taken = {group: together(group, [*parts], roots[-1]) for group, parts in selected.items()}
        all_overrides = [*study, *values, *starmap(_listed, taken.items())]
        raw, chosen_names, unresolved = _compose(all_overrides, self.trees)
        add_declared(raw, selected)
        sweep = raw.pop("sweep", None) or {}
        launcher = raw.pop("launcher", None) or {}
        composed = Composed(
            raw,
            tuple(overrides),
            selected,
            roots,
            chosen_names,
            tuple(problems),
            skipped={group: _beyond(whole[group], selected[group]) for group in MULTIPLE},
            sweep=sweep,
            launcher=launcher,
        )
        if unresolved:
            unclear = (_problem_of(value, composed) for value in unresolved)
            raise ConfigProblems([*problems, *unclear])
        return composed


def _readable(
    overrides: Sequence[str],
    roots: Sequence[Path],
    known: Mapping[str, Sequence[str]],
    sets: Mapping[str, Sets],
) -> tuple[list[Any], list[Problem]]:
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


def _layers(
    kept: Sequence[Any], study: Sequence[str], roots: Sequence[Path]
) -> dict[str, list[Layer]]:
    single = {
        override.key_or_group: override
        for override in kept
        if override.key_or_group not in MULTIPLE
    }
    chosen = {
        group: None if override.is_delete() else override.value()
        for group, override in single.items()
    }
    if "~experiment" in study:
        chosen["experiment"] = None
    layers = read_layers(roots, chosen)
    for override in kept:
        if (group := override.key_or_group) in MULTIPLE:
            layers[group].insert(
                0, Layer(names(override), "command line", f"command line, {override.input_line}")
            )
    return layers


def _of_study(layers: Sequence[Layer]) -> list[Layer]:
    """The lists without those of the chosen kind of report."""
    return [layer for layer in layers if not is_of_report(layer)]


def _beyond(whole: Mapping[str, Origin], selected: Mapping[str, Origin]) -> dict[str, Origin]:
    return {part: origin for part, origin in whole.items() if part not in selected}


def _unknown_words(
    sets: Mapping[str, Sets], layers: Mapping[str, Sequence[Layer]], roots: Sequence[Path]
) -> Iterator[Problem]:
    for group in MULTIPLE:
        words = [word for layer in layers[group] for word in layer.words]
        for problem in sets[group].problems(layers[group]):
            yield _with_hint(problem, group, words, roots)


def add_declared(raw: dict[str, Any], selected: dict[str, dict[str, Origin]]) -> None:
    """What `split.folds`, `corrections` and `causal` ask for is there whatever else is chosen."""
    split = raw.get("split")
    folds = split.get("folds") if isinstance(split, Mapping) else None
    if folds is not None and CROSS_VALIDATION not in selected["metrics"]:
        _add_part(raw, selected, "metrics", CROSS_VALIDATION)
        raw["metrics"][CROSS_VALIDATION]["folds"] = folds
    if raw.get("corrections"):
        for group in ("metrics", "sections"):
            if CORRECTIONS not in selected[group]:
                _add_part(raw, selected, group, CORRECTIONS)
        first = [name for name in ("summary", "cases", CORRECTIONS) if name in raw["sections"]]
        order = dict.fromkeys([*first, *raw["sections"]])
        raw["sections"] = {name: raw["sections"][name] for name in order}
    causal = raw.get("causal")
    if not causal:
        return
    questions = causal.get("questions") if isinstance(causal, Mapping) else None
    for group, asked_for in _OF_CAUSES.items():
        for part in asked_for:
            if part in _ANSWERING and _ANSWERING[part] not in str(questions):
                continue
            if part not in selected[group]:
                _add_part(raw, selected, group, part)
    names = [name for name in raw["sections"] if name != "causes"]
    place = names.index(_BEFORE_CAUSES) + 1 if _BEFORE_CAUSES in names else len(names)
    ordered = [*names[:place], "causes", *names[place:]]
    raw["sections"] = {name: raw["sections"][name] for name in ordered}


def _add_part(
    raw: dict[str, Any], selected: dict[str, dict[str, Origin]], group: str, part: str
) -> None:
    """Choose a shipped part, with the fields that a file of the person sets."""
    entry = bounded_yaml.load(shipped("conf") / group / f"{part}.yaml")[part]
    parts = raw.get(group) or {}
    raw[group] = {**parts, part: {**entry, **(parts.get(part) or {})}}
    selected[group][part] = "config"


def _listed(group: str, parts: Iterable[str]) -> str:
    """The override by which Hydra takes these parts and no others."""
    return f"{group}=[{','.join(map(quoted, parts))}]"


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


def _problem_of(value: Unresolved, composed: Composed) -> Problem:
    return Problem(locate(composed, value.path), value.fault, todo=value.todo)


def _compose(
    overrides: Sequence[str], trees: HydraTrees
) -> tuple[dict[str, Any], dict[str, str], list[Unresolved]]:
    import yaml
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        config, names = trees.tree(overrides)
        raw, unresolved = resolve(config)
        return raw, names, unresolved
    except TooMuch as error:
        where = _place(".".join(error.path), overrides, [])
        raise ConfigProblems.of(
            where or ".".join(error.path),
            error.fault,
            "",
            "write out what is meant, in fewer references",
        ) from None
    except yaml.YAMLError as error:
        file = Path(getattr(getattr(error, "problem_mark", None), "name", "a YAML file"))
        raise ConfigProblems([unreadable(file, error)]) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigProblems([_uncomposed(error, overrides, trees.roots)]) from None


def _uncomposed(error: Exception, overrides: Sequence[str], roots: Sequence[Path]) -> Problem:
    """What Hydra refused, with the override or the line of a user's file that it is about."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    files = [path for root in roots[:-1] for path in parts(root)]
    if merged := re.match(r"Error merging override \+*(.*)", lines[0]):
        key, _, value = merged[1].partition("=")
        return Problem(
            f"command line, {merged[1]}",
            f"{key} is {value}, and what stands there is of another kind",
            "keys with values where there are keys, a list where there is a list",
            EXAMPLES.get(key, ""),
        )
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
        return Problem(
            where,
            f'"{inner}" is looked for inside the file\'s own group',
            todo=f"write `override /{inner}: {name}`",
        )
    allowed = known.get(group, ())
    return Problem(
        where, f'"{name}" is not in the group {group}', choices(allowed), nearest(name, allowed)
    )
