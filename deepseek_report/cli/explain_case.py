"""`deepseek-report explain-case`: rows that were not in the data, by the stored model of a run."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from deepseek_report.cli.parsing import add_store, add_trust, add_trust_type, make_parser


def command(arguments: list[str]) -> int:
    """Write a page on each row and print its path, or with --json what it says."""
    parser = make_parser("explain-case", overrides=False)
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument(
        "--row",
        required=True,
        type=Path,
        metavar="FILE",
        help="a CSV, JSON, Parquet or Excel file of rows: a column for every feature",
    )
    add_store(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the page to write; else named after the rows"
    )
    parser.add_argument("--json", action="store_true", help="print what the page says as JSON")
    add_trust(parser)
    add_trust_type(parser)
    options = parser.parse_args(arguments)
    from deepseek_report.runner.given_case_page import CaseRequest, write_case_page
    from deepseek_report.runner.run_folders.open_run import reading
    from deepseek_report.store.run_folder import beside

    store = options.store or beside(options.run, ".store")
    page = options.out or Path(f"{options.row.stem}-explained.html")
    request = CaseRequest(
        options.run, options.row, store, tuple(options.trust), tuple(options.trust_type)
    )
    with reading(options.run), tempfile.TemporaryDirectory(prefix="deepseek-report-") as folder:
        written = write_case_page(request, Path(folder), page if not options.json else None)
    for name in written.ignored:
        print(f"note: the model does not read the column {name}", file=sys.stderr)
    if options.json:
        answer: Any = written.answer
        print(json.dumps(answer, ensure_ascii=False, indent=1))
    else:
        print(page)
    return 0
