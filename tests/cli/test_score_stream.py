"""New cases as they come, scored and explained by the stored model, and watched for drift."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepseek_report.cli.dispatch import run
from deepseek_report.data_kinds import kind_of
from deepseek_report.datasets.readers.case_rows import header_of, line_of
from deepseek_report.findings.thresholds import DriftVerdict
from deepseek_report.runner.streaming import open_stream, stream_board
from deepseek_report.runner.streaming.drift_watch import DriftWatch, Reference
from deepseek_report.runner.streaming.open_stream import PlantedDrift
from deepseek_report.statistics.exchangeability import StabilityIndex
from tests.conftest import SmallRun, Terminal
from tests.real_runs import small_results


@pytest.fixture(autouse=True)
def few_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the reasons of a stream with those of few cases of the run: explaining takes time."""
    for bound in ("_FEWEST", "_MOST"):
        monkeypatch.setattr(open_stream, bound, 12)


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
    options = ("--replay", "--plant", f"{feature.label}=3", "--batch", "50", "--explain", "2")
    log = scored(small_run, tmp_path, *options)
    assert len(log) == len(results.test)
    assert sum("attributions" in record for record in log) == 2 * -(-len(log) // 50)
    output = capsys.readouterr().out
    assert f"Drift is found in {feature.label}" in output
    board = scalars(tmp_path / "board")
    evidence = np.array(board[f"drift_evidence/{feature.label}"])
    half = len(evidence) // 2
    assert evidence[: half - 1].max() < -np.log10(0.05) < evidence[-1]
    decided = [values for tag, values in board.items() if tag.startswith("decided/")]
    assert np.sum(decided, axis=0) == pytest.approx(1)


def test_shuffled_values_are_as_frequent_as_they_were_and_go_with_others() -> None:
    inputs = np.random.default_rng(0).normal(size=(40, 3))
    planted = PlantedDrift.of("b=shuffled")
    shuffled = planted.into(inputs, np.array([1]), inputs, seed=1)
    changed = shuffled != inputs
    assert not changed[:20].any()
    assert not changed[:, [0, 2]].any()
    assert changed[20:, 1].sum() > 15
    np.testing.assert_array_equal(np.sort(shuffled[20:, 1]), np.sort(inputs[20:, 1]))


def test_reasons_are_watched_where_cases_are_explained_and_the_board_shows_them(
    small_run: SmallRun, tmp_path: Path
) -> None:
    names = {}
    for explain in ("3", "none"):
        scored(small_run, tmp_path, "--replay", "--explain", explain, "--batch", "200")
        names[explain] = [tag for tag in scalars(tmp_path / "board") if "attribution to" in tag]
    features = len(small_results(small_run).schema.features)
    assert len(names["3"]) == 2 * features
    assert names["none"] == []


def test_a_stream_of_its_own_cases_without_drift_raises_no_alarm(
    small_run: SmallRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored(small_run, tmp_path, "--replay", "--explain", "8", "--batch", "100")
    assert "no drift shown" in capsys.readouterr().out.splitlines()[-2]


def test_the_same_stream_gives_the_same_log(small_run: SmallRun, tmp_path: Path) -> None:
    options = ("--replay", "--batch", "200", "--explain", "4")
    assert scored(small_run, tmp_path, *options) == scored(small_run, tmp_path, *options)


def test_a_stream_that_is_stopped_scores_the_batch_that_it_has_begun(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = written(small_run, tmp_path / "rows.csv", 3)

    def until_ctrl_c(path: Path, *, follow: bool) -> Iterator[bytes]:
        del path, follow
        yield from (f"{line}\n".encode() for line in lines)
        raise KeyboardInterrupt

    monkeypatch.setattr(open_stream, "lines_of_file", until_ctrl_c)
    log = scored(small_run, tmp_path, "--rows", "rows.csv", "--explain", "0")
    assert [record["line"] for record in log] == [2, 3, 4]


def test_another_model_than_the_runs_is_refused(
    small_run: SmallRun, store_of_another_model: Path, tmp_path: Path, terminal: Terminal
) -> None:
    arguments = ["score-stream", str(small_run.folder), "--replay", "--once"]
    assert (
        "this is not the model that the run was made from"
        in terminal(
            *arguments, "--store", store_of_another_model, "--board", tmp_path / "b", code=1
        ).err
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--rows FILE"),
        (("--rows", "x.csv", "--replay"), "--rows FILE"),
        (("--rows", "x.csv", "--plant", "a=1"), "--plant goes with --replay"),
        (("--replay", "--plant", "nothing=1"), "no numeric feature or channel is called so"),
        (("--replay", "--plant", "nothing=shuffled"), "no feature or channel is called so"),
        (("--replay", "--plant", "nothing"), "not NAME=SHIFT"),
        (("--rows", "nowhere.csv"), "cannot be read"),
        (("--replay", "--out", "nowhere/log.jsonl"), "cannot be written"),
    ],
)
def test_what_cannot_be_scored_is_told(
    small_run: SmallRun, tmp_path: Path, terminal: Terminal, options: tuple[str, ...], says: str
) -> None:
    places = ("--store", str(small_run.store), "--board", str(tmp_path / "b"), "--once")
    assert says in terminal("score-stream", small_run.folder, *places, *options, code=2).err


@pytest.mark.parametrize("content", ["", "header"], ids=["nothing", "a header alone"])
def test_a_stream_without_rows_says_so_and_ends_with_2(
    small_run: SmallRun, tmp_path: Path, terminal: Terminal, content: str
) -> None:
    rows = tmp_path / "rows.csv"
    if content:
        written(small_run, rows, 0)
    else:
        rows.write_text("", "utf-8")
    places = ("--store", str(small_run.store), "--board", str(tmp_path / "b"), "--once")
    assert (
        "no rows" in terminal("score-stream", small_run.folder, *places, "--rows", rows, code=2).out
    )


def test_a_stream_of_which_every_line_is_rejected_ends_with_1(
    small_run: SmallRun, tmp_path: Path, terminal: Terminal
) -> None:
    rows = tmp_path / "rows.csv"
    lines = written(small_run, rows, 0)
    rows.write_text(f"{lines[0]}\nnonsense\n", "utf-8")
    places = ("--store", str(small_run.store), "--board", str(tmp_path / "b"), "--once")
    assert (
        "0 scored, 1 rejected of 1 line"
        in terminal("score-stream", small_run.folder, *places, "--rows", rows, code=1).out
    )


def test_what_only_python_takes_for_a_number_is_rejected(
    small_run: SmallRun, tmp_path: Path
) -> None:
    numbers = ["1_000", "١٢", "0x10", "1 000", "nan?", "infinity"]
    rows = tmp_path / "rows.csv"
    head, first, second = written(small_run, rows, 2)
    numeric = [f.is_numeric for f in small_results(small_run).schema.features].index(True)
    cells = first.split(",")
    bad = [",".join([*cells[:numeric], number, *cells[numeric + 1 :]]) for number in numbers]
    rows.write_text("\n".join([head, *bad, second]) + "\n", "utf-8")
    log = scored(small_run, tmp_path, "--rows", str(rows), "--explain", "none")
    assert ["rejected" in record for record in log] == [*[True] * len(numbers), False]
    assert all(number in record["rejected"] for number, record in zip(numbers, log, strict=False))


def test_those_that_are_refused_are_explained_and_no_others(
    small_run: SmallRun, tmp_path: Path
) -> None:
    target, rows = small_results(small_run).schema.target, tmp_path / "rows.csv"
    written(small_run, rows, 60)
    log = scored(small_run, tmp_path, "--rows", str(rows), "--explain", "refused", "--batch", "40")
    refused = [record["decided"] != target.favourable_class for record in log]
    assert ["attributions" in record for record in log] == refused
    assert 0 < sum(refused) < len(log)


def test_where_nobody_says_which_class_is_favourable_no_case_is_known_to_be_refused(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    from deepseek_report.artifacts.results import Results

    schema = small_results(small_run).schema
    unjudged = replace(schema, target=replace(schema.target, favourable=None))
    monkeypatch.setattr(Results, "schema", unjudged)
    places = ("--store", str(small_run.store), "--board", str(tmp_path / "b"), "--once")
    arguments = [str(small_run.folder), *places, "--replay", "--explain", "refused"]
    assert (
        "nothing says which class is favourable" in terminal("score-stream", *arguments, code=2).err
    )


@pytest.mark.parametrize("link", ["boards", "board", "stream", "events", "out"])
def test_nothing_is_deleted_or_written_through_a_link_beside_the_run(
    small_run: SmallRun, tmp_path: Path, terminal: Terminal, link: str
) -> None:
    home, outside = tmp_path / "reports", tmp_path / "outside"
    folder = small_run.copied(home / "name" / "run")
    name = "events.out.tfevents.1.somebody"
    kept = outside / "stream" / name
    kept.parent.mkdir(parents=True)
    kept.write_text("theirs", "utf-8")
    boards = home / ".boards"
    board = boards / "stream-run"
    places = {
        "boards": (boards, outside),
        "board": (board, outside),
        "stream": (board / "stream", outside / "stream"),
        "events": (board / "stream" / name, kept),
        "out": (tmp_path / "log.jsonl", kept),
    }
    place, leads_to = places[link]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(leads_to)
    before = sorted(outside.rglob("*"))
    arguments = [str(folder), "--store", str(small_run.store), "--once", "--replay"]
    arguments += ["--out", str(tmp_path / "log.jsonl")] if link == "out" else []
    assert (
        f"{place}: a link, "
        in terminal("score-stream", *arguments, code=2 if link == "out" else 1).err
    )
    assert sorted(outside.rglob("*")) == before
    assert kept.read_text("utf-8") == "theirs"
    assert place.is_symlink()


def test_a_long_stream_is_shown_ever_more_seldom_and_its_last_batch_always(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_board, "_EACH", 4)
    rows = tmp_path / "rows.csv"
    written(small_run, rows, 23)
    scored(small_run, tmp_path, "--rows", str(rows), "--batch", "1", "--explain", "none")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "board" / "stream"))
    events.Reload()
    steps = [event.step for event in events.Scalars("lines/rejected")]
    assert steps == [1, 2, 3, 4, 6, 8, 12, 16, 23]


def test_what_a_stream_is_watched_by_does_not_grow_with_it(small_run: SmallRun) -> None:
    schema, results = small_results(small_run).schema, small_results(small_run)
    predictions, inputs = results.predictions, results.test.inputs
    attributions = np.random.default_rng(0).normal(size=(50, len(schema.player_labels)))
    watch = DriftWatch.of(schema, inputs, inputs[:40], [predictions], 1, attributions)
    for number in (1, 2):
        watch.take(schema, inputs, predictions, number, attributions)
    size = len(pickle.dumps(watch))
    for number in range(3, 40):
        watch.take(schema, inputs, predictions, number, attributions)
    assert len(pickle.dumps(watch)) < 1.02 * size + 1000


def test_a_reference_says_of_a_batch_what_its_values_say(small_run: SmallRun) -> None:
    """A slow rewrite from the values themselves."""
    results = small_results(small_run)
    schema, inputs = results.schema, results.test.inputs
    kind = kind_of(schema)
    for whole, part in zip(kind.watched(inputs), kind.watched(inputs[:30] * 1.0), strict=True):
        row = Reference.of(whole).row(part, DriftVerdict(1.0, None))
        numeric = whole.feature.is_numeric
        assert (row.index, row.chance) == StabilityIndex.of(whole.values, numeric)(part.values)
        assert row.outside == part.outside(whole.values) == 0
        assert row.missing == int(np.isnan(part.values).sum())
