"""Tasks of a Ray cluster."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Annotated

from pydantic import Field

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.errors import DeepseekReportError
from deepseek_report.extensions.clusters.crew import Elsewhere, Worker
from deepseek_report.extensions.clusters.outbox import Outbox, take_pieces
from deepseek_report.runner.execution.open_plan import Schedule

#: Seconds after which a worker takes no further stage.
_LONGEST = 24 * 3600.0
#: Seconds in which a cluster answers.
_ANSWERS_IN = 10.0


@dataclass(frozen=True)
class RayLauncher(Elsewhere):
    """Starts workers as tasks of Ray, each of which takes one stage after another.

    The store must lie on a file system that all machines have under the same path, and each machine
    needs this package in the same version.

    address : of a cluster that is there, such as auto, HOST:6379 or ray://HOST:10001; empty: one
        of this machine is started, and ended with the command.
    most : tasks at a time, each with one core; Ray starts as many as it has cores.
    """

    address: str = ""
    most: Annotated[int, Field(ge=1, le=1000)] = 16

    def carry_out(self, schedule: Schedule, processes: int, modules: Sequence[str]) -> None:
        with self._joined():
            super().carry_out(schedule, processes, modules)

    def start(self, box: Outbox, number: int) -> Worker:
        task = _ray().remote(num_cpus=1, max_retries=0)(take_pieces)
        return _Task(task.remote(str(box.folder), number, _LONGEST))

    @contextmanager
    def _joined(self) -> Iterator[None]:
        """Connected to the cluster; one that was started for this is ended."""
        ray = _ray()
        if ray.is_initialized():
            yield
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
        own = {} if self.address else {"include_dashboard": False}
        try:
            self._refuse_silence()
            ray.init(self.address or "local", log_to_driver=False, logging_level="ERROR", **own)
        except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
            raise DeepseekReportError(
                f"launcher.address={self.address}: no Ray cluster can be joined there ({error}); "
                "set RAY_AUTH_MODE=token if it wants its token, or leave the address empty for a "
                "cluster of this machine"
            ) from None
        try:
            yield
        finally:
            ray.shutdown()

    def _refuse_silence(self) -> None:
        """Raise ConnectionError where nobody answers; Ray itself tries for minutes."""
        host, _, port = self.address.removeprefix("ray://").rpartition(":")
        if host and port.isdigit():
            try:
                socket.create_connection((host, int(port)), timeout=_ANSWERS_IN).close()
            except OSError as error:
                raise ConnectionError(str(error)) from None


def _ray() -> ModuleType:
    try:
        return import_module("ray")
    except ImportError:
        raise DeepseekReportError(f"launcher=ray needs Ray: {pip_install('ray')}") from None


@dataclass(frozen=True)
class _Task:
    reference: object

    def has_ended(self) -> bool:
        return bool(_ray().wait([self.reference], timeout=0)[0])

    def end(self) -> None:
        _ray().cancel(self.reference, force=True)

    def log(self) -> str:
        try:
            _ray().get(self.reference, timeout=0)
        except Exception as error:  # whatever ended it
            return str(error)
        return ""
