"""Where the files that come with the package are, installed or in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parents[1]


def resources(name: Literal["conf", "templates"]) -> Path:
    """The folder `conf` or `templates`: inside an installed wheel, else beside the package."""
    shipped = _PACKAGE / "_shipped" / name
    return shipped if shipped.is_dir() else _PACKAGE.parent / name
