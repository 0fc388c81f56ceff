"""A run that is made again: the same, within its intervals, or not, and what may be the cause."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.cli import run
from deepseek_report.extensions.assurance import reproducing
from deepseek_report.store.run_folder import seal_results
from tests.configured import LINEAR, few_parts, places_in
from tests.shared_runs import SMALL, Terminal

Change = Callable[[Any], object]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and the store that it was made in."""
    place = tmp_path_factory.mktemp("original")
    few = few_parts(explainers="shap,random", metrics="roc_auc,importance")
    assert run([*SMALL, *LINEAR, *few, *places_in(place)]) == 0
    (folder,) = (place / "reports" / "credit_risk").iterdir()
    return folder, place / "store"


@dataclass
class Made:
    """Makes copies of the run again, and says what is printed."""

    original: Path
    store: Path
    place: Path
    terminal: Terminal

    def copied(self) -> Path:
        self.place = self.place / "copy"
        return Path(shutil.copytree(self.original, self.place / self.original.name))

    def changed(self, change: Change, name: str = "run.json") -> Path:
        """A copy with another content of one of its JSON files, sealed anew."""
        folder = self.copied()
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        change(content)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        seal_results(folder)
        return folder

    def again(self, folder: Path, code: int) -> str:
        stored = ("--store", self.store, "--jobs", 1)
        return self.terminal("reproduce", folder, *stored, code=code).out

    def intended(self, folder: Path) -> str:
        return self.terminal("reproduce", folder, "--dry-run").out


@pytest.fixture
def made(original: tuple[Path, Path], tmp_path: Path, terminal: Terminal) -> Made:
    return Made(*original, tmp_path, terminal)


def row(printed: str, begins: str) -> list[str]:
    """The words of the one line that begins so."""
    (line,) = (text for text in printed.splitlines() if text.startswith(begins))
    return line.split()


def test_the_same_run_comes_out_of_a_new_store(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "again"
    printed = made.terminal("reproduce", made.original, "--jobs", 1, "--output", out).out
    assert "Data, code, versions and machine are those that the run records" in printed
    assert printed.splitlines()[-1] == "Reproduced: every result is the same."
    assert "not the same bytes" not in printed
    (again,) = (out / "credit_risk").iterdir()
    for path in made.original.rglob("*"):
        if path.is_file():
            assert (again / path.relative_to(made.original)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("shift", "code", "verdict"), [(0.2, 1, "within"), (5.0, 3, "outside")])
def test_a_score_that_moved_is_judged_against_its_interval(
    shift: float, code: int, verdict: str, made: Made
) -> None:
    def move(scores: Any) -> None:
        named = [(each["metric"], each.get("predictor", "model")) for each in scores]
        score = scores[named.index(("roc_auc", "model"))]
        half = (score["high"] - score["low"]) / 2
        score |= {name: score[name] - shift * half for name in ("value", "low", "high")}

    name = "artifacts/measures/roc_auc/scores.json"
    printed = made.again(made.changed(move, name), code)
    assert row(printed, "roc_auc ")[-1] == verdict
    assert name in printed


def test_files_that_differ_without_a_score_are_not_called_the_same_nor_moved(made: Made) -> None:
    name = "artifacts/training/architecture.json"
    printed = made.again(made.changed(lambda content: content.update(name="other"), name), 1)
    assert f"Files of results that are not the same bytes: {name}" in printed
    assert printed.splitlines()[-1].startswith("No score and no attribution moved")


def test_other_draws_of_an_explainer_move_attributions_within_their_errors(made: Made) -> None:
    folder = made.changed(lambda content: content["config"]["seeds"].update(explain=2))
    printed = made.again(folder, 1)
    assert row(printed, "shap ")[-1] == "within"
    assert "explanations/shap" in printed


def test_another_version_of_a_library_is_named_and_the_same_results_are_the_same(
    made: Made,
) -> None:
    folder = made.changed(
        lambda content: content["versions"].update(scipy="1.0"), "environment.json"
    )
    assert row(made.again(folder, 0), "version")[:3] == ["version", "scipy", "1.0"]
    assert "scipy" in made.intended(folder)


def test_code_of_a_stranger_is_named_and_never_imported(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "imported"
    (tmp_path / "stranger.py").write_text(f"open({str(marker)!r}, 'w')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    foreign = {"_target_": "stranger.Explainer"}
    folder = made.changed(lambda content: content["config"]["explainers"]["shap"].update(foreign))
    assert "explainers.shap takes its code from stranger" in made.intended(folder)
    assert "--trust stranger" in made.terminal("reproduce", folder, code=2).err
    assert not marker.exists()


def test_a_changed_folder_is_not_made_again(made: Made) -> None:
    folder = made.copied()
    (folder / "config.yaml").write_text("seed: 2\n", encoding="utf-8")
    printed = made.terminal("reproduce", folder, code=2).err
    assert "not those that the run wrote" in printed


def test_a_folder_of_data_is_asked_for_and_no_other_variable_is_read(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hidden-value")
    monkeypatch.delenv("DATA_DIR", raising=False)

    def printed(path: str) -> str:
        folder = made.changed(lambda content: content["config"]["dataset"].update(path=path))
        return made.terminal("reproduce", folder, code=2).err

    assert "DATA_DIR=FOLDER in front" in printed("$DATA_DIR/loans.csv")
    assert "hidden-value" not in printed("$SECRET/loans.csv")


def test_an_error_that_nobody_foresaw_is_no_run_within_its_intervals(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(reproducing, "prepare_run", break_down)
    printed = made.terminal("reproduce", made.original, code=2).err
    assert "nobody foresaw (RuntimeError: a bug)" in printed


def test_a_library_that_comes_with_others_is_named_too(made: Made) -> None:
    folder = made.changed(
        lambda content: content["lock"].update(llvmlite="0.1"), "environment.json"
    )
    printed = [text for text in made.intended(folder).splitlines() if "llvmlite" in text]
    assert [text.split()[:3] for text in printed] == [["version", "llvmlite", "0.1"]]
    many = {f"library-{number}": "1.0" for number in range(20)}
    folder = made.changed(lambda content: content["lock"].update(many), "environment.json")
    rows = [line for line in made.intended(folder).splitlines() if "version " in line]
    assert len(rows) == 13
    assert "and 8 more that come with these" in rows[-1]


def test_the_recorded_environment_needs_an_index_and_says_so(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    printed = made.terminal("reproduce", made.original, "--env", code=2).err
    assert "the recorded environment cannot be built" in printed
