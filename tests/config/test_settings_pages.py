"""The pages on every setting: up to date, whole, and drawn from the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from deepseek_report.config.config_files import shipped_folders
from deepseek_report.extension import BROUGHT, installed
from docs.reference_pages import (
    docstring_entries,
    field_docs,
    pages,
    stale,
    type_words,
    yaml_comments,
)

DOCS = Path(__file__).parents[2] / "docs" / "settings"


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return pages(shipped_folders())


def test_the_pages_are_up_to_date(written: dict[str, str]) -> None:
    if {name for name, _ in BROUGHT.values()} != {each.folder.name for each in installed()}:
        pytest.skip("an extension, whose choices stand in the pages, does not lie here")
    assert "| latency | `latency` |" in written["tables.md"]
    assert not stale(DOCS, written), "run `make settings`"


def test_every_field_says_what_it_means(written: dict[str, str]) -> None:
    rows = [line for text in written.values() for line in text.splitlines() if line[:3] == "| `"]
    assert len(rows) > 500
    assert [row for row in rows if row.endswith("|  |")] == []


def test_a_page_that_is_missing_changed_or_left_over_is_stale(tmp_path: Path) -> None:
    (tmp_path / "same.md").write_text("text\n")
    (tmp_path / "changed.md").write_text("other\n")
    (tmp_path / "over.md").write_text("text\n")
    written = {"same.md": "text", "changed.md": "text", "missing.md": "text"}
    assert stale(tmp_path, written) == ["changed.md", "missing.md", "over.md"]


@dataclass(frozen=True)
class Bound:
    """A bound. metric : not an entry, since it does not begin a line.

    metric : key of the score.
    """

    metric: str


@dataclass(frozen=True)
class Part:
    """A part.

    steps : how many steps; each
        costs one call. low, high : ends of the range.
    unknown : no field.
    """

    steps: Annotated[int, Field(ge=1, le=1000)] = 5
    low: float = 0.5
    high: Annotated[float, Field(gt=0)] | None = None
    way: Literal["up", "down"] = "up"
    bounds: tuple[Bound, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)


_YAML = """\
steps: 7  # from the file
way: up   # where it goes,
          # in one word
bounds:
  - metric: roc_auc
"""


def test_a_field_has_its_type_default_and_meaning() -> None:
    rows = list(field_docs(Part, {"steps": 7}, yaml_comments(_YAML)))
    by_key = {row.key: (row.type, row.default, row.meaning) for row in rows}
    assert by_key == {
        "steps": ("whole number, from 1 to 1000", "7", "how many steps; each costs one call."),
        "low": ("number", "0.5", "ends of the range."),
        "high": ("number, above 0, or null", "null", "ends of the range."),
        "way": ("`up` · `down`", "up", "where it goes, in one word"),
        "bounds": ("list of: the keys below", "[]", ""),
        "bounds[].metric": ("text", "must be given", "key of the score."),
        "weights": ("keys with values of: number", "{}", ""),
    }


def test_alternatives_are_joined_by_or() -> None:
    assert type_words(str | list[str] | None) == "text or list of: text or null"


def test_a_meaning_goes_on_to_the_next_field_or_a_blank_line() -> None:
    text = "low, high : ends of it,\nin its unit; step,\nwidth : sizes\nof a bin.\n\nMore prose."
    ends, sizes = "ends of it, in its unit", "sizes of a bin."
    meanings = docstring_entries(text, ["low", "high", "step", "width"])
    assert meanings == {"low": ends, "high": ends, "step": sizes, "width": sizes}
