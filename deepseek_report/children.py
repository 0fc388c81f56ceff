"""The one way in which this package starts other programs: no code of the working folder runs.

The working folder may be a stranger's. Python puts it on the path of `python -c` and `python -m`,
with which processes are forked and pip is run, unless it is told not to; git runs programs that the
configuration of a repository names.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

#: What tells Python to leave the working folder out; what it starts in turn hears it too.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
_MINUTE = 60.0


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    text: bytes = b"",
    seconds: float | None = _MINUTE,
    variables: Mapping[str, str] | None = None,
    shown: bool = False,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, with what it writes unless that is `shown`.

    folder : where it works. text : what it reads. seconds : how long it may take, None for ever.
    variables : beside those of this process; an empty one takes the variable away.

    Raises OSError where it cannot be started, subprocess.TimeoutExpired.
    """
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
    if here == os.path.realpath(Path(__file__).parents[1]):
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


#: What of a repository's configuration says how files are compared, and names no program.
_OF_FILES = re.compile(r"core\.(autocrlf|eol|filemode|ignorecase|precomposeunicode|symlinks)")
_OF_FORMAT = {"sha256": "[core]\nrepositoryformatversion=1\n[extensions]\nobjectformat=sha256\n"}
_MOST_IGNORED = 2**20
_GIT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}


def git_revision(folder: Path) -> str:
    """Revision of the checkout that holds `folder`, "+changes" if it is not clean; "" if none.

    Its configuration is read only for how files are compared. It could name programs: filters,
    hooks, a watcher of files. So files are compared by a repository without any, which has the
    objects and the index of this one.
    """
    if not (folder / ".git").exists():
        return ""
    try:
        revision, form, objects, index, exclude = _git(
            folder,
            *("rev-parse", "HEAD", "--show-object-format", "--path-format=absolute"),
            *("--git-path", "objects", "--git-path", "index", "--git-path", "info/exclude"),
        ).splitlines()
        settings = (item.partition("\n") for item in _git(folder, "config", "-lz").split("\0"))
        kept = [
            f"{key}={value}" for key, _, value in settings if _OF_FILES.fullmatch(key) and value
        ]
        with tempfile.TemporaryDirectory() as place:
            empty = Path(place)
            for name in ("objects", "refs", "info"):
                (empty / name).mkdir()
            (empty / "HEAD").write_text(f"{revision}\n", encoding="utf-8")
            (empty / "config").write_text(_OF_FORMAT.get(form, ""), encoding="utf-8")
            if Path(exclude).is_file():
                with Path(exclude).open("rb") as ignored:
                    (empty / "info" / "exclude").write_bytes(ignored.read(_MOST_IGNORED))
            places = {"GIT_DIR": place, "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": index}
            changed = _git(
                folder,
                *(word for setting in kept for word in ("-c", setting)),
                *("status", "--porcelain", "--ignore-submodules=dirty"),
                variables={**places, "GIT_OBJECT_DIRECTORY": objects},
            )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return revision + ("+changes" if changed else "")


def _git(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> str:
    """What git prints. Raises subprocess.CalledProcessError, TimeoutExpired, OSError."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", *words]
    done = run(command, folder=folder, seconds=10, variables={**_GIT, **(variables or {})})
    done.check_returncode()
    return done.stdout.decode("utf-8", "surrogateescape")
