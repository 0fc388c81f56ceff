"""A report of a model and rows in memory, by the engine of the command, and what a run shows."""

from __future__ import annotations

import pickle
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import deepseek_report as dr
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import PARTS
from deepseek_report.cli import run as command
from deepseek_report.errors import ArtifactError, ConfigError
from deepseek_report.runner.execution.given_rows import StoredModel
from deepseek_report.runner.given_case_page import case_page
from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.runner.run_folders.open_run import open_run
from deepseek_report.store.run_folder import beside
from tests.api.conftest import FEW, Report
from tests.configured import experiment_of


def test_the_folder_is_whole_and_rendered_by_the_command(
    run: dr.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(run.path, folder)
    assert check_hashes(folder).is_whole
    (folder / "report.html").unlink()
    assert command(["render", str(folder)]) == 0
    assert (folder / "report.html").is_file()
    capsys.readouterr()


def test_the_folder_says_that_its_objects_were_given_in_python(run: dr.Run) -> None:
    config = yaml.safe_load((run.path / "config.yaml").read_text(encoding="utf-8"))
    assert [config[part]["given_in"] for part in ("dataset", "model")] == ["Python", "Python"]
    assert "# dataset, model: given in Python" in run.config
    assert yaml.safe_load(run.config) == config
    qmd = (run.path / "report.qmd").read_text(encoding="utf-8")
    assert "no command makes this report again" in qmd


def test_a_config_of_such_a_run_is_refused_with_what_to_do(run: dr.Run, tmp_path: Path) -> None:

    for part in ("dataset", "model"):
        (tmp_path / part).mkdir()
        text = yaml.safe_dump(run.record["config"][part])
        (tmp_path / part / "given.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        experiment_of("dataset=given", "model=given", config_dir=str(tmp_path))
    assert "the rows of this run were given in Python" in str(caught.value)
    assert "the model of this run was given in Python" in str(caught.value)


def test_a_run_is_loaded_again_whole_and_imports_nothing(
    run: dr.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (
        "deepseek_report.models.given.given_model",
        "deepseek_report.datasets.sources.given_table",
    ):
        monkeypatch.delitem(sys.modules, module, raising=False)
    loaded = dr.load_run(run.path)
    assert not {
        "deepseek_report.models.given.given_model",
        "deepseek_report.datasets.sources.given_table",
    } & {*sys.modules}
    pd.testing.assert_frame_equal(loaded.scores, run.scores)
    assert [finding.claim for finding in loaded.findings] == [
        finding.claim for finding in run.findings
    ]
    assert loaded.problems == run.problems


def test_a_folder_that_was_changed_is_not_loaded(run: dr.Run, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(run.path, folder)
    with (folder / "scores.parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ArtifactError, match="not those that the run wrote"):
        dr.load_run(folder)
    with pytest.raises(ArtifactError):
        dr.load_run(tmp_path)


def test_tables_are_found_by_their_names(run: dr.Run) -> None:
    assert "groups" in run.tables["group_rates"]
    assert run.table("group_rates/groups").equals(run.table("groups"))
    with pytest.raises(ConfigError, match="group_rates/groups"):
        run.table("nonsense")


def test_the_first_screen_is_escaped_and_self_contained(run: dr.Run) -> None:
    shown = run._repr_html_()
    assert "Loans &lt;b&gt;of&lt;/b&gt; Monday" in shown
    assert not re.search(r"<(script|link|img|iframe|style)|https?:|\son\w+=", shown)
    assert str(run.page) in shown
    assert "ROC AUC" in shown
    assert run.findings[0].claim.split("“")[0].strip() in shown


def test_an_experiment_runs_by_its_overrides(tmp_path: Path) -> None:
    overrides = [
        *("dataset=breast_cancer", "model=sklearn", "metrics=[accuracy]", "explainers=[random]"),
        *("visualizations=[]", "sections=[summary]", "frameworks=[]", "measure_time=false"),
        *("explain.instances=10", f"paths.reports={tmp_path}", f"paths.store={tmp_path}/.store"),
    ]
    run = dr.run(overrides=overrides)
    assert "accuracy" in set(run.scores["metric"])
    assert run.config.startswith("name: breast_cancer")
    with pytest.raises(ConfigError, match="credit_rsk"):
        dr.run("credit_rsk")


def test_of_three_classes_a_case_is_told_its_own_probability_and_not_that_of_another_row(
    report: Report,
) -> None:
    from sklearn.datasets import load_wine
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_wine(as_frame=True, return_X_y=True)
    mixed = np.random.default_rng(0).permutation(len(X))
    X, y = X.iloc[mixed, :4].reset_index(drop=True), y.iloc[mixed].reset_index(drop=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:90], y[:90])
    made = report(
        model,
        X[90:].reset_index(drop=True),
        y[90:].reset_index(drop=True),
        X_train=X[:90],
        y_train=y[:90],
        metrics=["accuracy", "cases"],
        explainers=["shap", "random"],
        sections=["cases"],
        title="Three classes",
    )
    share = made.results.predictions.probabilities.max(axis=1)
    (first,) = np.flatnonzero(made.results.predictions.instance_ids == 1)
    place = int(np.argmax(np.abs(share - share[first])))
    store = beside(made.path, ".store")
    answered = StoredModel.of(open_run(made.path), made._given, store, in_memory=True)
    known = answered.dataset.test.take(np.array([place]))
    for rows in (known, answered.new_rows(known.inputs)):
        with TemporaryDirectory() as work:
            (case,) = case_page(answered, rows, Path(work), None)["cases"]
        assert f" is {100 * share[place]:.1f}\u00a0%" in case["summary"]


def score(run: dr.Run, metric: str) -> float:
    scores = run.scores
    own = scores[(scores["metric"] == metric) & (scores["predictor"] == "model")]
    return float(own["value"].iloc[0])


def test_a_pipeline_is_asked_about_the_table_that_it_was_fitted_on(
    run: dr.Run, pipeline: Any, loans: pd.DataFrame
) -> None:
    tested = run.results.predictions
    rows = loans.drop(columns="decision")[120:].iloc[tested.instance_ids]
    expected = pipeline.predict_proba(rows)[:, list(pipeline.classes_).index("denied")]
    np.testing.assert_allclose(tested.probabilities[:, tested.explained], expected, atol=1e-6)


def test_the_test_rows_are_those_that_were_given_but_for_the_validation_rows(run: dr.Run) -> None:
    parts = {part["part"]: part["n"] for part in run.results.card["parts"]}
    assert parts == {"train": 120, "validation": 24, "test": 96}
    assert "24 of the rows given as test rows" in run.results.card["leakage"]["method"]
    assert (run.results.test.instance_ids < 120).all()


def test_groups_are_judged_where_a_favourable_class_is_declared(run: dr.Run) -> None:
    groups = run.table("groups")
    assert set(groups["level"]) == {"f", "m"}
    assert not [problem for problem in run.problems if problem["kind"] == "failed"]


def test_groups_are_not_judged_where_nobody_declares_a_favourable_class(
    report: Report, pipeline: Any, loans: pd.DataFrame, labels: pd.Series
) -> None:
    X = loans.drop(columns="decision")
    run = report(pipeline, X, labels, sensitive=["sex"], metrics=["accuracy", "impact_ratio"])
    (refused,) = (
        problem for problem in run.problems if problem["stage"] == "measures/impact_ratio"
    )
    assert "not judged" in refused["reason"]


def test_numbers_are_those_of_the_command_line(tmp_path: Path, report: Report) -> None:
    """The same fitted model on the same parts of breast_cancer, from a skops file and from here."""
    skops = pytest.importorskip("skops.io")
    known_tables = pytest.importorskip("deepseek_report.extensions.examples.known_tables")
    from sklearn.linear_model import LogisticRegression

    data = known_tables.BreastCancer().load(1, Silent())
    codes = np.array(data.schema.target.codes)
    names = data.schema.names
    tables = {
        part: (
            pd.DataFrame(getattr(data, part).inputs, columns=names),
            pd.Series(codes[getattr(data, part).labels], name="diagnosis"),
        )
        for part in PARTS
    }
    model = LogisticRegression(max_iter=5000).fit(*tables["train"])
    skops.dump(model, tmp_path / "model.skops")
    measured = ["accuracy", "roc_auc", "brier_score", "expected_calibration_error", "importance"]
    chosen = {**FEW, "metrics": measured, "explainers": ["lime", "random"]}
    few = ["instances", "background"]
    overrides = [
        *("dataset=breast_cancer", "model=sklearn", f"model.file={tmp_path / 'model.skops'}"),
        *(f"explain.{name}={chosen[name]}" for name in few),
        *(f"{group}=[{','.join(chosen[group])}]" for group in ("metrics", "explainers")),
        *("visualizations=[]", "sections=[summary]", "frameworks=[]", "measure_time=false"),
        *("jobs=1", f"paths.reports={tmp_path / 'r'}", f"paths.store={tmp_path / 's'}"),
    ]
    assert command(overrides) == 0
    (folder,) = (tmp_path / "r" / "breast_cancer").glob("[0-9a-f]*")
    by_command = dr.load_run(folder)
    positive = codes[data.schema.target.explained]
    by_call = report(
        model,
        *tables["test"],
        X_validation=tables["validation"][0],
        y_validation=tables["validation"][1],
        X_train=tables["train"][0],
        y_train=tables["train"][1],
        positive=positive,
        favourable=codes[data.schema.target.declared_favourable],
        metrics=measured,
        explainers=["lime", "random"],
    )
    keys = ["metric", "explainer", "predictor", "attribute", "level", "slice"]
    both = [run.scores.sort_values(keys).reset_index(drop=True) for run in (by_command, by_call)]
    assert len(both[0]) == len(both[1]) == 8
    numbers = ["value", "low", "high", "n"]
    np.testing.assert_allclose(
        *(scores[numbers].to_numpy(dtype=np.float64) for scores in both), rtol=0, atol=1e-9
    )


def test_the_same_call_is_answered_from_the_folder_and_another_model_is_not(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    sizes: list[int] = []

    def model(table: pd.DataFrame, weight: float = 0.1) -> Any:
        sizes.append(len(table))
        return 1 / (1 + np.exp(weight * (table["income"] - 50)))

    first = report(model, numbers, labels)
    calls = len(sizes)
    second = report(model, numbers, labels)
    assert second.path == first.path
    assert len(sizes) - calls == 4  # all rows, mixed ones, a few again, and between: for the key
    other = report(lambda table: model(table, 0.2), numbers, labels)
    assert other.path != first.path


def test_a_model_id_stands_for_the_answers_of_the_model(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    sizes: list[int] = []

    def model(table: pd.DataFrame) -> Any:
        sizes.append(len(table))
        return 1 / (1 + np.exp(0.1 * (table["income"] - 50)))

    first = report(model, numbers, labels, model_id="v1")
    calls = len(sizes)
    assert report(model, numbers, labels, model_id="v1").path == first.path
    assert len(sizes) == calls
    assert report(model, numbers, labels, model_id="v2").path != first.path


def test_a_model_is_neither_stored_nor_pickled(
    folder: Path, report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    from deepseek_report.models.given.given_model import GivenModel

    class Model:
        def __call__(self, table: pd.DataFrame) -> Any:
            return 1 / (1 + np.exp(0.1 * (table["income"] - 50)))

        def __reduce__(self) -> Any:
            raise AssertionError("somebody pickles the model")

    run = report(Model(), numbers, labels, overrides=["jobs=4"])
    assert not run.failed
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(GivenModel().holding(Model()))
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert not kinds & {".pkl", ".pickle", ".joblib", ".pt", ".skops"}


def test_the_threads_of_the_process_are_left_as_they_were(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        report(lambda table: 1 / (1 + np.exp(-table["age"] / 50)), numbers, labels, seed=4)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
