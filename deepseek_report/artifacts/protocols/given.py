"""Plug-ins around something that a person gave in Python, which no YAML can name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NoReturn, Self

_NOT_HELD = (
    "{what} of this run {verb} given in Python, and a config cannot bring {them} back: call "
    "`deepseek_report.report` again with the same objects{instead}"
)


@dataclass(frozen=True)
class GivenInPython:
    """Base of a plug-in whose rows, model or attributions a person gave in Python.

    What is given is no field: a config and a run folder hold only what describes it. It is never
    pickled, so the stages of such an experiment run in the process that was given it.

    held : the object, or None where the plug-in was built from a config.
    """

    given_in: Literal["Python"] = "Python"
    held: ClassVar[Any] = None

    def holding(self, held: Any) -> Self:
        """The same plug-in around the object that was given."""
        holder = dataclasses.replace(self)
        object.__setattr__(holder, "held", held)
        return holder

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into another process."""
        raise TypeError("what was given in Python is never pickled")


def not_held(what: str, *, plural: bool = False, instead: str = "") -> str:
    """Why a plug-in that was built from a config has nothing to work on, and what to do."""
    verb, them = ("were", "them") if plural else ("was", "it")
    return _NOT_HELD.format(
        what=what, verb=verb, them=them, instead=f", or {instead}" if instead else ""
    )
