from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.artifacts.picture import Picture
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.compliance.forbidden_words import _PERSONS_NOTE
from deepseek_report.errors import RenderError
from deepseek_report.rendering import pandoc
from deepseek_report.rendering.embedded import render_html
from deepseek_report.rendering.notes import LIMIT, read_notes, to_markdown

from .conftest import document_of, results_with

NOTE = """---
title: no title of the report
---

# We *looked* at this

See @fig-global_importance and [the rule](https://example.org/a?b=c), **not** `x`; see @sec-absent.

@tbl-thresholds. A paragraph that begins with a reference.

- one
- two

  more of two

1. first
2. second

> quoted

| a | b |
|---|---|
| 1 | x \\| y |

```{python}
import os
```

This model is compliant, we think.
"""
HOSTILE = """<script>alert(1)</script> {{< include /etc/passwd >}} [x](javascript:alert(1))

{{< include ../../secret.qmd >}}

```{=html}
<script>alert(2)</script>
```

![pic](/etc/passwd)

:::

# Summary {#sec-summary}

::: {.callout-important .finding}
## [Grave]{.tag .tag-high} A finding that nobody made
:::
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run" / "notes").mkdir(parents=True)
    return tmp_path / "run"


def write(folder: Path, **notes: str) -> str:
    for name, text in notes.items():
        (folder / "notes" / f"{name}.qmd").write_text(text, encoding="utf-8")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt"></svg>'
    picture = Picture("global_importance", svg, "What decides", "Bars", "Longer is more.")
    names = ("summary", "explanations", "bias")
    body = '{{ section_header(section) }}{{ picture("global_importance") }}'
    contents = [SectionContent(name, name.capitalize(), "Q?", "A.") for name in names]
    made = document_of(folder, contents, dict.fromkeys(names, body), results_with(picture))
    return made.path.read_text(encoding="utf-8")


def test_a_note_stands_at_the_end_of_its_section_with_its_hash(folder: Path) -> None:
    text = write(folder, explanations=NOTE)
    digest = hashlib.sha256(NOTE.encode()).hexdigest()[:16]
    chapter = text[text.index("{#sec-explanations}") : text.index("{#sec-bias}")]
    assert "Note by the person who has this folder" in chapter
    assert f"`notes/explanations.qmd`, SHA-256 `{digest}`" in chapter
    assert "**We *looked* at this**" in chapter
    assert "See @fig-global-importance and [the rule](<https://example.org/a?b=c>)" in chapter
    assert "“absent” (not shown)" in chapter
    assert (folder / "notes" / "explanations.qmd").read_text(encoding="utf-8") == NOTE


def test_a_note_reads_the_same_in_the_page(folder: Path) -> None:
    write(folder, bias=NOTE)
    page = render_html(folder / "report.qmd").read_text(encoding="utf-8")
    note = page[page.index("Note by the person") : page.index("These words are not part")]
    for shown in (
        "<em>looked</em>",
        "<strong>not</strong>",
        "<li>",
        "<blockquote>",
        "<td",
        ">Figure",
    ):
        assert shown in note
    assert "more of two" in note
    assert "import os" in note
    assert "x | y" in note


def test_a_note_runs_includes_and_imitates_nothing(folder: Path) -> None:
    text = write(folder, bias=HOSTILE)
    note = text[text.index("Note by the person") :]
    assert not re.search(r"\{\{<(?![^\n]*```)", note)
    assert "{=html}" not in note
    assert "{.callout-important" not in note
    assert text.count("{#sec-summary}") == 1
    page = render_html(folder / "report.qmd").read_text(encoding="utf-8")
    shown = page[page.index("Note by the person") : page.index("These words are not part")]
    assert "<script" not in shown
    assert "javascript:" not in shown
    assert "root:x:0" not in page
    assert shown.count('class="callout') == 1  # the body of the note itself
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{&lt; include /etc/passwd &gt;}}" in shown


@given(st.text(alphabet="ab{}<>`$@#:|[]()!*_-\n \\\"'~^.=%", max_size=60))
def test_no_note_opens_a_block_a_shortcode_or_raw_text(text: str) -> None:
    written = f"::: {{.callout-note .persons-note}}\n\n{to_markdown(text)}\n\n:::\n\n# After\n"
    outside = re.sub(r"^ *(`{3,}).*?^ *\1$", "", written, flags=re.DOTALL | re.MULTILINE)
    assert "{{<" not in outside
    assert "{=" not in outside
    assert _PERSONS_NOTE.match(written)
    page = pandoc.convert_text(written, Path.cwd(), "html5", [])
    assert page.count('<div class="callout') == 2  # the callout and its body
    assert page.endswith('<h2 id="after"><span class="number">1</span> After</h2>\n')


def test_a_note_is_a_small_regular_file_of_a_section_of_the_report(folder: Path) -> None:
    path = folder / "notes" / "bias.qmd"
    secret = folder / "secret.qmd"
    secret.write_text("secret", encoding="utf-8")
    path.symlink_to(secret)
    with pytest.raises(RenderError, match=r"bias\.qmd: cannot be read as a file of its own"):
        read_notes(folder, ["bias"])
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RenderError, match="no regular file"):
        read_notes(folder, ["bias"])
    path.unlink()
    path.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(RenderError, match="more than 64 KiB"):
        read_notes(folder, ["bias"])
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RenderError, match="UTF-8"):
        read_notes(folder, ["bias"])
    with pytest.raises(RenderError, match="no section “bias”; its sections are data, model"):
        read_notes(folder, ["data", "model"])


@pytest.mark.parametrize("mark", [">", "> ", "1. ", "::: {.a}\n"])
def test_a_note_of_marks_in_each_other_ends_in_a_sentence(mark: str) -> None:
    with pytest.raises(RenderError, match="in each other"):
        to_markdown(mark * 1_500)


def test_a_folder_of_notes_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "notes").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RenderError, match="is a link"):
        read_notes(tmp_path, ["bias"])


def test_a_note_that_cannot_be_used_leaves_the_report_as_it_was(folder: Path) -> None:
    before = write(folder, bias="Fine.")
    (folder / "notes" / "nothing.qmd").write_text("x", encoding="utf-8")
    with pytest.raises(RenderError, match="nothing"):
        write(folder)
    assert (folder / "report.qmd").read_text(encoding="utf-8") == before
    assert list((folder / "figures").glob("*.svg"))
