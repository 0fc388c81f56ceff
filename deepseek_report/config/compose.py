"""From overrides to one plain configuration, with every problem of the overrides in one list."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.config.catalogue import folders, groups
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest

_CONFIG_NAME = "config"


@dataclass(frozen=True)
class Composed:
    """A composed configuration that nobody has validated yet.

    raw : plain data, interpolations resolved. overrides : as given on the command line.
    chosen : {group: names chosen on the command line}. roots : the config folders.
    choices : {group: the name that counts in the end}, for groups of which one is chosen.
    problems : overrides that were left out, since they cannot be read or name an unknown choice.
    """

    raw: Mapping[str, Any]
    overrides: tuple[str, ...]
    chosen: Mapping[str, tuple[str, ...]]
    roots: tuple[Path, ...]
    choices: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def explicit(self, group: str) -> bool:
        """Whether the person chose this group on the command line."""
        return group in self.chosen


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> Composed:
    """Compose the configuration from the YAML folders and the overrides.

    Overrides that cannot be read or that name an unknown choice are left out and listed in
    `Composed.problems`, so that the rest can be checked in the same pass.

    Raises
    ------
    ConfigProblems : the YAML files themselves do not compose.
    """
    if config_dir and not Path(config_dir).is_dir():
        found = f"{config_dir} is not a folder"
        raise ConfigProblems([Problem("--config-dir", found, todo="name a folder of YAMLs")])
    roots = tuple(folders(config_dir))
    known = groups(roots)
    parsed, problems = _parse(overrides)
    chosen = {one.key_or_group: _names(one) for one in parsed if one.key_or_group in known}
    unknown = [problem for one in parsed for problem in _unknown_choices(one, known)]
    kept = [one for one in parsed if not list(_unknown_choices(one, known))]
    study = _leave_default_study(chosen, overrides)
    raw, names = _compose([*study, *(_forced(one, chosen) for one in kept)], roots)
    return Composed(raw, tuple(overrides), chosen, roots, names, (*problems, *unknown))


def _leave_default_study(
    chosen: Mapping[str, Sequence[str]], overrides: Sequence[str]
) -> list[str]:
    """The default experiment is a study of its own data: other data leave it, title and all."""
    if "dataset" not in chosen or "experiment" in chosen:
        return []
    named = any(text.lstrip("+~").startswith("name=") for text in overrides)
    return ["~experiment", *([] if named else [f"++name={chosen['dataset'][0]}"])]


def _parse(overrides: Sequence[str]) -> tuple[list[Any], list[Problem]]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    parsed: list[Any] = []
    problems: list[Problem] = []
    todo = "write key=value, such as model=mlp or seed=3; quote values with special signs"
    for text in overrides:
        reason = "" if text.lstrip("+~").partition("=")[0].strip() else "it has no key"
        try:
            one = parser.parse_override(text)
        except HydraException as error:
            reason = str(error).splitlines()[0]
        if reason:
            problems.append(Problem(f"command line, {text}", reason, todo=todo))
        else:
            parsed.append(one)
    return parsed, problems


def _names(override: Any) -> tuple[str, ...]:
    value = override.value()
    names = value if isinstance(value, list) else [value]
    return tuple(str(name) for name in names if name is not None)


def _unknown_choices(override: Any, known: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    group = override.key_or_group
    for name in _names(override) if group in known else ():
        if name not in known[group]:
            where = f"command line, {override.input_line}"
            found = f'"{name}" is not in the group {group}'
            yield Problem(where, found, choices(known[group]), nearest(name, known[group]))


def _forced(override: Any, chosen: Mapping[str, Any]) -> str:
    """A value override may set any field of a plug-in, also one that its YAML does not list."""
    text = str(override.input_line)
    plain = override.type.name == "CHANGE" and override.key_or_group not in chosen
    return f"++{text}" if plain and not text.startswith("hydra") else text


def _compose(
    overrides: Sequence[str], roots: Sequence[Path]
) -> tuple[dict[str, Any], dict[str, str]]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf, open_dict
    from omegaconf.errors import OmegaConfBaseException

    own = [root.as_uri() for root in roots[:-1]]
    search = [f"hydra.searchpath=[{','.join(own)}]"] if own else []
    try:
        with initialize_config_dir(str(roots[-1]), version_base="1.3"):
            config = hydra_compose(
                _CONFIG_NAME, overrides=[*search, *overrides], return_hydra_config=True
            )
        names = {str(k): v for k, v in config.hydra.runtime.choices.items() if isinstance(v, str)}
        with open_dict(config):
            del config["hydra"]
        raw: Any = OmegaConf.to_container(config, resolve=True)
        return raw, names
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigProblems([Problem("configuration", _readable(error))]) from None


def _readable(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:4])


def expand(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The jobs of a sweep: every combination of `seed=1,2,3 model=mlp,deepseek`."""
    axes = []
    parsed, problems = _parse(overrides)
    if problems:
        raise ConfigProblems(problems)
    for override in parsed:
        if override.is_sweep_override():
            key = override.get_key_element()
            axes.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            axes.append([override.input_line])
    for job in itertools.product(*axes):
        yield list(job)
