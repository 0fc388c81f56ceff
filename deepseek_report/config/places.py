"""Where reports and finished stages are, read from the YAML files without composing them.

For commands that must answer at once, or that must work while a configuration is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.config.catalogue import folders, yaml_file
from deepseek_report.config.config_files import read_yaml
from deepseek_report.config.problems import ConfigProblems

_NAMES = ("reports", "store")


@dataclass(frozen=True)
class Places:
    """The folders `paths.reports` and `paths.store`."""

    reports: Path
    store: Path


def find_places(overrides: Sequence[str] = (), config_dir: str | None = None) -> Places:
    """The places that a run with these overrides would use.

    overrides : `paths.reports=…`, `paths.store=…` and `experiment=…`.

    Raises ConfigProblems: another override, an experiment that does not exist, or a broken YAML.
    """
    roots = folders(config_dir)
    values = {"paths.reports": "", "paths.store": "", "experiment": ""}
    for text in overrides:
        key, is_value, value = text.lstrip("+").partition("=")
        if key not in values or not is_value:
            raise ConfigProblems.of(
                f"command line, {text}",
                "this command reads no such override",
                "paths.reports=…, paths.store=…, experiment=…",
            )
        values[key] = value
    places = _paths(read_yaml(roots[-1] / "config.yaml"))
    if values["experiment"]:
        places |= _of_experiment(roots, values["experiment"])
    places |= {name: values[f"paths.{name}"] for name in _NAMES if values[f"paths.{name}"]}
    return Places(Path(places["reports"]), Path(places["store"]))


def _of_experiment(roots: Sequence[Path], name: str) -> dict[str, str]:
    file = yaml_file(roots, "experiment", name)
    if file is None:
        raise ConfigProblems.of(
            f"command line, experiment={name}", f'"{name}" is not in the group experiment'
        )
    return _paths(read_yaml(file))


def _paths(content: Any) -> dict[str, str]:
    paths = content.get("paths") if isinstance(content, dict) else None
    if not isinstance(paths, dict):
        return {}
    return {name: str(paths[name]) for name in _NAMES if paths.get(name)}
