"""Results are what a run wrote and nothing changes them; a study says what varies between them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results, Study


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


def run(config: dict[str, Any]) -> Results:
    return Results({}, config)


def test_only_keys_that_differ_vary_and_a_key_that_is_missing_is_told() -> None:
    first = run({"seed": 1, "model": {"width": 8, "depth": 2}, "report": {"title": "A"}})
    second = run(
        {"seed": 1, "model": {"width": 9, "depth": 2, "bins": 4}, "report": {"title": "B"}}
    )
    assert Study.of(first, second).varying == {"model.width": (8, 9), "model.bins": ("–", 4)}


def test_the_study_of_one_run_varies_in_nothing() -> None:
    only = run({"seed": 1})
    study = Study.of(only)
    assert study.single is only
    assert (study.varying, study.same_seeds) == ({}, True)


def test_a_seed_of_one_kind_that_differs_unpairs_the_seeds() -> None:
    same = {"seeds": {"data": 1, "training": 1}}
    other = {"seeds": {"data": 1, "training": 2}}
    assert not Study.of(run(same), run(other)).same_seeds
    assert Study.of(run(same), run(same)).same_seeds


def test_a_study_of_none_or_of_several_has_no_single_run() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Study(())
    with pytest.raises(ValueError, match="2 runs"):
        _ = Study.of(run({}), run({})).single


@dataclass(frozen=True)
class Said:
    kind: Literal["feature", "label"]
    label: str


def test_a_word_of_the_code_stays_as_it_is_where_names_are_in_another_language() -> None:
    table = pd.DataFrame({"kind": ["feature"], "label": ["feature"]})
    results = Results({"measures/corrections": Path()}, {}, naming={"feature": "特征"}.__getitem__)
    results._measurements["measures/corrections"] = Measurement((), {"corrected": table})
    assert results.rows("corrections", "corrected", Said) == [Said("feature", "特征")]
