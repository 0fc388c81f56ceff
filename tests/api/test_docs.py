"""The examples of `docs/python.md` do what the page shows."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_examples_of_the_page_hold(folder: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = {"folder": str(folder / "docs")}
    test = doctest.DocTestParser().get_doctest(text, names, PAGE.name, str(PAGE), 0)
    assert len(test.examples) > 15
    failures: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=failures.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(failures)
