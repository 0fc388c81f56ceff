"""What is read of modules, and what is remembered of it between commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deepseek_report.provenance import code
from deepseek_report.provenance.code import ModuleCode, _Memory, memory_file, read_code
from deepseek_report.provenance.module_files import Module


@pytest.fixture(autouse=True)
def _caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(code.atexit, "register", lambda _: None)
    code._memory.cache_clear()
    yield
    code._memory.cache_clear()


def written(folder: Path, text: str) -> Module:
    file = folder / "some_module.py"
    file.write_text(text, encoding="utf-8")
    return Module("some_module", str(file), ())


def test_comments_and_docstrings_do_not_count_and_a_changed_line_does(tmp_path: Path) -> None:
    plain = read_code(written(tmp_path, "x = 1\n")).sha256
    assert read_code(written(tmp_path, "x = 1  # said why\n")).sha256 == plain
    assert read_code(written(tmp_path, "x = 2\n")).sha256 != plain


def test_docstrings_of_classes_and_functions_do_not_count(tmp_path: Path) -> None:
    text = "class A:\n    {}\n    def f(self):\n        {}\n"
    read = [
        read_code(written(tmp_path, text.format(*docstrings))).sha256
        for docstrings in [("'a'", "'b'"), ("'c'", "'d'"), ("'a'", "b")]
    ]
    assert read[0] == read[1] != read[2]


def test_what_was_read_is_taken_from_the_file_that_remembers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = written(tmp_path, "import json\nname = 'a.csv'\n")
    known = read_code(module)
    assert known.imports == {"json"}
    assert known.texts == {"a.csv"}
    code._memory().save()
    code._memory.cache_clear()
    monkeypatch.setattr(code.ast, "parse", lambda _: pytest.fail("parsed again"))
    assert read_code(module) == known


@pytest.mark.parametrize("content", ["", "[1, 2]", "{", '{"a": 1}'])
def test_a_damaged_memory_is_not_used(tmp_path: Path, content: str) -> None:
    memory_file().parent.mkdir(parents=True)
    memory_file().write_text(content, encoding="utf-8")
    assert read_code(written(tmp_path, "x = 1\n")).sha256
    assert _Memory.load().get("a") is None


def test_where_nothing_may_be_written_nothing_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a_file"))
    memory = _Memory.load()
    memory.put("key", ModuleCode("hash"))
    memory.save()
    assert memory.get("key") == ModuleCode("hash")


def test_the_oldest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_MOST_REMEMBERED", 2)
    memory = _Memory.load()
    for key in "abc":
        memory.put(key, ModuleCode(key))
    memory.save()
    assert list(_Memory.load().entries) == ["b", "c"]
