"""Says in plain words what pydantic allows for a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "tuple_type": "a list, such as [one, two]",
    "list_type": "a list, such as [one, two]",
    "dict_type": "keys with values, such as {key: value}",
    "mapping_type": "keys with values, such as {key: value}",
    "dataclass_type": "keys with values, such as {key: value}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text; a number is quoted twice, such as '\"7\"'",
}


def allowed(error: Mapping[str, Any]) -> str:
    """What is allowed where pydantic reports this error."""
    if error["type"] == "string_pattern_mismatch":
        return f"text of the form {error['ctx']['pattern']}"
    said = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return _WORDS.get(error["type"], said.replace("String should have", "text with"))


def shown_value(value: Any) -> str:
    """A value as it stands in YAML; `null` where Python says None."""
    names = {None: "null", True: "true", False: "false"}
    return names[value] if value is None or isinstance(value, bool) else repr(value)
