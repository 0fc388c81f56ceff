"""Results are what a run wrote: nothing changes them after they are made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest

from deepseek_report.artifacts.results import Results


@pytest.mark.parametrize("name", [field.name for field in fields(Results)])
def test_no_field_can_be_given_another_value(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(Results({}, {}), name, None)


@pytest.mark.parametrize("name", ["paths", "failures", "refused", "provenance"])
def test_nothing_can_be_added_to_what_they_hold(name: str) -> None:
    with pytest.raises(TypeError):
        getattr(Results({}, {}), name)["data"] = "changed"


def test_what_they_were_made_from_can_change_without_them() -> None:
    failures = {"data": "the disk was full"}
    results = Results({}, {}, failures)
    failures.clear()
    assert results.failures == {"data": "the disk was full"}


def test_further_failures_make_other_results_and_keep_the_rest(tmp_path: Path) -> None:
    results = Results({"data": tmp_path}, {"seed": 1}, run_id="r")
    more = results.with_failures({"sections/bias": "it broke"})
    assert not results.failures
    assert more.failures == {"sections/bias": "it broke"}
    assert (more.paths, more.config, more.run_id) == (results.paths, {"seed": 1}, "r")


def test_a_copy_reads_its_own_artifacts_again() -> None:
    results = Results({}, {})
    assert results.explanations == {}
    assert "explanations" not in vars(replace(results, run_id="r"))
