"""A made-up run of which a test says only what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.protocols.traits import table_types
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.artifacts.split import DataIssue
from deepseek_report.artifacts.storage.files import save_json, save_table
from deepseek_report.artifacts.table import TableTypes

LATE = tuple(
    Category(str(code), label) for code, label in [(-1, "paid duly"), (2, "2 months late")]
)
N = 40


def make_schema(**target: Any) -> Schema:
    """Two features, two attributes, a binary target."""
    features = (
        Feature("LIMIT", "Credit limit", "numeric", "NT$"),
        Feature("PAY_0", "Repayment status in September", "ordinal", None, LATE),
    )
    attributes = (
        Attribute("sex", "Sex", ("men", "women")),
        Attribute("age_band", "Age band", ("under 25", "25 or over")),
    )
    named = {"classes": ("no default", "default"), "favourable": 0, **target}
    return Schema(features, Target("default", "Default next month", **named), attributes)


@cache
def declared_types(metric: str) -> TableTypes:
    """What the shipped metric of this key declares of its tables."""
    path = Path(__file__).parents[2] / "conf" / "metrics" / f"{metric}.yaml"
    if not path.exists():
        return {}
    module, _, name = yaml.safe_load(path.read_text("utf-8"))[metric]["_target_"].rpartition(".")
    return table_types(getattr(import_module(module), name))


class Run:
    """Writes artifacts below a folder and reads them back as `Results`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        self.config: dict[str, Any] = {"seed": 1, "name": "made_up", "report": {"title": "A title"}}
        self.failures: dict[str, str] = {}
        self.refused: dict[str, str] = {}

    def place(self, artifact: str) -> Path:
        self.paths[artifact] = self.folder / artifact
        self.paths[artifact].mkdir(parents=True, exist_ok=True)
        return self.paths[artifact]

    def promise(self, **threshold: Any) -> Run:
        self.config["report"].setdefault("thresholds", []).append(threshold)
        return self

    def data(self, issues: Sequence[DataIssue] = (), **target: Any) -> Run:
        folder = self.place("data")
        save_json(folder / "schema.json", make_schema(**target).to_json())
        save_json(folder / "card.json", CARD)
        save_json(folder / "issues.json", [issue.to_json() for issue in issues])
        return self

    def training(self, **facts: Any) -> Run:
        folder = self.place("training")
        common = {"epochs": 9, "best_epoch": 6, "stopped_early": True, "diverged": False}
        losses = {"last_validation_loss": 0.44, "best_validation_loss": 0.43, "notes": []}
        save_json(folder / "training.json", common | losses | facts)
        layers = [{"name": "output", "kind": "linear", "parameters": 66, "shape": [2, 32]}]
        about = {"name": "mlp", "summary": "Two layers", "parameters": 66, "layers": layers}
        save_json(folder / "architecture.json", about)
        save_json(folder / "timing.json", {"seconds": 3.2, "rows_per_second": 900.0})
        save_table(folder / "history.parquet", pd.DataFrame({"epoch": [1], "train_loss": [0.5]}))
        return self

    def predictions(self, threshold: float | None = 0.3) -> Run:
        p = np.linspace(0.05, 0.95, N)
        Predictions(
            logits=np.column_stack([np.zeros(N), np.log(p / (1 - p))]),
            probabilities=np.column_stack([1 - p, p]),
            labels=(p > 0.5).astype(np.int64),
            instance_ids=np.arange(N, dtype=np.int64),
            decisions=(p >= 0.3).astype(np.int64),
            threshold=threshold,
            rule="declared",
        ).save(self.place("predictions/test"))
        Cases(np.arange(4, dtype=np.int64), {"nearest_threshold": 0}).save(self.place("cases"))
        return self

    def explanation(
        self, name: str, space: str = "probability", *, cases: int = N, **fields: Any
    ) -> Run:
        values = np.array([[0.1, 0.2], [-0.1, 0.3], [0.0, 0.1], [0.2, 0.2]])
        Explanation(
            values=np.resize(values, (cases, 2)),
            inputs=np.zeros((cases, 2)),
            predictions=np.full(cases, 0.4),
            positions=np.arange(cases, dtype=np.int64),
            feature_names=("LIMIT", "PAY_0"),
            method=name,
            variant=name,
            target=1,
            output_space=space,  # type: ignore[arg-type]
            n_model_calls=100,
            **{"base_values": np.full(cases, 0.22), "seconds": 1.5, "seed": 1, **fields},
        ).save(self.place(f"explanations/{name}"))
        return self

    def tests_of(self, **methods: Mapping[str, tuple[float, float, float]]) -> Run:
        """Explanations with the (value, low, high) of these tests; all others are passed well."""
        effects = []
        for name, changes in methods.items():
            tests = PASSED | changes
            self.explanation(name)
            made = {
                metric: make_score(metric, *ends, explainer=name)
                for metric, ends in tests.items()
                if ends
            }
            effects += [made.pop(metric) for metric in EFFECTS if metric in made]
            for key, metrics in MEASURED.items():
                own = [made[metric] for metric in metrics if metric in made]
                if own:
                    self.measure(f"{key}/{name}", *own)
        return self.measure("faithfulness_effect", *effects)

    def measure(self, key: str, *scores: Score, **tables: Sequence[Mapping[str, Any]]) -> Run:
        frames = {name: pd.DataFrame(list(rows)) for name, rows in tables.items()}
        declared = declared_types(key.partition("/")[0])
        types = {
            name: declared[name].restricted_to(frame.columns)
            for name, frame in frames.items()
            if name in declared
        }
        Measurement(scores, frames).typed(types).save(self.place(f"measures/{key}"))
        return self

    def results(self) -> Results:
        return Results(
            self.paths, self.config, self.failures, run_id="abc123", refused=self.refused
        )


