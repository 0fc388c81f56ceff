"""From what a result was made: code, libraries, machine, revision."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "deepseek_report"

#: Distributions whose import name is another one.
_DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "pypandoc": "pypandoc_binary",
    "hydra": "hydra-core",
}
_STANDARD = frozenset(sys.stdlib_module_names)
_REPORTED = (
    *("torch", "numpy", "pandas", "scipy", "scikit-learn", "shap", "lime", "captum", "fairlearn"),
    *("statsmodels", "matplotlib", "hydra-core", "omegaconf", "pydantic", "jinja2", "pyarrow"),
    *("safetensors", "transformers", "tokenizers", "pypandoc_binary", "typst", "plotly"),
)
#: Told where they are installed.
_EXTRAS = ("peft", "xgboost", "lightgbm", "skops")


@cache
def version_of(name: str) -> str:
    """Version of an installed library by its import name, or "not installed"."""
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(name, name))
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries that decide results."""
    own = {PACKAGE.replace("_", "-"): version_of("deepseek-report")}
    found = {n: version_of(n) for n in (*_REPORTED, *_EXTRAS)}
    known = {n: v for n, v in found.items() if n in _REPORTED or v != "not installed"}
    return {"python": platform.python_version(), **own} | known


@cache
def _file_of(name: str) -> Path | None:
    """The source file of a module, found without importing anything; None if there is none."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        base = Path(folder, *rest)
        for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if file.is_file():
                return file
    return None


@cache
def _read_module(file: Path) -> tuple[str, frozenset[str]]:
    """Hash of a module's syntax tree without docstrings, and the names it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = frozenset(_imports(tree))
    for node in ast.walk(tree):
        _drop_docstring(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imported


def _drop_docstring(node: ast.AST) -> None:
    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
        return
    if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
        body[0].value.value = ""


def _imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module.startswith(PACKAGE):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def code_of(module: str) -> dict[str, str]:
    """Hashes of a module and all of this package's modules below it, and library versions.

    The hash is of the syntax tree without docstrings and comments, so that a reworded comment does
    not throw away a result and a changed line does.

    Returns
    -------
    {module or library: SHA-256 or version}, sorted by name.
    """
    root = module.partition(".")[0]
    found: dict[str, str] = {}
    queue = [module]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        top = name.partition(".")[0]
        if top not in {PACKAGE, root}:
            if top not in _STANDARD and top != "__future__":
                found[top] = version_of(top)
            continue
        if (file := _file_of(name)) is not None:
            found[name], imported = _read_module(file)
            queue.extend(imported)
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


def environment(device: str) -> dict[str, Any]:
    """The machine as far as it matters to a result; no host name, no user, no path."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(_memory() / 2**30, 1),
        "device": device,
    }


def _memory() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def git_revision(folder: Path) -> str:
    """Revision of the checkout that holds `folder`, "+changes" if it is not clean; "" if none."""
    if not (folder / ".git").exists():
        return ""
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return revision + ("+changes" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    return done.stdout.strip()
