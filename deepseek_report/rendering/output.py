"""Writes the files of a report: new ones, never through a link that lies in their place."""

from __future__ import annotations

import shutil
from pathlib import Path


def write_bytes(path: Path, data: bytes) -> None:
    """Put a regular file in the place of whatever has this name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    with path.open("xb") as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8 with the line ends of Unix."""
    write_bytes(path, text.encode("utf-8"))


def empty_folder(path: Path) -> None:
    """Make a folder that holds nothing; a link of this name is removed, not followed."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
