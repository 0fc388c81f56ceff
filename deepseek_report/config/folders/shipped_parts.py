"""The files of the package's own parts, read as one.

Hydra merges file after file into the whole configuration, which for the hundred parts of a report
takes most of the time of composing. The package's own parts set nothing but their own key, so those
that follow one another in a list are handed to Hydra as one entry of its store of configurations.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

_PREFIX = "parts_of_the_package_"


def together(group: str, names: Sequence[str], folder: Path) -> list[str]:
    """The choices by which Hydra takes these parts of a group: the package's own in few entries.

    Parameters
    ----------
    names : the parts in their order. folder : the package's configurations.
    """
    runs = itertools.groupby(names, lambda name: (folder / group / f"{name}.yaml").is_file())
    return [choice for own, run in runs for choice in _choices(group, [*run], folder, own)]


def _choices(group: str, names: list[str], folder: Path, own: bool) -> Iterator[str]:
    if not own:
        yield from names
        return
    files = [folder / group / f"{name}.yaml" for name in names]
    states = [(file, file.stat()) for file in files]
    yield _stored(group, tuple((file, at.st_mtime_ns, at.st_size) for file, at in states))


@lru_cache(maxsize=256)
def _stored(group: str, states: tuple[tuple[Path, int, int], ...]) -> str:
    """The name of an entry of Hydra's store with the content of these files, as they are now."""
    from hydra.core.config_store import ConfigStore

    name = _PREFIX + hashlib.sha256(repr(states).encode()).hexdigest()[:16]
    content: dict[str, Any] = {}
    for file, _, _ in states:
        content |= read(file)
    ConfigStore.instance().store(name, content, group)
    return name


def read(file: Path) -> dict[str, Any]:
    """The content of a part's file as Hydra reads it."""
    import yaml

    return dict(yaml.load(file.read_text(encoding="utf-8"), _loader()))  # noqa: S506 - a safe one


@lru_cache(maxsize=1)
def _loader() -> Any:
    """A reader that knows numbers as OmegaConf's does, on the fast parser where that is built."""
    import yaml
    from omegaconf._utils import get_yaml_loader

    slow = get_yaml_loader()
    if not hasattr(yaml, "CSafeLoader"):
        return slow

    class Fast(yaml.CSafeLoader):
        yaml_implicit_resolvers = slow.yaml_implicit_resolvers

    return Fast
