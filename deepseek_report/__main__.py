"""`python -m deepseek_report`, and the command `deepseek-report`."""

from __future__ import annotations

import io
import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from deepseek_report.children import leave_working_folder_out

    leave_working_folder_out()
    from deepseek_report.cli import run

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode gets "?"
    _end_tidily()
    sys.exit(run(sys.argv[1:]))


def _end_tidily() -> None:
    """Asked to end, or with the terminal gone: tidy up as after Ctrl-C.

    A signal that is ignored from the start stays so: `nohup` means to outlive the terminal.
    """
    for name in ("SIGTERM", "SIGHUP"):
        sign = getattr(signal, name, None)  # Windows has no SIGHUP
        if sign is not None and signal.getsignal(sign) is not signal.SIG_IGN:
            signal.signal(sign, signal.default_int_handler)


if __name__ == "__main__":
    main()
