"""Lines of a file that grows: none is lost, none is taken before it ends."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from deepseek_report.datasets.readers.case_rows import LONGEST_LINE
from deepseek_report.errors import DataError
from deepseek_report.runner.streaming.open_stream import Idle, lines_of_file, lines_of_stream


def test_a_line_is_taken_when_it_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"a,b\n1,")
    lines = lines_of_file(path, follow=True)
    assert [next(lines), next(lines)] == [b"a,b\n", Idle()]
    with path.open("ab") as stream:
        stream.write(b"2\n3,4")
    assert [next(lines), next(lines)] == [b"1,2\n", Idle()]


@pytest.mark.parametrize("anew", ["shortened", "replaced"])
def test_a_file_that_is_begun_anew_is_read_from_its_start(tmp_path: Path, anew: str) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"a,b\n1,2\n")
    lines = lines_of_file(path, follow=True)
    assert [next(lines) for _ in range(3)] == [b"a,b\n", b"1,2\n", Idle()]
    if anew == "replaced":
        (tmp_path / "other").write_bytes(b"c,d\n1,2\n")
        (tmp_path / "other").replace(path)
    else:
        path.write_bytes(b"c,d\n")
    assert [next(lines), next(lines)] == [Idle(restarted=True), b"c,d\n"]


def test_without_following_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"a,b\n1,2")
    assert list(lines_of_file(path, follow=False)) == [b"a,b\n", b"1,2"]


def test_a_line_without_end_is_one_line_however_long() -> None:
    long = b"x" * (3 * LONGEST_LINE)
    first, last = lines_of_stream(io.BytesIO(long + b"\nnext\n"))
    assert len(first) == LONGEST_LINE + 1
    assert last == b"next\n"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        next(lines_of_file(tmp_path / "none.csv", follow=True))
