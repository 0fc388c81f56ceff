"""Pages of measurements in the documentation, of which each benchmark writes its own block."""

from __future__ import annotations

from pathlib import Path

HEAD = """# Performance

Measurements against other tools. Each block is written by the script that it names; ratios are of
one run on one machine.
"""


def write_block(page: Path, name: str, text: str, head: str = HEAD) -> None:
    """Put the text between the marks of this name, or at the end where there are none."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    whole = page.read_text(encoding="utf-8") if page.exists() else head
    before, mark, rest = whole.partition(first)
    after = rest.partition(last)[2] if mark else "\n"
    before = before if mark else before + "\n"
    page.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}", encoding="utf-8")
