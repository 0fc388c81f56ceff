"""What can be chosen, and how a command line goes on: the YAML folders are the registry.

Imports nothing but PyYAML, so that it answers at every keystroke.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.config.config_files import (
    MULTIPLE,
    SINGLE,
    WHOLE,
    choice_files,
    examined,
    read_yaml,
    shipped_folders,
)
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.sets import bare_name, find_sets

_PACKAGE = Path(__file__).parents[1]


def folders(extra: str | None = None) -> list[Path]:
    """The config folders in order of precedence: the user's own, then the shipped ones."""
    if extra and not Path(extra).is_dir():
        path = Path(extra)
        todo = "name a folder of YAMLs, laid out like conf/"
        if path.suffix in {".yaml", ".yml"}:
            todo = "put the file into conf/experiment/, and write --config-dir conf "
            todo += f"experiment={path.stem}"
        fault = f"{extra} is {'a file' if path.is_file() else 'not a folder'}"
        raise ConfigProblems.of("--config-dir", fault, "a folder", todo)
    return [*([Path(extra).resolve()] if extra else []), *shipped_folders()]


def groups(roots: Sequence[Path]) -> dict[str, list[str]]:
    """{group: its choices}, both sorted."""
    choices: dict[str, set[str]] = {group: set() for group in (*SINGLE, *MULTIPLE)}
    for root in roots:
        for path in choice_files(root):
            choices.setdefault(path.parent.name, set()).add(path.stem)
    return {group: sorted(choices[group]) for group in sorted(choices)}


def yaml_file(roots: Sequence[Path], group: str, choice: str) -> Path | None:
    """The file that a choice stands for."""
    files = [root / group / f"{choice}.yaml" for root in roots]
    return next((path for path in files if os.path.lexists(path)), None)


def describe(path: Path) -> str:
    """One line on a choice: the comment at its head, else the first sentence of its class."""
    for problem in examined(path):
        return f"cannot be used: {problem.where}: {problem.fault}"
    text = bounded_yaml.read_text(path)
    head = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    comments = [line.lstrip("# ") for line in head if not line.startswith("# @")]
    if comment := next(filter(None, comments), ""):
        return comment
    node, _ = _class_of(target_of(path))
    return ((node and ast.get_docstring(node)) or "").partition("\n\n")[0].replace("\n", " ")


def target_of(path: Path) -> str:
    """The `_target_` of a plug-in's YAML, or ""; files of this package are read once."""
    own = any(path.is_relative_to(root) for root in shipped_folders())
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


def _class_of(target: str) -> tuple[ast.ClassDef | None, list[ast.stmt]]:
    """The class of this package that a `_target_` names, and the statements of its module."""
    module, _, name = target.rpartition(".")
    path = _PACKAGE.parent / (module.replace(".", "/") + ".py")
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
    classes = (node for node in body if isinstance(node, ast.ClassDef) and node.name == name)
    return next(classes, None), body


def allowed_texts(target: str) -> dict[str, tuple[str, ...]]:
    """{field of a plug-in: the texts it is limited to}, read from its source without importing it.

    Fields that are inherited count, as far as their class is in the package.
    """
    node, body = _class_of(target)
    aliases = {
        statement.targets[0].id: statement.value
        for statement in body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }
    texts: dict[str, tuple[str, ...]] = {}
    for base in _bases(node, body, target.rpartition(".")[0]) if node else ():
        texts |= allowed_texts(base)
    for field in node.body if node else ():
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            texts[field.target.id] = _literals(field.annotation, aliases)
    return texts


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
    values = dict.fromkeys(("paths.reports", "paths.store", "experiment"), "")
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
    *stated, experiment = values.values()
    if experiment:
        file = yaml_file(roots, "experiment", experiment)
        if file is None:
            where = f"command line, experiment={experiment}"
            raise ConfigProblems.of(where, f'"{experiment}" is not in the group experiment')
        places |= _paths(read_yaml(file))
    places |= {name: text for name, text in zip(_NAMES, stated, strict=True) if text}
    return Places(**{name: Path(text) for name, text in places.items()})


def _paths(content: object) -> dict[str, str]:
    paths = content.get("paths") if isinstance(content, dict) else None
    if not isinstance(paths, dict):
        return {}
    return {name: str(paths[name]) for name in _NAMES if paths.get(name)}


# What a command line can go on with: commands, choices and keys, from the YAML folders alone. Why
# neither Hydra nor another library does it: docs/decisions/0015-own-code-beside-libraries.md.

#: What is offered can stand on a command line as it is; a file with another name is not offered.
_SAFE = re.compile(r"[\w.+~=,\[\]/-]+")


