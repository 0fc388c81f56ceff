"""A file that changes between planning and reading: nothing is stored under the wrong key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.config.experiment import Experiment
from deepseek_report.datasets.readers import file_bytes, table_file
from deepseek_report.datasets.sources import image_folder
from deepseek_report.datasets.sources.taiwan_credit import TaiwanCredit
from deepseek_report.errors import DataError
from deepseek_report.runner.execution.execute import execute
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.planning.plan import make_plan
from deepseek_report.store import Store
from tests.configured import experiment_of

Change = Callable[[], None]


class At(NoReporter):
    """Does something when a stage starts."""

    def __init__(self, stage: str, change: Change) -> None:
        self.stage, self.change = stage, change

    def started(self, stage: str) -> None:
        if stage == self.stage:
            self.change()


def write(path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=80)
    label = np.where(x > 0, "yes", "no")
    frame = pd.DataFrame({"x": x, "z": random.normal(size=80), "y": label})
    frame.to_csv(path, index=False)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write(tmp_path / "table.csv", 0)
    return tmp_path / "table.csv"


def experiment(table: Path, *more: str) -> Experiment:
    data = (f"dataset.path={table}", "dataset.target=y", "dataset.favourable=yes")
    return experiment_of("debug=fast", "dataset=csv", "jobs=1", *data, *more)


def run(chosen: Experiment, store: Store, stages: int, reporter: NoReporter) -> dict[str, str]:
    """{stage: why it failed, or ""} of the first stages."""
    execution = execute(chosen, make_plan(chosen)[:stages], store, "cpu", reporter)
    return {name: outcome.reason for name, outcome in execution.outcomes.items()}


def test_data_that_are_swapped_after_planning_are_not_stored(table: Path, tmp_path: Path) -> None:
    chosen, store = experiment(table, "model=mlp"), Store(tmp_path / "store")
    plan = make_plan(chosen)[:1]
    with pytest.raises(DataError, match="the data changed after this run was planned"):
        execute(chosen, plan, store, "cpu", At("data", lambda: write(table, 1)))
    assert plan[0].folder(store) is None
    write(table, 0)
    assert run(chosen, store, 1, NoReporter()) == {"data": ""}


@pytest.mark.parametrize(
    ("place", "name", "reads_at_once"),
    [(table_file, "stream_of", True), (file_bytes.FileStream, "open", False)],
)
def test_data_that_are_swapped_for_a_moment_are_not_stored(
    place: Any,
    name: str,
    reads_at_once: bool,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other file is in place only while it is read: what is hashed is what is parsed."""
    chosen, store = experiment(table, "model=mlp"), Store(tmp_path / "store")
    plan = make_plan(chosen)[:1]
    plain = getattr(place, name)

    def swapped(*arguments: object) -> object:
        write(table, 1)
        content = plain(*arguments)
        if reads_at_once:
            write(table, 0)
        return content

    monkeypatch.setattr(place, name, swapped)
    with pytest.raises(DataError, match="run again"):
        execute(chosen, plan, store, "cpu", NoReporter())
    assert plan[0].folder(store) is None


def test_an_image_that_is_swapped_for_a_moment_is_found(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = image_folder.ImageFolder(path=str(photos), size=8)
    planned = plugin.source_digest()
    assert plugin.load(0, Silent()).read == planned
    plain = image_folder.read_hashed
    other = photos / "bad" / "0.png"

    def swapped(file: Path, limits: object) -> object:
        return plain(other if file.parent.name + file.name == "good0.png" else file, limits)

    monkeypatch.setattr(image_folder, "read_hashed", swapped)
    assert plugin.load(0, Silent()).read != planned
    assert plugin.source_digest() == planned


def test_a_model_file_that_is_swapped_after_planning_is_not_stored(
    table: Path, tmp_path: Path
) -> None:
    io = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    frame = pd.read_csv(table)
    fit = LogisticRegression().fit(frame[["x", "z"]].to_numpy(), frame["y"] == "no")
    path = tmp_path / "model.skops"
    io.dump(fit, path)
    chosen = experiment(table, "model=sklearn", f"model.file={path}")
    store = Store(tmp_path / "store")

    def swap() -> None:
        fit.coef_ = -fit.coef_
        io.dump(fit, path)

    reasons = run(chosen, store, 2, At("training", swap))
    assert "the model's files or code changed after this run was planned" in reasons["training"]
    assert store.find("training", make_plan(chosen)[1].key) is None


def test_the_table_that_ships_says_what_was_read_as_the_plan_does() -> None:
    plugin = TaiwanCredit(rows=300)
    assert plugin.load(1, Silent()).read == plugin.source_digest()