#: The scores of a method that passes all tests.
PASSED: dict[str, tuple[float, float, float]] = {
    "deletion_effect": (0.8, 0.7, 0.9),
    "insertion_effect": (0.8, 0.7, 0.9),
    "own_case_effect": (0.5, 0.4, 0.6),
    "shared_order": (0.2, 0.1, 0.3),
    "randomisation_correlation": (0.1, 0.0, 0.2),
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

CARD: dict[str, Any] = {
    "name": "made_up",
    "title": "Made-up clients",
    "decision": "Which clients will default; who is expected to pay gets credit.",
    "period": "April to September 2005",
    "rows": 30_000,
    "labels": [
        {"class": "no default", "n": 23_364, "share": 0.7788},
        {"class": "default", "n": 6_636, "share": 0.2212},
    ],
    "parts": [{"part": "test", "n": 6_000, "positive": 1_327, "share": 0.2212}],
    "groups": {"sex": [{"level": "men", "n": 11_888, "share": 0.396, "base_rate": 0.242}]},
    "missing": {},
    "leakage": {"duplicates_across": 0},
    "correlations": [
        {"a": "x", "b": "y", "label_a": "Bill in May", "label_b": "Bill in June", "spearman": 0.95}
    ],
    "preparation": ["Nothing was changed."],
    "limits": ["One country, half a year."],
}


def make_score(metric: str, value: float, low: Any = None, high: Any = None, **more: Any) -> Score:
    common: dict[str, Any] = {"category": "performance", "n": 600, "direction": "higher"}
    return Score(metric, value=value, low=low, high=high, **(common | more))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with nothing in it but the data."""
    return Run(tmp_path).data()


@pytest.fixture
def score() -> Callable[..., Score]:
    return make_score


@pytest.fixture
def say() -> Callable[[Finding], str]:
    """All texts of a finding in English, as one string."""
    from deepseek_report.wording.words import wording

    def text_of(finding: Finding) -> str:
        worded = wording("en").finding(finding)
        return f"{worded.claim} {worded.detail} {worded.more} {worded.why} {worded.do}"

    return text_of
