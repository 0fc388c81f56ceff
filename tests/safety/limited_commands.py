"""A process with a limit on its memory that runs commands and tells what came of each.

Reads {"bytes": limit, "commands": [[word, …], …]} as JSON from standard input, and writes a list of
{"code": exit code, "text": all that was printed, "raised": an error that left the command}.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"


def told(words: list[str]) -> dict[str, object]:
    from deepseek_report.cli import run

    text, code, raised = io.StringIO(), -1, ""
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        try:
            code = run(words)
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:
            raised = f"{type(error).__name__}: {error}"
    return {"code": code, "text": text.getvalue(), "raised": raised}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (asked["bytes"], asked["bytes"]))
    answers = [told(words) for words in asked["commands"]]
    sys.stdout.write(json.dumps(answers))
