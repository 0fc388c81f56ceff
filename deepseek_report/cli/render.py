"""`deepseek-report render`: the report of a run folder again."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import ConfigError


def command(arguments: list[str]) -> int:
    """Write the documents of a run folder again and print their paths."""
    parser = make_parser("render", overrides=False)
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument("--to", default="", metavar="FORMATS", help="of html, pdf, docx")
    parser.add_argument("--engine", choices=["auto", "quarto", "embedded"])
    options = parser.parse_args(arguments)
    formats: Any = [one.strip() for one in options.to.split(",") if one.strip()]
    if unknown := [one for one in formats if one not in {"html", "pdf", "docx"}]:
        raise ConfigError(f"--to {options.to}: {unknown[0]} is not a format; use html, pdf, docx")
    from deepseek_report.runner.writing import read_run, write_report

    gc.disable()  # one report, then the process ends: nothing is worth collecting
    pages, _ = write_report(options.run, formats, options.engine)
    for page in pages:
        print(page)
    return 1 if any(one["kind"] == "failed" for one in read_run(options.run)["problems"]) else 0
