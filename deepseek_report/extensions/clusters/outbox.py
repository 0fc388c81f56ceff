"""The folder through which pieces of work reach processes elsewhere, and their results come back.

```
<store>/.sent/<random>/     for its owner alone
    open                    as long as the command that made it goes on
    plan.json               what all pieces share: trusted local code, versions, hash of our code
    waiting/<number>        a piece that nobody has taken
    taken/<worker>-<number> the same, renamed by the worker that took it
    results/<number>        what came of it
    refusals/<worker>       why a worker takes nothing
    logs/                   what the cluster's software writes
```

Pieces and results are pickles. They are read by the user who wrote them, in a folder that nobody
else may enter: a folder with other rights or another owner is refused.

`take_pieces` is what runs elsewhere: it takes one piece of work after another out of an outbox.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.storage.files import load_json, save_json
from deepseek_report.config.local_code import install, installed
from deepseek_report.errors import ArtifactError
from deepseek_report.provenance import versions
from deepseek_report.runner.execution.run_events import Work, unheard
from deepseek_report.runner.execution.workers import keep_freed_memory, one_thread
from deepseek_report.store.folders import SENT

_PARTS = ("waiting", "taken", "results", "refusals", "logs")


@dataclass(frozen=True)
class SharedFacts:
    """What all pieces share: trusted local code, versions, and the hash of the package's code."""

    local: Mapping[str, str]
    versions: Mapping[str, str]
    package: str


@dataclass(frozen=True)
class Broken:
    """A piece of work that gave nothing, and why."""

    reason: str


@dataclass(frozen=True)
class Outbox:
    """An outbox, seen from the command that made it or from a worker."""

    folder: Path

    @classmethod
    def make(cls, store: Path) -> Outbox:
        """A new one, below a store, with what all pieces share."""
        place = store / SENT
        place.mkdir(parents=True, exist_ok=True)
        box = cls(Path(tempfile.mkdtemp(dir=place)).absolute())  # for its owner alone
        for part in _PARTS:
            (box.folder / part).mkdir(mode=0o700)
        shared = SharedFacts(installed(), versions(), package_digest())
        save_json(box.folder / "plan.json", shared)
        (box.folder / "open").touch()
        return box

    @classmethod
    def enter(cls, folder: str) -> Outbox:
        """That of another process of the same user.

        Raises ArtifactError: others could have written into it.
        """
        facts = os.lstat(folder)
        private = stat.S_ISDIR(facts.st_mode) and not stat.S_IMODE(facts.st_mode) & 0o077
        if not private or facts.st_uid != os.getuid():
            raise ArtifactError(f"{folder}: not a folder of this user alone, so nothing is read")
        return cls(Path(folder))

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def is_open(self) -> bool:
        return (self.folder / "open").exists()

    def close(self) -> None:
        """Workers end when they have finished what they took."""
        (self.folder / "open").unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- of the command ---------------------------------------------------------------------------

    def put(self, number: int, work: Work) -> None:
        self._write("waiting", str(number), work)

    def taken(self) -> dict[int, int]:
        """{number of a piece: the worker that has it or had it}."""
        pairs = (name.split("-") for name in self._names("taken"))
        return {int(number): int(worker) for worker, number in pairs}

    def answered(self) -> list[int]:
        """The numbers of the pieces whose results are there."""
        return [int(name) for name in self._names("results")]

    def answer(self, number: int) -> object:
        """The result of a piece; the piece and its result are forgotten."""
        path = self.folder / "results" / str(number)
        result: object = pickle.loads(path.read_bytes())  # noqa: S301 - of this user's own worker
        self.forget(number)
        path.unlink()
        return result

    def forget(self, number: int) -> None:
        """Nobody has the piece any more."""
        for path in (self.folder / "taken").glob(f"*-{number}"):
            path.unlink(missing_ok=True)

    def refusals(self) -> list[str]:
        paths = (self.folder / "refusals" / name for name in self._names("refusals"))
        return [path.read_text(encoding="utf-8") for path in paths]

    # --- of a worker ------------------------------------------------------------------------------

    def shared(self) -> SharedFacts:
        return SharedFacts(**load_json(self.folder / "plan.json"))

    def take(self, worker: int) -> tuple[int, bytes] | None:
        """The first piece that nobody has, as (its number, its pickle)."""
        for number in sorted(map(int, self._names("waiting"))):
            taken = self.folder / "taken" / f"{worker}-{number}"
            try:
                (self.folder / "waiting" / str(number)).rename(taken)  # by one worker alone
            except FileNotFoundError:
                continue
            return number, taken.read_bytes()
        return None

    def give(self, number: int, result: object) -> None:
        self._write("results", str(number), result)

    def refuse(self, worker: int, reason: str) -> None:
        (self.folder / "refusals" / str(worker)).write_text(reason, encoding="utf-8")

    def _names(self, part: str) -> list[str]:
        """What lies in a part; files that are being written do not."""
        names = (path.name for path in (self.folder / part).iterdir())
        return [name for name in names if not name.startswith(".")]

    def _write(self, part: str, name: str, content: object) -> None:
        path = self.folder / part / f".{name}"
        path.write_bytes(pickle.dumps(content))
        path.rename(path.with_name(name))


@cache
def package_digest() -> str:
    """SHA-256 of the code of this package: a worker with other code would store other results."""
    root = Path(__file__).parents[2]
    code = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.py")
    }
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()


#: Seconds that a worker waits for another piece before it ends.
_PATIENCE = 20.0
_PAUSE = 0.1


def take_pieces(folder: str, worker: int, seconds: float) -> None:
    """Work until the outbox is closed, nothing has come for a while, or the time is up.

    worker : its number. seconds : after which no further piece is taken.
    """
    box = Outbox.enter(folder)
    shared = box.shared()
    if difference := _difference(shared):
        box.refuse(worker, difference)
        return
    install(shared.local)  # before a piece is read, which imports trusted packages
    keep_freed_memory()
    started = last = time.monotonic()
    with one_thread():
        while box.is_open and (now := time.monotonic()) - started < seconds:
            if (piece := box.take(worker)) is not None:
                box.give(piece[0], _result_of(piece[1]))
                last = time.monotonic()
            elif now - last > _PATIENCE:
                return
            else:
                time.sleep(_PAUSE)


def _result_of(pickled: bytes) -> object:
    try:
        return pickle.loads(pickled)(unheard)  # noqa: S301 - of the same user, see `Outbox.enter`
    except Exception as error:  # one piece that breaks must not take its worker with it
        return Broken(f"{type(error).__name__}: {error}")


def _difference(shared: SharedFacts) -> str:
    """How this machine differs from that of the command in what decides results, or ""."""
    own, expected = versions(), shared.versions
    other = [
        f"{name} {own.get(name, 'not installed')} instead of {expected.get(name, 'none')}"
        for name in sorted({*own, *expected})
        if own.get(name) != expected.get(name)
    ]
    if not other and package_digest() != shared.package:
        other = ["other code of deepseek-report under the same version"]
    return f"{platform.node()} has {', '.join(other)}" if other else ""
