"""Series of the user's own: what is read is what was written, and bad files say what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.column_declarations import MOST_GROUPS
from deepseek_report.datasets.sources.series_file import SeriesFile
from deepseek_report.errors import DataError
from tests.datasets.loading import notes_of, parts_of, written
from tests.worded import say

N, STEPS = 60, 12


def long_table(n: int = N, steps: int = STEPS, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    fault = np.arange(n) % 2
    return pd.DataFrame(
        {
            "id": np.repeat([f"s{i}" for i in range(n)], steps),
            "time": np.tile(np.arange(steps) * 0.5, n),
            "flow": random.normal(size=n * steps) + np.repeat(fault, steps),
            "heat": random.normal(size=n * steps),
            "machine": np.repeat([f"m{i // 4}" for i in range(n)], steps),
            "site": np.repeat(np.where(np.arange(n) % 3 == 0, "north", "south"), steps),
            "target": np.repeat(np.where(fault, "worn", "fine"), steps),
        }
    )


def load(frame: pd.DataFrame, folder: Path, **changes) -> Dataset:
    options = {"values": ("flow", "heat"), "groups": ("site",), "entity": "machine", **changes}
    return SeriesFile(path=written(frame, folder / "series.csv"), **options).load(1, Silent())


def test_every_series_comes_back_as_it_was_written(tmp_path: Path) -> None:
    frame = long_table()
    dataset = load(frame.sample(frac=1, random_state=1), tmp_path)
    assert dataset.schema.layout.shape == (STEPS, 2)
    ordered = frame.groupby("id", sort=False)[["flow", "heat"]]
    written = np.stack([rows.to_numpy() for _, rows in ordered]).reshape(N, -1)
    read = dataset.every_part.inputs
    assert np.allclose(sorted(map(tuple, read)), sorted(map(tuple, written)))


def test_labels_and_groups_belong_to_their_series(tmp_path: Path) -> None:
    dataset = load(long_table(), tmp_path)
    assert set(dataset.schema.target.classes) == {"fine", "worn"}
    assert dataset.schema.attribute("site").levels == ("north", "south")
    sizes = np.bincount(dataset.every_part.groups["site"])
    assert sizes.tolist() == [N // 3, N - N // 3]
    worn = dataset.schema.target.classes.index("worn")
    flow = dataset.train.inputs.reshape(len(dataset.train), STEPS, 2)[..., 0].mean(axis=1)
    assert flow[dataset.train.labels == worn].mean() > flow[dataset.train.labels != worn].mean()


def test_series_of_one_machine_never_fall_in_different_parts(tmp_path: Path) -> None:
    dataset = load(long_table(), tmp_path)
    machines = [set((part.instance_ids // 4).tolist()) for part in parts_of(dataset)]
    assert sum(map(len, machines)) == len(set.union(*machines))
    assert "machine" in say(dataset.card["leakage"]["method"])


def test_shorter_series_end_in_empty_places_and_longer_ones_are_cut(tmp_path: Path) -> None:
    frame = long_table()
    short = frame.drop(frame.index[(frame["id"] == "s3") & (frame["time"] > 3)])
    dataset = load(short, tmp_path)
    rows = dataset.every_part.inputs
    ended = np.isnan(rows).sum(axis=1)
    assert sorted(set(ended.tolist())) == [0, 2 * (STEPS - 7)]
    assert "7 to 12 steps" in notes_of(dataset)
    cut = load(short, tmp_path, most_steps=5)
    assert cut.schema.layout.shape == (5, 2)
    assert "cut after 5 steps" in notes_of(cut)


def test_a_missing_moment_is_told_or_filled_by_a_straight_line(tmp_path: Path) -> None:
    frame = long_table()
    frame["flow"] = frame["time"] * 3 + np.repeat(np.arange(N), STEPS)
    holed = frame.drop(frame.index[(frame["id"] == "s3") & (frame["time"] == 2)])
    with pytest.raises(DataError, match=r"'s3'.*irregular=resampled"):
        load(holed, tmp_path)
    filled = load(holed, tmp_path, irregular="resampled")
    whole = filled.every_part.inputs
    flows = whole.reshape(N, STEPS, 2)[..., 0]
    assert np.allclose(np.diff(flows, axis=1), 1.5)


def test_dates_are_moments_too(tmp_path: Path) -> None:
    frame = long_table()
    frame["time"] = pd.Timestamp("2024-01-31") + pd.to_timedelta(frame["time"], unit="D")
    dataset = load(frame, tmp_path)
    assert any("43" in say(note) and "seconds" in say(note) for note in dataset.card["preparation"])


def test_players_are_windows_of_one_channel(tmp_path: Path) -> None:
    layout = load(long_table(), tmp_path, window=5).schema.layout
    assert layout.player_labels[:3] == ("flow, steps 1–5", "flow, steps 6–10", "flow, steps 11–12")
    assert len(layout.players) == 6
    assert sorted(np.concatenate([list(player) for player in layout.players])) == list(
        range(2 * STEPS)
    )


def test_a_number_or_several_labels_can_be_predicted(tmp_path: Path) -> None:
    frame = long_table()
    frame["life"] = np.repeat(np.arange(N) * 1.5, STEPS)
    number = load(frame, tmp_path, target="life", task="regression", unit="h")
    assert number.schema.target.is_number
    assert number.train.labels.dtype == np.float64
    frame["a"], frame["b"] = (np.repeat(np.arange(N) % k == 0, STEPS).astype(int) for k in (2, 3))
    several = load(frame, tmp_path, target=("a", "b"), task="multi_label")
    assert several.train.all_labels.shape == (len(several.train), 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(target=np.arange(len(f)) % 2), "`target` changes within"),
        (lambda f: f.assign(flow="high"), "not numbers"),
        (lambda f: f.assign(time=0.0), "two rows of one moment"),
        (lambda f: f.assign(time="soon"), "neither a number nor a date"),
        (lambda f: f.drop(columns="heat"), "`heat`, which is not a column"),
        (
            lambda _: long_table(MOST_GROUPS + 1).assign(site=lambda f: f["id"]),
            f"at most {MOST_GROUPS} groups",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(change, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        load(change(long_table()), tmp_path)


def test_what_is_wrong_is_known_before_loading(tmp_path: Path) -> None:
    assert any("not set" in problem for problem in SeriesFile().problems())
    missing = SeriesFile(path=str(tmp_path / "no.csv"))
    assert any("no such file" in problem for problem in missing.problems())
    path = written(long_table(), tmp_path / "x.csv")
    twice = SeriesFile(path=path, values=("flow", "time"))
    assert any("`time` has two roles" in problem for problem in twice.problems())


def test_labels_that_are_decisions_are_a_limit_of_series_as_of_tables() -> None:
    (limit,) = SeriesFile(labels_are_decisions=True).described("x").limits
    assert "decisions" in say(limit)
    assert SeriesFile().described("x").limits == ()
