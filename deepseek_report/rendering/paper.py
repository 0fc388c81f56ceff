"""What goes into a paper: tables as LaTeX, pictures as PDF at the widths of columns, BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deepseek_report.artifacts.storage import plain_files
from deepseek_report.rendering import typeset

#: {what a picture is for: its width in mm}, of one and of two columns of most journals.
WIDTHS: Mapping[str, int] = {"one-column": 86, "two-columns": 178}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "\u00a0": "~",
    "−": r"\ensuremath{-}",
    "≥": r"\ensuremath{\geq}",
    "≤": r"\ensuremath{\leq}",
    "±": r"\ensuremath{\pm}",
    "–": "--",
}
_NUMBER = re.compile(r"[\s\d.,%−+±()–≤≥<>-]+")


def latex_text(text: object) -> str:
    r"""A text of which LaTeX takes nothing for a command.

    >>> print(latex_text("50 % of {a_b} & c"))
    50 \% of \{a\_b\} \& c
    """
    plain = " ".join(str(text).split("\n"))
    written = (letter for letter in plain if letter.isprintable() or letter in _SPECIAL)
    return "".join(_SPECIAL.get(letter, letter) for letter in written)


def latex_table(
    caption: str, label: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]
) -> str:
    """A table for the packages `booktabs` and `inputenc`, or any Unicode engine.

    Parameters
    ----------
    columns : {key of a row: head}. rows : cells by these keys; a column of numbers is set right.
    """
    cells = [["" if row.get(key) is None else str(row[key]) for key in columns] for row in rows]
    sides = "".join(
        "r" if all(not text or _NUMBER.fullmatch(text) for text in column) else "l"
        for column in zip(*cells, strict=True)
    )
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{latex_text(caption)}}}",
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', label)}}}",
        rf"  \begin{{tabular}}{{{sides or 'l' * len(columns)}}}",
        r"    \toprule",
        f"    {_row(columns.values())}",
        r"    \midrule",
        *(f"    {_row(row)}" for row in cells),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[object]) -> str:
    return " & ".join(map(latex_text, cells)) + r" \\"


def picture_pdfs(figures: Path) -> list[Path]:
    """Each picture of a folder as PDF, once for each of `WIDTHS`, beside it."""
    written = []
    for picture in plain_files.files_in(figures, ".svg"):
        for name, width in WIDTHS.items():
            source = (
                "#set page(width: auto, height: auto, margin: 0pt)\n"
                "#set document(date: none)\n"
                f'#image("/{picture.name}", width: {width}mm)\n'
            )
            path = picture.with_name(f"{picture.stem}-{name}.pdf")
            plain_files.write_bytes(path, typeset.compile_pdf(source, figures))
            written.append(path)
    return written


def bibtex(run_id: str, title: str, version: str, run_digest: str, year: str = "") -> str:
    """An entry by which a report is cited.

    year : in which it was made; empty where the run records no times.
    """
    fields = {
        "title": f"{{{latex_text(title)}}}",
        "year": year,
        "howpublished": f"Report of deepseek-report {latex_text(version)}",
        "note": f"Run {latex_text(run_id)}, run digest sha256:{run_digest}",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    key = re.sub(r"[^A-Za-z0-9]", "-", run_id)
    return "\n".join([f"@misc{{deepseek-report-{key},", *lines, "}"]) + "\n"
