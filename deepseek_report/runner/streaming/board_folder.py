"""A board and its folder: what an earlier one wrote there is taken away, and nothing else is."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from deepseek_report.artifacts.storage.plain_files import entries, make_folder, remove
from deepseek_report.errors import ArtifactError

#: Where boards lie by default, beside run folders that may come from somebody else.
BOARDS = ".boards"
#: What stands in the name of every file that TensorBoard reads.
_EVENTS = "tfevents"


def empty_board(folder: Path, *parts: str) -> None:
    """Make the parts of a board, and take earlier events out of them: a board shows one run.

    Raises ArtifactError: the board, a part of it or an earlier file of events is a link, or of a
        board that lies by default so is the folder above it; nothing is taken away then.
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


class RunBoard:
    """Writes event files into a part of a board's folder, whose earlier events are taken away."""

    def __init__(self, folder: Path, part: str, *others: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter

        empty_board(folder, part, *others)
        self.folder = folder
        self.writer = SummaryWriter(str(folder / part))

    def close(self) -> None:
        self.writer.close()


# Texts as TensorBoard shows them: its Markdown knows fewer escapes than that of the report.

#: What Python-Markdown takes for markup, and gives back behind a backslash.
_MARKUP = re.compile(r"([\\`*_{}\[\]#])")


def plain_text(text: str) -> str:
    r"""A text that is shown as it stands, also in the cell of a table.

    >>> plain_text("a|b <i> *c*")
    'a&#124;b &lt;i&gt; \\*c\\*'
    """
    return html.escape(_MARKUP.sub(r"\\\1", text), quote=False).replace("|", "&#124;")


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table for TensorBoard's texts; every cell is shown as it stands."""
    lines = [heads, ["---"] * len(heads)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    written += [f"| {' | '.join(plain_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(written)
