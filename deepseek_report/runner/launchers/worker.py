"""What runs elsewhere: takes one piece of work after another out of an outbox."""

from __future__ import annotations

import pickle
import platform
import time

from deepseek_report.config.local_code import install
from deepseek_report.provenance import versions
from deepseek_report.runner.execution.run_events import Event, Work
from deepseek_report.runner.execution.workers import keep_freed_memory, one_thread
from deepseek_report.runner.launchers.outbox import Broken, Outbox, SharedFacts, package_digest

#: Seconds that a worker waits for another piece before it ends.
_PATIENCE = 20.0
_PAUSE = 0.1


def take_pieces(folder: str, worker: int, seconds: float) -> None:
    """Work until the outbox is closed, nothing has come for a while, or the time is up.

    Parameters
    ----------
    folder : of the outbox. worker : its number.
    seconds : after which no further piece is taken.
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
        work: Work = pickle.loads(pickled)  # noqa: S301 - of the same user, see `Outbox.enter`
        return work(_unheard)
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


def _unheard(event: Event) -> None:
    del event
