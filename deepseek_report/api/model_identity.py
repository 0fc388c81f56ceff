"""What stands for a given model in the keys of stages, beside what it answers."""

from __future__ import annotations

import os
import secrets
import types
import weakref
from collections.abc import Callable
from itertools import count
from typing import Any

from deepseek_report.api.object_digest import is_of_library, object_digest

#: Drawn anew in each process, so that no key of one is met in another.
_PROCESS = secrets.token_hex(16)
_NUMBERS = count()
#: {id: (the object or a weak reference to it, its number)}; an id may be used again later.
_NUMBERED: dict[int, tuple[Callable[[], Any], int]] = {}


def identity_of(model: Any, encoder: Any = None) -> str:
    """A text that two models share only if one may have what was computed for the other.

    Of a model of scikit-learn, xgboost, lightgbm or torch the hash of its state and code, where all
    of it can be hashed. Of anything else, and where an encoder is given, the very object, in this
    process alone: what it answers on some rows does not say what it answers on others.
    """
    if encoder is None and is_of_library(model):
        digest = object_digest(model)
        if digest is not None:
            return f"state {digest}"
    parts = ".".join(_number(part) for part in (model, encoder) if part is not None)
    return f"process {_PROCESS} {os.getpid()} object {parts}"


def _number(thing: Any) -> str:
    """The number of an object in this process; a method is that of its object."""
    if isinstance(thing, types.MethodType):
        return f"{_number(thing.__self__)}.{_number(thing.__func__)}"
    refer, number = _NUMBERED.get(id(thing), (lambda: None, -1))
    if refer() is not thing:
        number = next(_NUMBERS)
        _NUMBERED[id(thing)] = (_reference(thing), number)
    return str(number)


def _reference(thing: Any) -> Callable[[], Any]:
    """A weak reference, or where there can be none the object itself, which then stays alive."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: thing
