"""A run that is told to stop says one sentence, leaves no process behind, and can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.configured import few_parts, places_in


def _start(folder: Path) -> subprocess.Popen[str]:
    """A run of nothing but a training that can be stopped."""
    parts = ("debug=fast", *few_parts(explainers="random"), *places_in(folder))
    return subprocess.Popen(
        [sys.executable, "-m", "deepseek_report", *parts],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_interrupts,  # noqa: PLW1509 - no threads here that could hold a lock
    )


def _hear_interrupts() -> None:
    """Undo that a shell's background job, as a test run may be one, is deaf to interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _wait_for_training(run: subprocess.Popen[str]) -> None:
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("train"):
            return


def _is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_says_so_without_a_traceback_and_leaves_no_process(
    sign: signal.Signals, tmp_path: Path
) -> None:
    run = _start(tmp_path)
    _wait_for_training(run)
    if sign is signal.SIGTERM:
        run.send_signal(sign)
    else:
        os.killpg(run.pid, sign)  # as a terminal does
    errors = run.communicate(timeout=30)[1]
    assert run.returncode == 130
    assert "run the same command again" in errors
    assert "Traceback" not in errors
    end = time.monotonic() + 10
    while not _is_gone(run.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert _is_gone(run.pid)


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_run_that_is_to_outlive_its_terminal_does(before: signal.Handlers) -> None:
    """`nohup` starts a command with the signal ignored."""
    code = (
        "import signal\nfrom deepseek_report.__main__ import _end_tidily\n_end_tidily()\n"
        "print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, before),
    )
    assert done.stdout.strip() == str(before is signal.SIG_IGN)
