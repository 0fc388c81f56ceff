"""`compare`: several finished runs in one document, and its tables as pandas frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from deepseek_report.api.argument_problems import refuse
from deepseek_report.api.finished import Run
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.storage.plain_files import folders_in
from deepseek_report.comparisons.paired_performance import Region
from deepseek_report.runner.comparing import CompareOptions, compare_runs


@dataclass(frozen=True)
class Comparison:
    """Runs that were compared.

    path : the folder of the document. conclusions : what may be concluded, as sentences.
    """

    path: Path
    conclusions: list[str] = field(repr=False)

    @property
    def page(self) -> Path:
        """The document to open."""
        return self.path / "report.html"

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by `<part>/<name>`, such as `compared_performance/fitted`."""
        parts = folders_in(self.path / "artifacts" / "measures")
        return {
            f"{part.name}/{name}": table
            for part in parts
            for name, table in Measurement.load(part).tables.items()
        }


def compare(
    runs: Sequence[Run | Path | str],
    *,
    baseline: Run | Path | str | None = None,
    region: float = 0.01,
    output: Path | str | None = None,
) -> Comparison:
    """Compare finished runs by their artifacts alone, and write one document.

    Parameters
    ----------
    runs : two or more, as runs or as the paths of their folders.
    baseline : the run that the others are set against; None: all against all.
    region : in (0, 1), a difference smaller than this is of no practical use, for measures between
        0 and 1.
    output : the folder to write; None: `comparisons/<id>` below the folder of the reports.

    Raises
    ------
    ArgumentProblems : the region is no number between 0 and 1, or a run is neither run nor path.
    ArtifactError : a folder is no run or was changed, or the runs cannot be compared.
    """
    if not isinstance(region, int | float) or not 0 < region < 1:
        refuse("region", f"it is {region!r}", "a number between 0 and 1", "such as region=0.01")
    if isinstance(runs, str | Path | Run):
        refuse("runs", "it is a single run", "a list of two or more", "such as [first, other]")
    options = CompareOptions(
        baseline=None if baseline is None else _folder(baseline, "baseline"),
        region=Region(share=region),
        output=None if output is None else Path(output),
    )
    written = compare_runs([_folder(run, "runs") for run in runs], options)
    return Comparison(written.folder, list(written.sentences))


def _folder(run: Run | Path | str, argument: str) -> Path:
    if isinstance(run, Run):
        return run.path
    if not isinstance(run, str | Path):
        fault = f"{run!r:.40} is no run"
        refuse(argument, fault, "a run, or the path of its folder", "call load_run(folder)")
    return Path(run)
