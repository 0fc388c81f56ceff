"""A real run of which a test keeps what it is about, with other values where they matter."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.artifacts.storage.files import load_json, save_json
from tests.tiny_runs import TinyRuns

_SUBJECT = ("predictor", "explainer", "attribute", "level", "slice")
#: The (value, low, high) of scores of a method that passes all tests.
PASSED: dict[str, tuple[float, float, float]] = {
    "deletion_effect": (0.8, 0.7, 0.9),
    "insertion_effect": (0.8, 0.7, 0.9),
    "own_case_effect": (0.5, 0.4, 0.6),
    "shared_order": (0.2, 0.1, 0.3),
    "randomisation_correlation": (0.1, 0.0, 0.2),
    "randomisation_gain": (0.2, 0.1, 0.3),
    "repeat_ratio": (0.05, 0.04, 0.06),
    "completeness_gap": (0.0, 0.0, 0.0),
}
EFFECTS = ("deletion_effect", "insertion_effect", "own_case_effect", "shared_order")
MEASURED = {
    "parameter_randomisation": ("randomisation_correlation", "randomisation_gain"),
    "null_players": ("null_player_share",),
    "max_sensitivity": ("repeat_ratio", "max_sensitivity_ratio"),
    "completeness_gap": ("completeness_gap",),
    "self_check": ("self_check_failures",),
}


class VariedRun:
    """Artifacts of a real run, of which only the data are kept at first.

    What a test adds is the artifact of the run with the fields, scores or cells that the test names
    in the place of its own. A measure that the run does not have comes from a tiny run that has it.
    """

    def __init__(self, real: Results, tiny: TinyRuns, folder: Path) -> None:
        self.real, self.tiny, self.folder = real, tiny, folder
        self.paths: dict[str, Path] = {}
        report = {"title": real.config["report"]["title"]}
        self.config: dict[str, Any] = {**real.config, "report": report}
        self.failures: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self._measured: dict[str, Measurement] = {}
        self.data()

    def promise(self, **threshold: Any) -> VariedRun:
        self.config["report"].setdefault("thresholds", []).append(threshold)
        return self

    def data(self, issues: Sequence[DataIssue] = (), **target: Any) -> VariedRun:
        """The real data with these issues in the place of its own, and another target."""
        folder = self._copy("data", "card.json")
        schema = self.real.schema
        changed = replace(schema, target=replace(schema.target, **target))
        save_json(folder / "schema.json", changed.to_json())
        save_json(folder / "issues.json", [issue.to_json() for issue in issues])
        return self

    def training(self, **facts: Any) -> VariedRun:
        """A training that stopped early after its best epoch, with these facts besides."""
        folder = self._copy("training", "*.json", "history.parquet")
        ended = {"epochs": 9, "best_epoch": 6, "stopped_early": True, "diverged": False}
        losses = {"last_validation_loss": 0.44, "best_validation_loss": 0.43}
        known = load_json(folder / "training.json")
        save_json(folder / "training.json", {**known, **ended, **losses, **facts})
        return self

    def predictions(self, **fields: Any) -> VariedRun:
        known: Predictions = self.real.predictions
        replace(known, **fields).save(self.place("predictions/test"))
        self.paths["cases"] = self.real.paths["cases"]
        return self

    def explanation(
        self, name: str, space: str = "probability", *, cases: int | None = None, **fields: Any
    ) -> VariedRun:
        """The explanation by this method, or that by SHAP where the run has none.

        It answers the question of the run, unless a `game` is named.
        """
        real = self.real.explanations.get(name, self.real.explanations["shap"])
        kept = real.at(np.arange(len(real) if cases is None else cases))
        game = self.real.explanations["shap"].game
        named = {"method": name, "variant": name, "output_space": space, "game": game}
        replace(kept, **{**named, **fields}).save(self.place(f"explanations/{name}"))
        return self

    def tests_of(self, **methods: Mapping[str, tuple[float, float, float] | None]) -> VariedRun:
        """Explanations with the (value, low, high) of these tests; all others are passed well."""
        effects = []
        for name, changes in methods.items():
            self.explanation(name)
            tests = {metric: ends for metric, ends in {**PASSED, **changes}.items() if ends}
            scores = {
                metric: self.score(metric, *ends, explainer=name) for metric, ends in tests.items()
            }
            effects += [scores[metric] for metric in EFFECTS if metric in scores]
            for key, metrics in MEASURED.items():
                own = [scores[metric] for metric in metrics if metric in scores]
                if own:
                    self.measure(f"{key}/{name}", *own)
        return self.measure("faithfulness_effect", *effects)

    def tested_like(self, other: VariedRun) -> VariedRun:
        """The explanations that `other` tests, of this run, with the outcomes of its tests."""
        for name in other.real.explanations.keys() & {
            key.partition("/")[2] for key in other.paths if key.startswith("explanations/")
        }:
            self.explanation(name)
        self._measured |= other._measured
        self.paths |= dict.fromkeys(other._measured, self.paths["data"])
        return self

    def score(
        self, metric: str, value: float, low: Any = None, high: Any = None, **fields: Any
    ) -> Score:
        """The real score of this name, that of the same subject if there is one, with this value.

        Value, interval and p-value belong together: what is not named is None.
        """
        subject = {"predictor": "model", **dict.fromkeys(_SUBJECT[1:], ""), **fields}
        runs = chain([self.real], self.tiny)
        known = next((scores for results in runs if (scores := results.find(metric))), [])
        assert known, f"no run of the tests has the score {metric}"
        nearest = max(known, key=lambda score: _agreement(score, subject))
        ends = {"value": value, "low": low, "high": high, "p_value": None}
        return replace(nearest, **{**ends, **fields})

    def measure(self, key: str, *scores: Score, **tables: Sequence[Mapping[str, Any]]) -> VariedRun:
        """A measure with these scores, and with tables whose first real row has these cells.

        key : `<metric>` or `<metric>/<explainer>`.
        """
        metric, _, _ = key.partition("/")
        real = {name: self._real_table(metric, name) for name in tables}
        frames = {name: _rows_like(real[name].tables[name], rows) for name, rows in tables.items()}
        types = {
            name: declared.restricted_to(frames[name].columns)
            for name, measured in real.items()
            for declared in [measured.types.get(name)]
            if declared is not None
        }
        artifact = f"measures/{key}"
        self._measured[artifact] = Measurement(scores, frames).typed(types)
        self.paths[artifact] = self.paths["data"]
        return self

    def results(self) -> Results:
        made = Results(self.paths, self.config, self.failures, self.refused)
        made._measurements.update(self._measured)
        return made

    def _real_table(self, metric: str, name: str) -> Measurement:
        """A measurement by this metric that has this table, and rows in it if any has some."""
        tables: list[Measurement] = []
        for results in chain([self.real], self.tiny.with_measure(metric)):
            tables += [known for known in results._each(metric) if name in known.tables]
            if tables and len(tables[-1].tables[name]):
                return tables[-1]
        assert tables, f"no run of the tests has the table {name} of {metric}"
        return tables[0]

    def _copy(self, artifact: str, *patterns: str) -> Path:
        place = self.place(artifact)
        for pattern in patterns:
            for file in self.real.paths[artifact].glob(pattern):
                shutil.copy(file, place)
        return place

    def place(self, artifact: str) -> Path:
        """The folder of a new artifact, to be filled."""
        self.paths[artifact] = self.folder / artifact
        self.paths[artifact].mkdir(parents=True, exist_ok=True)
        return self.paths[artifact]


def _agreement(score: Score, subject: Mapping[str, Any]) -> int:
    return sum(getattr(score, name) == subject[name] for name in _SUBJECT)


def _rows_like(real: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows that are the first real one but for these cells; of an empty table they alone."""
    first = {str(column): cells.iloc[0] if len(cells) else None for column, cells in real.items()}
    unknown = {name for row in rows for name in row} - set(first)
    assert not unknown, f"the table has no column {sorted(unknown)}; it has {sorted(first)}"
    return pd.DataFrame([{**first, **row} for row in rows], columns=list(real.columns))
