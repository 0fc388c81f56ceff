"""How a library is installed that this package can use and does not bring."""

from __future__ import annotations

import importlib.metadata
import re

DISTRIBUTION = "deepseek-report"
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)[^;]*")


def pip_install(*libraries: str) -> str:
    """The command that installs libraries in the versions that this package can use.

    They are named themselves, not an extra of this package: that is right wherever the package
    itself came from, be it an index, a wheel or a folder. What it does not declare has no bounds.

    >>> pip_install("openpyxl")
    "pip install 'openpyxl<4,>=3.1'"
    """
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        required = []
    matches = filter(None, map(_REQUIREMENT.match, required))
    bounded = {match[1].lower(): match[0].strip() for match in matches}
    words = [bounded.get(name.lower(), name) for name in libraries]
    quoted = (f"'{word}'" for word in words)
    return f"pip install {' '.join(quoted)}"
