"""Commands of one process, one after the other: its argument is [[word, …], …] as JSON.

It prints a list of [exit code, standard output, standard error] as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from deepseek_report.cli import run

if __name__ == "__main__":
    answers = []
    for words in json.loads(sys.argv[1]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(words)
        answers.append([code, out.getvalue(), err.getvalue()])
    sys.stdout.write(json.dumps(answers))
