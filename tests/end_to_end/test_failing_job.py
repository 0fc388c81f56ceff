"""A sweep in which the model of one job cannot be trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Terminal
from tests.end_to_end.test_shared_stages import PARTS

#: What scikit-learn refuses when it is fitted, and not before.
IMPOSSIBLE = "{penalty:l1,solver:lbfgs}"


@pytest.mark.filterwarnings("ignore:'penalty' was deprecated")
def test_the_others_are_compared_and_it_stands_there_with_its_reason(
    tmp_path: Path, terminal: Terminal
) -> None:
    places = [f"paths.store={tmp_path / 'store'}", f"paths.reports={tmp_path / 'reports'}"]
    strengths = f"model.params={{C:1.0}},{{C:0.01}},{IMPOSSIBLE}"
    printed = terminal("-m", *PARTS, strengths, *places, code=1)
    page = Path(printed.out.splitlines()[-1])
    record = json.loads((page.parent / "comparison.json").read_text(encoding="utf-8"))
    assert len(record["runs"]) == 2
    assert [job["label"] for job in record["missing"]] == [f"model.params={IMPOSSIBLE}"]
    assert "only 'l2' or None penalties" in record["missing"][0]["reason"]
    assert "or None penalties, got l1" in page.read_text(encoding="utf-8")
    assert printed.err.count("only 'l2' or None penalties") == 2  # when it broke, and at the end
    assert "for want of training, which failed" in printed.err
