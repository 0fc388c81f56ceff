"""The folder of a board, which lies beside run folders that may come from somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from deepseek_report.errors import ConfigError

#: Where boards lie by default, beside the run folders.
BOARDS = ".boards"


def begin_board(folder: Path, parts: Sequence[str]) -> None:
    """Make the folders of a board, and take away what an earlier board wrote there.

    Parameters
    ----------
    parts : names of the folders of events below `folder`.

    Raises
    ------
    ConfigError : a link or something else lies in their place; nothing is taken away then.
    """
    inner = [folder / part for part in parts]
    above = [folder.parent] if folder.parent.name == BOARDS else []
    for place in [*above, folder, *inner]:
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise _refused(place, "a link" if place.is_symlink() else "no folder")
    earlier = [path for place in inner for path in _events(place)]
    for path in earlier:
        if path.is_symlink() or not path.is_file():
            raise _refused(path, "a link" if path.is_symlink() else "no file")
    for path in earlier:
        path.unlink()
    for place in inner:
        place.mkdir(parents=True, exist_ok=True)


def _events(folder: Path) -> Iterator[Path]:
    return folder.glob("*tfevents*")


def _refused(place: Path, found: str) -> ConfigError:
    return ConfigError(
        f"{place}: a board is to be written there, and it is {found}, through which nothing is "
        "deleted or written; take it away, or name another folder by --board"
    )