class Completer:
    """Completes overrides of one configuration.

    words : what stands on the command line before the word to complete.
    config_dir : the user's own folder of YAMLs, if the words name one.
    """

    def __init__(self, words: Sequence[str], config_dir: str | None = None) -> None:
        self.words = words
        self.roots = folders(config_dir)
        self.groups = groups(self.roots)
        self.sets = find_sets(self.roots, self.groups)
        self.whole: Mapping[str, object] = read_yaml(self.roots[-1] / "config.yaml")

    def overrides(self, current: str) -> list[str]:
        """The overrides that begin as the word does: keys up to their `=`, or whole values."""
        sign = current[: len(current) - len(current.lstrip("+~"))]
        key, is_value, value = current[len(sign) :].partition("=")
        candidates = self._values(key, value) if is_value else self._keys(key)
        return sorted({sign + candidate for candidate in candidates if _SAFE.fullmatch(candidate)})

    # --- values -----------------------------------------------------------------------------------

    def _values(self, key: str, value: str) -> Iterator[str]:
        if key not in self.groups:
            known = self._known_values(key)
            yield from (f"{key}={text}" for text in known if text.startswith(value))
            return
        begun, comma, last = value.rpartition(",")
        head = f"{begun}{comma}"
        if key in MULTIPLE and not head:
            head, last = ("[", value[1:]) if value.startswith("[") else ("", value)
            if not value:
                yield f"{key}=["
        elif head and key not in MULTIPLE and not {"-m", "--multirun"} & set(self.words):
            return
        taken = {bare_name(word) for word in begun.strip("[").split(",")}
        sign = last.removesuffix(bare_name(last)) if key in MULTIPLE else ""
        for choice in (*self.groups[key], *(self.sets[key].names if key in self.sets else ())):
            if choice.startswith(last.removeprefix(sign)) and choice not in taken:
                yield f"{key}={head}{sign}{choice}"

    def _known_values(self, key: str) -> Sequence[str]:
        if isinstance(self._value_of(key), bool):
            return ("true", "false")
        return self._literals(key)

    def _value_of(self, key: str) -> object:
        group, *path = key.split(".")
        value = self._content(group, path[:1]) if group in self.groups else self.whole.get(group)
        for part in path[1:] if group in MULTIPLE else path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def _literals(self, key: str) -> Sequence[str]:
        group, *path = key.split(".")
        if group not in self.groups:
            return allowed_texts("deepseek_report.config.experiment.Settings").get(key, ())
        file = self._file(group, path[:1])
        target = target_of(file) if file is not None else ""
        return allowed_texts(target).get(path[-1], ()) if path and target else ()

    # --- keys -------------------------------------------------------------------------------------

    def _keys(self, begun: str) -> Iterator[str]:
        """Keys with their `=`; those that hold others with a dot."""
        *parents, last = begun.split(".")
        prefix = ".".join(parents)
        for name, more in self._below(parents):
            dotted = f"{prefix}.{name}" if prefix else name
            if name.startswith(last):
                yield from (f"{dotted}{end}" for end in more)

    def _below(self, parents: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The names below a key, each with how it goes on: `=`, `.`, or either."""
        if not parents:
            yield from ((name, "=" if name in WHOLE else "=.") for name in self.groups)
            own = (name for name in self.whole if name != "defaults")
            yield from ((name, _ending(self.whole[name])) for name in own)
            return
        group, *path = parents
        if group in MULTIPLE and not path:
            yield from ((choice, ".") for choice in self.groups[group])
            return
        value = self._value_of(".".join(parents))
        if isinstance(value, Mapping):
            yield from ((str(k), _ending(v)) for k, v in value.items() if k != "_target_")

    # --- the YAMLs that are chosen ----------------------------------------------------------------

    def _content(self, group: str, path: Sequence[str]) -> object:
        """The settings of the chosen part of a group; of several parts the one that is named."""
        file = self._file(group, path)
        content = read_yaml(file) if file is not None else {}
        return content.get(path[0], {}) if group in MULTIPLE and path else content

    def _file(self, group: str, path: Sequence[str]) -> Path | None:
        choice = path[0] if group in MULTIPLE and path else self._chosen(group)
        return yaml_file(self.roots, group, choice) if choice else None

    def _chosen(self, group: str) -> str:
        """By the command line, else by the experiment, else by the configuration as a whole."""
        for word in reversed(self.words):
            key, _, value = word.lstrip("+").partition("=")
            if key == group:
                return value
        if group != "experiment":
            file = yaml_file(self.roots, "experiment", self._chosen("experiment"))
            if file is not None and (named := _in_defaults(read_yaml(file), group)):
                return named
        return _in_defaults(self.whole, group)


def _ending(value: object) -> str:
    return "." if isinstance(value, Mapping) and value else "="


def _in_defaults(content: object, group: str) -> str:
    """The choice of a group in the defaults list of a file, or ""."""
    entries = content.get("defaults", ()) if isinstance(content, Mapping) else ()
    for entry in entries if isinstance(entries, list) else ():
        for key, value in entry.items() if isinstance(entry, Mapping) else ():
            if str(key).split()[-1].lstrip("/") == group and isinstance(value, str):
                return value
    return ""
