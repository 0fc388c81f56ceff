"""Files that unpack to more than they look: each is refused by name, bound and remedy, at once."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import shlex
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.config.overrides import parse
from deepseek_report.datasets.readers.file_bytes import FileBytes
from deepseek_report.datasets.readers.file_form import ReadLimits
from deepseek_report.datasets.readers.json_lines import read_json_lines, read_keys
from deepseek_report.datasets.readers.table_file import read_column, read_header, read_table
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.image_folder import ImageFolder
from deepseek_report.datasets.sources.series_file import SeriesFile
from deepseek_report.datasets.sources.text_file import TextFile
from deepseek_report.errors import DataError
from tests.worded import say

SMALL = ReadLimits(bytes=2_000_000, cells=100_000)


@pytest.fixture(autouse=True)
def cheap() -> Iterator[None]:
    """No refusal takes long or fills the memory, neither Python's nor that of Arrow."""
    pool = pa.default_memory_pool()
    before, started = pool.max_memory(), time.perf_counter()
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000_000
    assert pool.max_memory() - before < 300_000_000
    assert time.perf_counter() - started < 30


def refusal(path: Path, plugin: type = TableFile, **fields: Any) -> str:
    """The message, which is the same for `check` and for the run where `check` can know it."""
    settings = {"target": "y", "bounds": ReadLimits(), **fields}
    if plugin is TextFile:
        settings = {"text": "x", **settings}
    with pytest.raises(DataError) as caught:
        plugin(path=str(path), **settings).load(0, Silent())
    text = str(caught.value)
    assert "Allowed: " in text
    return text


def assert_bound(text: str, name: str) -> None:
    """The message names the bound and an override that raises it."""
    assert f"`dataset.bounds.{name}`" in text
    advice = re.search(rf"raise the bound: `(dataset\.bounds\.{name}=\d+)`", text)
    assert advice, text
    (parsed,), problems = parse(shlex.split(advice[1]))
    assert not problems
    bound = re.search(r"at most ([\d\u202f]+) \(", text)
    assert parsed.value() > int(bound[1].replace("\u202f", ""))


# --- Parquet --------------------------------------------------------------------------------------


def test_a_parquet_file_of_too_many_rows_is_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with pq.ParquetWriter(path, pa.schema([("y", pa.null())])) as writer:
        for _ in range(12):
            writer.write_table(pa.table({"y": pa.nulls(10_000_000)}))
    assert path.stat().st_size < 1_000_000
    text = refusal(path)
    assert "120\u202f000\u202f000 cells" in text
    assert_bound(text, "cells")


@pytest.mark.parametrize("stored", [True, False])
def test_a_parquet_dictionary_of_long_texts_is_refused_while_reading(
    tmp_path: Path, stored: bool
) -> None:
    """The bomb of 1 MB that took 10 GB: one long text that 10 000 rows repeat."""
    path = tmp_path / "texts.parquet"
    codes = pa.array(np.zeros(10_000, dtype=np.int32))
    column = pa.DictionaryArray.from_arrays(codes, pa.array(["a" * 1_000_000]))
    pq.write_table(pa.table({"y": column}), path, store_schema=stored)
    assert path.stat().st_size < 1_000_000
    assert_bound(refusal(path), "bytes")


def test_one_row_with_an_endless_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    many = pa.nulls(SMALL.cells + 1)
    column = pa.ListArray.from_arrays(pa.array([0, len(many)], pa.int32()), many)
    pq.write_table(pa.table({"y": column}), path)
    assert_bound(refusal(path, bounds=SMALL), "cells")


