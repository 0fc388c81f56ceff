"""Two pandocs write what one would have written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deepseek_report.errors import RenderError
from deepseek_report.rendering import embedded

TABLE = "| a | b |\n| :-- | --: |\n| x | 1 |\n\n: {caption} {{#tbl-{name}}}\n"
CHAPTER = """
# Chapter {n} {{#sec-{n}}}

See @sec-{other}, @tbl-{other} and @fig-{n}.

## What was found

![Title {n}](p.svg){{#fig-{n} fig-alt="a picture"}}

{table}

## What was found

```text
# no chapter {{#fig-none}}
```
"""
PAGE = "<nav>$toc$\n@@toc@@\n</nav><main>$body$@@body@@\n</main>"


def document(chapters: int) -> str:
    front = "---\ntitle: T\n---\n"
    return front + "".join(
        CHAPTER.format(n=n, other=n % chapters + 1, table=TABLE.format(caption=f"Of {n}", name=n))
        for n in range(1, chapters + 1)
    )


def page(tmp_path: Path, text: str) -> str:
    source, template = tmp_path / "report.qmd", tmp_path / "page.html"
    source.write_text(text)
    template.write_text(PAGE)
    arguments = ("--standalone", "--toc", "--section-divs", "--wrap=none")
    return re.sub(r"\n+", "\n", embedded.convert(source, template, arguments))


def test_two_parts_give_the_page_that_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = document(4)
    in_two = page(tmp_path, text)
    assert len(embedded.cut(text)) == 2
    monkeypatch.setattr(embedded, "cut", lambda whole: [embedded.DocumentPart(whole)])
    assert in_two == page(tmp_path, text)
    assert in_two.count("<h2") == 4


def test_a_line_in_a_fence_starts_no_chapter() -> None:
    first, second = embedded.cut(document(2))
    assert second.text.startswith("# Chapter 2")
    assert (second.chapters, second.figures, second.tables) == (1, 1, 1)
    assert "# no chapter" in first.text


def test_a_document_of_one_chapter_stays_whole() -> None:
    assert len(embedded.cut(document(1))) == 1


def test_a_reference_that_no_part_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="unresolved reference @fig-lost"):
        page(tmp_path, document(2) + "\nSee @fig-lost.\n")
