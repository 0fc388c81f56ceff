"""MLflow as a place that keeps finished runs: what is logged there, and how it comes back.

Nothing is logged unless a person names the place, on the command line or in the environment; no
configuration can. What is logged is what the run folder holds, so `report.privacy` decides it.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.artifacts.results import Results, flat_config
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.artifacts.storage.plain_files import (
    MOST_ENTRIES,
    MOST_LEVELS,
    files_below,
    make_folder,
)
from deepseek_report.errors import ArtifactError, DeepseekReportError
from deepseek_report.runner.run_folders.open_run import open_run
from deepseek_report.store.run_folder import RECORDS, SCORES

if TYPE_CHECKING:
    from mlflow import MlflowClient


T = TypeVar("T")
#: The variable that names the place, as MLflow's tracking URI: a folder, or http(s)://….
VARIABLE = "DEEPSEEK_REPORT_MLFLOW"
#: What stands before the id of a run in MLflow where a folder could stand.
SCHEME = "mlflow:"
#: Where a run of MLflow keeps the run folder, and the tag with its digest.
_FOLDER, _DIGEST = "run", "deepseek_report.run_digest"
#: How often MLflow asks a server again that does not answer, each time later: some 15 s in all.
_RETRIES = "3"
#: The most bytes that are fetched of a run.
_MOST_BYTES = 16 * 2**30
_STRANGE = re.compile(r"[^\w\-. /:]")
_LONGEST_KEY, _LONGEST_VALUE = 250, 6000
_PARAMETERS_AT_ONCE, _METRICS_AT_ONCE = 100, 1000


@dataclass(frozen=True)
class LoggedRun:
    """A run in MLflow. is_new : it was not there before."""

    id: str
    experiment: str
    is_new: bool


@dataclass(frozen=True)
class Tracker:
    """A place of MLflow, by its tracking URI."""

    uri: str

    def log(self, folder: Path) -> LoggedRun:
        """Log a finished run once: settings, scores with intervals, epochs, and its whole folder.

        Raises ArtifactError: the folder is no run, or was changed.
        Raises DeepseekReportError: MLflow is not installed, or the place cannot be written.
        """
        opened = open_run(folder)
        experiment = str(opened.run.config.get("name") or folder.parent.name)
        with self._client() as client:
            place = _experiment(client, experiment)
            query = f"tags.`{_DIGEST}` = '{opened.run_digest}' and attributes.status = 'FINISHED'"
            if earlier := client.search_runs([place], query, max_results=1):
                return LoggedRun(earlier[0].info.run_id, experiment, is_new=False)
            tags = {"deepseek_report.run_id": opened.run.run_id, _DIGEST: opened.run_digest}
            title = str(opened.run.report.get("title") or opened.run.run_id)
            identity = client.create_run(place, run_name=title, tags=tags).info.run_id
            _log_numbers(client, identity, opened.results, opened.listed)
            client.log_artifacts(identity, str(folder), _FOLDER)
            client.set_terminated(identity)
        return LoggedRun(identity, experiment, is_new=True)

    def fetch(self, identity: str, target: Path) -> Path:
        """Bring the folder of a run below `target`; whoever opens it checks it.

        Raises ArtifactError: there is no such run, or it was not logged by this package.
        """
        with self._client() as client:
            if _DIGEST not in client.get_run(identity).data.tags:
                raise ArtifactError(f"{SCHEME}{identity}: deepseek-report did not log this run")
            _refuse_large(client, identity)
            place = target / identity
            make_folder(place)
            return Path(client.download_artifacts(identity, _FOLDER, str(place)))

    @contextmanager
    def _client(self) -> Iterator[MlflowClient]:
        """What speaks to the place; its errors become sentences."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent to others
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _RETRIES)
        if "://" not in self.uri or self.uri.startswith("file:"):
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError:
            raise DeepseekReportError(
                f"MLflow is not installed: {pip_install('mlflow-skinny')}"
            ) from None
        try:
            yield MlflowClient(tracking_uri=self.uri)
        except (MlflowException, OSError) as error:
            raise DeepseekReportError(f"MLflow at {self.uri}: {error}") from None