@pytest.mark.parametrize("kind", ["nulls in a list", "rows of texts"])
def test_a_small_file_of_many_values_is_refused_by_its_footer(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the default bounds, of which neither reaches the one on cells; nothing is read."""
    path = tmp_path / "many.parquet"
    many = pa.nulls(30_000_000)
    if kind == "nulls in a list":
        many = pa.ListArray.from_arrays(pa.array([0, len(many)], pa.int32()), many)
    else:
        many = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), len(many)), ["a"])
    pq.write_table(pa.table({"y": many}), path)
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)
    assert_bound(refusal(path), "bytes")


def test_wide_values_of_fixed_size_count_by_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    column = pa.array([b"a" * 50_000] * 100, pa.binary(50_000))
    pq.write_table(pa.table({"y": column}), path)
    assert_bound(refusal(path, bounds=SMALL), "bytes")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_hundred_thousand_columns_are_refused_at_check(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"wide.{suffix}"
    names = [f"c{i}" for i in range(10_500 if suffix == "parquet" else 100_000)]
    if suffix == "csv":
        path.write_text(f"{','.join(names)},y\n{','.join('1' for _ in names)},a\n")
    else:
        pq.write_table(pa.table({name: [1] for name in names}), path)
    (problem,) = TableFile(path=str(path), target="y").problems()
    assert_bound(problem, "columns")
    assert_bound(refusal(path), "columns")


# --- text -----------------------------------------------------------------------------------------


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def zipped(raw: bytes, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, raw)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [*PACKERS, ".zip"])
def test_packed_text_is_unpacked_no_further_than_the_bound(tmp_path: Path, suffix: str) -> None:
    raw = b"x,y\n" + b"1,a\n" * 1_000_000
    path = tmp_path / f"bomb.csv{suffix}"
    path.write_bytes(PACKERS[suffix](raw) if suffix in PACKERS else zipped(raw, "bomb.csv"))
    assert path.stat().st_size < 100_000
    assert_bound(refusal(path, bounds=SMALL), "bytes")


def test_an_archive_of_many_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.csv.zip"
    path.write_bytes(zipped(b"", *(f"{i}.csv" for i in range(50))))
    assert_bound(refusal(path, bounds=ReadLimits(files=20)), "files")
    assert "the archive holds 50 files" in refusal(path)


@pytest.mark.parametrize("suffix", [*PACKERS, ".zip"])
def test_a_broken_archive_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken.csv{suffix}"
    raw = os.urandom(2000)
    whole = PACKERS[suffix](raw) if suffix in PACKERS else zipped(raw, "a.csv")
    path.write_bytes(whole[: len(whole) // 2])
    assert "it cannot be unpacked" in refusal(path)


def test_too_many_cells_of_a_text_are_refused_while_counting(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("x,y\n" + "1,a\n" * 60_000)
    assert_bound(refusal(path, bounds=SMALL), "cells")


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    path.write_text("x,y\n" + "1" * 50_000 + ",a\n")
    assert_bound(refusal(path, bounds=ReadLimits(line=10_000)), "line")
    path.write_text('x,y\n"' + "1\n" * 50_000 + '",a\n')
    assert_bound(refusal(path, bounds=ReadLimits(line=10_000)), "line")


@pytest.mark.parametrize("plugin", [TableFile, TextFile, SeriesFile])
def test_a_file_beyond_the_bound_is_not_opened(tmp_path: Path, plugin: type) -> None:
    path = tmp_path / "long.csv"
    with path.open("wb") as stream:
        stream.truncate(3_000_000_000)
    assert_bound(refusal(path, plugin), "bytes")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    assert "not a regular file" in refusal(path)


@pytest.mark.parametrize("lines", [1000, 1_500_000])
@pytest.mark.parametrize("head", ["x,y", "y"])
def test_a_quote_that_is_never_closed_is_told(tmp_path: Path, head: str, lines: int) -> None:
    path = tmp_path / "open.csv"
    path.write_text(f"{head}\n1,a\n" + '"' + "1,a\n" * lines)
    form = TableFile(target="y").form
    with pytest.raises(DataError, match="What to do: "):
        read_table(path, form)
    with suppress(DataError):  # it leaves what it need not tell to the other
        read_column(path, form, "y")


# --- JSON Lines -----------------------------------------------------------------------------------


def test_half_of_a_character_in_json_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "half.jsonl"
    path.write_text('{"x": "a", "y": 1}\n{"x": "\\ud83d", "y": 0}\n')
    text = refusal(path, TextFile)
    assert "line 2: it holds half of a character (\\ud83d" in text


def test_a_whole_character_written_in_two_halves_is_read(tmp_path: Path) -> None:
    path = tmp_path / "whole.jsonl"
    rows = [json.dumps({"x": f"\U0001f600 word{i}", "y": i % 2}) for i in range(40)]
    assert "\\ud83d" in rows[0]
    path.write_text("\n".join(rows))
    assert TextFile(path=str(path), text="x", target="y").load(0, Silent()).card["rows"] == 40


@pytest.mark.parametrize("depth", [50, 100_000])
def test_deep_json_is_refused(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_text('{"x": ' + "[" * depth + "]" * depth + ', "y": 1}\n')
    assert_bound(refusal(path, TextFile), "depth")


def test_new_keys_in_every_line_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_text("".join(f'{{"k{i}": 1, "x": "a", "y": 1}}\n' for i in range(400)))
    assert_bound(refusal(path, TextFile, bounds=SMALL), "cells")
    assert_bound(refusal(path, TextFile, bounds=ReadLimits(columns=100)), "columns")


def test_a_number_of_thousands_of_digits_is_told(tmp_path: Path) -> None:
    path = tmp_path / "digits.jsonl"
    path.write_text(f'{{"x": "a", "y": {"9" * 5000}}}\n')
    assert "line 1 is no JSON object" in refusal(path, TextFile)


# --- workbooks ------------------------------------------------------------------------------------


def workbook(path: Path, sheet: str) -> Path:
    """A workbook whose only sheet is this XML."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["x", "y"])
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


_NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_CELL = '<c r="{}{}" t="inlineStr"><is><t>{}</t></is></c>'
_HEAD = f'<row r="1">{_CELL.format("A", 1, "x")}{_CELL.format("B", 1, "y")}</row>'


def test_a_sheet_that_claims_to_be_endless_is_read_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    body = f'<dimension ref="A1:XFD1048576"/><sheetData>{_HEAD}</sheetData>'
    text = refusal(workbook(tmp_path / "a.xlsx", f"<worksheet {_NAMESPACE}>{body}</worksheet>"))
    assert "there is a header but no row" in text


def test_a_last_cell_far_away_is_refused(tmp_path: Path) -> None:
    far = f'<row r="1000000">{_CELL.format("B", 1_000_000, "a")}</row>'
    sheet = f"<worksheet {_NAMESPACE}><sheetData>{_HEAD}{far}</sheetData></worksheet>"
    assert_bound(refusal(workbook(tmp_path / "a.xlsx", sheet), bounds=SMALL), "cells")


def test_empty_columns_behind_the_table_are_refused(tmp_path: Path) -> None:
    """The 16 384 that a sheet may have, in 6 000 rows, took 21 seconds."""
    far = "".join(f'<row r="{i}">{_CELL.format("A", i, "x")}<c r="XFD{i}"/></row>'
                  for i in range(2, 6000))  # fmt: skip
    sheet = f"<worksheet {_NAMESPACE}><sheetData>{_HEAD}{far}</sheetData></worksheet>"
    text = refusal(workbook(tmp_path / "a.xlsx", sheet))
    assert "row 612 ends with 16\u202f383 empty cells" in text


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    sheet = f"<worksheet {_NAMESPACE}><!--{' ' * 3_000_000}--></worksheet>"
    assert_bound(refusal(workbook(tmp_path / "a.xlsx", sheet), bounds=SMALL), "bytes")


def test_a_text_that_every_cell_repeats_is_counted_each_time(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [["x", "y"], *[["a" * 30_000, "b"]] * 200]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert (tmp_path / "a.xlsx").stat().st_size < 100_000
    assert_bound(refusal(tmp_path / "a.xlsx", bounds=SMALL), "bytes")


def test_entities_that_multiply_are_refused(tmp_path: Path) -> None:
    kinds = ['<!ENTITY a0 "aaaaaaaaaa">']
    kinds += [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)]
    head = f"<!DOCTYPE x [{''.join(kinds)}]>"
    row = f'<row r="2">{_CELL.format("A", 2, "&a11;")}</row>'
    sheet = f"{head}<worksheet {_NAMESPACE}><sheetData>{_HEAD}{row}</sheetData></worksheet>"
    assert "not a readable workbook" in refusal(workbook(tmp_path / "a.xlsx", sheet))


# --- images and arrays ----------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """A PNG file whose head claims this size; its pixels are not there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


def folder_refusal(photos: Path, **fields: Any) -> str:
    with pytest.raises(DataError) as caught:
        ImageFolder(path=str(photos), size=8, **fields).load(0, Silent())
    return str(caught.value)


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_an_image_is_refused_by_its_head_before_its_pixels(photos: Path, side: int) -> None:
    (photos / "bad" / "bomb.png").write_bytes(png(side, side))
    text = folder_refusal(photos)
    assert "bad/bomb.png" in text
    assert_bound(text, "pixels")


def test_a_bound_on_pixels_can_be_raised_and_is_then_no_warning(photos: Path) -> None:
    from PIL import Image

    Image.new("1", (10_001, 10_000)).save(photos / "bad" / "large.png")
    assert_bound(folder_refusal(photos), "pixels")
    plugin = ImageFolder(path=str(photos), size=8, bounds=ReadLimits(pixels=200_000_000))
    assert plugin.load(0, Silent()).card["rows"] == 25


def test_more_pixels_than_fit_the_memory_are_refused_before_the_first(photos: Path) -> None:
    assert_bound(folder_refusal(photos, bounds=ReadLimits(cells=1000)), "cells")
    assert_bound(folder_refusal(photos, bounds=ReadLimits(files=20)), "files")


def test_a_program_that_is_called_an_image_is_not_run(photos: Path) -> None:
    (photos / "bad" / "x.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
    assert "1 image of 25 cannot be read: bad/x.png" in folder_refusal(photos)


def test_a_loop_of_links_is_no_class_and_is_counted(photos: Path) -> None:
    (photos / "loop").symlink_to(photos)
    (photos / "circle").symlink_to(photos / "circle")
    (photos / "bad" / "up").symlink_to(photos)
    dataset = ImageFolder(path=str(photos), size=8).load(0, Silent())
    assert set(dataset.schema.target.classes) == {"good", "bad"}
    assert dataset.card["rows"] == 24
    assert any("3 links were left out" in say(note) for note in dataset.card["preparation"])


def test_links_that_lead_out_of_the_folder_are_left_out(photos: Path) -> None:
    outside = photos.parent / "outside"
    outside.mkdir()
    private = outside / "private.png"
    private.write_bytes((photos / "good" / "0.png").read_bytes())
    (photos / "bad" / "private.png").symlink_to(private)
    (photos / "bad" / "nowhere.png").symlink_to(outside / "no.png")
    (photos / "outside").symlink_to(outside)
    (photos / "bad" / "same.png").symlink_to(photos / "bad" / "1.png")
    dataset = ImageFolder(path=str(photos), size=8).load(0, Silent())
    assert dataset.card["rows"] == 25
    assert any("3 links were left out" in say(note) for note in dataset.card["preparation"])


@pytest.mark.parametrize("name", ["../outside/private.png", "{}/outside/private.png", "link.png"])
def test_a_table_of_paths_reads_nothing_outside_of_its_folder(photos: Path, name: str) -> None:
    outside = photos.parent / "outside"
    outside.mkdir()
    (outside / "private.png").write_bytes((photos / "good" / "0.png").read_bytes())
    (photos / "link.png").symlink_to(outside / "private.png")
    names = [f"good/{i}.png" for i in range(12)] + [name.format(photos.parent)]
    frame = pd.DataFrame({"path": names, "label": ["a"] * 6 + ["b"] * 7})
    frame.to_csv(photos / "list.csv", index=False)
    text = folder_refusal(photos / "list.csv")
    assert "1 path leads out of" in text
    assert "dataset.root" in text


def test_an_array_that_claims_to_be_larger_than_its_member_is_refused(tmp_path: Path) -> None:
    medmnist = pytest.importorskip("deepseek_report.extensions.examples.medmnist")
    head = io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(head, description)
    content = zipped(head.getvalue() + b"\0" * 100, "images.npy")
    file = FileBytes(tmp_path / "a.npz", content, "")
    with pytest.raises(ValueError, match="claims to be larger than it is"):
        medmnist.read_npz(file, ["images"], ReadLimits())
    packed = FileBytes(tmp_path / "a.npz", zipped(b"\0" * 3_000_000, "images.npy"), "")
    with pytest.raises(DataError) as caught:
        medmnist.read_npz(packed, ["images"], SMALL)
    assert_bound(str(caught.value), "bytes")


# --- what is no bomb ------------------------------------------------------------------------------


def test_the_default_bounds_let_a_large_honest_table_through() -> None:
    limits = ReadLimits()
    limits.check("cells", 300_000 * 100, "table")
    limits.check("bytes", 300_000 * 100 * 20, "table")
    limits.check("columns", 7000, "table")


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "Größe": random.normal(size=40).round(3),
            "text": np.resize(["ein Wort", "“zwei”", "三"], 40),
            "y": np.resize(["yes", "no"], 40),
        }
    )


