"""What extensions let a configuration declare: the keys `causal` and `corrections`, say.

`compose` asks each block which parts it wants, `validate` for its schema, `rules` what is wrong
with it, and the plan which code reads it. Where a block changes the data and the model, it gives
the experiment a `Revision`, by which the stages make both again.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, make_dataclass
from functools import cache
from typing import Any, ClassVar

from pydantic import TypeAdapter

from deepseek_report.artifacts.schema import Schema
from deepseek_report.config.composed import Composed
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.problems import Problem
from deepseek_report.extension import installed
from deepseek_report.wording.words import Wording


class Block(ABC):
    """Base of what one key of a configuration declares; but for `recorded`, what it says of a
    value is asked only where there is one.
    """

    key: ClassVar[str]
    schema: ClassVar[Any]
    """The type of its value."""
    empty: ClassVar[Any] = None
    """Its value where nothing is declared."""
    says: ClassVar[str]
    """What the page of all settings says of it."""
    target: ClassVar[str] = ""
    """The dotted name of what the metrics that read it run beside their own code."""

    @abstractmethod
    def parts(self, written: object) -> Mapping[str, Sequence[str]]:
        """{group: parts} that are there whatever else is chosen; written : the unchecked value."""

    @abstractmethod
    def leading(self, sections: Sequence[str]) -> Sequence[str]:
        """The sections that stand before all others, in this order. sections : the chosen ones."""

    def recorded(self, value: Any) -> Mapping[str, object]:
        """{key: the value as plain data} for `run.json`, also of an empty one."""
        return {self.key: TypeAdapter(self.schema).dump_python(value, mode="json")}

    @abstractmethod
    def problems(self, experiment: Experiment, composed: Composed) -> Iterator[Problem]:
        """What is wrong with the value, whatever parts are chosen and whatever the data are."""

    @abstractmethod
    def applied(
        self, experiment: Experiment, composed: Composed
    ) -> tuple[Experiment, list[Problem]]:
        """The experiment with all that follows from the value, and what its parts cannot do."""

    def misfits(self, experiment: Experiment, schema: Schema) -> list[Problem]:
        """What of the value does not fit the data."""
        return []

    def say(self, experiment: Experiment, schema: Schema, texts: Wording) -> None:
        """Print what `check` understood of the value, before it prints the plan."""
        return


@cache
def blocks() -> dict[str, Block]:
    """{key: block} of the extensions that lie here."""
    made = (importlib.import_module(name).BLOCK for each in installed() for name in each.blocks)
    return {block.key: block for block in made}


@cache
def declared_class() -> type[Any]:
    """A dataclass with a field for each block, by which their values are validated together."""
    fields = [(key, block.schema, field(default=block.empty)) for key, block in blocks().items()]
    says = "\n".join(f"    {key} : {block.says}" for key, block in blocks().items())
    text = f"What a configuration declares for extensions.\n\n{says}\n    "
    return make_dataclass("Declared", fields, frozen=True, namespace={"__doc__": text})
