"""`deepseek-report score-stream`: new cases as they come, by the stored model of a run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

from deepseek_report.cli.output.console import printable, say
from deepseek_report.cli.parsing import add_store, add_trust, asked_model, run_parser
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.live.board import BOARDS, add_board, keep_serving, serve_board

if TYPE_CHECKING:
    from deepseek_report.extensions.live.open_stream import Idle, OpenStream
    from deepseek_report.extensions.live.scored_batches import Explained, RowStream, ScoredBatch
    from deepseek_report.extensions.live.stream_board import StreamBoard

#: Seconds between two looks into a file that grows.
_EVERY = 0.5
#: Rejected lines and marks of a batch that are told in full on the terminal.
_MOST_TOLD = 5


def command(arguments: list[str]) -> int:
    """Score what comes until it ends or the person stops it, and say what came of it."""
    options = _parser().parse_args(arguments)
    if (options.rows is None) == (not options.replay):
        raise ConfigError("name the cases by --rows FILE (- is standard input) or by --replay")
    if options.plant and not options.replay:
        raise ConfigError("--plant goes with --replay: drift is planted in no cases of your own")
    from deepseek_report.extensions.live.open_stream import StreamRequest, open_stream
    from deepseek_report.extensions.live.scored_batches import RowStream
    from deepseek_report.extensions.live.stream_board import StreamBoard
    from deepseek_report.runner.run_folders.open_run import reading
    from deepseek_report.store.run_folder import beside
    from deepseek_report.wording.of_results import words_of

    request = StreamRequest(*asked_model(options), options.explain, options.replay)
    with reading(options.run):
        opened = open_stream(request)
        words = words_of(opened.results)
    folder = Path(
        options.board or beside(options.run, BOARDS, f"stream-{options.run.absolute().name}")
    )
    stream = RowStream(
        opened.scorer, options.batch, _where(options), "." if options.replay else options.decimal
    )
    with ExitStack() as stack:
        board = StreamBoard(folder, opened.scorer, words)
        stack.callback(board.close)
        log = stack.enter_context(_opened_log(options.out)) if options.out else None
        if not options.once:
            serve_board(folder, options.port)
        shown = _Shown(opened, board, stream, log)
        stopped = shown.run(_lines(options, opened))
    say(f"board: {folder}")
    if not options.once and not stopped:
        keep_serving("the stream has ended")
    return _exit_code(stream, stopped=stopped)


def _exit_code(stream: RowStream, *, stopped: bool) -> int:
    """0 where a case came, 1 where every line was rejected, 2 where there was no line at all."""
    if stream.n_scored or stopped:
        return 0
    return 1 if stream.n_rejected else 2


def _opened_log(path: Path) -> IO[str]:
    """The file of `--out`, which may lie beside what somebody else sent.

    Raises ConfigError: it is a link to a file, or cannot be written.
    """
    if path.is_symlink() and (path.is_file() or not path.exists()) and path.parent != Path("/dev"):
        raise ConfigError(
            f"--out {path}: a link, through which nothing is written; name the file itself"
        )
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--out {path}: the file cannot be written ({error.strerror}); name another one"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = run_parser("score-stream")
    parser.add_argument(
        "--rows",
        metavar="FILE",
        help="a CSV file with a header, which may grow while it is read, or - for standard input",
    )
    parser.add_argument(
        "--replay", action="store_true", help="the run's own test part, as if it came anew"
    )
    parser.add_argument(
        "--plant",
        metavar="NAME=SHIFT",
        help="with --replay: from its middle on, shift a feature by so many standard deviations; "
        "NAME=shuffled deals its values out anew among the cases",
    )
    parser.add_argument(
        "--batch", type=_positive, default=50, metavar="N", help="lines of a batch (default 50)"
    )
    parser.add_argument(
        "--explain",
        type=_explained,
        default=10,
        metavar="N|refused|all|none",
        help="cases of a batch to explain: so many drawn at random (default 10), all, none, or "
        "those that are not decided for the favourable class",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write every line's decision, attributions or fault there, as JSON Lines",
    )
    parser.add_argument(
        "--decimal",
        choices=(".", ","),
        help="the decimal sign of the cells (default: a point that cannot group thousands)",
    )
    add_store(parser)
    add_board(parser)
    add_trust(parser, types=True)
    return parser


class _Shown:
    """Feeds a stream, and shows each batch on the board, on the terminal and in the log."""

    def __init__(
        self, opened: OpenStream, board: StreamBoard, stream: RowStream, log: IO[str] | None
    ) -> None:
        self.schema, self.board = opened.scorer.schema, board
        self.stream, self.log = stream, log
        self.drift = ""

    def run(self, lines: Iterator[bytes | Idle]) -> bool:
        """Until the lines end or the person stops them; then the batch that is begun is scored.

        Returns whether the person stopped them.
        """
        stopped = False
        try:
            for line in lines:
                if isinstance(line, bytes):
                    self.show(self._fed(line))
                elif line.restarted:
                    say(f"{self.stream.where} was begun anew and is read from its start")
                    self.show(self.stream.restart())
                else:
                    time.sleep(_EVERY)
        except KeyboardInterrupt:
            stopped = True
        self.show(self.stream.finish())
        self._end()
        return stopped

    def _fed(self, line: bytes) -> ScoredBatch | None:
        began = self.stream.reader is None
        batch = self.stream.feed(line)
        if began and self.stream.reader is not None:
            for name in self.stream.reader.ignored:
                print(f"note: the model does not read the column {name}", file=sys.stderr)
        return batch

    def show(self, batch: ScoredBatch | None) -> None:
        """One batch, if there is one."""
        if batch is None:
            return
        from deepseek_report.extensions.live.scored_batches import (
            batch_line,
            drift_line,
            fresh_lines,
            mark_lines,
            records,
        )

        if batch.rows or not self.drift:
            self.drift = drift_line(batch, self.board.words)
        say(batch_line(batch, self.schema, self.board.words))
        for sentence in fresh_lines(batch, self.board.words):
            say(f"  {sentence}")
        self._tell("rejected", [row.problem for row in batch.rejected])
        self._tell("marked", mark_lines(batch, self.board.words))
        self.board.show(batch, self.stream)
        if self.log is not None:
            for record in records(batch, self.schema):
                self.log.write(json.dumps(record, ensure_ascii=False) + "\n")
            self.log.flush()

    def _tell(self, what: str, sentences: Sequence[str]) -> None:
        for sentence in sentences[:_MOST_TOLD]:
            print(f"{what}: {printable(sentence)}", file=sys.stderr)
        if (more := len(sentences) - _MOST_TOLD) > 0:
            print(f"{what}: {more} more of this batch, see --out", file=sys.stderr)

    def _end(self) -> None:
        scored, rejected = self.stream.n_scored, self.stream.n_rejected
        values = {"scored": scored, "rejected": rejected, "lines": scored + rejected}
        values["marked"] = self.stream.n_marked
        words = self.board.words
        if not scored + rejected:
            say(words.text("board.stream.no_rows"))
            return
        drift = self.drift or words.text("board.stream.drift_not_asked")
        say(words.text("board.stream.end", **values, drift=drift))


def _lines(options: argparse.Namespace, opened: OpenStream) -> Iterator[bytes | Idle]:
    from deepseek_report.extensions.live.open_stream import (
        PlantedDrift,
        lines_of_file,
        lines_of_stream,
        replayed,
    )

    if options.replay:
        planted = PlantedDrift.of(options.plant) if options.plant else None
        return replayed(opened.stored, planted)
    if options.rows == "-":
        return lines_of_stream(sys.stdin.buffer)
    return lines_of_file(Path(options.rows), follow=not options.once)


def _where(options: argparse.Namespace) -> str:
    if options.replay:
        return "the test part"
    return "standard input" if options.rows == "-" else str(options.rows)


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines from 1 to 100 000")
    return number


def _explained(text: str) -> Explained:
    words: dict[str, Explained] = {"all": "all", "refused": "refused", "none": 0}
    if text in words:
        return words[text]
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number of cases nor one of refused, all and none"
        )
    return int(text)
