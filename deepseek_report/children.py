"""The one way in which this package starts other programs: no code of the working folder runs.

The working folder may be a stranger's. Python puts it on the path of `python -c` and `python -m`,
with which processes are forked and pip is run, unless it is told not to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import CompletedProcess

#: What tells Python to leave the working folder out; what it starts in turn hears it too.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
#: What keeps numeric libraries to one thread, so that sums are the same on every machine. numpy
#: reads its own when it is imported, and so does torch, which takes MKL's before OpenMP's.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


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


#: How a limited process ends that says itself why there is no answer, and the memory it may take.
_REFUSED, _MEMORY = 10, 2**32
#: Threads of libraries take addresses each, however little they do.
_LIMITED = {
    **ONE_THREAD,
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_ARENA_MAX": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
}


class NoAnswerError(Exception):
    """A limited process died, took too long, or refused; says in a line what happened."""


def limited(module: str, *words: str, seconds: int, text: bytes = b"") -> bytes:
    """What a module of this package answers in a process with 4 GiB of memory and some seconds.

    For what libraries in C++ or Rust do with a stranger's file: whatever becomes of that process,
    this one goes on. The module's `main` calls `answer`. text : what it reads.

    Raises NoAnswerError: there is none.
    """
    import subprocess

    command = [sys.executable, "-m", module, *words]
    try:
        done = run(command, seconds=seconds, text=text, variables=_LIMITED)
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"it takes more than {seconds} s") from None
    said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
    if done.returncode == _REFUSED:
        raise NoAnswerError(said)
    if done.returncode:
        raise NoAnswerError(
            f"the process that tries it ended with {done.returncode} {said}".strip()
        )
    return done.stdout


def answer(work: Callable[..., bytes]) -> None:
    """In a limited process: write what `work` makes of the command's words, or why it cannot."""
    limit_memory(_MEMORY)
    out = os.dup(1)
    os.dup2(2, 1)  # libraries that print do not print into the answer
    try:
        content = work(*sys.argv[1:])
    except MemoryError:
        sys.exit(_refused(f"it takes more than {_MEMORY >> 20} MiB of memory"))
    except Exception as error:  # of whatever library; the process ends with it
        sys.exit(_refused(str(error).strip().partition("\n")[0] or type(error).__name__))
    sys.stdout.flush()
    os.dup2(out, 1)
    sys.stdout.buffer.write(content)


def _refused(said: str) -> int:
    sys.stderr.write(f"\n{said}\n")
    return _REFUSED


def limit_memory(size: int) -> None:
    """Let this process take so many bytes, where the system knows such limits."""
    with suppress(ImportError):  # Windows does not
        import resource

        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            with suppress(ValueError, OSError):  # a system that has no such limit, or a lower one
                resource.setrlimit(kind, (size, size))


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
