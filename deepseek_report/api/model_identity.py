"""What tells the model of a call from others: nothing computed for one is taken for another.

`pieces` puts it into the key of every stage, beside a digest of the model's answers on the rows and
on mixed ones (`given_models.answers_of`), which decides wherever two models answer differently.
"""

from __future__ import annotations

import os
import pickle
import secrets
import sys
import types
import weakref
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from joblib.hashing import NumpyHasher

from deepseek_report.artifacts.storage.plain_files import sha256_file

#: Libraries whose classes and functions are what their name and version say.
_LIBRARIES = frozenset(
    {
        *("sklearn", "numpy", "scipy", "pandas", "torch", "xgboost", "lightgbm", "catboost"),
        *("imblearn", "narwhals"),
    }
)
#: Trees of scikit-learn's neighbours, and where in their state they count how they were asked.
_COUNTING = frozenset({"KDTree32", "KDTree64", "KDTree", "BallTree32", "BallTree64", "BallTree"})
_COUNTERS = range(7, 11)
#: Drawn anew in each process, so that no key of one is met in another.
_PROCESS = secrets.token_hex(16)
_NUMBERS = count()
#: {id: (the object or a weak reference to it, its number)}; an id may be used again later.
_NUMBERED: dict[int, tuple[Callable[[], object], int]] = {}


def identity_of(model: object, encoder: object = None) -> str:
    """A text that two models share only if one may have what was computed for the other.

    Of a model of scikit-learn, xgboost, lightgbm or torch the digest of its state and code, where
    it has one. Of anything else, and where an encoder is given, the very object, in this process
    alone: what it answers on some rows does not say what it answers on others.
    """
    if encoder is None and is_of_library(model):
        digest = object_digest(model)
        if digest is not None:
            return f"state {digest}"
    parts = ".".join(_number(part) for part in (model, encoder) if part is not None)
    return f"process {_PROCESS} {os.getpid()} object {parts}"


def is_of_library(thing: object) -> bool:
    """Whether an object's class is one of a library of models, or extends one."""
    return any(_root(base.__module__) in _LIBRARIES for base in type(thing).__mro__)


def object_digest(thing: object) -> str | None:
    """SHA-256 of an object's state, and of the code of its classes; None where it has no such.

    A class or function of a library counts by its name and the library's version, any other by its
    name and the file that it stands in. What stands in no file, as in a notebook, has no digest.
    Equal models may have different digests (another version of Python, a value that is shared).
    """
    try:
        return str(_StateHasher().hash([sys.version, thing]))
    except Exception:  # whatever an object of a person's own does when it is pickled
        return None


class _StateHasher(NumpyHasher):  # type: ignore[misc] # joblib has no types
    """Hashes what would be pickled; arrays and tensors by their numbers."""

    dispatch = NumpyHasher.dispatch.copy()

    def __init__(self) -> None:
        super().__init__("sha256")

    def save(self, obj: Any) -> None:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(obj, torch.Tensor):
            flat = obj.detach().cpu().contiguous().reshape(-1)
            numbers = flat.view(torch.uint8).numpy() if flat.numel() else None
            obj = (type(obj).__name__, str(obj.dtype), tuple(obj.shape), numbers)
        elif torch is not None and isinstance(obj, torch.nn.Module):
            held = {name: value for name, value in vars(obj).items() if name != "training"}
            obj = (type(obj), held)
        elif type(obj).__name__ in _COUNTING:
            state = enumerate(obj.__getstate__())
            obj = (type(obj), [part for place, part in state if place not in _COUNTERS])
        super().save(obj)

    def save_global(self, obj: Any, name: str | None = None, **_: Any) -> None:
        self._hash.update(_code(str(getattr(obj, "__module__", "builtins"))).encode())
        pickle._Pickler.save_global(self, obj, name)  # type: ignore[attr-defined] # undocumented

    for kind in (type, types.FunctionType, types.BuiltinFunctionType):
        dispatch[kind] = save_global


@cache
def _code(module: str) -> str:
    """What tells the code of a module from another: its library's version, or the file's SHA-256.

    Raises PicklingError: it stands in no file, or is what a person types in.
    """
    library = sys.modules.get(_root(module))
    if _root(module) in _LIBRARIES | sys.stdlib_module_names:
        return f"{module} {getattr(library, '__version__', '')}"
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or module == "__main__":
        raise pickle.PicklingError(module)
    return f"{module} {sha256_file(Path(file), links=True)}"


def _root(module: str) -> str:
    return module.partition(".")[0]


def _number(thing: object) -> str:
    """The number of an object in this process; a method is that of its object."""
    if isinstance(thing, types.MethodType):
        return f"{_number(thing.__self__)}.{_number(thing.__func__)}"
    refer, number = _NUMBERED.get(id(thing), (lambda: None, -1))
    if refer() is not thing:
        number = next(_NUMBERS)
        _NUMBERED[id(thing)] = (_reference(thing), number)
    return str(number)


def _reference(thing: object) -> Callable[[], object]:
    """A weak reference, or where there can be none the object itself, which then stays alive."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: thing
