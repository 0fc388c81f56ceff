"""Finished runs in MLflow: what stands there, and that a run comes back as it was."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.clusters import tracking
from deepseek_report.extensions.clusters.tracking import SCHEME, VARIABLE, Tracker
from deepseek_report.runner.run_folders.open_run import open_run
from tests.shared_runs import SmallRun, Terminal


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    pytest.importorskip("mlflow", reason="MLflow is an extra")
    return Tracker(str(tmp_path_factory.mktemp("mlflow")))


@pytest.fixture(scope="module")
def logged(small_run: SmallRun, tracker: Tracker) -> str:
    return tracker.log(small_run.folder).id


def test_settings_scores_with_intervals_and_epochs_stand_there(
    logged: str, tracker: Tracker, small_run: SmallRun
) -> None:
    import mlflow

    data = mlflow.MlflowClient(tracker.uri).get_run(logged).data
    scores = pd.read_parquet(small_run.folder / "scores.parquet").set_index("metric")
    row = scores[scores["predictor"] == "model"].loc["roc_auc"]
    names = ("roc_auc", "low/roc_auc", "high/roc_auc")
    assert [data.metrics[name] for name in names] == list(row[["value", "low", "high"]])
    assert data.params["model._target_"].endswith(".DeepSeek")
    assert data.metrics["training/train_loss"] > 0
    assert data.tags["deepseek_report.run_digest"] == open_run(small_run.folder).run_digest


def test_a_run_is_logged_once(logged: str, tracker: Tracker, small_run: SmallRun) -> None:
    again = tracker.log(small_run.folder)
    assert (again.id, again.is_new) == (logged, False)


def test_it_comes_back_file_by_file(
    logged: str, tracker: Tracker, small_run: SmallRun, tmp_path: Path
) -> None:
    back, own = open_run(tracker.fetch(logged, tmp_path)), open_run(small_run.folder)
    assert back.run_digest == own.run_digest
    assert back.contents == own.contents
    assert {"run.json", "report.html", "citation.bib"} <= {*back.contents.files}


def test_a_comparison_says_what_it_needs_and_what_is_not_there(
    logged: str,
    tracker: Tracker,
    small_run: SmallRun,
    monkeypatch: pytest.MonkeyPatch,
    terminal: Terminal,
) -> None:
    arguments = ["compare", str(small_run.folder)]
    monkeypatch.delenv(VARIABLE, raising=False)
    assert tracking.tracker_of_environment() is None
    assert VARIABLE in terminal(*arguments, f"{SCHEME}{logged}", code=1).err
    monkeypatch.setenv(VARIABLE, tracker.uri)
    assert "not found" in terminal(*arguments, f"{SCHEME}nosuchrun", code=1).err
    assert (
        "named twice" in terminal(*arguments, f"{SCHEME}{logged}", code=1).err
    )  # it was fetched, and is the same run
    assert "--output" in terminal("compare", f"{SCHEME}{logged}", small_run.folder, code=1).err


def test_without_a_place_nothing_is_logged(
    small_run: SmallRun, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert "--uri URI" in terminal("track", small_run.folder, code=1).err


@pytest.mark.parametrize(
    ("path", "size"), [("run/d", 0), ("run/big", 10**12), ("../../x", 1), ("run/../x", 1)]
)
def test_what_is_no_run_folder_is_not_fetched_from_mlflow(path: str, size: int) -> None:
    def listed(identity: str, place: str) -> list[SimpleNamespace]:
        inner = f"{place}/d" if path == "run/d" else path
        return [SimpleNamespace(path=inner, file_size=size, is_dir=path == "run/d")]

    with pytest.raises(ArtifactError, match="no folder of a run"):
        tracking._refuse_large(SimpleNamespace(list_artifacts=listed), "identity")
