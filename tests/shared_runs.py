"""Settings for all tests, and the one small trained run that they share."""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import fcntl
import functools
import gc
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from deepseek_report.artifacts.schema import Feature, Layout, Schema, Target, as_vocabulary

if TYPE_CHECKING:  # so that tests of one folder load nothing that they do not use
    from _pytest.capture import CaptureResult

    from deepseek_report.artifacts.results import Results
    from tests.tiny_runs import TinyRuns
    from tests.varied_run import VariedRun

settings.register_profile("here", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("here")

#: Small enough for a test, large enough that every part of the default experiment has something
#: to say.
SMALL = ("debug=fast", "jobs=1", "measure_time=false")
#: Few parts of each kind, so that a report is written in less than a second.
SHORT = (
    *("explainers=[shap,random]", "frameworks=[gdpr]", "visualizations=[roc_curve]"),
    "metrics=[roc_auc,expected_calibration_error,impact_ratio,deletion,importance,cases]",
    "sections=[summary,performance,compliance]",
)


@dataclass(frozen=True)
class SmallRun:
    """An experiment on few rows: its run folder, where its stages are stored, and its own parts."""

    folder: Path
    store: Path
    exit_code: int
    parts: tuple[str, ...] = ()

    def copied(self, to: Path) -> Path:
        """A copy of its folder, at this place."""
        return Path(shutil.copytree(self.folder, to))

    def overrides(self, reports: Path, store: Path | None = None) -> list[str]:
        """The same experiment, writing its report elsewhere and taking its stages from here."""
        places = [f"paths.reports={reports}", f"paths.store={store or self.store}"]
        return [*SMALL, *places, *self.parts]


class Terminal:
    """The command line as a person uses it: the exit code is checked, what is printed is given."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object, code: int = 0) -> CaptureResult[str]:
        from deepseek_report.cli import run

        self.capsys.readouterr()
        assert run(list(map(str, arguments))) == code
        return self.capsys.readouterr()


def offered(*commands: list[str]) -> list[list[str]]:
    """Those command lines whose command is the core's or that of an extension that lies here."""
    from deepseek_report.cli.parsing import COMMANDS

    return [words for words in commands if words[0] in COMMANDS]


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


#: What comes first: what takes long, lest one process be left alone with it at the end. The first
#: makes the small run; `api` does not need it, so that the other process does not wait for it.
FIRST = (
    *("visualizations/test_every_picture.py", "api", "visualizations", "end_to_end", "safety"),
    *("browser", "runner", "cli", "rendering"),
)


def _turn(item: pytest.Item) -> int:
    here = Path(__file__).parent
    return next(
        (n for n, first in enumerate(FIRST) if item.path.is_relative_to(here / first)), len(FIRST)
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


def pytest_collection_finish() -> None:
    """Spare the collector of garbage all that is loaded by now, and most of its young rounds."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def less_waiting() -> Iterator[None]:
    """Reads the shipped configuration once, and waits for no disk: no test outlives a power cut.

    Nor does statsmodels look for garbage in all that the tests have made, at each correction, and
    a stranger's file is tried in a fork of a process that has loaded the libraries.
    """
    from deepseek_report import children
    from deepseek_report.config.compose import Composer
    from tests.forked import ForkedTrials

    of, shared = Composer.of, functools.cache(Composer.of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(gc, "collect", lambda generation=2: 0)
        patch.setattr(Composer, "of", lambda folder: of(folder) if folder else shared(None))
        trials = ForkedTrials(children.run)
        patch.setattr(children, "run", trials)
        yield
        trials.close()


@pytest.fixture
def started_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers' files are tried in processes that are started, as outside of the tests."""
    from deepseek_report import children

    monkeypatch.setattr(children, "run", children.run.start)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of all test processes."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def shared_store(shared_folder: Path) -> Path:
    """The store of all test processes, whose locks let one of them do the work."""
    return shared_folder / "store"


def made_once(name: str, shared: Path, *parts: str) -> SmallRun:
    """A run that whichever process comes first makes for all."""
    from deepseek_report.config.compose import compose
    from deepseek_report.config.validate import validate
    from deepseek_report.runner.execution.run_events import NoReporter
    from deepseek_report.runner.run import run_experiment

    record, store = shared / f"{name}.json", shared / "store"
    with record.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.exists():
            paths = [f"paths.reports={shared / name}", f"paths.store={store}"]
            overrides = [*SMALL, *paths, *parts]
            finished = run_experiment(validate(compose(overrides)), NoReporter(), overrides)
            record.write_text(json.dumps([str(finished.folder), finished.exit_code]))
    folder, exit_code = json.loads(record.read_text())
    return SmallRun(Path(folder), store, exit_code, parts)


@pytest.fixture(scope="session")
def small_run(shared_folder: Path) -> SmallRun:
    """The default experiment on few rows, run once."""
    return made_once("reports", shared_folder)


@pytest.fixture(scope="session")
def short_run(small_run: SmallRun) -> SmallRun:
    """The small run with few parts of each kind, for tests that verify and render it often."""
    return made_once("short", small_run.store.parent, *SHORT)


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory: pytest.TempPathFactory, shared_store: Path) -> TinyRuns:
    """Makes the runs of `tests/tiny_runs.py`, each once."""
    from tests.tiny_runs import TinyRuns

    return TinyRuns(shared_store, tmp_path_factory.mktemp("tiny_runs"))


@pytest.fixture(scope="session")
def real_run(small_run: SmallRun) -> Results:
    """The results of the small run, for tests that change none of them."""
    from tests.real_runs import small_results

    return small_results(small_run)


@pytest.fixture
def run(real_run: Results, tiny_runs: TinyRuns, tmp_path: Path) -> VariedRun:
    """The small run with nothing kept of it but the data."""
    from tests.varied_run import VariedRun

    return VariedRun(real_run, tiny_runs, tmp_path)


@pytest.fixture(scope="session")
def marked_catalogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the catalog whose every text is marked, written once."""
    from marked_catalog import write_catalog

    return write_catalog(tmp_path_factory.mktemp("catalogs")).parent


@pytest.fixture(scope="session")
def marked_run(small_run: SmallRun, marked_catalogs: Path, shared_folder: Path) -> Path:
    """A copy of the small run, written in the language of marks once for all processes."""
    from marked_catalog import LANGUAGE

    from deepseek_report.cli import run
    from deepseek_report.wording.words import CATALOGS

    folder, partial = shared_folder / "marked" / small_run.folder.name, shared_folder / "marking"
    with (shared_folder / "marked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.copytree(small_run.folder, partial / folder.name)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(CATALOGS, str(marked_catalogs))
                assert run(["render", str(partial / folder.name), "--language", LANGUAGE]) == 0
            partial.rename(folder.parent)
    return folder


def schema_of_layout(modality: str, task: str = "classification") -> Schema:
    """A text of 6 words, an image of 4 by 4 pixels in patches of 2 by 2, or 8 steps in windows."""
    from itertools import pairwise

    if modality == "text":
        words = as_vocabulary(["?", "#", *"abcdefgh"])
        features = tuple(
            Feature(f"t{j}", f"place {j}", "token", categories=words) for j in range(8)
        )
        players, shape = [[0], [1, 2], [3], [4], [5], [6, 7]], (8,)
    elif modality == "image":
        grid = [[4 * r + c for r in (i, i + 1) for c in (j, j + 1)] for i in (0, 2) for j in (0, 2)]
        features = tuple(Feature(f"p{j}", f"pixel {j}", "numeric") for j in range(16))
        players, shape = grid, (4, 4, 1)
    else:
        features = tuple(Feature(f"s{j}", f"step {j}", "numeric") for j in range(8))
        players, shape = [list(range(*ends)) for ends in pairwise((0, 2, 5, 8))], (8, 1)
    layout = Layout(
        modality=modality,
        shape=shape,
        players=tuple(tuple(one) for one in players),
        player_labels=tuple(f"part {k + 1}" for k in range(len(players))),
        mask=1 if modality == "text" else None,
    )
    number = task == "regression"
    target = Target("y", "y", ("y",) if number else ("no", "yes"), 0, 0 if number else 1, task=task)
    return Schema(features, target, layout=layout)


@pytest.fixture(scope="session")
def layout_schema() -> Callable[..., Schema]:
    """Builds the schema of a small text, image or series, with columns and players apart."""
    return schema_of_layout
