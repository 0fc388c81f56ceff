"""Parts as they are shipped, read from the files in `conf`."""

from __future__ import annotations

from pydoc import locate
from typing import Any

import yaml
from pydantic import TypeAdapter

from deepseek_report.config.config_files import shipped_file, shipped_files


def shipped_keys(group: str) -> list[str]:
    """The names of the parts of `conf/GROUP`."""
    return [path.stem for path in shipped_files(group)]


def shipped_class(group: str, key: str) -> Any:
    return locate(_settings(group, key)["_target_"])


def shipped_part(group: str, key: str, **fields: Any) -> Any:
    """The plug-in of `conf/GROUP/KEY.yaml`, with these fields in the place of its own.

    What the config of a run fills in is None.
    """
    own = {name: value for name, value in _settings(group, key).items() if name != "_target_"}
    own = {name: None if str(value).startswith("${") else value for name, value in own.items()}
    return TypeAdapter(shipped_class(group, key)).validate_python({**own, **fields})


def _settings(group: str, key: str) -> dict[str, Any]:
    content = yaml.safe_load(shipped_file(group, key).read_text(encoding="utf-8"))
    return dict(content[key])
