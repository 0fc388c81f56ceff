"""Jobs of a Slurm cluster, by submitit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepseek_report.artifacts.advice import pip_install
from deepseek_report.errors import DeepseekReportError
from deepseek_report.extensions.clusters.crew import Elsewhere, Worker
from deepseek_report.extensions.clusters.outbox import Outbox, take_pieces

if TYPE_CHECKING:
    from submitit import AutoExecutor, Job

_PLAIN = r"^[A-Za-z0-9_.,:=&|*\[\]-]*$"
Name = Annotated[str, Field(pattern=_PLAIN)]


@dataclass(frozen=True)
class SubmititLauncher(Elsewhere):
    """Starts workers as jobs of Slurm, or as processes of this machine to try it out.

    Each job takes one stage after another, since starting a process takes longer than most stages.
    The store must lie on a file system that all machines have under the same path.

    cluster : slurm, or local for processes of this machine.
    most : jobs at a time, each with one core.
    minutes : that a job may take; one takes no further stage after half of them.
    memory : GiB of a job.
    partition, account, qos, constraint, reservation : as sbatch knows them; empty: not said.
    """

    cluster: Literal["slurm", "local"] = "slurm"
    most: Annotated[int, Field(ge=1, le=1000)] = 16
    minutes: Annotated[int, Field(ge=2)] = 120
    memory: Annotated[float, Field(gt=0)] = 4.0
    partition: Name = ""
    account: Name = ""
    qos: Name = ""
    constraint: Name = ""
    reservation: Name = ""

    def start(self, box: Outbox, number: int) -> Worker:
        job = self.executor(box).submit(take_pieces, str(box.folder), number, self.minutes * 30.0)
        return _Job(job)

    def executor(self, box: Outbox) -> AutoExecutor:
        """What submits a job, as submitit has it.

        Raises DeepseekReportError: submitit is not installed, or there is no Slurm on this machine.
        """
        try:
            import submitit
        except ImportError:
            raise DeepseekReportError(
                f"launcher=submitit needs submitit: {pip_install('submitit')}"
            ) from None
        try:
            executor = submitit.AutoExecutor(box.logs, cluster=self.cluster)
        except RuntimeError:
            raise DeepseekReportError(
                "there is no srun on this machine, so no job of Slurm can be started; run the "
                "command where there is, or try launcher.cluster=local"
            ) from None
        executor.update_parameters(
            name="deepseek-report",
            timeout_min=self.minutes,
            mem_gb=self.memory,
            cpus_per_task=1,
            slurm_additional_parameters=self._further,
        )
        return executor

    @property
    def _further(self) -> dict[str, str]:
        names = ("partition", "account", "qos", "constraint", "reservation")
        return {name: value for name in names if (value := getattr(self, name))}


@dataclass(frozen=True)
class _Job:
    job: Job[None]

    def has_ended(self) -> bool:
        return bool(self.job.done())

    def end(self) -> None:
        self.job.cancel(check=False)

    def log(self) -> str:
        return str(self.job.stderr() or "")
