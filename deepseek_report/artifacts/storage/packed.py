"""Zip files: the same bytes from the same files, and unpacked only within bounds.

Members are stored as they are, so that no library of compression decides a byte; they carry no
time, and their rights are those of a plain file.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from deepseek_report.artifacts.storage.memory_bound import most_bytes
from deepseek_report.artifacts.storage.plain_files import (
    MOST_ENTRIES,
    MOST_LEVELS,
    new_file,
    open_file,
)
from deepseek_report.errors import ArtifactError

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_CHUNK = 2**20
#: The most bytes that a pack may hold unpacked, in artifacts of the largest size.
_ARTIFACTS = 8


def write_pack(path: Path, members: Mapping[str, Path | bytes]) -> None:
    """Write a zip; members : {name: a file of a run folder, or bytes}, put in by their names."""
    with new_file(path, links=True) as stream, zipfile.ZipFile(stream, "w") as pack:
        for name in sorted(members):
            member = zipfile.ZipInfo(name, _FIRST_DAY)
            member.create_system = _UNIX
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            source = members[name]
            if isinstance(source, bytes):
                pack.writestr(member, source)
                continue
            with open_file(source) as content:
                size = source.lstat().st_size
                member.file_size = size
                with pack.open(member, "w", force_zip64=size >= 2**31) as target:
                    while chunk := content.read(_CHUNK):
                        target.write(chunk)


def unpack(path: Path, folder: Path) -> None:
    """Unpack a zip of a stranger into an empty folder.

    Raises ArtifactError: it is no zip, or holds links, names that lead out of it, a name twice, or
    more files, levels or bytes than are ever read.
    """
    try:
        with open_file(path, links=True) as stream, zipfile.ZipFile(stream) as pack:
            members = [member for member in pack.infolist() if not member.is_dir()]
            _refuse(path, members)
            left = _ARTIFACTS * most_bytes()
            for member in members:
                left = _extract(pack, member, folder / member.filename, left, path)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        raise ArtifactError(f"{path}: cannot be read as a zip ({error})") from None


def _refuse(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_ENTRIES:
        raise ArtifactError(f"{path}: holds more than {MOST_ENTRIES} files")
    names = [member.filename for member in members]
    if len({name.casefold() for name in names}) != len(names):
        raise ArtifactError(f"{path}: holds a name twice")
    for member in members:
        parts = member.filename.split("/")
        kind = stat.S_IFMT(member.external_attr >> 16)
        plain = not {"", ".", ".."} & set(parts) and not set("\\:\0") & set(member.filename)
        if not plain or len(parts) > MOST_LEVELS or kind not in {0, stat.S_IFREG}:
            raise ArtifactError(
                f"{path}: {member.filename[:200]!r}: a link, or a name that leads out of a folder; "
                "nothing was unpacked"
            )


def _extract(
    pack: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int, path: Path
) -> int:
    """Unpack one file; returns how many bytes may still come."""
    with pack.open(member) as content, new_file(target) as file:
        while chunk := content.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ArtifactError(f"{path}: holds more bytes than are ever unpacked")
            file.write(chunk)
    return left
