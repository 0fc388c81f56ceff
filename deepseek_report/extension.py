"""What an extension brings, found as the plug-in of a stranger is: by an entry point.

An extension is a folder of `deepseek_report/extensions` that holds all of one feature. Its modules
are not imported before they are asked for; what it brings is not offered where it does not lie.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from deepseek_report.errors import ConfigError

#: The group of entry points.
GROUP = "deepseek_report.extensions"
#: {command, or option: the extension of ours that brings it, and its extra}.
BROUGHT = {"export": ("exports", "export"), "--letter": ("exports", "export")}


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    takes, does : what `--help` says of it. module : has a function `command(arguments) -> int`.
    options : those that a shell completes. after : {option: what may follow it}. of_runs : whether
    it takes the folder of a run.
    """

    takes: str
    does: str
    module: str
    options: tuple[str, ...] = ("--help",)
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    of_runs: bool = False


@dataclass(frozen=True)
class Extension:
    """One feature, whole.

    folder : where its files lie; words stand in its folder `locale`, by language. commands : {name:
    command}. services : {what the core asks for: the module that offers it}.
    """

    folder: Path
    commands: Mapping[str, Command] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


@cache
def installed() -> tuple[Extension, ...]:
    """The extensions that lie here, in the order of their names."""
    try:
        declared = distribution("deepseek-report").entry_points.select(group=GROUP)
    except PackageNotFoundError:
        return ()
    return tuple(each.load() for each in sorted(declared) if _lies_here(each.module))


def _lies_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor does the folder around it
        return False


def extension_commands() -> dict[str, Command]:
    """{name: command} of all extensions."""
    return {name: made for each in installed() for name, made in each.commands.items()}


def service(name: str) -> ModuleType:
    """The module that offers what the core asks for.

    Raises
    ------
    ConfigError : the extension that brings it is not installed.
    """
    modules = {key: module for each in installed() for key, module in each.services.items()}
    if name not in modules:
        raise not_installed(name)
    return importlib.import_module(modules[name])


def not_installed(name: str) -> ConfigError:
    """What to say of a command or option of `BROUGHT` that nothing offers here."""
    extension, extra = BROUGHT[name]
    return ConfigError(
        f"{name} comes with the extension {extension}, which is not installed here\n"
        f'    what to do: pip install "deepseek-report[{extra}]"'
    )
