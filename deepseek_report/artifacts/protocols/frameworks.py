"""What a regulatory framework says of the use that a run declares, so that one can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from deepseek_report.artifacts.message import Message

#: {id that runs of earlier versions name: what the framework is called now}.
EARLIER_IDS = {"sr_11_7": "sr_26_2"}


@dataclass(frozen=True)
class Fit:
    """How a framework stands to a declared use.

    applies : it is made for this use in one of these places. voluntary : the same, and nobody is
    bound by it, so that it is left to a person to take it up. near : one thing alone stands against
    it. why : the reason, for the one or for the other.
    """

    applies: bool
    voluntary: bool
    near: bool
    why: Message


@runtime_checkable
class MadeForUse(Protocol):
    """The part of a choice that `frameworks=auto` asks."""

    def fit(self, sector: str, places: Sequence[str]) -> Fit:
        """How it stands to what decisions are about (`dataset.sector`, "" where nobody says it),
        and to the codes of the places where they are made (`report.places`).
        """


@runtime_checkable
class TellsSector(Protocol):
    """The optional part of a DatasetPlugin that knows what decisions on such data are about."""

    @property
    def sector(self) -> str:
        """One of `data_card.Sector`; "" where nobody says it."""
