"""A process with a limit on its memory that runs commands, each in a copy of itself.

The limit is its argument, in bytes. Reads [[word, …], …] as JSON from each line of standard input,
and answers with a line: a list of {"code": exit code, "text": all that was printed, "raised": an
error that left the command}. What commands import is loaded once: no copy has less of it in memory
than a process of its own would have.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import sys

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

#: What takes long to import, and what of this package imports the rest.
LOADED = (
    *("torch", "scipy.stats", "sklearn.linear_model", "matplotlib.figure"),
    "deepseek_report.runner.given_case_page",
    "deepseek_report.runner.run_folders.writing",
)


def answer_of(words: list[str]) -> dict[str, object]:
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


def apart(words: list[str]) -> dict[str, object]:
    """The same in a process of its own, so that no command pays for another one's memory."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        with os.fdopen(writing, "w") as stream:
            json.dump(answer_of(words), stream)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        content = stream.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ended = {"code": code, "text": "", "raised": f"the process ended with {code}"}
    return dict(json.loads(content)) if content else ended


if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for module in LOADED:
        importlib.import_module(module)
    for line in sys.stdin:
        sys.stdout.write(json.dumps([apart(words) for words in json.loads(line)]) + "\n")
        sys.stdout.flush()
