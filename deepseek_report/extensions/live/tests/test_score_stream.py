"""New cases as they come, scored and explained by the stored model, and watched for drift."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.data_kinds import kind_of
from deepseek_report.extensions.live import open_stream, stream_board
from deepseek_report.extensions.live.drift_watch import DriftVerdict, DriftWatch, Reference
from deepseek_report.extensions.live.exchangeability import StabilityIndex
from deepseek_report.extensions.live.incoming_rows import header_of, line_of
from deepseek_report.extensions.live.open_stream import PlantedDrift
from tests.real_runs import small_results
from tests.shared_runs import SmallRun, Terminal
from tests.trained import events_in

if TYPE_CHECKING:
    from _pytest.capture import CaptureResult
    from tensorboard.backend.event_processing.event_accumulator import ScalarEvent


@pytest.fixture(autouse=True)
def few_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the reasons of a stream with those of few cases of the run: explaining takes time."""
    for bound in ("_FEWEST", "_MOST"):
        monkeypatch.setattr(open_stream, bound, 12)


class Streaming:
    """A small run, and the lines that come to it in a file; `printed`: what the command said."""

    def __init__(self, run: SmallRun, folder: Path, terminal: Terminal) -> None:
        self.run, self.folder, self.terminal = run, folder, terminal
        self.results = small_results(run)
        self.rows, self.board = folder / "rows.csv", folder / "board"

    def __call__(
        self, *options: str, code: int = 0, store: Path | None = None
    ) -> CaptureResult[str]:
        places = ("--store", store or self.run.store, "--board", self.board, "--once")
        arguments = ("score-stream", self.run.folder, *places, *options)
        self.printed = self.terminal(*arguments, code=code)
        return self.printed

    def logged(self, *options: str) -> list[dict[str, Any]]:
        """What the log of the stream holds."""
        log = self.folder / "log.jsonl"
        self("--out", str(log), *options)
        return [json.loads(line) for line in log.read_text("utf-8").splitlines()]

    def scored(self, *options: str) -> list[dict[str, Any]]:
        """The same of the lines of the file."""
        return self.logged("--rows", str(self.rows), *options)

    def first(self, n: int) -> list[str]:
        """A header and the first cases of the test part as lines."""
        schema = self.results.schema
        return [header_of(schema), *(line_of(row, schema) for row in self.results.test.inputs[:n])]

    def write(self, lines: Iterable[str]) -> None:
        self.rows.write_text("".join(f"{line}\n" for line in lines), "utf-8")

    def with_number(self, line: str, number: str, name: str = "") -> str:
        """The line with another text for its first number, or the feature of that name."""
        schema = self.results.schema
        at = [feature.is_numeric for feature in schema.features].index(True)
        at = schema.position(name) if name else at
        cells = line.split(",")
        return ",".join([*cells[:at], f'"{number}"' if "," in number else number, *cells[at + 1 :]])


@pytest.fixture
def stream(small_run: SmallRun, tmp_path: Path, terminal: Terminal) -> Streaming:
    return Streaming(small_run, tmp_path, terminal)


def scalars(folder: Path) -> dict[str, list[ScalarEvent]]:
    events = events_in(folder / "stream")
    return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}


def values(folder: Path) -> dict[str, list[float]]:
    return {tag: [event.value for event in events] for tag, events in scalars(folder).items()}


def test_cases_get_the_answers_and_attributions_of_the_run(stream: Streaming) -> None:
    stream.write(stream.first(4))
    log = stream.scored("--batch", "3", "--explain", "all")
    p, schema = stream.results.predictions, stream.results.schema
    names = schema.target.classes
    assert [record["line"] for record in log] == [2, 3, 4, 5]
    assert [record["batch"] for record in log] == [1, 1, 1, 2]
    for at, record in enumerate(log):
        assert record["decided"] == names[p.decisions[at]]
        assert record["probabilities"][names[1]] == pytest.approx(p.scores[at], abs=1e-5)
        assert set(record["attributions"]) == set(schema.labels)
        assert any(record["attributions"].values())


