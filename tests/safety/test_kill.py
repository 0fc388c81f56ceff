"""`kill -9` at random moments: the run that is left to end gives the bytes of an undisturbed one.

A moment is a number of files that have been written, not a time, so that it is the same on a slow
machine. The kills of a chain hit one store: each run takes over what the one before it left, while
processes of that one may still be ending.

`DEEPSEEK_REPORT_FUZZ=long` makes it 200 moments, in chains of 20.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.store import MANIFEST, hash_folder
from tests.configured import few_parts, places_in, run_of, started

from .conftest import LONG

#: Few parts of each kind, so that a run is short.
FEW_PARTS = few_parts(
    explainers="shap,random",
    metrics="roc_auc,deletion",
    visualizations="roc_curve",
    sections="summary,performance",
)
CHAINS, KILLS = (10, 20) if LONG else (1, 3)
#: Seconds after which a run that writes nothing more is given up.
_PATIENCE = 300


def finish(overrides: list[str]) -> Path:
    """The experiment in this process, to its end."""
    finished = run_of(*overrides)
    assert finished.exit_code == 0
    assert not finished.from_store
    return finished.folder


def content(folder: Path) -> dict[str, str]:
    """Every file of a run folder."""
    return hash_folder(folder) | {MANIFEST: (folder / MANIFEST).read_text()}


def written(place: Path) -> int:
    """How many files there are, finished or not; locks aside."""
    number = 0
    for _, below, names in os.walk(place):
        below[:] = [name for name in below if name != ".locks"]
        number += len(names)
    return number


def wait_for(moment: int, place: Path, run: subprocess.Popen[bytes]) -> bool:
    """Wait until a new file makes the files that many; False if the run ended before."""
    before = written(place)
    deadline = time.monotonic() + _PATIENCE
    while run.poll() is None and time.monotonic() < deadline:
        if max(moment, before + 1) <= written(place):
            return True
        time.sleep(0.002)
    return False


def end(run: subprocess.Popen[bytes]) -> None:
    """Leave nothing of a run, however it went."""
    if run.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def kill_at(moment: int, place: Path, overrides: list[str], *, all_of_it: bool) -> bool:
    """Start a run and end it as soon as a new file makes the files that many.

    all_of_it : its workers too, as when the power goes; else they are left to notice it.

    Returns
    -------
    Whether it was killed; False if it came to its end before.
    """
    run = started(*overrides)
    try:
        if wait_for(moment, place, run):
            (os.killpg if all_of_it else os.kill)(run.pid, signal.SIGKILL)
        return run.wait(timeout=_PATIENCE) == -signal.SIGKILL
    finally:
        end(run)


@pytest.mark.parametrize("chain", range(CHAINS))
def test_runs_that_are_killed_at_any_moment_end_in_the_same_bytes(
    chain: int, small_run: Any, tmp_path: Path
) -> None:
    undisturbed = finish([*small_run.overrides(tmp_path / "undisturbed"), *FEW_PARTS])
    place = tmp_path / "killed"
    common = ["debug=fast", "measure_time=false", *FEW_PARTS, *places_in(place)]
    dice = random.Random(chain)
    total = 2 * len(content(undisturbed)) - 8  # most files are in the store first
    moments = sorted(dice.sample(range(1, total), KILLS))
    killed = [
        kill_at(moment, place, [*common, "jobs=2"], all_of_it=dice.random() < 0.5)
        for moment in moments
    ]
    assert sum(killed) >= KILLS - 1, (moments, killed)
    ended = [*common, "jobs=1"]
    if all(killed):
        folder = finish(ended)
    else:  # the last runs came to their end before their moment
        (folder,) = (place / "reports" / "credit_risk").glob("[0-9a-f]*")
    assert folder.name == undisturbed.name
    assert content(folder) == content(undisturbed)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
