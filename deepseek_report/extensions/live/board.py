"""A board: what TensorBoard shows of a run or of a stream, its folder, and its server.

What an earlier board wrote into the folder is taken away, and nothing else is. `watch` and
`score-stream` have one each.
"""

from __future__ import annotations

import argparse
import html
import re
import time
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from deepseek_report.artifacts.storage.plain_files import entries, make_folder, remove
from deepseek_report.cli.output.console import say
from deepseek_report.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from deepseek_report.wording.words import Wording

#: Labels, and values from zero.
Bars: TypeAlias = Sequence[tuple[str, float]]
#: Where boards lie by default, beside run folders that may come from somebody else.
BOARDS = ".boards"
#: Attributions that a picture shows.
_MOST = 12
#: What stands in the name of every file that TensorBoard reads.
_EVENTS = "tfevents"


def port_number(text: str) -> int:
    """A port of this machine, as an argument."""
    number = int(text) if text.isdigit() else -1
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed is 1 to 65535")
    return number


def add_board(parser: argparse.ArgumentParser) -> None:
    """The options of a board."""
    parser.add_argument("--board", metavar="DIR", help="where the board's files are written")
    parser.add_argument(
        "--port", type=port_number, default=6006, help="of TensorBoard (default 6006)"
    )
    parser.add_argument(
        "--once", action="store_true", help="show what is there, start no server, and end"
    )


def serve_board(folder: Path, port: int) -> None:
    """Start TensorBoard on this machine alone, and print its address.

    Raises ConfigError: the port is taken.
    """
    from tensorboard import program
    from tensorboard.program import TensorBoardPortInUseError, TensorBoardServerException

    server = program.TensorBoard()
    server.configure(
        argv=[None, "--logdir", str(folder), "--host", "localhost", "--port", str(port),
              "--reload_interval", "2", "--load_fast", "false"]
    )  # fmt: skip
    try:
        say(f"TensorBoard: {server.launch()}")
    except (TensorBoardPortInUseError, TensorBoardServerException) as error:
        raise ConfigError(
            f"--port {port}: TensorBoard cannot listen there ({error}); name another one"
        ) from None


def keep_serving(over: str) -> None:
    """Say what is over and wait until the person stops the command."""
    say(f"{over}; the board stays open until you stop this command (Ctrl-C)")
    while True:
        time.sleep(60)


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


class Board:
    """Writes event files into a part of a board's folder, whose earlier events are taken away."""

    def __init__(self, folder: Path, part: str, *others: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torch.utils.tensorboard import SummaryWriter

        empty_board(folder, part, *others)
        self.folder = folder
        self.writer = SummaryWriter(str(folder / part))

    def add_bars(self, name: str, bars: Bars, words: Wording, step: int) -> None:
        """A picture of labelled values; see `bar_picture`."""
        from deepseek_report.extensions.live.bar_picture import bar_picture

        self.writer.add_image(name, bar_picture(bars, words), step, dataformats="HWC")

    def add_strongest(
        self, name: str, attributions: Bars, caption: str, words: Wording, step: int
    ) -> Bars:
        """The largest attributions, of any sign, as bars with a caption; those that are shown."""
        strongest = sorted(attributions, key=lambda bar: -abs(bar[1]))[:_MOST]
        self.add_bars(name, strongest, words, step)
        self.writer.add_text(name, plain_text(caption), step)
        return strongest

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
