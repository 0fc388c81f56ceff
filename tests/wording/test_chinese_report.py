"""A whole report in Chinese: no English phrase stands in what a reader sees."""

from __future__ import annotations

import re
from pathlib import Path

from deepseek_report.cli import run
from tests.conftest import SmallRun
from tests.wording.marked_page import visible_texts

#: Two small words in a row: names of methods and keys of a config stand alone.
ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,}")
#: What is typed as it stands, and who made the data, as they say it.
AS_IT_STANDS = re.compile(r"deepseek-report [^，。；]*|^(来源|引用|许可|文件)：.*")
#: Quotations of a framework's file, which stands in English and is marked as such.
OF_FRAMEWORKS = frozenset({"compliance"})


def test_no_english_phrase_stands_in_a_chinese_report(small_run: SmallRun, tmp_path: Path) -> None:
    folder = small_run.copied(tmp_path / small_run.folder.name)
    assert run(["render", str(folder), "--language", "zh"]) == 0
    shown = visible_texts((folder / "report.html").read_text(encoding="utf-8"))
    assert sum(len(re.findall(r"[\u3400-\u9fff]", text.text)) for text in shown) > 5000
    left = [
        (text.part, text.where, phrase[0], text.text[:80])
        for text in shown
        if text.part not in OF_FRAMEWORKS
        and (phrase := ENGLISH.search(AS_IT_STANDS.sub("", text.text)))
    ]
    assert left == []
    dangling = [
        text.text[:80] for text in shown if re.search(r"@\{?(sec|fig|tbl)-|。。|<!|\[\]", text.text)
    ]
    assert dangling == []
