"""What can be chosen: the YAML folders are the registry. Imports nothing but PyYAML."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.config_files import MULTIPLE, SINGLE, read_yaml
from deepseek_report.config.problems import ConfigProblems

_PACKAGE = Path(__file__).parents[1]


def folders(extra: str | None = None) -> list[Path]:
    """The config folders in order of precedence: the user's own, then the shipped one."""
    if extra and not Path(extra).is_dir():
        path = Path(extra)
        name = path.stem if path.suffix in {".yaml", ".yml"} else ""
        todo = "name a folder of YAMLs, laid out like conf/"
        if name:
            todo = "put the file into conf/experiment/, and write --config-dir conf "
            todo += f"experiment={name}"
        fault = f"{extra} is {'a file' if path.is_file() else 'not a folder'}"
        raise ConfigProblems.of("--config-dir", fault, "a folder", todo)
    return [*([Path(extra).resolve()] if extra else []), shipped("conf")]


def groups(roots: Sequence[Path]) -> dict[str, list[str]]:
    """{group: its choices}, both sorted."""
    choices: dict[str, set[str]] = {group: set() for group in (*SINGLE, *MULTIPLE)}
    for root in roots:
        for path in root.glob("*/*.yaml"):
            choices.setdefault(path.parent.name, set()).add(path.stem)
    return {group: sorted(choices[group]) for group in sorted(choices)}


def yaml_file(roots: Sequence[Path], group: str, choice: str) -> Path | None:
    """The file that a choice stands for."""
    files = [root / group / f"{choice}.yaml" for root in roots]
    return next((path for path in files if path.is_file()), None)


def describe(path: Path) -> str:
    """One line on a choice: the comment at its head, else the first sentence of its class."""
    try:
        content = read_yaml(path)
    except ConfigProblems as error:
        return f"cannot be used: {error.problems[0].where}: {error.problems[0].fault}"
    text = path.read_text(encoding="utf-8")
    head = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    comments = [line.lstrip("# ") for line in head if not line.startswith("# @")]
    return next(filter(None, comments), "") or _docstring(_target(content))


def target_of(path: Path) -> str:
    """The `_target_` of a plug-in's YAML, or ""; files of this package are read once."""
    own = path.is_relative_to(shipped("conf"))
    return _target_of_package(path) if own else _target(read_yaml(path))


@cache
def _target_of_package(path: Path) -> str:
    return _target(read_yaml(path))


def _target(content: object) -> str:
    if not isinstance(content, dict):
        return ""
    if isinstance(content.get("_target_"), str):
        return str(content["_target_"])
    targets = (_target(part) for part in content.values() if isinstance(part, dict))
    return next((target for target in targets if target), "")


def _docstring(target: str) -> str:
    body, name = _source(target)
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
    return ""


def _source(target: str) -> tuple[list[ast.stmt], str]:
    """The statements of the package's module that a `_target_` names, and the class's name."""
    module, _, name = target.rpartition(".")
    path = _PACKAGE.parent / (module.replace(".", "/") + ".py")
    if not path.is_file():
        return [], name
    return ast.parse(path.read_text(encoding="utf-8")).body, name


def allowed_texts(target: str) -> dict[str, tuple[str, ...]]:
    """{field of a plug-in: the texts it is limited to}, read from its source without importing it.

    Fields that are inherited count, as far as their class is in the package.
    """
    body, name = _source(target)
    aliases = {
        statement.targets[0].id: statement.value
        for statement in body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }
    texts: dict[str, tuple[str, ...]] = {}
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for base in _bases(node, body, target.rpartition(".")[0]):
                texts |= allowed_texts(base)
            texts |= _limited(node, aliases)
    return texts


def _limited(node: ast.ClassDef, aliases: Mapping[str, ast.expr]) -> dict[str, tuple[str, ...]]:
    """{field that the class itself declares: the texts it is limited to}."""
    return {
        field.target.id: _literals(field.annotation, aliases)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _bases(node: ast.ClassDef, body: Sequence[ast.stmt], module: str) -> list[str]:
    own = (line.name for line in body if isinstance(line, ast.ClassDef))
    imported = {name: f"{module}.{name}" for name in own} | {
        alias.asname or alias.name: f"{line.module}.{alias.name}"
        for line in body
        if isinstance(line, ast.ImportFrom) and line.module
        for alias in line.names
    }
    names = [base.id for base in node.bases if isinstance(base, ast.Name)]
    return [imported[name] for name in names if name in imported]


def _literals(annotation: ast.expr, aliases: Mapping[str, ast.expr]) -> tuple[str, ...]:
    """The texts of every `Literal[…]` in an annotation, or in the alias that it is."""
    if isinstance(annotation, ast.Name):
        annotation = aliases.get(annotation.id, annotation)
    literals = (
        part.slice
        for part in ast.walk(annotation)
        if isinstance(part, ast.Subscript)
        and isinstance(part.value, ast.Name)
        and part.value.id == "Literal"
    )
    texts = (text for literal in literals for text in ast.walk(literal))
    return tuple(
        text.value
        for text in texts
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    )


# Where reports and finished stages are, read from the YAML files without composing them.
#
# For commands that must answer at once, or that must work while a configuration is broken.

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


def _paths(content: object) -> dict[str, str]:
    paths = content.get("paths") if isinstance(content, dict) else None
    if not isinstance(paths, dict):
        return {}
    return {name: str(paths[name]) for name in _NAMES if paths.get(name)}
