"""What an extension brings, found as the plug-in of a stranger is: by an entry point.

An extension is a folder of `deepseek_report/extensions` that holds all of one feature. Its modules
are not imported before they are asked for; what it brings is not offered where it does not lie.
"""

from __future__ import annotations

import importlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from deepseek_report.errors import ConfigError

GROUP = "deepseek_report.extensions"
#: {command, option or setting: the extension that brings it, and its extra, "" where it comes with
#: the package}.
BROUGHT = {
    **dict.fromkeys(("export", "--letter"), ("exports", "export")),
    **dict.fromkeys(
        ("sign", "key", "--seal", "verify", "pack", "reproduce", "report.policy", "report.seal"),
        ("assurance", "sign"),
    ),
    **dict.fromkeys(("serve", "score-stream", "watch"), ("live", "serve")),
    **dict.fromkeys(("causal", "consequences", "experiment=credit_causes"), ("causes", "")),
    **dict.fromkeys(("corrections", "correction lines"), ("corrections", "")),
    **dict.fromkeys(("--remote", "DEEPSEEK_REPORT_REMOTE_STORE"), ("clusters", "remote")),
    **dict.fromkeys(("track", "mlflow:", "DEEPSEEK_REPORT_MLFLOW"), ("clusters", "mlflow")),
    "launcher=joblib": ("clusters", ""),
    "launcher=ray": ("clusters", "ray"),
    "launcher=submitit": ("clusters", "submitit"),
    **dict.fromkeys(
        ("prompts", "dataset=brackets", "dataset=recall", "experiment=language_model"),
        ("language_models", ""),
    ),
    "experiment=reasoning_traces": ("language_models", ""),
    **{
        f"dataset={name}": ("examples", "")
        for name in (
            *("boston", "breast_cancer", "diabetes", "known_effects", "medmnist"),
            *("multi_label_demo", "transactions", "wide"),
        )
    },
    **{
        f"dataset={name}": ("examples", "examples")
        for name in ("digits", "histology", "reviews_zh", "surface_defects", "trace", "tweets")
    },
    **{
        f"experiment={name}": ("examples", "")
        for name in (
            *("breast_cancer", "diabetes_progression", "ground_truth", "mortgage_decisions"),
            *("transactions", "wide"),
        )
    },
    **{
        f"experiment={name}": ("examples", "examples")
        for name in (
            *("digits", "histology", "sensor_faults", "sentiment", "sentiment_deepseek"),
            *("sentiment_zh", "surface_defects"),
        )
    },
}


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

    folder : where its files lie: words in its folder `locale`, by language, documents of its
    sections in `templates`, what can be chosen in `conf`. commands : {name: command}. services :
    {what the core asks for: the module that offers it}. findings : {module: the metrics from which
    it finds}; it has `BEFORE`, {name of a rule of the core: rules that come before it}, and
    `FAMILIES`, {family of tests: its tests, and the metrics that make them}. parts : modules of its
    sections and pictures, from which alone a run folder may name one. doctor : a module whose
    `examine()` says what it needs of this machine. beside_config : a module whose `BESIDE_CONFIG`
    reads the files beside the config that belong to a run, see `compliance.beside_config`. blocks :
    modules whose `BLOCK`, a `config.blocks.Block`, says what a key at the top of a configuration
    declares. case_marks : a module whose `marks_of`, as that of `sections.single_cases.case_marks`,
    says what a person may mark as wrong on the page of a case.
    """

    folder: Path
    commands: Mapping[str, Command] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    doctor: str = ""
    beside_config: str = ""
    blocks: tuple[str, ...] = ()
    case_marks: str = ""


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

    Raises ConfigError: the extension that brings it is not installed.
    """
    modules = {key: module for each in installed() for key, module in each.services.items()}
    if name not in modules:
        raise not_installed(name)
    return importlib.import_module(modules[name])


def finding_modules(metrics: Container[str]) -> list[str]:
    """The modules by which extensions find something from any of these metrics."""
    declared = [pair for each in installed() for pair in each.findings.items()]
    return [module for module, known in declared if any(name in metrics for name in known)]


def beside_config_module() -> str:
    """The module that reads files beside the config; "" where no extension does."""
    return next((each.beside_config for each in installed() if each.beside_config), "")


def is_lacking(name: str) -> bool:
    """Whether what `BROUGHT` names comes with an extension that does not lie here."""
    return name in BROUGHT and BROUGHT[name][0] not in {each.folder.name for each in installed()}


def not_installed(name: str) -> ConfigError:
    """What to say of what `BROUGHT` names and nothing offers here."""
    return ConfigError("\n    what to do: ".join(advice(name)))


def advice(name: str) -> tuple[str, str]:
    """Where what `BROUGHT` names comes from, and what to do."""
    extension, extra = BROUGHT[name]
    package = f"deepseek-report[{extra}]" if extra else "deepseek-report"
    fact = f"{name} comes with the extension {extension}, which is not installed here"
    return fact, f'pip install "{package}"'
