from __future__ import annotations

import socket
from pathlib import Path

from deepseek_report.runner.run_folders.gather import _copy_events


def test_event_files_of_tensorboard_name_no_host(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    events = tmp_path / "events"
    with SummaryWriter(str(events)) as board:
        board.add_scalar("loss", 0.5, 1)
    (written,) = events.iterdir()
    assert socket.gethostname() in written.name
    _copy_events(events, tmp_path / "tensorboard")
    (moved,) = (tmp_path / "tensorboard").iterdir()
    assert socket.gethostname() not in moved.name
    assert socket.gethostname().encode() not in moved.read_bytes()
    assert str(tmp_path).encode() not in moved.read_bytes()
