"""Python programs that run in forks of a process that has imported what they need.

A program takes seconds to start and often a hundredth to do its work. Here a process waits that has
imported the libraries, and each program runs in a fork of it: with words, standard input, limits
and a death of its own, but without the imports. What is about the start of a process, or about what
is imported, is tested in processes that are started (`started_trials`, `subprocess`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

Done = subprocess.CompletedProcess[bytes]
#: {module that `children.limited` starts: what takes long to import in it}.
TRIALS = {
    "deepseek_report.models.estimators.model_file_trial": (
        *("xgboost", "lightgbm", "skops.io", "sklearn.svm", "sklearn.pipeline"),
        *("sklearn.ensemble", "sklearn.linear_model", "scipy.interpolate"),
        "deepseek_report.models.estimators.sklearn",
    ),
    "deepseek_report.artifacts.storage.tokenizer_trial": ("tokenizers",),
}


class ForkServer:
    """A process with these modules and variables of the environment, of which programs are forks.

    A module that is not installed is left out.
    """

    def __init__(self, modules: Sequence[str], variables: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[1], env={**os.environ, **variables},
        )  # fmt: skip

    def run(
        self,
        words: Sequence[str],
        *,
        text: bytes = b"",
        seconds: float | None = None,
        folder: Path | None = None,
        path: Path | None = None,
    ) -> Done:
        """What `python -m` does with these words.

        text : what it reads. seconds : after which it is killed. folder : where it works. path : of
        the modules that come before all others.

        Raises subprocess.TimeoutExpired.
        """
        with tempfile.TemporaryDirectory() as place:
            files = [Path(place, name) for name in ("in", "out", "err")]
            files[0].write_bytes(text)
            asked = {
                "words": words,
                "files": list(map(str, files)),
                "seconds": seconds,
                "folder": str(folder or Path.cwd()),
                "path": path and str(path),
            }
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            code = json.loads(self._process.stdout.readline())
            if code is None:
                raise subprocess.TimeoutExpired(list(words), seconds or 0)
            return Done(words, code, *(file.read_bytes() for file in files[1:]))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class ForkedTrials:
    """Takes the place of `children.run` for the programs of `TRIALS`; all others are started."""

    def __init__(self, run: Callable[..., Done]) -> None:
        self.start = run
        self._servers: dict[str, ForkServer] = {}

    def __call__(self, command: Sequence[str], **options: Any) -> Done:
        if list(command[:2]) != [sys.executable, "-m"] or command[2] not in TRIALS:
            return self.start(command, **options)
        module, variables = command[2], options["variables"]
        if module not in self._servers:
            self._servers[module] = ForkServer(TRIALS[module], variables)
        asked = {name: options[name] for name in ("text", "seconds")}
        return self._servers[module].run(command[2:], **asked)

    def close(self) -> None:
        for server in self._servers.values():
            server.close()


def _exit_code(
    words: Sequence[str], files: Sequence[str], seconds: float | None, folder: str, path: str | None
) -> int | None:
    """The exit code of a program that runs in a copy of this process; None if it took too long."""
    if (child := os.fork()) == 0:
        os.chdir(folder)
        if path is not None:
            sys.path.insert(0, path)
            os.environ["PYTHONPATH"] = path
        _become(words, files)
    ends = time.monotonic() + (float("inf") if seconds is None else seconds)
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() >= ends:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


def _become(words: Sequence[str], files: Sequence[str]) -> NoReturn:
    """Run the module as `python -m` does, with these files as its standard ones, and end."""
    import runpy
    import traceback

    for handle, path in enumerate(files):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), handle)
    sys.stdin = os.fdopen(0, "r")
    sys.stdout, sys.stderr = (os.fdopen(handle, "w", buffering=1) for handle in (1, 2))
    sys.argv, code = list(words), 1
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve(modules: Sequence[str]) -> None:
    import importlib

    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:  # its tests are skipped
            continue
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_exit_code(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1:])
