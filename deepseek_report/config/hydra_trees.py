"""What Hydra makes of the YAML folders, composed once for each choice of files.

Jobs of a sweep differ mostly in values such as `seed`. Hydra sets those last, in the tree that it
has composed of the chosen files; so here they are set in a copy of that tree, by the same call.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepseek_report.config.interpolation import only
from deepseek_report.config.overrides import quoted

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