def test_a_bad_line_is_told_and_counted_and_the_stream_goes_on(stream: Streaming) -> None:
    lines = stream.first(4)
    lines[2] = stream.with_number(lines[2], "plenty")
    stream.write(lines)
    log = stream.scored("--batch", "2", "--explain", "0")
    assert ["rejected" in record for record in log] == [False, True, False, False]
    assert "line 3" in log[1]["rejected"]
    assert "'plenty'" in log[1]["rejected"]
    assert "3 scored, 1 rejected of 4 lines" in stream.printed.out
    assert "rejected: " in stream.printed.err
    assert "line 3" in stream.printed.err
    assert values(stream.board)["lines/rejected"] == [1, 0]


def test_planted_drift_is_found_and_named_and_the_board_shows_it(stream: Streaming) -> None:
    feature = next(f for f in stream.results.schema.features if f.is_numeric)
    plant = ("--plant", f"{feature.label}=3")
    log = stream.logged("--replay", *plant, "--batch", "50", "--explain", "2")
    assert len(log) == len(stream.results.test)
    assert sum("attributions" in record for record in log) == 2 * -(-len(log) // 50)
    assert f"Drift is found in {feature.label}" in stream.printed.out
    board = values(stream.board)
    evidence = np.array(board[f"drift_evidence/{feature.label}"])
    half = len(evidence) // 2
    assert evidence[: half - 1].max() < -np.log10(0.05) < evidence[-1]
    decided = [shares for tag, shares in board.items() if tag.startswith("decided/")]
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
    stream: Streaming,
) -> None:
    names = {}
    for explain in ("3", "none"):
        stream.logged("--replay", "--explain", explain, "--batch", "200")
        names[explain] = [tag for tag in scalars(stream.board) if "attribution to" in tag]
    assert len(names["3"]) == 2 * len(stream.results.schema.features)
    assert names["none"] == []


def test_a_stream_of_its_own_cases_without_drift_raises_no_alarm(stream: Streaming) -> None:
    stream.logged("--replay", "--explain", "8", "--batch", "100")
    assert "no drift shown" in stream.printed.out.splitlines()[-2]


def test_the_same_stream_gives_the_same_log(stream: Streaming) -> None:
    options = ("--replay", "--batch", "200", "--explain", "4")
    assert stream.logged(*options) == stream.logged(*options)


def test_a_stream_that_is_stopped_scores_the_batch_that_it_has_begun(
    stream: Streaming, monkeypatch: pytest.MonkeyPatch
) -> None:
    def until_ctrl_c(path: Path, *, follow: bool) -> Iterator[bytes]:
        del path, follow
        yield from (f"{line}\n".encode() for line in stream.first(3))
        raise KeyboardInterrupt

    monkeypatch.setattr(open_stream, "lines_of_file", until_ctrl_c)
    assert [record["line"] for record in stream.scored("--explain", "0")] == [2, 3, 4]


def test_another_model_than_the_runs_is_refused(
    stream: Streaming, store_of_another_model: Path
) -> None:
    printed = stream("--replay", code=1, store=store_of_another_model).err
    assert "this is not the model that the run was made from" in printed


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
    stream: Streaming, options: tuple[str, ...], says: str
) -> None:
    assert says in stream(*options, code=2).err


@pytest.mark.parametrize("content", ["", "header"], ids=["nothing", "a header alone"])
def test_a_stream_without_rows_says_so_and_ends_with_2(stream: Streaming, content: str) -> None:
    stream.write(stream.first(0) if content else ())
    assert "no rows" in stream("--rows", str(stream.rows), code=2).out


def test_a_stream_of_which_every_line_is_rejected_ends_with_1(stream: Streaming) -> None:
    stream.write([*stream.first(0), "nonsense"])
    printed = stream("--rows", str(stream.rows), code=1).out
    assert "0 scored, 1 rejected of 1 line" in printed


