"""The config folders as Hydra asks for them, and what each file of a composition says.

`config.compose` asks here; nothing else knows Hydra's repository and its lists of defaults. Hydra
decides which files a configuration takes in, in which order, and where their content stands. Each
of them is examined and read once, and what lies beside them is never opened.
"""

from __future__ import annotations

import copy
import itertools
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.core_plugins.structured_config_source import StructuredConfigSource
from hydra._internal.defaults_list import DefaultsList, create_defaults_list
from hydra.core.default_element import DefaultsTreeNode, GroupDefault, InputDefault, ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import setup_globals
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_yaml_loader

from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.config.composed import Placement
from deepseek_report.config.config_files import (
    MULTIPLE,
    examined,
    of_person,
    package_of,
    unreadable,
)
from deepseek_report.config.interpolation import only
from deepseek_report.config.problems import Problem
from deepseek_report.config.sets import Layer, words_of


class ConfigFiles(ConfigRepository):
    """The files of config folders, each read once.

    roots : the config folders, that of this package last; of two files of one name its own counts.
    requests : paths that Hydra asked for since `requests` was emptied, in that order.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        version.setbase("1.3")
        setup_globals()
        own = of_person(roots[:-1])
        self.shipped = [root for root in reversed(roots) if root not in own]
        self.roots = (*self.shipped, *own)
        self.sources = []
        self.requests: dict[str, None] = {}
        self._results: dict[str, ConfigResult | None] = {}
        self._problems: dict[str, list[Problem]] = {}
        self._joint: dict[str, list[Path]] = {}
        self._trees: dict[tuple[str, ...], tuple[DictConfig, DefaultsList]] = {}
        self._lists: dict[tuple[str, ...], tuple[dict[str, list[Layer]], list[str]]] = {}

    # --- what is asked of it ----------------------------------------------------------------------

    def tree(self, overrides: Sequence[str]) -> tuple[DictConfig, tuple[Placement, ...]]:
        """The composed tree, interpolations not resolved, and `Composed.placements`.

        Trees of the same choices differ by a few values, which are set in a copy.

        Raises HydraException, OmegaConfBaseException: they do not compose, or a value fits nowhere.
        """
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        choosing = tuple(str(o.input_line) for o in parsed if self.group_exists(o.key_or_group))
        values = [o for o in parsed if not self.group_exists(o.key_or_group)]
        with only(_but_of_environment):
            if choosing not in self._trees:
                defaults = self.defaults(choosing)
                loader = _Loader(ConfigSearchPathImpl())
                shared = loader._compose_config_from_defaults_list(defaults.defaults, self)
                OmegaConf.set_struct(shared, True)
                self._trees[choosing] = shared, defaults
            shared, defaults = self._trees[choosing]
            self.requests |= {str(each.config_path): None for each in defaults.defaults}
            tree = copy.deepcopy(shared)
            ConfigLoaderImpl._apply_overrides_to_config([*defaults.config_overrides, *values], tree)
        return tree, tuple(self._placements(defaults))

    def lists(self, overrides: Sequence[str]) -> dict[str, list[Layer]]:
        """{group of several: the lists that the files write for it}, the last word first.

        overrides : those that choose one of a group.

        Raises HydraException: as `tree` does.
        """
        choosing = tuple(overrides)
        if choosing not in self._lists:
            before = set(self.requests)
            written = self._written_lists(choosing)
            self._lists[choosing] = written, [path for path in self.requests if path not in before]
        written, requests = self._lists[choosing]
        self.requests |= dict.fromkeys(requests)
        return {group: list(layers) for group, layers in written.items()}

    def _written_lists(self, overrides: Sequence[str]) -> dict[str, list[Layer]]:
        none = [f"{group}=[]" for group in MULTIPLE]
        with only(_but_of_environment):
            tree = self.defaults([*overrides, *none]).defaults_tree
        lists: dict[str, list[Layer]] = {group: [] for group in MULTIPLE}
        for path, entry in self._entries(tree):
            group = posixpath.join("/", posixpath.dirname(path), str(entry.group))[1:]
            if group in MULTIPLE:
                lists[group].append(Layer(words_of(entry.value), self.file(path)))
        return lists

    def defaults(self, overrides: Iterable[str]) -> DefaultsList:
        """Hydra's own list of the files that these overrides take in."""
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        return create_defaults_list(self, "config", parsed, False, False)

    def joint(self, group: str, names: Iterable[str]) -> list[str]:
        """Choices by which Hydra takes these parts of a group: the package's own in few entries.

        Their files set their own key alone, so all of them are merged as quickly as one.
        """
        choices: list[str] = []
        files = {name: self.file(f"{group}/{name}") for name in names}
        for own, run in itertools.groupby(files.items(), lambda item: self._is_shipped(item[1])):
            parts = dict(run)
            if own:
                joint = "+".join(parts)
                self._joint[f"{group}/{joint}"] = list(filter(None, parts.values()))
            choices += [joint] if own else parts
        return choices

    @property
    def of_person(self) -> list[Path]:
        """The files that were asked for and are not of the package."""
        files = map(self.file, self.requests)
        return [file for file in files if file is not None and not self._is_shipped(file)]

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the files that were asked for, each by itself."""
        return [problem for path in self.requests for problem in self._problems.get(path, ())]

    def file(self, path: str) -> Path | None:
        """The file of a path without its ending, whatever it is; None where there is none."""
        files = (root / f"{path}.yaml" for root in self.roots)
        return next((file for file in files if os.path.lexists(file)), None)

    def _is_shipped(self, file: Path | None) -> bool:
        return file is not None and any(file.is_relative_to(root) for root in self.shipped)

    # --- what Hydra asks --------------------------------------------------------------------------

    def load_config(self, config_path: str) -> ConfigResult | None:
        self.requests[config_path] = None
        if config_path not in self._results:
            self._results[config_path] = self._read(config_path)
        return self._results[config_path]

    def group_exists(self, config_path: str) -> bool:
        return any((root / config_path).is_dir() for root in self.roots)

    def config_exists(self, config_path: str) -> bool:
        return self.file(config_path) is not None

    def get_schema_source(self) -> StructuredConfigSource:
        return StructuredConfigSource("schema", "structured://")  # holds nothing of ours

    # --- files ------------------------------------------------------------------------------------

    def _read(self, path: str) -> ConfigResult | None:
        """A file's content and list of defaults, both empty where it has problems."""
        file = self.file(path)
        files = self._joint.get(path, [] if file is None else [file])
        if not files:
            return None
        content, package = dict[str, Any](), ""
        shipped = self._is_shipped(files[0])
        problems = [] if shipped else list(examined(files[0]))
        if not problems:
            loader = _fast_loader() if shipped else get_yaml_loader()
            try:
                for each in files:
                    content |= yaml.load(bounded_yaml.read_text(each), loader)  # noqa: S506 - safe
                package = package_of(files[0])
            except yaml.YAMLError as error:  # a key that stands in it twice
                problems = [unreadable(files[0], error)]
        self._problems[path] = problems
        config = OmegaConf.create(content)
        defaults = self._create_defaults_list(path, self._extract_defaults_list(path, config))
        return ConfigResult("", "", config, {"package": package or None}, defaults)

    def _entries(self, tree: DefaultsTreeNode | InputDefault) -> Iterator[tuple[str, GroupDefault]]:
        """(file, line of its list of defaults), in the order in which Hydra gives them the word."""
        node = tree.node if isinstance(tree, DefaultsTreeNode) else tree
        if node.is_self() or node.is_deleted() or node.get_name() is None:
            return
        path = node.get_config_path()
        listed = (result.defaults_list if (result := self.load_config(path)) else None) or ()
        own = [entry for entry in listed if isinstance(entry, GroupDefault)]
        yield from ((path, entry) for entry in own if entry.is_override())
        for child in reversed((isinstance(tree, DefaultsTreeNode) and tree.children) or ()):
            yield from self._entries(child)
        yield from ((path, entry) for entry in reversed(own) if not entry.is_override())

    def _placements(self, defaults: DefaultsList) -> Iterator[Placement]:
        for default in defaults.defaults:
            if (file := self.file(str(default.config_path))) is not None:
                root = next(root for root in self.roots if file.is_relative_to(root))
                yield Placement(root, file, tuple(filter(None, (default.package or "").split("."))))


class _Loader(ConfigLoaderImpl):
    """Merges copies of files, so that the same file can be merged again."""

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        result = super()._load_single_config(default, repo)
        if default.package:
            return result  # it was copied to its place
        return replace(result, config=copy.deepcopy(result.config))


def _but_of_environment(resolver: str) -> bool:
    return resolver != "oc.env"


@cache
def _fast_loader() -> Any:
    """A reader that knows numbers as OmegaConf's does, on the fast parser where that is built."""
    slow = get_yaml_loader()
    if not hasattr(yaml, "CSafeLoader"):
        return slow

    class Fast(yaml.CSafeLoader):
        yaml_implicit_resolvers = slow.yaml_implicit_resolvers

    return Fast
