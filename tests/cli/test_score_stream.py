"""New cases as they come, scored and explained by the stored model, and watched for drift."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.cli.dispatch import run
from deepseek_report.datasets.readers.streamed_rows import header_of, line_of
from deepseek_report.runner.streaming import incoming_lines
from tests.conftest import SmallRun
from tests.real_runs import small_results


def scored(small_run: SmallRun, tmp_path: Path, *more: str) -> list[dict[str, Any]]:
    """What the log of a stream holds."""
    log = tmp_path / "log.jsonl"
    places = ("--store", str(small_run.store), "--board", str(tmp_path / "board"))
    asked_for = ("score-stream", str(small_run.folder), *places, "--once", "--out", str(log), *more)
    assert run(list(asked_for)) == 0
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def written(small_run: SmallRun, path: Path, n: int) -> list[str]:
    """The first cases of the test part as lines of a file with a header."""
    results = small_results(small_run)
    schema = results.schema
    lines = [header_of(schema), *(line_of(row, schema) for row in results.test.inputs[:n])]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return lines


def scalars(folder: Path) -> dict[str, list[float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "stream"))
    events.Reload()
    return {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_cases_get_the_answers_and_attributions_of_the_run(
    small_run: SmallRun, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    written(small_run, rows, 4)
    log = scored(small_run, tmp_path, "--rows", str(rows), "--batch", "3", "--explain", "all")
    results = small_results(small_run)
    p, names = results.predictions, results.schema.target.classes
    assert [record["line"] for record in log] == [2, 3, 4, 5]
    assert [record["batch"] for record in log] == [1, 1, 1, 2]
    for at, record in enumerate(log):
        assert record["decided"] == names[p.decisions[at]]
        assert record["probabilities"][names[1]] == pytest.approx(p.scores[at], abs=1e-5)
        assert set(record["attributions"]) == set(results.schema.labels)
        assert any(record["attributions"].values())


def test_a_bad_line_is_told_and_counted_and_the_stream_goes_on(
    small_run: SmallRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    lines = written(small_run, rows, 4)
    cells = lines[2].split(",")
    numeric = [feature.is_numeric for feature in small_results(small_run).schema.features].index(
        True
    )
    cells[numeric] = "plenty"
    lines[2] = ",".join(cells)
    rows.write_text("\n".join(lines) + "\n", "utf-8")
    log = scored(small_run, tmp_path, "--rows", str(rows), "--batch", "2", "--explain", "0")
    assert ["rejected" in record for record in log] == [False, True, False, False]
    assert "line 3" in log[1]["rejected"]
    assert "'plenty'" in log[1]["rejected"]
    output = capsys.readouterr()
    assert "3 scored, 1 rejected of 4 lines" in output.out
    assert "rejected: " in output.err
    assert "line 3" in output.err
    assert scalars(tmp_path / "board")["lines/rejected"] == [1, 0]


def test_planted_drift_is_found_and_named_and_the_board_shows_it(
    small_run: SmallRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = small_results(small_run)
    feature = next(f for f in results.schema.features if f.is_numeric)
    options = ("--replay", "--plant", f"{feature.label}=3", "--batch", "25", "--explain", "2")
    log = scored(small_run, tmp_path, *options)
    assert len(log) == len(results.test)
    assert sum("attributions" in record for record in log) == 2 * -(-len(log) // 25)
    output = capsys.readouterr().out
    assert f"Drift is found in {feature.label}" in output
    board = scalars(tmp_path / "board")
    evidence = np.array(board[f"drift_evidence/{feature.label}"])
    half = len(evidence) // 2
    assert evidence[: half - 1].max() < -np.log10(0.05) < evidence[-1]
    decided = [values for tag, values in board.items() if tag.startswith("decided/")]
    assert np.sum(decided, axis=0) == pytest.approx(1)


def test_a_stream_of_its_own_cases_without_drift_raises_no_alarm(
    small_run: SmallRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored(small_run, tmp_path, "--replay", "--explain", "0")
    assert "no drift shown" in capsys.readouterr().out.splitlines()[-2]


def test_the_same_stream_gives_the_same_log(small_run: SmallRun, tmp_path: Path) -> None:
    options = ("--replay", "--batch", "100", "--explain", "2")
    assert scored(small_run, tmp_path, *options) == scored(small_run, tmp_path, *options)


def test_a_stream_that_is_stopped_scores_the_batch_that_it_has_begun(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = written(small_run, tmp_path / "rows.csv", 3)

    def until_ctrl_c(path: Path, *, follow: bool) -> Iterator[bytes]:
        del path, follow
        yield from (f"{line}\n".encode() for line in lines)
        raise KeyboardInterrupt

    monkeypatch.setattr(incoming_lines, "lines_of_file", until_ctrl_c)
    log = scored(small_run, tmp_path, "--rows", "rows.csv", "--explain", "0")
    assert [record["line"] for record in log] == [2, 3, 4]


def test_another_model_than_the_runs_is_refused(
    small_run: SmallRun,
    store_of_another_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["score-stream", str(small_run.folder), "--replay", "--once"]
    assert (
        run([*arguments, "--store", str(store_of_another_model), "--board", str(tmp_path / "b")])
        == 1
    )
    assert "this is not the model that the run was made from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--rows FILE"),
        (("--rows", "x.csv", "--replay"), "--rows FILE"),
        (("--rows", "x.csv", "--plant", "a=1"), "--plant goes with --replay"),
        (("--replay", "--plant", "nothing=1"), "no numeric feature or channel is called so"),
        (("--replay", "--plant", "nothing"), "not NAME=SHIFT"),
        (("--rows", "nowhere.csv"), "cannot be read"),
    ],
)
def test_what_cannot_be_scored_is_told(
    small_run: SmallRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    says: str,
) -> None:
    places = ("--store", str(small_run.store), "--board", str(tmp_path / "b"), "--once")
    assert run(["score-stream", str(small_run.folder), *places, *options]) == 2
    assert says in capsys.readouterr().err
