"""Types each mistake of `mistakes.yaml` and prints what is answered, as JSON.

Run by `test_mistakes.py` in an interpreter of its own, so that what the command line imports for an
answer can be seen. Nothing is ever run: where a mistake is not noticed, the code is `NOT NOTICED`.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

#: Libraries whose loading takes longer than composing a configuration.
HEAVY = ("torch", "pandas", "shap", "sklearn", "scipy", "matplotlib", "pyarrow", "transformers")
NOT_NOTICED = "NOT NOTICED"
#: {file of 300 rows and three columns: its more frequent class and the other one}.
_TABLES = {"loans.csv": ("paid", "late"), "ship.csv": ("alive", "Not survived")}


def arguments(typed: str) -> list[str]:
    """The words of a command line, at spaces outside of brackets and quotes."""
    words, depth = [""], 0
    for letter in typed:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == " " and not depth:
            words.append("")
        else:
            words[-1] += letter
    return words


@contextlib.contextmanager
def nothing_runs() -> Iterator[None]:
    """Stands for what shows a run; a mistake that comes so far was not noticed."""
    raise SystemExit(NOT_NOTICED)
    yield


def answer(row: dict[str, Any]) -> dict[str, Any]:
    """The exit code, what was said, and the heavy libraries that are loaded now."""
    from deepseek_report.cli import run

    for name, content in row.get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content, encoding="utf-8")
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
        try:
            code: Any = run(arguments(row["typed"]))
        except SystemExit as end:
            code = end.code
    heavy = [name for name in HEAVY if name in sys.modules]
    return {"code": code, "text": printed.getvalue(), "heavy": heavy}


def main(table: str, folder: str) -> None:
    """Answer all rows, those that may read data last."""
    from deepseek_report.cli.output import progress
    from deepseek_report.config.compose import Composer

    progress.reporter = nothing_runs  # type: ignore[assignment]
    of, shared = Composer.of, functools.cache(Composer.of)
    Composer.of = lambda folder: of(folder) if folder else shared(None)  # type: ignore[assignment]
    rows = yaml.safe_load(Path(table).read_text(encoding="utf-8"))
    answers = {}
    for row in sorted(rows, key=lambda row: bool(row.get("data"))):
        place = Path(folder, str(len(answers)))
        place.mkdir()
        os.chdir(place)
        for name, (often, seldom) in _TABLES.items():
            lines = (
                f"{20 + k % 50},{'mf'[k % 2]},{often if k % 3 else seldom}" for k in range(300)
            )
            Path(name).write_text("\n".join(["age,sex,y", *lines, ""]))
        answers[row["typed"]] = answer(row)
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
