"""Classes that a configuration names by dotted path and that are not ours.

Code is loaded only from the libraries that the plug-in is made for, and from packages that the
person running it trusts.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Collection, Sequence

from deepseek_report.errors import ConfigError


def find_class(dotted: str, allowed: Collection[str]) -> type:
    """The class of a dotted path.

    Parameters
    ----------
    allowed : top-level packages from which code may be loaded.

    Raises
    ------
    ConfigError : the package is not allowed, or there is no such class.
    """
    package = dotted.partition(".")[0]
    if package not in allowed:
        raise ConfigError(
            f"{dotted} is outside the trusted packages ({', '.join(sorted(allowed))}); run with "
            f"--trust {package}, if you trust it"
        )
    module, _, name = dotted.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"cannot load {dotted} ({error}); correct the dotted path, or install the package"
        ) from None
    if not isinstance(found, type):
        raise ConfigError(f"{dotted} is not a class")
    return found


def unknown_parameters(dotted: str, given: Collection[str], known: Sequence[str]) -> list[str]:
    """One sentence for each parameter that a class does not take, with the nearest that it does."""
    return [
        f'{dotted} has no parameter "{name}"; it takes {", ".join(known)}{_nearest(name, known)}'
        for name in given
        if name not in known
    ]


def parameters_of(cls: type) -> list[str] | None:
    """Names that a constructor takes by keyword; None where it takes any."""
    taken = inspect.signature(cls).parameters.values()
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken):
        return None
    return [one.name for one in taken]


def _nearest(name: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1)
    return f". Did you mean {found[0]}?" if found else ""
