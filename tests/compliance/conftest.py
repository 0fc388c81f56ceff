"""A small finished run on disk, made by hand so that every number in it is known."""

from __future__ import annotations

import copy
import datetime as dt
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results, read_record
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import save_json, save_table
from deepseek_report.compliance.evaluate import ComplianceReport, evaluate_results
from deepseek_report.compliance.evidence import Evidence, evidence_index
from deepseek_report.compliance.people import read_people
from deepseek_report.compliance.sources import Sources, load_sources
from deepseek_report.compliance.status import Judgement
from deepseek_report.store import hash_folder
from deepseek_report.wording.words import wording
from tests.builders import explanation

CONFIG: dict[str, Any] = {
    "frameworks": {
        name: {"id": name, "file": None, "reviewed_version": ""}
        for name in ("eu_ai_act_annex_iv", "sr_26_2", "jr_t_0221_2021", "gdpr")
    },
    "seeds": {"data": 0, "training": 0, "explain": 0, "measure": 0},
    "measure_time": True,
    "model": {"_target_": "deepseek_report.models.perceptron.mlp.MLP"},
    "metrics": {"impact_ratio": {"reference": {"sex": "women"}}},
    "report": {
        "as_of": None,
        "language": "en",
        "thresholds": [{"metric": "roc_auc", "at_least": 0.7, "set_by": "Credit risk"}],
    },
    "sections": {"compliance": {"floor": 30, "stale_after_days": 180}},
}
#: A row of `impact_ratio.pairs`.
PAIR = {
    "attribute": "sex",
    "attribute_label": "Sex",
    "level": "men",
    "reference": "women",
    "n": 60,
    "n_reference": 40,
    "rate": 0.4,
    "reference_rate": 0.7,
    "ratio": 0.55,
    "low": 0.4,
    "high": 0.7,
    "difference": -0.3,
    "p_value": 0.005,
    "p_adjusted": 0.01,
    "verdict": "clear below",
    "too_few": False,
    "reference_too_few": False,
}
RUN_ID = "0123abcd"
TODAY = dt.date(2026, 11, 25)
PROVENANCE = {
    "started": "2026-11-24T08:00:00+00:00",
    "finished": "2026-11-24T08:03:00+00:00",
    "git": "5" * 40,
}
CARD = {
    "source": "a public archive",
    "licence": "CC BY 4.0",
    "period": "2005",
    "population": "clients",
    "decision": "says who will pay",
    "sector": "credit",
    "preparation": ["dropped an id"],
    "limits": ["one country"],
    "rows": 500,
    "features": 2,
    "labels": [{"class": "paid", "n": 400}],
    "groups": {"sex": [{"level": "men", "n": 200}]},
    "parts": [{"part": "test", "n": 100}],
    "leakage": {"duplicates_across": 0},
    "numeric": [{"feature": "age"}],
    "categorical": [],
}


def evidence_of_kind(results: Results, kind: str, floor: int) -> Evidence:
    """What a run has of one kind of evidence, looked for alone."""
    return evidence_index(results, floor, Sources({kind: load_sources().kinds[kind]}))[kind]


def judgement_of(report: ComplianceReport, row: str) -> Judgement:
    """What is said of a row of the frameworks."""
    judgements = (judgement for part in report.frameworks for judgement in part.judgements)
    return next(judgement for judgement in judgements if judgement.row.id == row)


def english(texts: Iterable[Text]) -> tuple[str, ...]:
    """Messages as an English report says them."""
    return tuple(map(wording().say, texts))


def score(metric: str, value: float = 0.7, **fields: Any) -> Score:
    """A score with an interval of ±0.05 unless told otherwise."""
    known = {"category": "performance", "n": 100, "direction": "higher"}
    ends = {"low": value - 0.05, "high": value + 0.05}
    return Score(metric=metric, value=value, **{**known, **ends, **fields})


def code(case: int, rank: int, **cells: object) -> dict[str, object]:
    """A row of `reason_codes`."""
    row = {"case": case, "explainer": "shap", "role": "reason", "rank": rank, "feature": "x"}
    return row | {"shortfall": 0.1} | cells


def measure(folder: Path, *scores: Score, **tables: list[dict[str, Any]]) -> None:
    """Write a measurement."""
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    Measurement(tuple(scores), frames).save(folder)


def explain(folder: Path, method: str) -> None:
    """Write an explanation of three instances."""
    ones = np.ones((40, 2))
    explained = explanation(ones, ones, method=method, variant=f"{method} 1.0", n_model_calls=9)
    replace(explained, feature_names=("age", "limit"), output_space="logit", seed=1).save(folder)


