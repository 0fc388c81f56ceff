"""The revision of a checkout, which may be a stranger's: no program that it names is run."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deepseek_report import children

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
    done = children.run(command, seconds=10, folder=folder, variables={**_GIT, **(variables or {})})
    done.check_returncode()
    return done.stdout.decode("utf-8", "surrogateescape")
