"""The folder of a board: what an earlier one wrote there is taken away, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import entries, make_folder, remove

#: Where boards lie by default, beside run folders that may come from somebody else.
BOARDS = ".boards"
#: What stands in the name of every file that TensorBoard reads.
_EVENTS = "tfevents"


def empty_board(folder: Path, *parts: str) -> None:
    """Make the parts of a board, and take earlier events out of them: a board shows one run.

    Raises
    ------
    ArtifactError : a part is a link, or of a board that lies by default so is a folder above it.
    """
    below = folder.parent.parent if folder.parent.name == BOARDS else folder
    for part in parts:
        make_folder(folder / part, below=below)
        for entry in entries(folder / part):
            if _EVENTS in entry.name and entry.kind != "folder":
                remove(entry.path)
