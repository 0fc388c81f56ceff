"""Texts and templates of a language, parsed and compiled once for an installation.

Jinja needs a millisecond for each, and a report has some five hundred. What was made of them lies
where Python keeps its own compiled modules, beside this package: whoever may write there decides
what runs anyway. It is kept by the rules of Python's: none is written with `-B`, and
`PYTHONPYCACHEPREFIX` moves the place.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import marshal
import os
import sys
import tempfile
from collections.abc import Hashable
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import jinja2

#: {text, or key of a template: its code}; {"catalog" and the digest of its files: the catalog}
Compiled = dict[Hashable, Any]
#: A file larger than this holds what nobody reads any more: it is begun anew.
_MOST_BYTES = 2**24


def compiled_texts(language: str, compiler: Path) -> Compiled:
    """What was compiled of a shipped language; what is added is kept when the process ends.

    Parameters
    ----------
    compiler : the module that sets how texts are compiled; another version of it, of Jinja or of
        Python has a file of its own.
    """
    try:
        file = _file(language, compiler)
    except (OSError, NotImplementedError):  # no place for compiled modules, or no files at all
        return {}
    compiled = _read(file)
    atexit.register(_keep, compiled, frozenset(compiled), file)
    return compiled


def _file(language: str, compiler: Path) -> Path:
    reader = hashlib.sha256(sys.version.encode() + jinja2.__version__.encode())
    reader.update(compiler.read_bytes())
    folder = Path(cache_from_source(__file__)).parent
    return folder / f"texts-{language}-{reader.hexdigest()[:16]}.bin"


def _read(file: Path) -> Compiled:
    """What the file holds; nothing where it is missing or damaged."""
    try:
        kept = marshal.loads(file.read_bytes())  # noqa: S302 - as trusted as the package's own code
    except (OSError, ValueError, TypeError, EOFError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _keep(compiled: Compiled, before: frozenset[Hashable], file: Path) -> None:
    """Replace the file as a whole by what it holds now and what is new."""
    if sys.dont_write_bytecode or compiled.keys() <= before:
        return
    content = marshal.dumps(_read(file) | compiled)
    if len(content) > _MOST_BYTES:
        content = marshal.dumps(compiled)
    with contextlib.suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).replace(file)
        _forget_others(file)


def _forget_others(file: Path) -> None:
    """Remove the files of versions that are gone."""
    language = file.name.rsplit("-", 1)[0]
    for other in file.parent.glob(f"{language}-????????????????.bin"):
        if other != file:
            other.unlink(missing_ok=True)
