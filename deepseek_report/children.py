"""The one way in which this package starts other programs: no code of the working folder runs.

The working folder may be a stranger's. Python puts it on the path of `python -c` and `python -m`,
with which processes are forked and pip is run, unless it is told not to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import CompletedProcess

#: What tells Python to leave the working folder out; what it starts in turn hears it too.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}


def run(
    command: Sequence[str],
    *,
    seconds: float | None,
    folder: Path | None = None,
    text: bytes = b"",
    variables: Mapping[str, str] | None = None,
    shown: bool = False,
) -> CompletedProcess[bytes]:
    """Run a program to its end, with what it writes unless that is `shown`.

    seconds : how long it may take, None for ever. folder : where it works. text : what it reads.
    variables : beside those of this process; an empty one takes the variable away.

    Raises OSError where it cannot be started, subprocess.TimeoutExpired.
    """
    import subprocess  # for what starts nothing, such as `--version`, it would take a third more

    given = variables or {}
    known = {**os.environ, **given, **SAFE_PATH}
    return subprocess.run(
        command,
        cwd=folder,
        env={name: value for name, value in known.items() if value or name not in given},
        input=None if shown else text,
        capture_output=not shown,
        timeout=seconds,
        check=False,
    )


def leave_working_folder_out() -> None:
    """Import nothing from the working folder from now on, nor in any process that is started.

    `python -m` puts it on the path, and so does an empty entry of PYTHONPATH. Where this package
    itself lies in it, it stays.
    """
    here = os.path.realpath(os.curdir)
    if here == str(Path(__file__).resolve().parents[1]):
        return
    named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if "PYTHONPATH" in os.environ:
        os.environ["PYTHONPATH"] = os.pathsep.join(named)
    os.environ.update(SAFE_PATH)
    if here not in map(os.path.realpath, named):
        sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != here]


@contextmanager
def safe_path() -> Iterator[None]:
    """Python processes that start within search the working folder only where this one does."""
    here = os.path.realpath(os.curdir)
    if "PYTHONSAFEPATH" in os.environ or here in map(os.path.realpath, sys.path):
        yield
        return
    os.environ.update(SAFE_PATH)
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
