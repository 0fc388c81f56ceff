"""The processes of a backend of joblib."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deepseek_report.artifacts.protocols.progress import Launcher
from deepseek_report.config.local_code import install, installed
from deepseek_report.errors import DeepseekReportError
from deepseek_report.runner.execution.open_plan import Schedule
from deepseek_report.runner.execution.run_events import Work, unheard
from deepseek_report.runner.execution.workers import one_thread


@dataclass(frozen=True)
class JoblibLauncher(Launcher):
    """Runs what is ready as one batch after another, by a backend that joblib knows.

    A batch ends before the next one starts, so that some processes wait at its end; what a stage
    tells while it goes on is not heard. Where a process is ended from outside the batch is lost,
    and the same command goes on from the store.

    backend : one of joblib's own, such as loky, or one that another library has registered.
    """

    backend: str = "loky"

    def carry_out(self, schedule: Schedule, processes: int, modules: Sequence[str]) -> None:
        del modules  # the processes of the backend import what they need
        while ready := {item.id: item for item in schedule.startable()}:
            items = list(ready.values())
            for item in items:
                schedule.on_message(("started", item.name))
            works = [item.plan.work(item.stage) for item in items]
            for item, result in zip(items, self._results(works, processes), strict=True):
                schedule.take(item, result)

    def _results(self, works: Sequence[Work], processes: int) -> Iterator[object]:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        local = installed()
        try:
            with parallel_config(self.backend, inner_max_num_threads=1):
                yield from Parallel(processes, return_as="generator", batch_size=1)(
                    delayed(_work)(local, pickle.dumps(work)) for work in works
                )
        except TerminatedWorkerError as error:
            raise DeepseekReportError(
                f"a process of joblib was ended from outside: {error}; run the same command again "
                "to go on from here, with fewer processes (jobs=1) if it was for want of memory"
            ) from None


def _work(local: Mapping[str, str], pickled: bytes) -> object:
    """One piece of work in a process of joblib; trusted local code is found before it is read."""
    install(local)
    with one_thread():
        return pickle.loads(pickled)(unheard)  # noqa: S301 - of the process that started this one
