"""What pictures say in messages: their titles, alternative texts and how to read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.message import Message, Text, message
from deepseek_report.artifacts.schema import Schema
from deepseek_report.data_kinds import kind_of
from deepseek_report.visualizations.drawing.labels import spoken, unit_label
from deepseek_report.wording.estimates import estimate


def caption(name: str, /, **values: Any) -> Message:
    """The text `pictures.<name>` of the catalogs, its numbers plain: NaN becomes None.

    The value `unit` is made short and printable, since it may come from somebody's data.
    """
    if isinstance(values.get("unit"), str):
        values["unit"] = unit_label(values["unit"])
    return message(f"pictures.{name}", **{key: _plain(value) for key, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(inside) for key, inside in value.items()}
    return [_plain(inside) for inside in value] if isinstance(value, list | tuple) else value


def measured(row: Any, value: str, low: str = "low", high: str = "high") -> Estimate:
    """The estimate in a row of a table: the columns of its value and of its interval's ends."""
    return estimate(row[value], row[low], row[high])


def attribution(value: float, space: OutputSpace) -> dict[str, Any]:
    """An attribution with the space that it counts in, as `NumberFormat.attribution` writes it."""
    return {"value": float(value), "space": space}


def player(label: object, schema: Schema) -> Text:
    """A player inside a sentence: a feature by its label, others as `the window steps 1–10`."""
    return caption(f"common.player.{kind_of(schema).name}", label=spoken(label))


def change(space: OutputSpace, class_name: str, unit: str | None) -> Message:
    """What attributions say: by how much an output changed, in the unit of their space.

    class_name : the class explained, or the name of the predicted number; unit : of that number.
    """
    known = space if space in {"probability", "logit", "value"} else "none"
    return caption(f"common.change.{known}", class_name=class_name, unit=unit or "")
