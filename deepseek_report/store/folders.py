"""Folders of files: the hash of each, how two differ, and putting one in its place whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from deepseek_report.artifacts.files import sha256_file

MANIFEST = "manifest.json"


def hash_folder(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but its manifest, by relative path, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256_file(path)
        for path in files
        if path != folder / MANIFEST
    }


def compare(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """How a folder differs from the hashes of its files, one sentence each."""
    problems = []
    for name, sha256 in sorted(expected.items()):
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif sha256_file(path) != sha256:
            problems.append(f"{name} was changed: its SHA-256 is not the one in the manifest")
    return problems


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder without its manifest; files share their disk blocks where they can."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and path != source / MANIFEST:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def replace_folder(new: Path, final: Path) -> None:
    """Put a finished folder in its place; a reader sees the old one or the new one, never a mix."""
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".old-{final.name}-{os.getpid()}")
    if final.exists():
        final.rename(old)
    new.rename(final)
    shutil.rmtree(old, ignore_errors=True)
