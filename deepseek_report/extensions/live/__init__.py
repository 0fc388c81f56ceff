"""A run while it goes on and later: a board, a page that its model answers, cases as they come.

The stored model answers and the run's own metrics measure: nothing is computed here in another way
than in the report.
"""

from pathlib import Path

from deepseek_report.extension import Command, Extension

_TRUST = ("--trust", "--trust-type", "--help")
_BOARD = ("--board", "--port", "--once")

EXTENSION = Extension(
    folder=Path(__file__).parent,
    commands={
        "serve": Command(
            "RUN [--port N]",
            "its page on this machine, answered by the stored model",
            f"{__name__}.serve_command",
            ("--store", "--port", *_TRUST),
            of_runs=True,
        ),
        "score-stream": Command(
            "RUN --rows FILE|-",
            "new cases as they come: decisions, reasons, drift",
            f"{__name__}.score_stream_command",
            (
                *("--rows", "--replay", "--plant", "--batch", "--explain", "--out", "--decimal"),
                *("--store", *_BOARD, *_TRUST),
            ),
            {"--rows": (), "--explain": ("all",), "--decimal": (".", ",")},
            of_runs=True,
        ),
        "watch": Command(
            "[OVERRIDES…]",
            "a run while it goes on, in TensorBoard",
            f"{__name__}.watch_command",
            ("--config-dir", *_TRUST, *_BOARD),
        ),
    },
    services={"serve": f"{__name__}.live_server"},
)
