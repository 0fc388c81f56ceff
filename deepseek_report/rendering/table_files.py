"""Tables as files beside the report: CSV for machines, and a plain page for people.

A page holds what the report itself has no room for. It is one file without scripts; every cell is
escaped as HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.rendering import page_parts
from deepseek_report.rendering.markdown import RenderedColumn, csv_text, plain_cell
from deepseek_report.wording.words import Wording

#: The folder of a run that holds tables.
FOLDER = "tables"


@dataclass(frozen=True)
class FiledTable:
    """A whole table, to be written beside the report.

    name : of the files, without an ending. title : plain text.
    """

    name: str
    title: str
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[RenderedColumn]

    def __bool__(self) -> bool:
        return bool(self.rows and self.columns)

    @property
    def csv(self) -> str:
        """The path of the CSV within the run folder."""
        return f"{FOLDER}/{self.name}.csv"

    @property
    def page(self) -> str:
        """The path of the page within the run folder."""
        return f"{FOLDER}/{self.name}.html"

    def write_csv(self, folder: Path) -> None:
        keys = [column.key for column in self.columns]
        plain_files.write_text(folder / self.csv, csv_text(self.rows, keys))

    def write_page(self, folder: Path, words: Wording, language: str) -> None:
        """Write the table as a page of its own."""
        page = page_parts.template("table.html").render(
            title=self.title,
            language=language,
            style=page_parts.part("table.css"),
            heads=[plain_cell(column.heading, words) for column in self.columns],
            rows=[
                [
                    (column.numeric, plain_cell(row.get(column.key), words))
                    for column in self.columns
                ]
                for row in self.rows
            ],
        )
        plain_files.write_text(folder / self.page, page)
