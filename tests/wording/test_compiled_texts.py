from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import Environment

from deepseek_report.wording import compiled_texts as keeping
from deepseek_report.wording import words

COMPILER = Path(words.__file__)
CODE = compile("kept = 1", "a text", "exec")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Compiled modules lie here, and each call is that of a process of its own."""
    monkeypatch.setattr(keeping, "cache_from_source", lambda _: str(tmp_path / "new" / "a.pyc"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    ended = []
    monkeypatch.setattr(keeping.atexit, "register", lambda *call: ended.append(call))

    def end():
        for function, *values in ended:
            function(*values)
        ended.clear()

    return end


def _files(tmp_path):
    return sorted((tmp_path / "new").glob("*"))


def test_what_a_process_compiled_the_next_one_has(folder):
    keeping.compiled_texts("en", COMPILER)["a text"] = CODE
    folder()
    assert keeping.compiled_texts("en", COMPILER) == {"a text": CODE}
    assert keeping.compiled_texts("zh", COMPILER) == {}


def test_two_processes_keep_what_both_compiled(folder):
    first = keeping.compiled_texts("en", COMPILER)
    second = keeping.compiled_texts("en", COMPILER)
    first["a text"], second["another"] = CODE, CODE
    folder()
    assert set(keeping.compiled_texts("en", COMPILER)) == {"a text", "another"}


def test_another_compiler_has_a_file_of_its_own_and_the_old_one_goes(folder, tmp_path):
    keeping.compiled_texts("en", COMPILER)["a text"] = CODE
    folder()
    (old,) = _files(tmp_path)
    changed = tmp_path / "words.py"
    changed.write_text("another")
    assert keeping.compiled_texts("en", changed) == {}
    keeping.compiled_texts("en", changed)["a text"] = CODE
    folder()
    (new,) = _files(tmp_path)
    assert new != old


@pytest.mark.parametrize("content", [b"", b"\x00", b"i\x01\x00\x00\x00", b"{"])
def test_a_damaged_file_is_made_anew(folder, tmp_path, content):
    keeping.compiled_texts("en", COMPILER)["a text"] = CODE
    folder()
    _files(tmp_path)[0].write_bytes(content)
    compiled = keeping.compiled_texts("en", COMPILER)
    assert compiled == {}
    compiled["a text"] = CODE
    folder()
    assert keeping.compiled_texts("en", COMPILER) == {"a text": CODE}


def test_nothing_is_written_where_python_writes_none(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keeping.compiled_texts("en", COMPILER)["a text"] = CODE
    folder()
    assert not _files(tmp_path)


def test_texts_of_a_wording_are_kept_and_not_compiled_again(folder, monkeypatch):
    values = {"n": 1200, "parts": ["one"], "reason": "it was not asked for"}
    text = _fresh_wording().text("missing_parts.counted", **values)
    assert text.endswith("parts, such as one: it was not asked for.")
    folder()
    monkeypatch.setattr(Environment, "compile", _refuse)
    assert _fresh_wording().text("missing_parts.counted", **values) == text


def test_own_catalogs_are_kept_nowhere(folder, tmp_path, monkeypatch):
    catalogs = tmp_path / "catalogs"
    catalogs.mkdir()
    (catalogs / "qaa.yaml").write_text('hello: "Bonjour {{ nom }}"')
    monkeypatch.setenv(words.CATALOGS, str(catalogs))
    words._compiled_texts.cache_clear()
    assert words.wording("qaa").text("hello", nom="Ada") == "Bonjour Ada"
    folder()
    assert not _files(tmp_path)


def _fresh_wording():
    words._compiled_texts.cache_clear()
    words._wording.cache_clear()
    return words.wording()


def _refuse(*_, **__):
    raise AssertionError("compiled again")
