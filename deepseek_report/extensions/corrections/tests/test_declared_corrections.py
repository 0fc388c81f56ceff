"""Files in which people say what is wrong with a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepseek_report.artifacts.seeds import row_digests
from deepseek_report.errors import ConfigError
from deepseek_report.extensions.corrections.declared_corrections import read_marks

GOOD = """\
deepseek_report_marks: 1
run: 3f2a91c0de77
by: credit risk
on: 2026-11-29
marks:
  - {feature: zip, why: stands in for origin}
  - {row: "0123456789abcdef", region: ["word 3", 7]}
  - {row: "0123456789abcdef", label: no default, was: default}
  - {rule: 17, remove: true}
"""


def test_each_mark_says_what_it_is_about(tmp_path: Path) -> None:
    file = tmp_path / "marks.yaml"
    file.write_text(GOOD)
    marks = read_marks(file)
    assert [mark.kind for mark in marks.marks] == ["feature", "region", "label", "rule"]
    assert (marks.by, marks.on, marks.run) == ("credit risk", "2026-11-29", "3f2a91c0de77")
    assert marks.marks[1].region == ("word 3", 7)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("credit risk", '""', "`by` is empty"),
        ("deepseek_report_marks: 1", "deepseek_report_marks: 2", "version 2"),
        ("deepseek_report_marks: 1", "other: 1", "no file of marks"),
        ("feature: zip", "features: zip", "mark 1.features"),
        ("feature: zip", 'feature: zip, row: "0123456789abcdef"', "mark 1: it is not about"),
        ("rule: 17, remove: true", "rule: 17", "mark 4: it is not about"),
        ('row: "0123456789abcdef", region', "row: xyz, region", "mark 2.row"),
        ("2026-11-29", "tomorrow", "on:"),
        ("marks:", "marks: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    tmp_path: Path, before: str, after: str, named: str
) -> None:
    file = tmp_path / "marks.yaml"
    file.write_text(GOOD.replace(before, after))
    with pytest.raises(ConfigError) as refused:
        read_marks(file)
    message = str(refused.value)
    assert named in message
    assert str(file) in message
    assert "allowed:" in message
    assert "what to do:" in message


def test_a_large_or_deep_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "marks.yaml"
    file.write_text(GOOD + "#" * 2**20)
    with pytest.raises(ConfigError, match=r"marks\.yaml"):
        read_marks(file)
    file.write_text("a: &a [1, 2]\n" + "b: " + "[" * 80 + "]" * 80)
    with pytest.raises(ConfigError, match="levels deep"):
        read_marks(file)


def test_the_digest_of_a_row_hangs_on_its_values_alone() -> None:
    rows = np.array([[1.0, np.nan, 0.0], [1.0, -np.nan, -0.0], [1.0, 2.0, 0.0]])
    first, second, third = row_digests(rows)
    assert first == second != third
    assert len(first) == 16
    assert row_digests(rows[:1].astype(np.float32).astype(float)) == (first,)
