"""The quick report: what it answers and leaves out, and how the whole one goes on from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import deepseek_report as dr
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import SKIPPED
from deepseek_report.cli import run
from deepseek_report.config.compose import compose
from deepseek_report.config.validate import validate
from deepseek_report.errors import ConfigError
from deepseek_report.findings.error_budget import families
from deepseek_report.runner.execution import computing
from deepseek_report.statistics.graphical_procedure import BUDGET, levels_of
from tests.configured import LINEAR, experiment_of, places_in
from tests.shared_runs import SMALL
from tests.worded import study as configuration
from tests.worded import write_conf

#: A study that asks for little beyond the quick report, so that the whole one is made in seconds.
SETS = {
    "metrics": "- quick\n- threshold_sweep\n- deletion\n",
    "explainers": "- shap\n- random\n",
    "visualizations": "- roc_curve\n- threshold_sweep\n- group_rates\n",
    "sections": "- summary\n- cases\n- performance\n- bias\n- reproducibility\n",
    "frameworks": "- gdpr\n",
}
#: What rests on all explainers together, or shows all that was measured.
RESTS_ON_MORE = {"measures/cases", "conclusions"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config folder whose sets named `default` stand in the place of the shipped ones."""
    conf = tmp_path_factory.mktemp("study") / "conf"
    write_conf(conf, {f"{group}/sets/default": text for group, text in SETS.items()})
    return conf


