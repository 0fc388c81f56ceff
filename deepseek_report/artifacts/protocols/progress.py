"""How a long stage tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Tells a person how far a long stage is; `advance` is cheap enough for inner loops."""

    def start(self, what: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1, note: str = "") -> None: ...


class Silent:
    """A `Progress` that says nothing."""

    def start(self, what: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1, note: str = "") -> None:
        pass
