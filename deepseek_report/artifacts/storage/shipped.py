"""Where the folders `conf` and `templates` are: in the checkout, or inside an installed wheel."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_PACKAGE = Path(__file__).resolve().parents[2]
#: The library by which jsonschema knows addresses: it builds 39 grammars when it is loaded.
_ADDRESSES = "rfc3987_syntax"


def shipped(folder: str) -> Path:
    """The folder `conf` or `templates`, wherever the package runs from."""
    installed = _PACKAGE / "_shipped" / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder


def validator_of(schema: Any) -> Draft202012Validator:
    """The validator of a shipped JSON schema, which names no formats of texts.

    Of the libraries by which jsonschema checks formats, that of addresses takes longer to load than
    all others together; where it is installed, as it is beside Jupyter, it waits until it is asked.
    """
    waits = _ADDRESSES not in sys.modules and importlib.util.find_spec(_ADDRESSES) is not None
    if waits:
        sys.modules[_ADDRESSES] = late = ModuleType(_ADDRESSES)
        vars(late)["is_valid_syntax"] = _is_address
    try:
        from jsonschema import Draft202012Validator
    finally:
        if waits:
            del sys.modules[_ADDRESSES]
    return Draft202012Validator(schema)


def _is_address(term: str, text: str) -> bool:
    return bool(importlib.import_module(_ADDRESSES).is_valid_syntax(term, text))