@pytest.fixture(scope="module")
def call(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arguments of a call on loans of two groups, by their names."""
    random = np.random.default_rng(4)
    rows = pd.DataFrame(
        {"income": random.normal(0, 1, 300), "debt": random.normal(0, 1, 300)}
    ).assign(sex=random.integers(0, 2, 300))
    labels = (rows["income"] - rows["debt"] + random.normal(0, 1, 300) > 0).astype(int)
    return {
        "model": LogisticRegression().fit(rows[:150], labels[:150]),
        "X_train": rows[:150],
        "y_train": labels[:150],
        "X_test": rows[150:].reset_index(drop=True),
        "y_test": labels[150:].reset_index(drop=True),
        "sensitive": ["sex"],
        "favourable": "1",
        "thresholds": [
            {"metric": "roc_auc", "at_least": 0.6, "set_by": "us"},
            {"metric": "deletion_gain", "explainer": "shap", "at_least": 0.0, "set_by": "us"},
        ],
        "instances": 20,
        "background": 16,
        "config_dir": str(study),
        "reports": str(tmp_path_factory.mktemp("quick")),
        "measure_time": False,
    }


@pytest.fixture(scope="module")
def quick(call: dict[str, Any]) -> dr.Run:
    rows = (call[name] for name in ("model", "X_train", "y_train", "X_test", "y_test"))
    by_name = {name: value for name, value in call.items() if name not in _BY_PLACE}
    return dr.quick(*rows, **by_name)


_BY_PLACE = ("model", "X_train", "y_train", "X_test", "y_test")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that are computed from now on."""
    computed, compute = [], computing._compute

    def counting(store: Any, stage: Any, *rest: Any) -> Any:
        computed.append(stage.id)
        return compute(store, stage, *rest)

    monkeypatch.setattr(computing, "_compute", counting)
    return computed


def _document(made: dr.Run) -> str:
    return (made.path / "report.qmd").read_text(encoding="utf-8")


def test_the_quick_report_answers_what_a_person_in_a_hurry_asks(quick: dr.Run) -> None:
    assert list(quick.record["config"]["sections"]) == ["summary", "cases", "performance", "bias"]
    assert {"roc_auc", "impact_ratio", "cases"} <= {*quick.record["config"]["metrics"]}
    assert list(quick.explanations) == ["shap"]
    assert not quick.failed
    assert quick.page.name == "report.html"


def test_the_quick_page_says_what_it_leaves_out_and_how_to_have_it(quick: dr.Run) -> None:
    screen = _document(quick).partition("# Cases")[0]
    assert "This is the quick report. It leaves out “Reproducibility”, and 2 measurements" in screen
    assert "`run.deepen()`" in screen
    assert {*quick.results.skipped} == {
        "measures/threshold_sweep",
        "measures/deletion",
        "explanations/random",
        "pictures/threshold_sweep",
        "sections/reproducibility",
        "frameworks/gdpr",
    }


def test_a_promise_on_what_is_left_out_says_so_and_is_kept(quick: dr.Run) -> None:
    by_metric = {verdict["metric"]: verdict for verdict in quick.thresholds}
    assert by_metric["roc_auc"]["outcome"] != "not measured"
    assert by_metric["deletion_gain"]["outcome"] == "not measured"
    assert "left out of the quick report" in _document(quick)


def test_the_whole_report_takes_up_every_stage_of_the_quick_one(
    quick: dr.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = counted(monkeypatch)
    whole = quick.deepen()
    again = {*computed} & {*quick.record["plan"]}
    assert again <= {*RESTS_ON_MORE, "pictures/roc_curve"}
    assert len(quick.record["plan"]) - len(again) >= 15
    assert {"measures/deletion/shap", "explanations/random"} <= {*computed}
    assert whole.results.skipped == []
    assert "quick report" not in _document(whole)
    assert whole.deepen() is whole


def test_quick_by_name_and_by_place_is_one_report(quick: dr.Run, call: dict[str, Any]) -> None:
    assert dr.quick(**call).path == quick.path


def test_a_run_that_was_read_says_how_it_is_deepened(quick: dr.Run) -> None:
    with pytest.raises(ConfigError, match="call report as quick was called"):
        dr.load_run(quick.path).deepen()


@pytest.mark.parametrize("rows", [3, 5])
def test_rows_without_names_that_could_be_meant_in_two_ways_are_refused(
    call: dict[str, Any], rows: int
) -> None:
    with pytest.raises(ConfigError, match="X_train, y_train, X_test, y_test"):
        dr.quick(call["model"], *[call["X_test"]] * rows)


def test_rows_given_twice_are_refused(call: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="by its place and by its name"):
        dr.quick(call["model"], call["X_test"], call["y_test"], y_test=call["y_test"])


def test_a_part_named_in_the_call_is_in_the_quick_report_too() -> None:
    made = experiment_of("report=quick", "metrics=[+threshold_sweep]")
    assert "threshold_sweep" in made.metrics
    assert made.is_quick
    assert not experiment_of().is_quick


def test_a_list_of_the_study_does_not_lengthen_the_quick_report(tmp_path: Path) -> None:
    chosen = ("/dataset: breast_cancer", "/metrics: [default, interactions]", "/report: quick")
    own = "\n".join(["defaults:", *(f"  - override {choice}" for choice in chosen)])
    composed = compose(
        ["experiment=own"], write_conf(tmp_path, {"experiment/own": configuration(own)})
    )
    assert "interactions" not in composed.raw["metrics"]
    assert composed.skipped["metrics"]["interactions"] == "config"
    assert "measures/interactions" in validate(composed).named


@pytest.mark.parametrize("experiment", ["reasoning_traces", "language_model", "transactions"])
def test_the_quick_report_brings_along_nothing_that_the_study_does_not_choose(
    experiment: str,
) -> None:
    quick, whole = (compose([f"experiment={experiment}", *more]) for more in (["report=quick"], []))
    for group, parts in quick.selected.items():
        assert {*parts} <= {*whole.selected[group]}, group
        assert {*parts, *quick.skipped[group]} == {*whole.selected[group]}, group


#: Whole reports that judge slices, parts and groups beside what the quick one judges, by model.
FURTHER = ("slices", "part_performance", "group_calibration", "prediction_intervals", "deletion")
JUDGED = "".join(f"- {name}\n" for name in ("quick", *FURTHER))
STUDIES = {
    "breast_cancer": LINEAR,
    "credit_risk": (*LINEAR, "dataset.rows=800"),
    "diabetes_progression": (LINEAR[0], "model.estimator=sklearn.linear_model.Ridge"),
    "reasoning_traces": (),
}


@pytest.mark.parametrize("experiment", STUDIES)
def test_a_quick_page_says_nothing_that_the_whole_one_does_not_say(
    experiment: str, tmp_path: Path
) -> None:
    """Finding for finding and sentence for sentence."""
    listed = {**SETS, "metrics": JUDGED, "frameworks": "[]"}
    conf = write_conf(tmp_path, {f"{group}/sets/default": text for group, text in listed.items()})
    small = (*SMALL, *STUDIES[experiment], *places_in(tmp_path))
    made = [
        dr.run(experiment, [*small, *more], config_dir=str(conf)) for more in (["report=quick"], [])
    ]
    quick, whole = ([vars(finding) for finding in report.findings] for report in made)
    assert quick
    assert [finding for finding in quick if finding not in whole] == []
    assert len(made[0].record["config"]["metrics"]) < len(made[1].record["config"]["metrics"])


def test_what_the_quick_report_leaves_out_keeps_its_part_of_the_error_budget(quick: dr.Run) -> None:
    left_out = {ArtifactId.measure(name): SKIPPED for name in ("slices", "group_calibration")}
    fewer = dataclasses.replace(quick.results, refused={**quick.results.refused, **left_out})
    every, kept = levels_of(families(quick.results)), levels_of(families(fewer))
    assert kept["group_differences"] < every["group_differences"]
    assert kept["group_differences"] + kept["stated"] + kept["slices"] < BUDGET


def test_the_command_that_deepens_stands_on_the_page_and_works(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = (*SMALL, "dataset.rows=400", *LINEAR, *places_in(tmp_path))
    arguments = ["--config-dir", str(study), "report=quick", *small]
    assert run(arguments) == 0
    (page,) = (tmp_path / "reports").glob("*/*/report.qmd")
    screen = page.read_text(encoding="utf-8").partition("# Cases")[0]
    assert "deepseek-report --config-dir" in screen
    assert "report=quick" not in screen
    computed = counted(monkeypatch)
    assert run([text for text in arguments if text != "report=quick"]) == 0
    assert not {"data", "training", "predictions", "explanations/shap"} & {*computed}
