"""Archives and files of strangers: each is opened in one way, which knows how much it may hold."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepseek_report.artifacts.storage.files import load_arrays
from deepseek_report.artifacts.storage.plain_files import unpack
from deepseek_report.cli import run
from deepseek_report.datasets.readers.file_bytes import FileBytes
from deepseek_report.datasets.readers.file_form import FileForm, ReadLimits
from deepseek_report.datasets.readers.table_file import read_table
from deepseek_report.errors import DeepseekReportError
from deepseek_report.models.estimators.sklearn import file_problems
from deepseek_report.rendering.word_parts import unpacked
from tests.shared_runs import offered


def array() -> bytes:
    content = io.BytesIO()
    np.save(content, np.arange(3.0))
    return content.getvalue()


def read_images(path: Path) -> object:
    medmnist = pytest.importorskip("deepseek_report.extensions.examples.medmnist")
    return medmnist.read_npz(FileBytes(path, path.read_bytes(), ""), ["a"], ReadLimits())


def read_estimator(path: Path) -> None:
    (problem,) = file_problems(path, [])
    raise DeepseekReportError(problem)


def read_pack(path: Path) -> None:
    unpack(path, path.parent / "into")


def read_data(path: Path) -> object:
    return read_table(path, FileForm())


def read_word(path: Path) -> object:
    return unpacked(path.read_bytes())


#: {a kind of archive: how it is read, and a member of it}
READERS: dict[str, tuple[Callable[[Path], object], str, bytes]] = {
    "pack.zip": (read_pack, "run/run.json", b"{}"),
    "arrays.npz": (load_arrays, "a.npy", array()),
    "images.npz": (read_images, "a.npy", array()),
    "table.csv.zip": (read_data, "table.csv", b"x,y\n1,2\n"),
    "book.xlsx": (read_data, "xl/workbook.xml", b"<workbook/>"),
    "text.docx": (read_word, "word/document.xml", b"<document/>"),
    "model.skops": (read_estimator, "schema.json", b'{"__class__": "LinearRegression"}'),
}


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
@pytest.mark.parametrize("name", READERS)
def test_members_that_unpack_at_once_are_refused(name: str, way: int, tmp_path: Path) -> None:
    read, member, content = READERS[name]
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first", b"x")
        archive.writestr(member, content, way)
    with pytest.raises((DeepseekReportError, zipfile.BadZipFile)) as refused:
        read(path)
    sentences = [{zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}[way], "stored or deflated"]
    if name == "model.skops":
        sentences = ["is not a skops file"]
    assert all(words in str(refused.value) for words in sentences)
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("members", [300_000, 3_000_000])
@pytest.mark.parametrize("name", READERS)
def test_a_list_of_millions_of_names_is_refused_before_it_is_read(
    name: str, members: int, tmp_path: Path
) -> None:
    """Of 300 000 the list is read, and no object made of them; of 3 million not even that."""
    path = tmp_path / name
    entry = struct.pack("<4s38xL", b"PK\1\2", 0)
    size = members * len(entry)
    with path.open("wb") as file:
        file.write(entry * members)
        file.write(struct.pack("<4s4x2H2L2x", b"PK\5\6", 65535, 65535, size, 0))
    tracemalloc.start()
    try:
        with pytest.raises((DeepseekReportError, zipfile.BadZipFile)):
            READERS[name][0](path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * path.stat().st_size + 30_000_000


def test_nothing_of_a_pack_is_written_before_its_sum_is_known_to_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_REPORT_ARTIFACT_MIB", "1")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("a", b"x")
        pack.writestr("b", bytes(2**25))
    with pytest.raises(DeepseekReportError, match="more bytes than are ever unpacked"):
        unpack(tmp_path / "x.zip", tmp_path / "into")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("place", ["notes/summary.qmd", "people/attachments/minutes.pdf"])
def test_what_people_wrote_is_not_hashed_without_a_bound(
    place: str, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sparse file takes no room on a disk, so that one of 20 GB can be sent."""
    path = received / place
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(300 * 10**6)
    for words in offered(["verify", str(received)], ["render", str(received)]):
        assert run(words) in {1, 2}
        printed = "".join(capsys.readouterr())
        assert path.name in printed
        assert "MiB" in printed or "KiB" in printed
        assert "nobody foresaw" not in printed
