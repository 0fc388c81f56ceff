"""A schema that was stored, and what is said of one that is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deepseek_report.artifacts.schema import Feature, Schema, Target
from deepseek_report.errors import ArtifactError


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"label"', '"labe,"', 1),
        lambda text: text.replace('"features"', '"featurez"', 1),
        lambda text: "[]",
        lambda text: '{"features": 3}',
    ],
)
def test_a_damaged_schema_is_told_with_its_file(
    change: Callable[[str], str], tmp_path: Path
) -> None:
    schema = Schema((Feature("a", "A", "numeric"),), Target("y", "Y", ("no", "yes")))
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema.to_json()))
    assert Schema.load(tmp_path) == schema
    file.write_text(change(file.read_text()))
    with pytest.raises(ArtifactError, match=r"schema\.json: damaged"):
        Schema.load(tmp_path)
