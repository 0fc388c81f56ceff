"""The folder of a board: what an earlier one wrote there is taken away, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import entries, make_folder, remove
from deepseek_report.errors import ArtifactError

#: Where boards lie by default, beside run folders that may come from somebody else.
BOARDS = ".boards"
#: What stands in the name of every file that TensorBoard reads.
_EVENTS = "tfevents"


def empty_board(folder: Path, *parts: str) -> None:
    """Make the parts of a board, and take earlier events out of them: a board shows one run.

    Raises
    ------
    ArtifactError : the board, a part of it or an earlier file of events is a link, or of a board
        that lies by default so is the folder above it; nothing is taken away then.
    """
    above = folder.parent
    below = above.parent if above.name == BOARDS else above
    earlier = []
    for part in parts:
        make_folder(folder / part, below=below)
        earlier += [entry for entry in entries(folder / part) if _EVENTS in entry.name]
    for entry in earlier:
        if entry.kind == "strange":
            raise ArtifactError(
                f"{entry.path}: a link, and a board holds no links; take it away, or name another "
                "folder by --board"
            )
    for entry in earlier:
        if entry.kind == "file":
            remove(entry.path)
