"""A real run as tests read it, and what a test changes of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.runner.run_folders.open_run import read_run, results_of
from tests.shared_runs import SmallRun


def small_results(run: SmallRun) -> Results:
    """The results of the small run, read anew."""
    return results_of(run.folder, read_run(run.folder))


def write_rows(results: Results, n: int, path: Path) -> Path:
    """The first rows of the test part as a person would write them."""
    table = {
        feature.label: [feature.display(value) for value in results.test.inputs[:n, at]]
        if feature.categories
        else results.test.inputs[:n, at]
        for at, feature in enumerate(results.schema.features)
    }
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def with_report(results: Results, **settings: Any) -> Results:
    """The results of a run with other settings of its report."""
    report = {**results.config["report"], **settings}
    return replace(results, config={**results.config, "report": report})


def with_measurement(
    results: Results, metric: str, measured: Measurement, explainer: str = ""
) -> Results:
    """The results in which this was measured; what was concluded before is forgotten."""
    key = ArtifactId.measure(metric, explainer)
    paths = {name: path for name, path in results.paths.items() if name != "conclusions"}
    changed = replace(results, paths={**paths, key: paths["data"]})
    changed._measurements.update({**results._measurements, key: measured})
    return changed


def with_table(
    results: Results,
    metric: str,
    name: str,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    explainer: str = "",
) -> Results:
    """The results with another table of a metric, made from the real one."""
    measured = results.measurement(metric, explainer)
    assert measured is not None, metric
    tables = {**measured.tables, name: change(measured.tables[name].copy())}
    return with_measurement(results, metric, replace(measured, tables=tables), explainer)


def with_score(
    results: Results, metric: str, score: str, explainer: str = "", **values: Any
) -> Results:
    """The results in which every score of this name of a metric has these values."""
    measured = results.measurement(metric, explainer)
    assert measured is not None, metric
    assert any(known.metric == score for known in measured.scores), score
    scores = tuple(
        replace(known, **values) if known.metric == score else known for known in measured.scores
    )
    return with_measurement(results, metric, replace(measured, scores=scores), explainer)
