"""`python -m deepseek_report`, and the command `deepseek-report`."""

from __future__ import annotations

import io
import signal
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from deepseek_report.cli import run

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Unicode gets "?"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end: tidy up like Ctrl-C
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
