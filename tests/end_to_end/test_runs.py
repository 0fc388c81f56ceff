"""Runs as a user makes them: again, changed, killed, broken, tampered with."""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.findings import rules_bottlenecks
from deepseek_report.runner.planning.plan import make_plan, run_id
from deepseek_report.runner.run import Finished, run_experiment
from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.store import Store, hash_folder
from tests.configured import LINEAR, Recorder, experiment_of, few_parts, started
from tests.shared_runs import SMALL
from tests.worded import printed, say

#: A few parts are enough to see how a run behaves.
SHOWN = {"visualizations": "roc_curve", "sections": "summary,performance"}
FEW = few_parts(
    explainers="input_x_gradient,random", metrics="roc_auc,deletion,parameters", **SHOWN
)


#: The same with a model that is loaded sooner.
WITHOUT_TORCH = (*LINEAR, *few_parts(explainers="shap,random", metrics="roc_auc,deletion", **SHOWN))


def run(*overrides: str) -> tuple[Finished, list[str]]:
    recorder = Recorder()
    finished = run_experiment(experiment_of(*overrides), recorder, overrides)
    return finished, [stage for stage, _ in recorder.stages]


def with_the_model(small_run: Any, folder: Path) -> list[str]:
    """The small run, with a store below the folder that holds its model and no more."""
    for stage in ("data", "training", "predictions"):
        shutil.copytree(small_run.store / stage, folder / "store" / stage)
    overrides: list[str] = small_run.overrides(folder / "reports", folder / "store")
    return overrides


def content(folder: Path) -> dict[str, str]:
    """Hashes of everything but what carries times of day."""
    hashes = hash_folder(folder)
    hashes.pop("provenance.json", None)
    return {name: sha for name, sha in hashes.items() if not name.startswith("tensorboard/")}


def test_the_same_config_again_computes_nothing_and_changes_no_byte(
    short_run: Any, tmp_path: Path
) -> None:
    first, computed = run(*short_run.overrides(tmp_path))
    assert computed == ["report"]
    before = hash_folder(first.folder)
    second, computed = run(*short_run.overrides(tmp_path))
    assert computed == []
    assert second.from_store
    assert hash_folder(second.folder) == before


def test_an_empty_reports_folder_gives_the_same_bytes_from_the_store(
    small_run: Any, tmp_path: Path
) -> None:
    finished, _ = run(*small_run.overrides(tmp_path))
    assert finished.folder.name == small_run.folder.name
    assert content(finished.folder) == content(small_run.folder)


def test_changing_one_explainer_recomputes_it_and_what_hangs_on_it(
    small_run: Any, tmp_path: Path
) -> None:
    overrides = [*small_run.overrides(tmp_path), "explainers.integrated_gradients.n_steps=7"]
    store = Store(small_run.store)
    changed = {
        stage.id for stage in make_plan(experiment_of(*overrides)) if not stage.folder(store)
    }
    assert "explanations/integrated_gradients" in changed
    assert "measures/deletion/integrated_gradients" in changed
    assert not {"data", "training", "predictions", "explanations/shap"} & changed
    assert not any(name.endswith("/shap") for name in changed)
    assert "measures/roc_auc" not in changed
    assert "pictures/roc_curve" not in changed


def test_the_run_id_does_not_depend_on_where_or_how_fast(small_run: Any, tmp_path: Path) -> None:
    ids = set()
    for extra in ([f"paths.reports={tmp_path}"], ["jobs=2"], ["device=cpu"]):
        experiment = experiment_of(*small_run.overrides(tmp_path), *extra)
        ids.add(run_id(experiment, make_plan(experiment)))
    assert ids == {small_run.folder.name}


def test_two_stores_differ_in_what_run_json_calls_volatile_and_in_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [
        "explainers=[input_x_gradient,random]",
        "metrics=[roc_auc,deletion,parameters,latency,layer_profile,peak_memory]",
        "visualizations=[roc_curve,layer_profile]",
        "sections=[summary,bottlenecks,trust,compliance,reproducibility]",
        "report.thresholds=[{metric: latency_ms, at_most: 1e9, set_by: us},"
        "{metric: roc_auc, at_least: 0, set_by: us}]",
    ]
    small = ["debug=fast", "jobs=1", *parts]
    made = []
    for name, hot in (("a", 2.0), ("b", 0.0)):  # as where one layer took more of the time
        monkeypatch.setattr(rules_bottlenecks, "HOT", hot)
        places = f"paths.reports={tmp_path / name}", f"paths.store={tmp_path / name}s"
        made.append(run(*small, *places)[0])
    first, second = made
    concluded = [json.loads((each.folder / "findings.json").read_text()) for each in made]
    assert ["hot_spot" in str(each["findings"]) for each in concluded] == [False, True]
    verdicts = [{v["metric"]: v["outcome"] for v in each["thresholds"]} for each in concluded]
    assert verdicts == [{"latency_ms": "met", "roc_auc": "met"}] * 2
    held = json.loads((second.folder / "artifacts/conclusions/conclusions.json").read_text())
    assert [verdict["metric"] for verdict in held["verdicts"]] == ["roc_auc"]
    assert first.folder.name == second.folder.name
    hashes, other = hash_folder(first.folder), hash_folder(second.folder)
    assert hashes.keys() == other.keys()
    volatile = json.loads((first.folder / "run.json").read_text())["volatile"]
    differ = [name for name in hashes if hashes[name] != other[name]]
    assert "records/measures/latency/scores.json" in differ
    assert first.run_digest == second.run_digest
    assert [n for n in differ if not any(fnmatchcase(n, p) for p in volatile)] == []


