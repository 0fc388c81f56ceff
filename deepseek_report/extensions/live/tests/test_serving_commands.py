"""The commands that serve until the person stops them, in processes of their own."""

from __future__ import annotations

import http.client
import json
import shlex
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from urllib.parse import urlsplit

import pytest

from deepseek_report.artifacts.storage.files import load_table
from tests.cli.test_every_option import CALLS, Desk, words_of
from tests.configured import few_parts, places_in, run_of
from tests.shared_runs import SmallRun

#: A run whose training writes curves, with few parts behind it.
TRAINED = (
    *("dataset.rows=400", "model=mlp", "trainer.tensorboard=true", "trainer.max_epochs=4"),
    *few_parts(),
)


class BusyDesk(Desk):
    """A desk with a free port, and a run that is still to be made."""

    def port(self) -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])

    def training(self) -> str:
        return shlex.join(["debug=fast", "jobs=1", *places_in(self.folder), *TRAINED])


@pytest.fixture
def desk(short_run: SmallRun, small_run: SmallRun, tmp_path: Path) -> BusyDesk:
    return BusyDesk(short_run, small_run, tmp_path)


@contextmanager
def lasting(command: str, desk: BusyDesk) -> Iterator[str]:
    """The address that a command serves, which is stopped as a person stops it."""
    (call,) = (call for call in CALLS[command] if call.lasts)
    words = [sys.executable, "-m", "deepseek_report", command, *words_of(call, desk)]
    # a shell that runs the tests in the background has them, and what they start, ignore it
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Popen(words, stdout=PIPE, stderr=PIPE, text=True, cwd=desk.folder) as process:
        signal.signal(signal.SIGINT, earlier)
        try:
            assert process.stdout is not None
            line = next(text for text in process.stdout if call.says in text)
            yield line[line.index("http") :].strip()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # so that nothing waits for it without an end
    assert "nobody foresaw" not in errors
    assert process.returncode in {0, 130}


def got(address: str) -> bytes:
    """What a server of this machine answers."""
    where = urlsplit(address)
    with closing(http.client.HTTPConnection("127.0.0.1", where.port, timeout=60)) as connection:
        connection.request("GET", f"{where.path}?{where.query}")
        answer = connection.getresponse()
        assert answer.status == 200, address
        return answer.read()


@pytest.mark.parametrize("command", ["serve", "score-stream"])
def test_a_command_serves_until_it_is_stopped(command: str, desk: BusyDesk) -> None:
    with lasting(command, desk) as address:
        assert b"<html" in got(address).lower()


def test_a_run_beside_watch_shows_its_curves(desk: BusyDesk) -> None:
    """Nothing of the run is there when the person begins to watch, and no board is named."""
    with lasting("watch", desk) as address:
        scalars = f"{address}data/plugin/scalars/"
        assert "training" not in json.loads(got(f"{scalars}tags"))
        finished = run_of(*shlex.split(desk.training()))
        history = load_table(finished.folder / "artifacts" / "training" / "history.parquet")
        names = [name for name in history.columns if name != "epoch"]
        seen, until = list[float](), time.monotonic() + 60
        while len(seen) < len(history) and time.monotonic() < until:
            shown = json.loads(got(f"{scalars}tags")).get("training", {})
            if shown.keys() >= {f"training/{name}" for name in names}:
                curve = got(f"{scalars}scalars?run=training&tag=training/{names[0]}")
                seen = [value for _, _, value in json.loads(curve)]
        assert seen == pytest.approx(history[names[0]].tolist(), abs=1e-6)
    (board,) = (desk.folder / "reports" / ".boards").iterdir()
    assert board.name == f"{finished.folder.parent.name}-{finished.folder.name}"
