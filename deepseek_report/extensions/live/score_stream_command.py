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
    from deepseek_report.extensions.live.open_stream import Idle
    from deepseek_report.extensions.live.scored_batches import CaseStream, Explained, ScoredBatch
    from deepseek_report.extensions.live.stream_board import StreamBoard

#: Seconds between two looks into a file that grows.
_EVERY = 0.5
#: Rejected lines and marks of a batch that are told in full on the terminal.
_MOST_TOLD = 5


def command(arguments: list[str]) -> int:
    """Score what comes until it ends or the person stops it, and say what came of it.

    Returns 0 where a case came, 1 where every line was rejected, 2 where there was no line at all.
    """
    options = _parser().parse_args(arguments)
    if (options.rows is None) == (not options.replay):
        raise ConfigError("name the cases by --rows FILE (- is standard input) or by --replay")
    if options.plant and not options.replay:
        raise ConfigError("--plant goes with --replay: drift is planted in no cases of your own")
    from deepseek_report.extensions.live.open_stream import open_stream
    from deepseek_report.extensions.live.scored_batches import StreamRequest
    from deepseek_report.extensions.live.stream_board import StreamBoard
    from deepseek_report.runner.run_folders.open_run import reading
    from deepseek_report.store.run_folder import beside

    request = StreamRequest(
        *asked_model(options),
        explain=options.explain,
        replays=options.replay,
        size=options.batch,
        where=_where(options),
        decimal="." if options.replay else options.decimal,
    )
    with reading(options.run):
        stream = open_stream(request)
    folder = Path(
        options.board or beside(options.run, BOARDS, f"stream-{options.run.absolute().name}")
    )
    with ExitStack() as stack:
        board = StreamBoard(folder, stream)
        stack.callback(board.close)
        log = stack.enter_context(_opened_log(options.out)) if options.out else None
        if not options.once:
            serve_board(folder, options.port)
        stopped = _Shown(stream, board, log).run(_lines(options, stream))
    say(f"board: {folder}")
    if not options.once and not stopped:
        keep_serving("the stream has ended")
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

    def __init__(self, stream: CaseStream, board: StreamBoard, log: IO[str] | None) -> None:
        self.stream, self.board, self.log = stream, board, log
        self.words, self.drift = stream.words, ""

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
                    say(f"{self.stream.request.where} was begun anew and is read from its start")
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
        from deepseek_report.extensions.live import scored_batches
        from deepseek_report.sections.cases import strange_case

        words = self.words
        if batch.rows or not self.drift:
            self.drift = scored_batches.drift_line(batch, words)
        say(scored_batches.batch_line(batch, words))
        for sentence in scored_batches.fresh_lines(batch, words):
            say(f"  {sentence}")
        self._tell("rejected", [row.problem for row in batch.rejected])
        marked = [
            strange_case(words, words.text("board.stream.of_line", n=line), marks)
            for line, marks in batch.marked.items()
        ]
        self._tell("marked", marked)
        self.board.show(batch)
        if self.log is not None:
            for record in scored_batches.records(batch):
                self.log.write(json.dumps(record, ensure_ascii=False) + "\n")
            self.log.flush()

    def _tell(self, what: str, sentences: Sequence[str]) -> None:
        for sentence in sentences[:_MOST_TOLD]:
            print(f"{what}: {printable(sentence)}", file=sys.stderr)
        if (more := len(sentences) - _MOST_TOLD) > 0:
            print(f"{what}: {more} more of this batch, see --out", file=sys.stderr)

    def _end(self) -> None:
        stream, words = self.stream, self.words
        if not stream.n_scored + stream.n_rejected:
            say(words.text("board.stream.no_rows"))
            return
        end = words.text(
            "board.stream.end",
            scored=stream.n_scored,
            marked=stream.n_marked,
            rejected=stream.n_rejected,
            lines=stream.n_scored + stream.n_rejected,
            drift=self.drift or words.text("board.stream.drift_not_asked"),
        )
        say(end)


def _lines(options: argparse.Namespace, stream: CaseStream) -> Iterator[bytes | Idle]:
    from deepseek_report.extensions.live import open_stream as source

    if options.replay:
        planted = source.PlantedDrift.of(options.plant) if options.plant else None
        return source.replayed(stream.stored, planted)
    if options.rows == "-":
        return source.lines_of_stream(sys.stdin.buffer)
    return source.lines_of_file(Path(options.rows), follow=not options.once)


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
