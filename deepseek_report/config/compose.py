"""From overrides to one plain configuration, with every problem of the overrides in one list."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    """

    raw: Mapping[str, Any]
    overrides: tuple[str, ...]
    chosen: Mapping[str, tuple[str, ...]]
    roots: tuple[Path, ...]

    def explicit(self, group: str) -> bool:
        """Whether the person chose this group on the command line."""
        return group in self.chosen


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> Composed:
    """Compose the configuration from the YAML folders and the overrides.

    Raises
    ------
    ConfigProblems : every override that cannot be read or names an unknown choice.
    """
    if config_dir and not Path(config_dir).is_dir():
        raise ConfigProblems(
            [
                Problem(
                    "--config-dir", f"{config_dir} is not a folder", todo="name a folder of YAMLs"
                )
            ]
        )
    roots = tuple(folders(config_dir))
    parsed = _parse(overrides)
    chosen = _check_choices(parsed, groups(roots))
    raw = _compose([_forced(one, chosen) for one in parsed], roots)
    return Composed(raw, tuple(overrides), chosen, roots)


def _parse(overrides: Sequence[str]) -> list[Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    parser, parsed, problems = OverridesParser.create(), [], []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except OverrideParseException as error:
            reason = str(error).splitlines()[0]
            todo = "write key=value, such as model=mlp or seed=3; quote values with special signs"
            problems.append(Problem(f"command line, {text}", reason, todo=todo))
    if problems:
        raise ConfigProblems(problems)
    return parsed


def _check_choices(
    parsed: Sequence[Any], known: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    chosen, problems = {}, []
    for override in parsed:
        group = override.key_or_group
        if group not in known:
            continue
        value = override.value()
        names = value if isinstance(value, list) else [value]
        chosen[group] = tuple(str(name) for name in names if name is not None)
        for name in chosen[group]:
            if name not in known[group]:
                where = f"command line, {override.input_line}"
                found = f'"{name}" is not in the group {group}'
                problems.append(
                    Problem(where, found, choices(known[group]), nearest(name, known[group]))
                )
    if problems:
        raise ConfigProblems(problems)
    return chosen


def _forced(override: Any, chosen: Mapping[str, Any]) -> str:
    """A value override may set any field of a plug-in, also one that its YAML does not list."""
    text = str(override.input_line)
    plain = override.type.name == "CHANGE" and override.key_or_group not in chosen
    return f"++{text}" if plain and not text.startswith("hydra") else text


def _compose(overrides: Sequence[str], roots: Sequence[Path]) -> dict[str, Any]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    own = [root.as_uri() for root in roots[:-1]]
    search = [f"hydra.searchpath=[{','.join(own)}]"] if own else []
    try:
        with initialize_config_dir(str(roots[-1]), version_base="1.3"):
            config = hydra_compose(_CONFIG_NAME, overrides=[*search, *overrides])
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigProblems([Problem("configuration", _readable(error))]) from None


def _readable(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:4])


def expand(overrides: Sequence[str]) -> Iterator[list[str]]:
    """The jobs of a sweep: every combination of `seed=1,2,3 model=mlp,deepseek`."""
    axes = []
    for override in _parse(overrides):
        if override.is_sweep_override():
            key = override.get_key_element()
            axes.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            axes.append([override.input_line])
    for job in itertools.product(*axes):
        yield list(job)
