"""`deepseek-report init`: a study of one's own, ready to run."""

from __future__ import annotations

from pathlib import Path

from deepseek_report.cli.parsing import make_parser
from deepseek_report.errors import ConfigError


def command(arguments: list[str]) -> int:
    """Write a folder with a configuration, a plug-in with its test, and a Makefile."""
    parser = make_parser("init", overrides=False)
    parser.add_argument("folder", metavar="DIR", type=Path, help="the folder to make")
    parser.add_argument("--data", metavar="FILE", type=Path, help="a table of your own")
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict")
    parser.add_argument("--name", help="of the study; without it the folder's")
    parser.add_argument("--copy", action="store_true", help="copy the data into the folder")
    options = parser.parse_args(arguments)
    _check(options.data, options.target, options.copy)
    from deepseek_report.cli.output.new_study import say_study
    from deepseek_report.runner.scaffold.new_study import NewStudy, make_study, study_name

    name = options.name or study_name(options.folder)
    study = NewStudy(options.folder, name, options.data, options.target, options.copy)
    say_study(study, make_study(study))
    return 0


def _check(data: Path | None, target: str | None, copy: bool) -> None:
    if data is None and (target is not None or copy):
        wanted = "--target" if target is not None else "--copy"
        raise ConfigError(f"init: {wanted} is about data of your own. Add --data FILE")
    if data is None or target is not None:
        return
    from deepseek_report.datasets.readers.file_form import FileForm
    from deepseek_report.datasets.readers.table_file import read_header

    names = ", ".join(read_header(data, FileForm())[:40])
    raise ConfigError(
        f"init: which column is to be predicted? Add --target COLUMN; the columns are {names}"
    )
