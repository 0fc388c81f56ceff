"""What fills the slots of a text: names in its language, and values that are empty."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined, UndefinedError

from deepseek_report.artifacts.estimate import UNDEFINED, Estimate


class EmptyValueError(UndefinedError):
    """A text cannot be said without a value that is empty; the message is the name of its slot."""


class Empty(StrictUndefined):
    """A value that is not there: None, a number that is not finite, an estimate without a value.

    A text may ask for it (`if gap`, `gap is none`, `gap.is_defined`), and write it by a filter for
    which the language has a word, such as "not defined". It is equal to nothing else. To compare it
    by size, to reckon with it, to count by it or to print it raises EmptyValueError.

    path : the slot that it fills, such as `quoted.error`; that of the value which a message lacks.
    n : of an estimate without a value.
    """

    __slots__ = ("n", "path")
    is_defined = False
    __abs__ = __index__ = __round__ = StrictUndefined.__str__
    __format__ = StrictUndefined.__str__  # type: ignore[assignment]

    def __init__(self, path: str, n: int | None = None) -> None:
        super().__init__(hint=path, exc=EmptyValueError)
        self.path, self.n = path, n

    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return other is None or isinstance(other, Empty)

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(Empty)


class Named(str):
    """A name in the language of a text, which is equal to the stored one as well.

    So a condition means the same in every language, also where the value of a slot is a word of the
    code that is a name as well: a metric is `accuracy`, and is written "准确率".
    """

    __slots__ = ("stored",)
    stored: str

    @classmethod
    def of(cls, worded: str, stored: str) -> str:
        """The name as it is written, where that is another than the stored one."""
        if worded == stored:
            return worded
        named = cls(worded)
        named.stored = stored
        return named

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Named):
            return self.stored == other.stored
        return other == self.stored or str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.stored)


#: What can be asked of an empty value.
_KNOWN = frozenset({"is_defined", "n"})


class Items(list[Any]):
    """The items of a slot, with its path."""

    path = ""

    @classmethod
    def of(cls, items: Iterable[Any], path: str) -> Items:
        """Items that fill this slot."""
        made = cls(items)
        made.path = path
        return made


def filled(value: object, path: str) -> object:
    """The value, or `Empty` where it is not there."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Empty(path)
    if isinstance(value, Estimate) and not value.is_defined:
        return Empty(path, value.n)
    return value


def with_words(write: Callable[..., str], empty: object = None) -> Callable[..., str]:
    """A filter that writes an empty value as it writes `empty`: in words of the language."""

    def written(value: Any, *further: Any, **settings: Any) -> str:
        if isinstance(value, Mapping):
            value = {name: _known(inside) for name, inside in value.items()}
        first = empty if isinstance(value, Empty) else value
        return write(first, *map(_known, further), **settings)

    return written


def of_estimates(write: Callable[..., str]) -> Callable[..., str]:
    """The same of a filter that takes an estimate."""
    return with_words(write, UNDEFINED)


def of_items(write: Callable[[Sequence[object]], str]) -> Callable[[Any], str]:
    """A filter that lists items; with none there is nothing to say."""

    def written(items: Any) -> str:
        if not (known := list(items)):
            raise EmptyValueError(getattr(items, "path", "items"))
        return write(known)

    return written


def _known(value: object) -> object:
    return None if isinstance(value, Empty) else value


class SlotEnvironment(Environment):
    """Jinja's environment, in which parts of what fills a slot may be empty as well."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A part of a slot by its name; each of an empty one is empty."""
        if not isinstance(obj, Empty):
            return filled(super().getattr(obj, attribute), attribute)
        known = super().getattr(obj, attribute) if attribute in _KNOWN else None
        return filled(known, f"{obj.path}.{attribute}")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A part of a slot by its key or its place; one beyond the end of a list is empty."""
        beyond = isinstance(obj, list) and isinstance(argument, int) and not obj[argument:][:1]
        if beyond or isinstance(obj, Empty):
            return Empty(f"{getattr(obj, 'path', '')}[{argument}]")
        return filled(super().getitem(obj, argument), str(argument))
