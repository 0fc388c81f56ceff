"""Loads a library when something of it is used for the first time, not when a module names it.

Checking the fields of a metric needs its class alone. The tables that the metric makes need pandas,
and loading that takes as long as composing a configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _LateModule(ModuleType):
    """Stands for a library until an attribute of it is asked for, and then has all of them.

    `importlib.util.LazyLoader` is no help here: before Python 3.12 the second `import` of a module
    already asks for an attribute.
    """

    def __getattr__(self, name: str) -> Any:
        library = sys.modules.get(self.__name__)
        if library is None or isinstance(library, _LateModule):
            sys.modules.pop(self.__name__, None)
            library = import_module(self.__name__)
        vars(self).update(vars(library))
        return getattr(library, name)


@contextmanager
def late_import(name: str) -> Iterator[None]:
    """Let `import NAME` load nothing in here; where no error ends it, the library is loaded after.

    So no thread ever meets one that is half loaded. A library that is there already stays as it is,
    and one that is not installed is still missing.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None:
        yield
        return
    late = sys.modules[name] = _LateModule(name)
    late.__spec__ = spec
    try:
        yield
    except BaseException:
        if sys.modules.get(name) is late:
            del sys.modules[name]
        raise
    late.__getattr__("__path__")
