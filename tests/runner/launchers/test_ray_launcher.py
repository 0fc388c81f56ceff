"""Workers as tasks of a Ray cluster of this machine, started for them or joined by its address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.errors import DeepseekReportError
from deepseek_report.runner.execution import run_events
from deepseek_report.runner.launchers.ray_launcher import RayLauncher
from tests.runner.launchers.test_crew import WHERE, Plain

ray: Any = pytest.importorskip("ray", reason="launcher=ray needs the package ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray's own processes and files


def test_two_workers_of_a_cluster_that_is_started_and_of_one_that_is_joined_do_the_work(
    tmp_path: Path,
) -> None:
    """The first, which Ray guards by a token, lets the second be guarded by it too."""
    from ray.cluster_utils import Cluster

    started: Any = Plain(dict.fromkeys("abc", WHERE), tmp_path)
    RayLauncher(most=2).carry_out(started, 2, [])
    assert started.results == dict.fromkeys("abc", run_events.__name__)
    assert not ray.is_initialized()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        joined: Any = Plain(dict.fromkeys("abc", WHERE), tmp_path)
        RayLauncher(cluster.address, most=2).carry_out(joined, 2, [])
        assert joined.results == dict.fromkeys("abc", run_events.__name__)
    finally:
        cluster.shutdown()


def test_an_address_where_nothing_is_is_told(tmp_path: Path) -> None:
    schedule: Any = Plain({"a": WHERE}, tmp_path)
    with pytest.raises(DeepseekReportError, match=r"launcher\.address=127\.0\.0\.1:1: no Ray"):
        RayLauncher("127.0.0.1:1").carry_out(schedule, 1, [])
