"""Checks of JSON against a schema that ships with the package."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

#: What jsonschema asks about IRIs where it is installed. To load it takes three times as long as
#: all else of jsonschema, since it compiles 38 grammars; no schema here names a format.
_IRIS = "rfc3987_syntax"


class _LoadedWhenCalled(ModuleType):
    """Stands for the module of IRIs until the first IRI is to be checked."""

    @staticmethod
    def is_valid_syntax(term: str, value: str) -> bool:
        return bool(import_module(_IRIS).is_valid_syntax(term, value))


def schema_validator(schema: Any) -> Any:
    """A validator of JSON Schema 2020-12 for a schema that is itself valid."""
    if "jsonschema" not in sys.modules and _IRIS not in sys.modules:
        sys.modules[_IRIS] = _LoadedWhenCalled(_IRIS)
        try:
            from jsonschema import Draft202012Validator
        finally:
            del sys.modules[_IRIS]
    else:
        from jsonschema import Draft202012Validator
    return Draft202012Validator(schema)