def tracker_of_environment() -> Tracker | None:
    """The place that the environment names; None where it names none."""
    uri = os.environ.get(VARIABLE, "").strip()
    return Tracker(uri) if uri else None


@contextmanager
def fetched_runs(runs: Sequence[str], *, has_output: bool) -> Iterator[dict[str, Path]]:
    """The folder of each run; those that MLflow keeps are fetched for as long as they are read.

    has_output : whether the folder to write is named, and so not beside the first run.

    Raises DeepseekReportError: nothing says where MLflow is, or where to write what is made of the
    runs.
    """
    if (tracker := tracker_of_environment()) is None:
        raise DeepseekReportError(f"{SCHEME} needs to know where MLflow is; set {VARIABLE}")
    if not has_output and runs[0].startswith(SCHEME):
        raise DeepseekReportError("a run of MLflow has no folder beside it; name an --output")
    with TemporaryDirectory() as place:
        yield {
            run: tracker.fetch(run.removeprefix(SCHEME), Path(place))
            if run.startswith(SCHEME)
            else Path(run)
            for run in dict.fromkeys(runs)
        }


def _refuse_large(client: MlflowClient, identity: str) -> None:
    """Raise ArtifactError where what lies there is no run folder by its size, depth or names."""
    waiting, entries, size = [(_FOLDER, 1)], 0, 0
    while waiting:
        place, level = waiting.pop()
        for entry in client.list_artifacts(identity, place):
            entries, size = entries + 1, size + int(entry.file_size or 0)
            plain = entry.path.startswith(f"{place}/") and ".." not in entry.path.split("/")
            if (
                not plain
                or max(level / MOST_LEVELS, entries / MOST_ENTRIES, size / _MOST_BYTES) > 1
            ):
                raise ArtifactError(
                    f"{SCHEME}{identity}: what lies there is no folder of a run: at most "
                    f"{MOST_ENTRIES} files of {_MOST_BYTES // 2**30} GiB together, in "
                    f"{MOST_LEVELS} levels of folders, are fetched"
                )
            if entry.is_dir:
                waiting.append((entry.path, level + 1))


def _experiment(client: MlflowClient, name: str) -> str:
    known = client.get_experiment_by_name(name)
    return str(known.experiment_id if known is not None else client.create_experiment(name))


def _log_numbers(client: MlflowClient, identity: str, results: Results, folder: Path) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    params = [
        Param(_key(key), str(value)[:_LONGEST_VALUE]) for key, value in flat_config(results.config)
    ]
    metrics = [
        Metric(key, value, now, step)
        for key, value, step in (*_scores(folder), *_epochs(results))
        if math.isfinite(value)
    ]
    for batch in _batches(params, _PARAMETERS_AT_ONCE):
        client.log_batch(identity, params=batch)
    for batch in _batches(metrics, _METRICS_AT_ONCE):
        client.log_batch(identity, metrics=batch)


def _scores(folder: Path) -> Iterator[tuple[str, float, int]]:
    """(name, value, step) of each score and of the ends of its interval."""
    columns = ["predictor", "explainer", "attribute", "level", "slice"]
    files = [folder / SCORES, *files_below(folder / RECORDS, SCORES)]
    for row in chain.from_iterable(load_table(file).to_dict("records") for file in files):
        of = [str(row[column]) for column in columns if row[column] not in {"", "model"}]
        name = _key(".".join([str(row["metric"]), *of]))
        yield name, float(row["value"]), 0
        for end in ("low", "high"):
            if pd.notna(row[end]):
                yield f"{end}/{name}", float(row[end]), 0


def _epochs(results: Results) -> Iterator[tuple[str, float, int]]:
    """The same of each epoch of the training, where the trainer had epochs."""
    if not results.has("training"):
        return
    history = results.history
    for step, row in enumerate(history.to_dict("records"), 1):
        for column, value in row.items():
            if column != "epoch" and isinstance(value, int | float):
                yield _key(f"training/{column}"), float(value), step


def _key(name: str) -> str:
    """As MLflow allows it."""
    return _STRANGE.sub("_", name)[: _LONGEST_KEY - len("high/")]


def _batches(entries: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
