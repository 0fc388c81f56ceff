"""Every kind of stage raises once: the page says what failed, and the exit code says so too."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.cli import run as run_cli
from deepseek_report.runner.execution import computing
from deepseek_report.runner.run_folders import writing
from deepseek_report.runner.run_folders.hash_check import check_hashes
from deepseek_report.store.run_folder import WORK_PREFIX
from tests.shared_runs import Terminal, offered

FEW = (
    "explainers=[input_x_gradient,random]",
    "metrics=[roc_auc,deletion,group_rates,parameters]",
    "visualizations=[roc_curve]",
    "report.thresholds=[{metric: roc_auc, at_least: 0.6, set_by: us, why: test}]",
    "frameworks=[gdpr]",
)
#: Kinds of stages, in the order of a plan.
KINDS = ("data", "training", "predictions", "explanations", "measures", "conclusions", "pictures")
WHY = "ZeroDivisionError: nobody foresaw that"


def broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("nobody foresaw that")


def store_without(small_run: Any, store: Path, kind: str) -> Path:
    """The small run's store with links to the stages before this kind, and no other."""
    for before in KINDS[: KINDS.index(kind)]:
        if (small_run.store / before).exists():
            shutil.copytree(small_run.store / before, store / before, copy_function=os.link)
    return store


def run(small_run: Any, store: Path, reports: Path, *more: str) -> tuple[int, Path]:
    """The exit code of the command, and its run folder."""
    code = run_cli([*small_run.overrides(reports, store), *FEW, *more])
    (folder,) = (reports / "credit_risk").iterdir()  # the command found nothing wrong beforehand
    return code, folder


def break_stages(patch: pytest.MonkeyPatch, kind: str) -> None:
    """All stages of a kind raise."""
    if kind == "conclusions":
        patch.setattr(computing, "run_conclusions", broken)
    real: Callable[..., None] = computing.run_stage
    patch.setattr(
        computing,
        "run_stage",
        lambda job, *rest: (broken if ArtifactId(job.id).kind == kind else real)(job, *rest),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_kind_of_stage_raises_there_is_a_report_that_says_what_failed(
    kind: str,
    small_run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    break_stages(monkeypatch, kind)
    store = store_without(small_run, tmp_path / "store", kind)
    code, folder = run(small_run, store, tmp_path / "reports", "report.formats=[html,brief]")
    printed = capsys.readouterr()
    assert code == 1
    assert "Traceback" not in printed.err + printed.out
    assert "an error that nobody foresaw" not in printed.err
    assert printed.err.count("the details of what failed are in") == 1
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert WHY in page
    assert "KeyError" not in page
    assert "its template failed" not in page
    assert "-incomplete-" in folder.name
    problems = json.loads((folder / "run.json").read_text(encoding="utf-8"))["problems"]
    failed = {ArtifactId(p["stage"]).kind for p in problems if p["kind"] == "failed"}
    assert kind in failed
    assert failed.isdisjoint(KINDS[: KINDS.index(kind)])
    assert (folder / "brief.pdf").stat().st_size > 1000
    for command in offered(["verify", str(folder)], ["render", str(folder), "--to", "html"]):
        assert run_cli(command) in {0, 1}
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("privacy", ["full", "cases", "aggregate"])
def test_without_data_nothing_is_told_that_the_store_still_has(
    privacy: str, small_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stages after the data are there, and only the data are lost and cannot be made again."""
    break_stages(monkeypatch, "data")
    store = tmp_path / "store"
    shutil.copytree(small_run.store, store, copy_function=os.link)
    shutil.rmtree(store / "data")
    code, folder = run(small_run, store, tmp_path / "reports", f"report.privacy={privacy}")
    assert code == 1
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert not [name for name in record["artifacts"] if not name.startswith("frameworks/")]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert (WHY in page) == (privacy == "full")
    assert "KeyError" not in page
    assert "not measured" in page


@pytest.mark.parametrize("place", ["a rule of the findings", "the evidence", "a template"])
def test_what_is_computed_for_the_page_alone_fails_alone(
    place: str, small_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "a rule of the findings":
        monkeypatch.setattr("deepseek_report.findings.conclude.RULES", (broken,))
    elif place == "the evidence":
        monkeypatch.setattr(writing, "evaluate_results", broken)
        monkeypatch.setattr("deepseek_report.sections.compliance.evaluate_results", broken)
    else:
        monkeypatch.setattr(
            "deepseek_report.rendering.document._DocumentWriter.measured_table", broken
        )
    store = store_without(small_run, tmp_path / "store", "conclusions")
    code, folder = run(small_run, store, tmp_path / "reports")
    assert code == 1
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert WHY in page
    assert "Performance" in page


@pytest.mark.parametrize("after", [0, 1, 40, 80])
def test_a_disk_that_is_full_while_the_report_is_written_is_told_in_a_sentence(
    after: int,
    short_run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After so many files in the folder of the reports none can be written any more."""
    reports, written = tmp_path / "reports", []
    real = io.open

    def opened(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if set(mode) & set("wax") and str(file).startswith(str(reports)):
            written.append(file)
            if len(written) > after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, mode, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        assert run_cli(short_run.overrides(reports)) == 1
    printed = capsys.readouterr().err
    assert len(written) > after
    assert "No space left on device, so that the report was not written" in printed
    assert ".work-" not in printed
    assert "nobody foresaw" not in printed
    assert run_cli(short_run.overrides(reports)) == 0
    assert check_hashes(next((reports / "credit_risk").iterdir())).is_whole


def test_an_error_of_render_names_the_file_of_the_person(
    short_run: Any, tmp_path: Path, terminal: Terminal
) -> None:
    folder = short_run.copied(tmp_path / "run")
    (folder / "notes").mkdir()
    note = folder / "notes" / "no_such_section.qmd"
    note.write_text("words", encoding="utf-8")
    printed = terminal("render", folder, code=1).err
    assert str(note) in printed
    assert WORK_PREFIX not in printed