def whole(suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".parquet":
        frame().to_parquet(buffer)
    elif suffix == ".xlsx":
        pytest.importorskip("openpyxl")
        frame().to_excel(buffer, index=False)
    elif suffix == ".jsonl":
        return frame().to_json(orient="records", lines=True).encode()
    else:
        return frame().to_csv(index=False, sep=";", decimal=",").encode("utf-8")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "times"), [(".parquet", 150), (".csv", 60), (".xlsx", 60), (".jsonl", 40)]
)
@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
def test_a_damaged_file_is_read_or_told(suffix: str, times: int, tmp_path: Path) -> None:
    random, raw = np.random.default_rng(1), whole(suffix)
    path = tmp_path / f"a{suffix}"
    form = TableFile(bounds=ReadLimits(bytes=50_000_000, cells=1_000_000)).form
    outcomes = set()
    for turn in range(times):
        damaged = bytearray(raw)
        for place in random.integers(0, len(raw), size=1 + turn % 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged[: random.integers(1, len(raw))] if turn % 5 == 0 else damaged)
        outcomes.add(read(path, form, suffix))
    assert outcomes == {"read", "told"}


def read(path: Path, form: Any, suffix: str) -> str:
    try:
        if suffix == ".jsonl":
            read_keys(path, form)
            read_json_lines(path, form)
        else:
            read_header(path, form)
            read_table(path, form)
    except DataError as error:
        return "told" if "What to do: " in str(error) else str(error)
    return "read"
