"""A finished run from Python: what it shows, and that its folder is like any other."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

import deepseek_report as dr
from deepseek_report.cli import run as command
from deepseek_report.errors import ArtifactError, ConfigError
from tests.api.conftest import Report
from tests.configured import experiment_of


def test_the_folder_is_verified_and_rendered_by_the_command(
    run: dr.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(run.path, folder)
    assert command(["verify", str(folder)]) == 0
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


def test_a_served_run_asks_the_model_that_was_given_and_one_that_was_loaded_says_how(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra `serve`")
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(numbers[:120], labels[:120])
    metrics = ["roc_auc", "deletion", "faithfulness_effect", "cases", "what_if"]
    made = report(
        model,
        numbers[120:],
        labels[120:],
        metrics=metrics,
        explainers=["shap", "random"],
        sections=["cases", "performance"],
        title="Served from memory",
    )
    with made.serve() as server:
        row = int(made.results.predictions.instance_ids[0])
        what_if = server.companion.answer("what-if", {"row": row, "set": [[0, 70]]})
        column = made.results.schema.names[server.companion._columns[0]]
        page = server.companion.answer("case", {"row": row})["page"]
        assert server.companion.file(page) is not None
    changed = numbers[120:121].assign(**{column: 70})
    explained = made.results.schema.target.explained
    assert what_if["output"] == pytest.approx(model.predict_proba(changed)[:, explained])
    with dr.load_run(made.path).serve() as server, pytest.raises(ArtifactError, match="in Python"):
        server.companion.answer("what-if", {"row": row, "set": []})
