"""Resolves the interpolations of a configuration, without letting them read what is secret.

What a configuration says is printed, stored and written into reports, so nothing in it may come
from the environment, the clock or a resolver that somebody else registered. Where reports go, the
device and the number of processes are written nowhere; they may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deepseek_report.artifacts.storage.bounded_yaml import MOST_LEVELS, MOST_NODES

#: Resolvers that see the configuration alone.
HARMLESS = frozenset(
    {"oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values", "oc.select"}
)
#: Keys whose values belong to one machine and are never stored.
LOCAL = ("paths", "device", "jobs")
#: The most characters that the interpolations of a configuration may stand for.
_MOST_CHARACTERS = 1_000_000
#: The most values with interpolations, and how long a chain of references may be.
_MOST_TEXTS = 2_000
_LONGEST_CHAIN = 20
#: The most interpolations whose own key is made by another one: `${a.${b}}`.
_MOST_DYNAMIC = 10

_REFERENCE = re.compile(
    r"\$\{\s*(?:oc\.(?:select|dict\.keys|dict\.values)\s*:\s*)?['\"]?([^${}:,'\"]+)"
)
_DYNAMIC = re.compile(r"\$\{[^{}:$]*\$\{")


@dataclass(frozen=True)
class Unresolved:
    """A value that was not resolved: where it stands, what is wrong there, what to do."""

    path: tuple[str, ...]
    fault: str
    todo: str = ""


class TooMuch(Exception):  # noqa: N818 - caught where the configuration is composed
    """The interpolations of a configuration stand for more than is read."""

    def __init__(self, path: Sequence[str], fault: str) -> None:
        super().__init__(fault)
        self.path, self.fault = tuple(path), fault


def resolve(config: Any) -> tuple[dict[str, Any], list[Unresolved]]:
    """A composed configuration as plain data, and what in it was not resolved.

    Raises TooMuch: interpolations refer to themselves, or stand for too much.
    Raises OmegaConfBaseException: one refers to what is not there.
    """
    from omegaconf import OmegaConf

    _check_growth(OmegaConf.to_container(config, resolve=False))
    resolver = _Resolver()
    plain = {}
    for key in config:
        with only((lambda name: True) if key in LOCAL else HARMLESS.__contains__) as refused:
            plain[str(key)] = resolver.item(config, key, (str(key),), refused)
    return plain, resolver.unresolved


@contextmanager
def only(allowed: Callable[[str], bool]) -> Iterator[list[tuple[str, str]]]:
    """Let OmegaConf call the allowed resolvers alone; what else is called is listed and fails."""
    from omegaconf.basecontainer import BaseContainer
    from omegaconf.errors import InterpolationResolutionError

    registered = BaseContainer._resolvers
    refused: list[tuple[str, str]] = []

    def refusing(name: str) -> Callable[..., object]:
        def resolver(
            _config: object, _parent: object, _node: object, _args: object, texts: Any
        ) -> object:
            refused.append((name, ",".join(map(str, texts))))
            raise InterpolationResolutionError(f"`{name}` is not called here")

        return resolver

    before = dict(registered)
    registered.update({name: refusing(name) for name in before if not allowed(name)})
    try:
        yield refused
    finally:
        registered.clear()
        registered.update(before)


class _Resolver:
    """Builds plain data value by value, so that every refused one is reported."""

    def __init__(self) -> None:
        self.unresolved: list[Unresolved] = []
        self.nodes = 0

    def item(
        self, container: Any, key: Any, path: tuple[str, ...], refused: list[tuple[str, str]]
    ) -> object:
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        self.nodes += 1
        if self.nodes > MOST_NODES or len(path) > MOST_LEVELS:
            raise TooMuch(path, "interpolations stand for too many values, or for themselves")
        if OmegaConf.is_missing(container, key):
            return "???"
        try:
            value = container[key]
        except OmegaConfBaseException:
            if not refused:
                raise
            value = None
        if refused:
            self.unresolved.append(_refused_value(path, *refused[0]))
            refused.clear()
        return self.plain(value, path, refused)

    def plain(self, value: object, path: tuple[str, ...], refused: list[tuple[str, str]]) -> object:
        from omegaconf import DictConfig, ListConfig

        if isinstance(value, DictConfig):
            return {key: self.item(value, key, (*path, str(key)), refused) for key in value}
        if isinstance(value, ListConfig):
            return [self.item(value, k, (*path, str(k)), refused) for k in range(len(value))]
        return value


def _refused_value(path: tuple[str, ...], resolver: str, argument: str) -> Unresolved:
    dotted = ".".join(path)
    fault = f"{dotted} asks for ${{{resolver}:{argument}}}"
    if resolver == "oc.env":
        fault += "; what is printed or stored never reads the environment"
        variable = argument.partition(",")[0].strip()
        todo = f'write the value itself, or give it on the command line: {dotted}="${variable}"'
        return Unresolved(path, fault, todo)
    fault += ", and only resolvers that read the configuration are called"
    return Unresolved(path, fault, f"use one of {', '.join(sorted(HARMLESS))}, or write the value")


def _check_growth(plain: object) -> None:
    """Raise TooMuch where references refer to themselves or multiply what they stand for."""
    texts = [(path, text) for path, text in _texts(plain, ()) if "${" in text]
    if len(texts) > _MOST_TEXTS:
        raise TooMuch(texts[_MOST_TEXTS][0], f"more than {_MOST_TEXTS} values are interpolated")
    dynamic = [path for path, text in texts for _ in _DYNAMIC.findall(text)]
    if len(dynamic) > _MOST_DYNAMIC:
        fault = f"more than {_MOST_DYNAMIC} interpolations take their key from another one"
        raise TooMuch(dynamic[_MOST_DYNAMIC], fault)
    growth = _Growth(plain)
    if sum(growth.of(path) for path, _ in texts) > _MOST_CHARACTERS:
        largest = max((path for path, _ in texts), key=growth.of)
        bound = f"{_MOST_CHARACTERS:,}".replace(",", " ")
        raise TooMuch(largest, f"interpolations stand for more than {bound} characters")


def _texts(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            yield from _texts(inside, (*path, str(key)))
    elif isinstance(value, list):
        for place, inside in enumerate(value):
            yield from _texts(inside, (*path, str(place)))


class _Growth:
    """How many characters a value has once its references are written out."""

    def __init__(self, plain: object) -> None:
        self.root = plain
        self.known: dict[tuple[str, ...], int] = {}
        self.open: list[tuple[str, ...]] = []

    def of(self, path: tuple[str, ...]) -> int:
        if path in self.known:
            return self.known[path]
        if path in self.open:
            raise TooMuch(path, f"{'.'.join(path)} refers to itself")
        if len(self.open) >= _LONGEST_CHAIN:
            raise TooMuch(path, f"a chain of references is longer than {_LONGEST_CHAIN}")
        self.open.append(path)
        value = _look_up(self.root, path)
        length = sum(
            len(text) + sum(self.of(target) for target in _targets(inside, text))
            for inside, text in _texts(value, path)
        )
        self.open.pop()
        self.known[path] = length
        return length


def _targets(path: tuple[str, ...], text: str) -> Iterator[tuple[str, ...]]:
    """The paths that the references of a text lead to, as far as they can be read from it."""
    for reference in _REFERENCE.findall(text):
        key = reference.strip().replace("[", ".").replace("]", "")
        above = len(key) - len(key.lstrip("."))
        base = path[: len(path) - above] if above else ()
        yield (*base, *(part for part in key.split(".") if part))


def _look_up(value: object, path: Sequence[str]) -> object:
    for part in path:
        if isinstance(value, Mapping):
            other = (inside for key, inside in value.items() if str(key) == part)
            value = value[part] if part in value else next(other, None)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