def test_two_runs_at_once_on_one_store_do_no_harm(tmp_path: Path) -> None:
    store = f"paths.store={tmp_path / 'store'}"
    small = ["debug=fast", "measure_time=false", *WITHOUT_TORCH, store]
    both = [started(*small, f"paths.reports={tmp_path / jobs}", f"jobs={jobs}") for jobs in "12"]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    (first,), (second,) = ((tmp_path / jobs / "credit_risk").iterdir() for jobs in "12")
    assert content(first) == content(second)


def test_a_broken_part_is_shown_and_the_exit_code_says_so(
    small_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.metrics.performance.classification_scores import RocAuc

    def broken(self: Any, context: Any) -> None:
        raise ZeroDivisionError("the disk ate it")

    monkeypatch.setattr(RocAuc, "measure", broken)
    overrides = with_the_model(small_run, tmp_path)
    finished, _ = run(*overrides, *FEW)
    assert finished.exit_code == 1
    reasons = finished.failures
    assert "the disk ate it" in reasons["measures/roc_auc"]
    assert "pictures/roc_curve" in reasons
    page = (finished.folder / "report.html").read_text()
    assert "the disk ate it" in page
    monkeypatch.undo()
    whole, _ = run(*overrides, *FEW)
    assert whole.exit_code == 0
    assert finished.folder.name.startswith(f"{whole.folder.name}-incomplete-")
    assert finished.folder.exists()
    assert json.loads((whole.folder / "run.json").read_text())["run_id"] == whole.folder.name


def test_a_finished_run_is_as_it_was_written(small_run: Any) -> None:
    checked = check_hashes(small_run.folder)
    assert checked.is_whole
    assert checked.files > 50


def test_a_damaged_stage_is_made_anew(tmp_path: Path) -> None:
    small = [*SMALL, *FEW, f"paths.store={tmp_path / 's'}"]
    whole, _ = run(*small, f"paths.reports={tmp_path / 'a'}")
    scores = next((tmp_path / "s" / "measures" / "roc_auc").glob("*/scores.json"))
    scores.write_text("[]")
    (manifest,) = (tmp_path / "s" / "explanations" / "random").glob("*/manifest.json")
    manifest.write_bytes(manifest.read_bytes()[:100])
    (manifest,) = (tmp_path / "s" / "predictions").glob("*/manifest.json")
    manifest.write_bytes(b"")
    repaired, computed = run(*small, f"paths.reports={tmp_path / 'b'}")
    assert {"measures/roc_auc", "explanations/random", "predictions"} <= set(computed)
    assert "training" not in computed
    assert content(repaired.folder) == content(whole.folder)


def test_rendering_imports_no_torch(small_run: Any, tmp_path: Path) -> None:
    copy = small_run.copied(tmp_path / "copy")
    code = (
        "import sys\nfrom deepseek_report.cli import run\n"
        f"code = run(['render', {str(copy)!r}])\n"
        "heavy = {'torch', 'shap', 'lime', 'sklearn', 'scipy.stats', 'matplotlib', 'hydra'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    assert printed(code).splitlines()[-1] == "0 []"


def test_the_run_folder_says_all_and_holds_no_training_rows(small_run: Any) -> None:
    record = json.loads((small_run.folder / "run.json").read_text())
    assert record["digests"]["weights"]
    assert not list(small_run.folder.rglob("train.npz"))
    assert not list(small_run.folder.rglob("*.pkl"))
    assert (small_run.folder / "scores.parquet").exists()


def test_a_section_that_breaks_says_its_own_reason(
    short_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.sections.summary import SummarySection

    def broken(self: Any, results: Any) -> None:
        raise LookupError("no ink left")

    monkeypatch.setattr(SummarySection, "content", broken)
    finished, _ = run(*short_run.overrides(tmp_path))
    assert finished.exit_code == 1
    page = (finished.folder / "report.html").read_text()
    assert "LookupError: no ink left" in page
    assert "its template failed" not in page


def test_a_killed_worker_costs_its_stages_and_not_the_report(
    small_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepseek_report.runner.execution import local_launcher

    class Broken:
        def executor(self, *, trains: bool) -> Broken:
            del trains
            return self

        def submit(self, *arguments: Any) -> None:
            raise local_launcher.BrokenProcessPool

    @contextlib.contextmanager
    def workers(jobs: int, modules: Any) -> Any:
        yield Broken(), queue.SimpleQueue()

    monkeypatch.setattr(local_launcher, "workers", workers)
    finished, _ = run(*with_the_model(small_run, tmp_path), *FEW, "jobs=2")
    assert finished.exit_code == 1
    assert all(
        "ended from outside" in say(reason) for reason in list(finished.failures.values())[:2]
    )
    assert (finished.folder / "report.html").exists()
