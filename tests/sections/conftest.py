"""The made-up run of `tests/findings`, grown to one that fills every section."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.score import Score

NAMES = ("shap", "integrated_gradients", "random")


def _findings_conftest() -> ModuleType:
    path = Path(__file__).parents[1] / "findings" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made_up = _findings_conftest()


def _groups() -> list[dict[str, Any]]:
    rates = ("selection", "base", "tpr", "fpr", "precision", "accuracy")
    rows = []
    for attribute, label, level, few, crossing in [
        ("sex", "Sex", "men", False, False),
        ("sex", "Sex", "women", False, False),
        ("age_band", "Age band", "under 25", True, False),
        ("age_band", "Age band", "25 or over", False, False),
        ("sex × age_band", "Sex × Age band", "men × under 25", False, True),
    ]:
        row: dict[str, Any] = {"attribute": attribute, "attribute_label": label, "level": level}
        row |= {"n": 300, "n_favourable": 240, "too_few": few, "crossing": crossing}
        for rate in rates:
            name = {"selection": "selection_rate", "base": "base_rate"}.get(rate, rate)
            row |= {name: 0.8, f"{rate}_low": 0.75, f"{rate}_high": 0.85}
        row |= {"roc_auc": 0.77, "roc_auc_low": 0.7, "roc_auc_high": 0.82}
        rows.append(row | {"mean_score": 0.2, "ece": 0.03})
    return rows


def _pairs() -> list[dict[str, Any]]:
    common = {"rate": 0.8, "reference_rate": 0.82, "ratio": 0.98, "low": 0.95, "high": 1.0}
    common |= {"difference": -0.02, "difference_low": -0.05, "difference_high": 0.01}
    common |= {"n": 300, "n_reference": 400, "test": "boschloo", "p_value": 0.2, "p_adjusted": 0.4}
    sex = {"attribute": "sex", "attribute_label": "Sex", "level": "men", "reference": "women"}
    age = {"attribute": "age_band", "attribute_label": "Age band"}
    age |= {"level": "under 25", "reference": "25 or over"}
    nothing = dict.fromkeys(("ratio", "low", "high"), float("nan"))
    return [
        common | sex | {"verdict": "clear above"},
        common | age | nothing | {"verdict": "too few to judge"},
    ]


def _cases(run: Any) -> None:
    roles = [("nearest_threshold", "Nearest to the threshold"), ("group:sex:women", "Sex: women")]
    roles.append(("most_certain_right", "Most certain, and right"))
    case = {"label": "default", "decision": "default", "probability": 0.31, "threshold": 0.3}
    reason = {"feature": "PAY_0", "label": "Repayment status in September", "rank": 1}
    tables: dict[str, list[dict[str, Any]]] = {
        "cases": [
            case
            | {"case": k, "role": role, "role_label": label, "instance_id": 1200 + k, "position": k}
            | {"correct": True}
            for k, (role, label) in enumerate(roles)
        ],
        "inputs": [
            {"case": 0, "feature": "PAY_0", "label": "Status", "display": "late", "typical": "duly"}
        ],
        "reasons": [
            reason
            | {"case": 0, "explainer": "shap", "display": "2 months late", "attribution": 0.17}
            | {"output_space": "probability"}
        ],
        "neighbours": [
            {"case": 0, "rank": k, "instance_id": k, "distance": 0.1, "label": label}
            | {"probability": 0.4}
            for k, label in enumerate(["default", "no default", "default"])
        ],
        "counterfactuals": [
            {"case": 0, "status": "found", "feature": "PAY_0", "label": "Repayment status"}
            | {
                "from_display": "2 months late",
                "to_display": "paid duly",
                "probability_after": 0.2,
            },
            {"case": 1, "status": "none within 3 features", "feature": "", "label": ""}
            | {"from_display": "", "to_display": "", "probability_after": float("nan")},
        ],
        "agreement": [
            {"case": 0, "explainer_a": "integrated_gradients", "explainer_b": "shap"}
            | {"spearman": 0.5, "top3_overlap": 2 / 3}
        ],
        "errors_like_this": [
            {"case": 0, "slice": "late twice", "n": 90, "error_rate": 0.4, "rest_error_rate": 0.2}
        ],
    }
    run.measure("cases", **tables)


def _explanations(run: Any) -> None:
    score = made_up.make_score
    for k, name in enumerate(NAMES):
        space = ("probability", "logit", "none")[k]
        run.explanation(name, space, **({} if name != "random" else {"base_values": None}))
        of = {"explainer": name}
        run.measure(
            f"deletion/{name}",
            score("deletion", 0.5 + 0.05 * k, 0.45, 0.65, **of),
            score("deletion_gain", 0.1 - 0.05 * k, 0.08 - 0.05 * k, 0.15, **of),
        )
        run.measure(
            f"parameter_randomisation/{name}",
            score("randomisation_correlation", (0.1, 0.9, 1.0)[k], (0.0, 0.85, 1.0)[k], 1.0, **of),
        )
        row = {"explainer": name, "mean_absolute": 0.2, "low": 0.1, "high": 0.3, "mean_signed": 0.1}
        features = [("LIMIT", "Credit limit"), ("PAY_0", "Repayment status in September")]
        importance = [
            row | {"feature": feature, "label": label, "share": 0.5, "rank": rank}
            for rank, (feature, label) in enumerate(features, start=1)
        ]
        of_all = ("mean_signed", "share", "rank")
        by_group = [
            {key: value for key, value in row.items() if key not in of_all}
            | {"attribute": "sex", "level": "men", "n": 200}
            for row in importance
        ]
        run.measure(f"importance/{name}", importance=importance, by_group=by_group)
    run.measure(
        "completeness_gap/shap", score("completeness_gap", 1e-9, 0.0, 2e-9, explainer="shap")
    )
    pairs = [{"explainer_a": "shap", "explainer_b": "integrated_gradients", "n": 4}]
    ends = {"spearman": 0.6, "low": 0.5, "high": 0.7, "top5_overlap": 0.6}
    run.measure("explainer_agreement", score("agreement", 0.6, 0.5, 0.7), pairs=[pairs[0] | ends])


def _performance(run: Any) -> None:
    score = made_up.make_score
    run.measure("roc_auc", score("roc_auc", 0.78, 0.77, 0.79, reference="doi:10.2307/2531595"))
    run.measure("accuracy", score("accuracy", 0.77, 0.76, 0.78))
    run.measure(
        "confusion_matrix",
        score("true_positive_rate", 0.6, 0.55, 0.65),
        score("precision", 0.45, 0.4, 0.5),
        matrix=[{"actual": "default", "decided": "default", "n": 60, "share": 0.6}],
    )
    comparison = [
        {"predictor": name, "metric": metric, "value": value}
        | {"low": value - 0.01, "high": value + 0.01, "n": 600}
        for name, value in (("model", 0.78), ("majority", 0.5))
        for metric in ("roc_auc", "accuracy")
    ]
    run.measure(
        "baselines",
        score("accuracy", 0.78, predictor="majority"),
        score("roc_auc_gain", 0.05, 0.03, 0.07, predictor="logistic_regression"),
        comparison=comparison,
    )
    rates = dict.fromkeys(("selection_rate", "true_positive_rate", "false_positive_rate"), 0.5)
    rates |= {"precision": float("nan"), "accuracy": 0.7, "balanced_accuracy": 0.6}
    run.measure("threshold_sweep", sweep=[{"threshold": k / 100, **rates} for k in range(1, 100)])


def _limits(run: Any) -> None:
    score = made_up.make_score
    ends = {"low": 0.1, "high": 0.3}
    run.measure("learning_curve", score("learning_curve_gain", 0.02, 0.01, 0.03), curve=[
        {"rows": 900, "fraction": 1.0, "roc_auc": 0.77, "predictor": "gradient boosting", **ends}
    ])  # fmt: skip
    units = {"layer": 0, "branch": "local", "loss_increase": 0.01, "removable": True, **ends}
    run.measure("ablation", score("removable_heads", 0.5), units=[
        units | {"head": 0}, units | {"head": 1, "removable": False}
    ])  # fmt: skip
    layers = [{"layer": "experts", "kind": "experts", "ms": 1.0, "share": 0.7, **ends}]
    run.measure("layer_profile", layers=layers)
    change = {"perturbation": "noise", "label": "Noise", "level": 0.1, "roc_auc": 0.76, "n": 600}
    flips = {"flipped": 0.03, "flipped_low": 0.02, "flipped_high": 0.05}
    run.measure("robustness", score("flipped_under_noise", 0.03, 0.02, 0.05), perturbations=[
        change | flips | {"low": 0.75, "high": 0.77}
    ])  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A run with nothing in it but the data."""
    return made_up.Run(tmp_path).data()


@pytest.fixture
def full(run: Any) -> Results:
    """A run in which every section finds something to say."""
    run.training().predictions()
    run.promise(metric="roc_auc", at_least=0.75, set_by="the risk board", why="as last year")
    _performance(run)
    _explanations(run)
    _cases(run)
    run.measure("group_rates", groups=_groups())
    run.measure("impact_ratio", pairs=_pairs())
    _limits(run)
    results: Results = run.results()
    return results


@pytest.fixture
def score() -> Callable[..., Score]:
    made: Callable[..., Score] = made_up.make_score
    return made
