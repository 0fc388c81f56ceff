"""What is in the code of a module: its hash without comments, and what it imports.

Parsing some hundred modules takes most of a second, so what was read is remembered between
commands by the hash of the bytes that it was read from.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from deepseek_report.provenance.module_files import Module

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


def _entries_of(file: Path) -> dict[str, Any]:
    """What the file holds; nothing where it is missing or damaged."""
    try:
        entries = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


@cache
def _memory() -> _Memory:
    return _Memory.load()