def test_what_only_python_takes_for_a_number_is_rejected(stream: Streaming) -> None:
    numbers = ["1_000", "١٢", "0x10", "1 000", "nan?", "infinity", "1e300", "1,000"]
    head, first, second = stream.first(2)
    stream.write([head, *(stream.with_number(first, number) for number in numbers), second])
    log = stream.scored("--explain", "none")
    assert ["rejected" in record for record in log] == [*[True] * len(numbers), False]
    assert all(number in record["rejected"] for number, record in zip(numbers, log, strict=False))


#: What was once scored without a word, and how it is marked.
UNSEEN = [
    ("AGE", "-4", "far", "the training clients: age is −4 years (theirs: 21 years to "),
    ("AGE", "n/a", "missing", "lacks age, which no training client does"),
    ("AGE", "", "missing", "lacks age"),
    ("LIMIT_BAL", "1000000000000", "far", "credit limit is NT$ 1 000 000 000 000 (theirs: "),
    ("AGE", "81", "outside", "How well the model decides there is not known."),
    ("AGE", "40", "", ""),
]


def test_what_no_training_row_has_is_marked_counted_and_told_and_scored_all_the_same(
    stream: Streaming,
) -> None:
    head, first = stream.first(1)
    lines = [stream.with_number(first, text, name) for name, text, _, _ in UNSEEN]
    stream.write([head, *lines])
    log = stream.scored("--explain", "none", "--batch", "3")
    assert all("decided" in record for record in log)
    assert [record.get("marks", {}) for record in log] == [
        {name: kind} if kind else {} for name, _, kind, _ in UNSEEN
    ]
    printed = stream.printed.err.replace("\u00a0", " ").replace("\u202f", " ")
    for line, (_, _, kind, sentence) in enumerate(UNSEEN, 2):
        assert not kind or f"marked: Line {line} " in printed
        assert sentence in printed
    assert "6 scored (5 marked), 0 rejected of 6 lines" in stream.printed.out
    assert "3 scored, 3 marked" in stream.printed.out
    assert values(stream.board)["lines/marked"] == [3, 2]


def test_what_may_be_two_numbers_is_rejected_until_the_decimal_sign_is_declared(
    stream: Streaming,
) -> None:
    head, first, second = stream.first(2)
    stream.write([head, stream.with_number(first, "1.000", "LIMIT_BAL"), second])
    open_one, other = stream.scored("--explain", "none")
    assert "this may be 1 or 1000, as no training row has a third decimal" in open_one["rejected"]
    assert "decided" in other
    records = stream.scored("--explain", "none", "--decimal", ".")
    assert [record.get("marks") for record in records] == [{"LIMIT_BAL": "outside"}, None]


def test_those_that_are_refused_are_explained_and_no_others(stream: Streaming) -> None:
    stream.write(stream.first(60))
    log = stream.scored("--explain", "refused", "--batch", "40")
    favourable = stream.results.schema.target.favourable_class
    refused = [record["decided"] != favourable for record in log]
    assert ["attributions" in record for record in log] == refused
    assert 0 < sum(refused) < len(log)


def test_where_nobody_says_which_class_is_favourable_no_case_is_known_to_be_refused(
    stream: Streaming, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = stream.results.schema
    unjudged = replace(schema, target=replace(schema.target, favourable=None))
    monkeypatch.setattr(Results, "schema", unjudged)
    printed = stream("--replay", "--explain", "refused", code=2).err
    assert "nothing says which class is favourable" in printed


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
    printed = terminal("score-stream", *arguments, code=2 if link == "out" else 1).err
    assert f"{place}: a link, " in printed
    assert sorted(outside.rglob("*")) == before
    assert kept.read_text("utf-8") == "theirs"
    assert place.is_symlink()


def test_a_long_stream_is_shown_ever_more_seldom_and_its_last_batch_always(
    stream: Streaming, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_board, "_EACH", 4)
    stream.write(stream.first(23))
    stream.scored("--batch", "1", "--explain", "none")
    steps = [event.step for event in scalars(stream.board)["lines/rejected"]]
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
