"""A run that is made again: the same, within its intervals, or not, and what may be the cause."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run
from deepseek_report.runner import reproducing
from deepseek_report.store.run_folder import seal_results

PARTS = (
    "debug=fast",
    "measure_time=false",
    "jobs=1",
    "model=sklearn",
    "model.estimator=sklearn.linear_model.LogisticRegression",
    "explainers=[shap,random]",
    "metrics=[roc_auc,importance]",
    "visualizations=[]",
    "sections=[summary]",
    "frameworks=[]",
    "report.thresholds=[]",
)
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and the store that it was made in."""
    place = tmp_path_factory.mktemp("original")
    paths = [f"paths.reports={place / 'reports'}", f"paths.store={place / 'store'}"]
    assert run([*PARTS, *paths]) == 0
    (folder,) = (place / "reports" / "credit_risk").iterdir()
    return folder, place / "store"


def changed(original: Path, target: Path, change: Change, name: str = "run.json") -> Path:
    """A copy of the run with another content of one of its JSON files, sealed anew."""
    folder = target / original.name
    shutil.copytree(original, folder)
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    change(content)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    seal_results(folder)
    return folder


def test_the_same_run_comes_out_of_a_new_store(
    original: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again"
    assert run(["reproduce", str(original[0]), "--jobs", "1", "--output", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Data, code, versions and machine are those that the run records" in printed
    assert printed.splitlines()[-1] == "Reproduced: every result is the same."
    assert "not the same bytes" not in printed
    (again,) = (out / "credit_risk").iterdir()
    for path in original[0].rglob("*"):
        if path.is_file():
            assert (again / path.relative_to(original[0])).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("shift", "code", "verdict"), [(0.2, 1, "within"), (5.0, 3, "outside")])
def test_a_score_that_moved_is_judged_against_its_interval(
    shift: float,
    code: int,
    verdict: str,
    original: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def move(scores: Any) -> None:
        (score,) = [
            entry
            for entry in scores
            if (entry["metric"], entry.get("predictor", "model")) == ("roc_auc", "model")
        ]
        half = (score["high"] - score["low"]) / 2
        for name in ("value", "low", "high"):
            score[name] -= shift * half

    name = "artifacts/measures/roc_auc/scores.json"
    folder = changed(original[0], tmp_path, move, name)
    assert run(["reproduce", str(folder), "--store", str(original[1]), "--jobs", "1"]) == code
    printed = capsys.readouterr().out
    (line,) = [text for text in printed.splitlines() if text.startswith("roc_auc ")]
    assert line.split()[-1] == verdict
    assert name in printed


def test_files_that_differ_without_a_score_are_not_called_the_same_nor_moved(
    original: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "artifacts/training/architecture.json"
    folder = changed(original[0], tmp_path, lambda content: content.update(name="other"), name)
    assert run(["reproduce", str(folder), "--store", str(original[1]), "--jobs", "1"]) == 1
    printed = capsys.readouterr().out
    assert f"Files of results that are not the same bytes: {name}" in printed
    assert printed.splitlines()[-1].startswith("No score and no attribution moved")


def test_other_draws_of_an_explainer_move_attributions_within_their_errors(
    original: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = changed(
        original[0], tmp_path, lambda content: content["config"]["seeds"].update(explain=2)
    )
    code = run(["reproduce", str(folder), "--store", str(original[1]), "--jobs", "1"])
    printed = capsys.readouterr().out
    assert code == 1, printed
    (line,) = [text for text in printed.splitlines() if text.startswith("shap ")]
    assert line.split()[-1] == "within"
    assert "explanations/shap" in printed


def test_another_version_of_a_library_is_named_and_the_same_results_are_the_same(
    original: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = changed(original[0], tmp_path, lambda content: content["versions"].update(scipy="1.0"))
    assert run(["reproduce", str(folder), "--store", str(original[1]), "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    (line,) = [text for text in printed.splitlines() if text.startswith("version")]
    assert line.split()[:3] == ["version", "scipy", "1.0"]
    assert run(["reproduce", str(folder), "--dry-run"]) == 0
    assert "scipy" in capsys.readouterr().out


def test_code_of_a_stranger_is_named_and_never_imported(
    original: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    marker = tmp_path / "imported"
    (tmp_path / "stranger.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def name_own(content: dict[str, Any]) -> None:
        content["config"]["explainers"]["shap"]["_target_"] = "stranger.Explainer"

    folder = changed(original[0], tmp_path / "copy", name_own)
    assert run(["reproduce", str(folder), "--dry-run"]) == 0
    assert "explainers.shap takes its code from stranger" in capsys.readouterr().out
    assert run(["reproduce", str(folder)]) == 2
    assert "--trust stranger" in capsys.readouterr().err
    assert not marker.exists()


def test_a_changed_folder_is_not_made_again(
    original: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / original[0].name
    shutil.copytree(original[0], folder)
    (folder / "config.yaml").write_text("seed: 2\n", encoding="utf-8")
    assert run(["reproduce", str(folder)]) == 2
    assert "not those that the run wrote" in capsys.readouterr().err


def test_a_folder_of_data_is_asked_for_and_no_other_variable_is_read(
    original: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SECRET", "hidden-value")
    monkeypatch.delenv("DATA_DIR", raising=False)

    def read_elsewhere(path: str) -> Change:
        return lambda content: content["config"]["dataset"].update(path=path)

    folder = changed(original[0], tmp_path / "a", read_elsewhere("$DATA_DIR/loans.csv"))
    assert run(["reproduce", str(folder)]) == 2
    assert "DATA_DIR=FOLDER in front" in capsys.readouterr().err
    folder = changed(original[0], tmp_path / "b", read_elsewhere("$SECRET/loans.csv"))
    assert run(["reproduce", str(folder)]) == 2
    assert "hidden-value" not in capsys.readouterr().err


def test_an_error_that_nobody_foresaw_is_no_run_within_its_intervals(
    original: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(reproducing, "prepare_run", break_down)
    assert run(["reproduce", str(original[0])]) == 2
    assert "nobody foresaw (RuntimeError: a bug)" in capsys.readouterr().err


def test_a_library_that_comes_with_others_is_named_too(
    original: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = changed(
        original[0], tmp_path / "a", lambda content: content["lock"].update(llvmlite="0.1")
    )
    assert run(["reproduce", str(folder), "--dry-run"]) == 0
    (line,) = [text for text in capsys.readouterr().out.splitlines() if "llvmlite" in text]
    assert line.split()[:3] == ["version", "llvmlite", "0.1"]
    many = {f"library-{number}": "1.0" for number in range(20)}
    folder = changed(original[0], tmp_path / "m", lambda content: content["lock"].update(many))
    assert run(["reproduce", str(folder), "--dry-run"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "version " in line]
    assert len(rows) == 13
    assert "and 8 more that come with these" in rows[-1]
    earlier = changed(original[0], tmp_path / "b", lambda content: content.pop("lock"))
    assert run(["reproduce", str(earlier), "--dry-run"]) == 0
    assert "llvmlite" not in capsys.readouterr().out


def test_the_recorded_environment_needs_an_index_and_says_so(
    original: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert run(["reproduce", str(original[0]), "--env"]) == 2
    assert "the recorded environment cannot be built" in capsys.readouterr().err