class Run:
    """A run folder that tests change, and the `Results` that it gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = copy.deepcopy(CONFIG)
        self.digests = {name: name[0] * 64 for name in ("data", "config", "code")}
        self.subjects: dict[str, dict[str, str]] | None = None
        self.failures: dict[str, str] = {}

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def path(self, artifact: str) -> Path:
        return self.artifacts / artifact

    def seal(self) -> dict[str, Any]:
        """The provenance, with the hashes of the files as they are now."""
        manifest = {f"artifacts/{k}": v for k, v in hash_folder(self.artifacts).items()}
        weights = manifest.get("artifacts/training/weights.safetensors", "")
        made = {
            "run_id": RUN_ID,
            "digests": {"weights": weights, **self.digests},
            "versions": {"python": "3.11.7"},
            "environment": {"system": "Linux", "device": "cpu"},
            "stages": [{"id": "data", "key": "a" * 64, "seconds": 0.5}],
            "record": read_record(self.folder),
            "manifest": manifest,
        }
        return made if self.subjects is None else {**made, "subjects": self.subjects}

    def results(self, provenance: dict[str, Any] | None = None) -> Results:
        files = sorted(p.parent for p in self.artifacts.rglob("*") if p.is_file())
        paths = {p.relative_to(self.artifacts).as_posix(): p for p in dict.fromkeys(files)}
        return Results(
            paths,
            self.config,
            self.failures,
            provenance=self.seal() if provenance is None else provenance,
            run_id=RUN_ID,
            folder=self.folder,
            today=TODAY,
        )

    def evaluated(self) -> ComplianceReport:
        return evaluate_results(self.results())

    def judged(self, row: str) -> Judgement:
        return judgement_of(self.evaluated(), row)

    def people_problems(self) -> str:
        """All that is wrong with the files of people."""
        return "\n".join(str(p.in_english()) for p in read_people(self.results()).problems)

    def people(self, text: str, name: str = "risk.yaml") -> Path:
        """Write a file of a person into the run folder."""
        path = self.folder / "people" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, which each test copies."""
    run = Run(tmp_path_factory.mktemp("compliance") / "run")
    save_json(run.path("data") / "card.json", CARD)
    group_by(run, "sex")
    save_json(run.path("data") / "issues.json", [])
    save_json(
        run.path("training") / "architecture.json",
        {"name": "mlp", "parameters": 10, "layers": [{"name": "a"}]},
    )
    (run.path("training") / "weights.safetensors").write_bytes(b"weights")
    save_json(run.path("training") / "training.json", {"rows": 300, "epochs": 2, "seed": 0})
    save_json(run.path("training") / "times.json", {"seconds": 1.5})
    save_table(run.path("training") / "history.parquet", pd.DataFrame({"epoch": [1, 2]}))
    predict(run.path("predictions/test"))
    for name in ("shap", "random"):
        explain(run.path(f"explanations/{name}"), name)
    write_measures(run)
    (run.folder / "config.yaml").write_text("seed: 0\n")
    save_json(run.folder / "run.json", {"run_id": RUN_ID})
    save_json(run.folder / "environment.json", {"versions": {}})
    save_json(run.folder / "provenance.json", PROVENANCE)
    return run.folder


@pytest.fixture
def run(written: Path, tmp_path: Path) -> Run:
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return Run(tmp_path)


def group_by(run: Run, *names: str) -> None:
    """Write a schema whose attributes, of people, are these."""
    age = {"name": "age", "label": "Age", "kind": "numeric", "categories": []}
    groups = [
        {"name": name, "label": name, "levels": ["a", "b"], "kind": "person"} for name in names
    ]
    target = {"name": "y", "label": "Y", "classes": ["a", "b"], "favourable": 0}
    schema = {"features": [age], "target": target, "attributes": groups}
    save_json(run.path("data") / "schema.json", schema)


def predict(folder: Path) -> None:
    """Write predictions of 100 instances."""
    half = np.full((100, 2), 0.5)
    ones = np.ones(100, dtype=np.int64)
    Predictions(half, half, ones, np.arange(100), ones, 0.4, "declared").save(folder)


def write_measures(run: Run) -> None:
    m = run.artifacts / "measures"
    measure(m / "roc_auc", score("roc_auc"))
    measure(
        m / "group_rates",
        score("selection_rate", attribute="sex", level="men"),
        score("selection_rate", attribute="sex", level="others", n=4),
        groups=[{"level": "men"}, {"level": "women"}],
    )
    measure(m / "impact_ratio", score("impact_ratio", 0.55, attribute="sex"), pairs=[PAIR])
    measure(m / "baselines", score("roc_auc_gain", 0.1), comparison=[{"a": 1}, {"a": 2}])
    measure(m / "robustness", score("flipped_under_noise", 0.1), perturbations=[{"a": 1}])
    measure(m / "expected_calibration_error", score("expected_calibration_error"), bins=[{"a": 1}])
    measure(m / "latency", score("latency_ms", 1.0), latency=[{"a": 1}])
    measure(m / "layer_profile", score("forward_ms", 1.0), layers=[{"a": 1}])
    measure(m / "peak_memory", score("peak_memory", 9.0, low=None, high=None))
    measure(
        m / "cases",
        score("reason_codes_kept", 0.9, explainer="shap"),
        cases=[{"case": case} for case in range(13)],
        reasons=[{"case": 0}],
        reason_codes=[code(0, rank) for rank in (1, 2)],
        counterfactuals=[{"case": 0, "status": "found"}],
    )
    measure(
        m / "demographic_parity_difference",
        score("demographic_parity_difference", attribute="sex", p_value=0.2),
        tests=[{"a": 1}],
    )
    measure(m / "label_suspects", score("label_suspects", 0.02))
    measure(m / "max_sensitivity/shap", score("max_sensitivity", 0.5, n=8, explainer="shap"))
    for name in ("shap", "random"):
        measure(
            m / "deletion" / name, score("deletion_gain", 0.2, explainer=name), curve=[{"a": 1}]
        )
        measure(
            m / "importance" / name,
            score("top_feature_share", explainer=name),
            importance=[{"a": 1}],
        )
    measure(
        m / "faithfulness_effect",
        *(
            score(metric, 0.5, explainer="shap")
            for metric in ("deletion_effect", "insertion_effect", "own_case_effect")
        ),
    )
    measure(m / "completeness_gap/shap", score("completeness_gap", 0.01, explainer="shap"))
    measure(
        m / "parameter_randomisation/shap",
        score("randomisation_correlation", 0.1, explainer="shap"),
        score("randomisation_gain", 0.2, low=0.1, high=0.3, explainer="shap"),
    )
