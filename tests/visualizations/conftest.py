"""A small made-up run, saved as artifacts, for pictures to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.predictions import Cases, Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.artifacts.storage.files import save_json, save_table

from .layouts import SCHEMAS, concluded, layout_results, text_schema

MONTHS = ("September", "August", "July", "June", "May", "April")
EXPLAINERS = (
    "shap",
    "lime",
    "integrated_gradients",
    "input_x_gradient",
    "attention_rollout",
    "random",
)
N, EXPLAINED = 600, 120


def credit_schema() -> Schema:
    late = tuple(
        Category(str(code), label)
        for code, label in [
            (-1, "paid duly"),
            (1, "1 month late"),
            (2, "2 months late"),
            (3, "3 months late"),
        ]
    )
    features = [
        Feature("limit", "Credit limit", "numeric", "NT$"),
        Feature("age", "Age", "numeric", "years", sensitive=True),
        Feature(
            "education",
            "Education",
            "categorical",
            None,
            (
                Category("1", "graduate school"),
                Category("2", "university"),
                Category("3", "high school"),
            ),
        ),
        *(Feature(f"pay_{m}", f"Repayment status in {m}", "ordinal", None, late) for m in MONTHS),
        *(Feature(f"bill_{m}", f"Bill in {m}", "numeric", "NT$") for m in MONTHS),
        *(Feature(f"paid_{m}", f"Amount paid in {m}", "numeric", "NT$") for m in MONTHS),
    ]
    attributes = (
        Attribute("sex", "Sex", ("men", "women")),
        Attribute(
            "age_band", "Age band", ("under 25", "25–34", "35–44", "45–54", "55 or more"), "age"
        ),
        Attribute("marriage", "Marital status", ("married", "single", "other")),
    )
    target = Target("default", "Default next month", ("no default", "default"), favourable=0)
    return Schema(tuple(features), target, attributes)


HOSTILE = (
    "<script>alert(1)</script>",
    "$x^2$ and $\\frac{1}{2}$",
    "| a | b | `c` **d**",
    "a very long label " * 12,
    "信用卡还款状态二零零五年九月" * 3,
    "tab\tnew\nline\x00\x07\u202e end",
    "%d %{x} {0} \\n",
    "",
)


#: Labels of 10 000 characters, as a broken export or a text in a column of categories gives them.
ENDLESS = tuple(
    (f"{number} " + part * 10_000)[:10_000]
    for number, part in enumerate(("x", "many short words ", "状态", "<b>&amp;", "a-b_c "))
)


def hostile_schema(texts: Sequence[str] = HOSTILE) -> Schema:
    """The same columns with the worst of labels."""
    plain = credit_schema()
    bad = [texts[i % len(texts)] for i in range(99)]
    features = tuple(
        Feature(
            f.name,
            bad[i],
            f.kind,
            f.unit,
            tuple(Category(c.code, bad[j + 1]) for j, c in enumerate(f.categories)),
        )
        for i, f in enumerate(plain.features)
    )
    attributes = tuple(
        Attribute(a.name, bad[i], tuple(bad[i + j + 1] for j in range(len(a.levels))))
        for i, a in enumerate(plain.attributes)
    )
    return Schema(features, Target("y", bad[0], (bad[1], bad[4]), favourable=0), attributes)


def hostile_layout(modality: str, texts: tuple[str, ...] = HOSTILE) -> Schema:
    """A schema of a layout with the worst of labels and tokens."""
    target = Target("y", texts[0], (texts[1], texts[4]), favourable=0)
    if modality == "text":
        return replace(text_schema(texts * 2), target=target)
    plain = SCHEMAS[modality]()
    assert plain.layout is not None
    labels = tuple(texts[at % len(texts)] for at in range(len(plain.layout.players)))
    features = tuple(
        replace(feature, label=f"{texts[at % len(texts)]}, step")
        for at, feature in enumerate(plain.features)
    )
    layout = replace(plain.layout, player_labels=labels)
    return replace(plain, features=features, target=target, layout=layout)


class Builder:
    """Writes the artifacts of a made-up run below a folder."""

    def __init__(self, folder: Path, schema: Schema, *, gaps: bool) -> None:
        self.folder, self.schema, self.gaps = folder, schema, gaps
        self.rng = np.random.default_rng(5)
        self.paths: dict[str, Path] = {}

    def place(self, artifact: str) -> Path:
        self.paths[artifact] = self.folder / artifact
        self.paths[artifact].mkdir(parents=True, exist_ok=True)
        return self.paths[artifact]

    def measure(self, key: str, *scores: Score, **tables: pd.DataFrame) -> None:
        arrays = tables.pop("arrays", {})
        if self.gaps:
            tables = {name: _without_intervals(table) for name, table in tables.items()}
            scores = tuple(Score(**{**vars(s), "low": None, "high": None}) for s in scores)
        Measurement(scores, tables, arrays).save(self.place(f"measures/{key}"))  # type: ignore[arg-type]

    def results(self) -> Results:
        for step in (
            _data,
            _training,
            _predictions,
            _explanations,
            _performance,
            _groups,
            _trust,
            _inside,
            _own_account,
            _numbers,
        ):
            step(self)
        return concluded(Results(self.paths, {}), self.folder)


def _without_intervals(table: pd.DataFrame) -> pd.DataFrame:
    ends = [c for c in table if str(c) in {"low", "high"} or str(c).endswith(("_low", "_high"))]
    return table.assign(**dict.fromkeys(ends, np.nan))


def score(metric: str, value: float, half: float | None = 0.01, **subject: Any) -> Score:
    ends = {} if half is None else {"low": value - half, "high": value + half}
    return Score(metric, "performance", value, N, "higher", **ends, **subject)


def _data(b: Builder) -> None:
    save_json(b.place("data") / "schema.json", b.schema.to_json())


def _training(b: Builder) -> None:
    epochs = np.arange(1, 13)
    history = pd.DataFrame(
        {
            "epoch": epochs,
            "train_loss": 0.42 + 0.3 * np.exp(-epochs / 3),
            "validation_loss": 0.44 + 0.25 * np.exp(-epochs / 2) + 0.0012 * (epochs - 6).clip(0),
            "validation_score": 0.775 - 0.1 * np.exp(-epochs / 3),
            "learning_rate": 5e-3 * (1 - epochs / 12) + 1e-5,
            "gradient_norm": 0.4 + np.exp(-epochs / 4),
            "balance_loss": 1 + 0.3 * np.exp(-epochs / 4),
        }
    )
    folder = b.place("training")
    save_table(folder / "history.parquet", history)
    save_json(
        folder / "training.json",
        {"best_epoch": 9, "epochs": 12, "diverged": False, "score": "ROC AUC"},
    )


def _predictions(b: Builder) -> None:
    logits = b.rng.normal(-1.3, 1.2, N)
    p = 1 / (1 + np.exp(-logits))
    labels = (b.rng.random(N) < p).astype(np.int64)
    Predictions(
        logits=np.column_stack([np.zeros(N), logits]),
        probabilities=np.column_stack([1 - p, p]),
        labels=labels,
        instance_ids=np.arange(N, dtype=np.int64) + 17000,
        decisions=(p >= 0.31).astype(np.int64),
        threshold=0.31,
        rule="balanced_accuracy",
    ).save(b.place("predictions/test"))
    roles = {"most_certain_right": 3, "most_certain_wrong": 40, "group:sex:women": 77}
    Cases(np.arange(0, N, N // EXPLAINED, dtype=np.int64), roles).save(b.place("cases"))


def _explanations(b: Builder) -> None:
    features, weight = (
        b.schema.features,
        np.r_[0.5, 0.1, 0.08, 1.0, 0.5, 0.3, 0.1, 0.1, 0.1, np.full(12, 0.06)],
    )
    inputs = np.column_stack(
        [
            b.rng.integers(0, len(f.categories), EXPLAINED)
            if f.categories
            else b.rng.lognormal(9, 1, EXPLAINED).round()
            for f in features
        ]
    ).astype(float)
    inputs[5, 0] = np.nan
    spread = np.nanstd(inputs, axis=0)
    effect = weight * np.nan_to_num(
        (inputs - np.nanmean(inputs, axis=0)) / np.where(spread > 0, spread, 1)
    )
    effect[:, 0] *= -1
    for at, name in enumerate(EXPLAINERS):
        noise = b.rng.normal(0, 0.03 + 0.03 * at, effect.shape)
        values = effect + noise if name != "random" else b.rng.normal(0, 1, effect.shape)
        signed = name != "attention_rollout"
        Explanation(
            values=values if signed else np.abs(values),
            inputs=inputs,
            predictions=-1.3 + values.sum(axis=1),
            positions=np.arange(0, N, N // EXPLAINED, dtype=np.int64),
            feature_names=tuple(b.schema.names),
            method=name,
            variant=name,
            target=1,
            output_space="logit" if name not in {"random", "attention_rollout"} else "none",
            seed=1,
            n_model_calls=100,
            base_values=np.full(EXPLAINED, -1.3)
            if name in {"shap", "integrated_gradients"}
            else None,
            signed=signed,
        ).save(b.place(f"explanations/{name}"))
        _importance(b, name, np.abs(values))


def _importance(b: Builder, name: str, size: np.ndarray) -> None:
    mean, half = size.mean(axis=0), 2 * size.std(axis=0) / np.sqrt(EXPLAINED)
    table = pd.DataFrame(
        {
            "explainer": name,
            "feature": b.schema.names,
            "label": b.schema.labels,
            "mean_absolute": mean,
            "low": mean - half,
            "high": mean + half,
            "mean_signed": 0.0,
            "share": mean / mean.sum(),
            "rank": pd.Series(-mean).rank(),
        }
    )
    b.measure(f"importance/{name}", importance=table)


def _performance(b: Builder) -> None:
    t = np.linspace(0, 1, 60)
    roc = pd.DataFrame(
        {"false_positive_rate": t, "true_positive_rate": t**0.35, "threshold": 1 - t}
    )
    recall = pd.DataFrame({"recall": t, "precision": 0.85 - 0.6 * t**1.2, "threshold": 1 - t})
    b.measure("roc_auc", score("roc_auc", 0.772, 0.012), curve=roc)
    b.measure("average_precision", score("average_precision", 0.541, 0.02), curve=recall)
    _ranking(b)
    edges = np.quantile(1 / (1 + np.exp(-b.rng.normal(-1.3, 1.2, 2000))), np.linspace(0, 1, 16))
    predicted = (edges[:-1] + edges[1:]) / 2
    observed = (predicted * 0.9 + 0.01).clip(0, 1)
    bins = pd.DataFrame(
        {
            "bin": range(15),
            "from": edges[:-1],
            "to": edges[1:],
            "n": 40,
            "predicted": predicted,
            "observed": observed,
            "low": (observed - 0.06).clip(0),
            "high": (observed + 0.07).clip(max=1),
        }
    )
    b.measure("expected_calibration_error", score("expected_calibration_error", 0.024), bins=bins)
    threshold = np.linspace(0.01, 0.99, 99)
    sweep = pd.DataFrame(
        {
            "threshold": threshold,
            "selection_rate": threshold**0.3,
            "true_positive_rate": 1 - threshold**0.6,
            "false_positive_rate": 1 - threshold**0.2,
            "precision": np.where(threshold > 0.9, np.nan, 0.22 + 0.6 * threshold),
            "accuracy": 0.8 - 0.3 * (threshold - 0.5) ** 2,
            "balanced_accuracy": 0.7 - 0.5 * (threshold - 0.3) ** 2,
        }
    )
    b.measure("threshold_sweep", sweep=sweep)
    rows = np.array([300, 600, 1200, 2400, 4800, 9600, 19200])
    auc = 0.78 - 1.2 / np.sqrt(rows)
    curve = pd.DataFrame(
        {
            "rows": rows,
            "fraction": rows / 19200,
            "roc_auc": auc,
            "low": auc - 0.012,
            "high": auc + 0.012,
            "predictor": "gradient_boosting",
        }
    )
    b.measure("learning_curve", score("learning_curve_gain", 0.0036, 0.005), curve=curve)
    levels = np.array([0.05, 0.1, 0.2, 0.4])
    parts = []
    for label, slope in (
        ("noise on numbers", 0.08),
        ("values missing", 0.2),
        ("categories drawn anew", 0.13),
    ):
        drop = slope * levels
        parts.append(
            pd.DataFrame(
                {
                    "perturbation": label.split()[0].lower(),
                    "label": label,
                    "level": levels,
                    "roc_auc": 0.77 - drop,
                    "low": 0.758 - drop,
                    "high": 0.782 - drop,
                    "flipped": drop * 1.5,
                    "flipped_low": drop * 1.2,
                    "flipped_high": drop * 1.9,
                    "n": N,
                }
            )
        )
    b.measure("robustness", perturbations=pd.concat(parts))


def _ranking(b: Builder) -> None:
    """Gain, lift and precision by share, and the table of labels and decisions."""
    depth = np.array([0.05, 0.1, 0.2, 0.5, 1.0])
    gain = depth**0.5
    curves = pd.DataFrame({"depth": depth, "n": np.round(N * depth).astype(int)})
    for name, value in (("gain", gain), ("lift", gain / depth)):
        ends = {name: value, f"{name}_low": 0.9 * value, f"{name}_high": 1.05 * value}
        curves = curves.assign(**ends)
    share = np.linspace(0.1, 1, 10)
    right = 0.85 - 0.6 * share**1.2
    band = {"recall": share, "precision": right}
    band |= {"precision_low": right - 0.05, "precision_high": right + 0.06}
    b.measure("ranking_curves", gain=curves, precision_recall=pd.DataFrame(band))
    names = b.schema.target.classes
    counts = np.array([410, 60, 50, 80])
    matrix = {"actual": np.repeat(names, 2), "decided": np.tile(names, 2), "n": counts}
    shares = counts / np.repeat(counts.reshape(2, 2).sum(axis=1), 2)
    rates = pd.DataFrame({"class": names, "n": [470, 130], "decided": [460, 140]})
    rates = rates.assign(recall=shares[[0, 3]], precision=[0.89, 0.57])
    rates = rates.assign(recall_low=shares[[0, 3]] - 0.05, recall_high=shares[[0, 3]] + 0.05)
    rates = rates.assign(precision_low=0.5, precision_high=0.95)
    b.measure("confusion_matrix", matrix=pd.DataFrame({**matrix, "share": shares}), classes=rates)


def _groups(b: Builder) -> None:
    rows = []
    pairs = [(a.name, a.label, level, False) for a in b.schema.attributes for level in a.levels]
    first, second = b.schema.attributes[:2]
    pairs += [
        (
            f"{first.name} × {second.name}",
            f"{first.label} × {second.label}",
            f"{own}, {other}",
            True,
        )
        for own in first.levels
        for other in second.levels
    ]
    for at, (attribute, label, level, crossing) in enumerate(pairs):
        row: dict[str, Any] = {
            "attribute": attribute,
            "attribute_label": label,
            "level": level,
            "n": 3000 // (at + 1),
            "crossing": crossing,
            "too_few": at in {9, 12},
        }
        for rate, middle in (("selection", 0.8), ("tpr", 0.9), ("fpr", 0.5)):
            value = middle + 0.012 * (at % 6)
            row |= {
                ("selection_rate" if rate == "selection" else rate): value,
                f"{rate}_low": value - 0.02,
                f"{rate}_high": min(value + 0.02, 1),
            }
        rows.append(row)
    b.measure("group_rates", groups=pd.DataFrame(rows))
    age = next(a for a in b.schema.attributes if a.name == "age_band")
    pair = {"attribute": age.name, "attribute_label": age.label, "crossing": False}
    pair |= {"level": "55 or more", "reference": "45–54", "ratio": 0.93, "low": 0.9, "high": 0.96}
    pair |= {"verdict": "clear above", "p_adjusted": 0.01}
    b.measure("impact_ratio", pairs=pd.DataFrame([pair]))
    slices = pd.DataFrame(
        {
            "slice": [
                f"{part_of(f)} and {part_of(g)}"
                for f, g in zip(b.schema.features[:12], b.schema.features[3:15], strict=True)
            ],
            "n": np.arange(420, 60, -30),
            "errors": 10,
            "error_rate": np.linspace(0.45, 0.25, 12),
        }
    )
    slices = slices.assign(
        low=slices["error_rate"] - 0.05,
        high=slices["error_rate"] + 0.06,
        rest_error_rate=0.18,
        p_value=0.001,
        p_adjusted=np.linspace(0.001, 0.2, 12),
    )
    b.measure("slices", Score("slices_examined", "slices", 230.0, 230, "none"), slices=slices)
    _cohorts(b, "accuracy", np.array([0.8, 0.75, 0.6, 0.9]))


def _cohorts(b: Builder, key: str, quality: np.ndarray) -> None:
    """All cases, a declared cohort, the worst and the best."""
    names = ["", b.schema.features[0].label, *(part_of(f) for f in b.schema.features[1:3])]
    table = pd.DataFrame({"cohort": names, "origin": ["all", "declared", "worst", "best"]})
    table = table.assign(n=[600, 25, 120, 90], too_few=[False, True, False, False])
    columns = {key: quality, "decided": quality - 0.1, "calibration_gap": quality - 0.75}
    columns["mean_error"] = quality / 9 - 0.5
    for name, values in columns.items():
        table = table.assign(
            **{name: values, f"{name}_low": values - 0.04, f"{name}_high": values + 0.05}
        )
    b.measure("cohorts", cohorts=table.assign(p_adjusted=[np.nan, np.nan, 0.001, 0.3]))


def _trust(b: Builder) -> None:
    share = np.linspace(0, 1, 11)
    for at, name in enumerate(EXPLAINERS):
        speed = 0.6 if name == "random" else 2.4 - 0.25 * at
        for metric, mean in (
            ("deletion", 0.45 + 0.4 * np.exp(-speed * 2 * share)),
            ("insertion", 0.9 - 0.45 * np.exp(-speed * 2 * share)),
        ):
            curve = pd.DataFrame(
                {
                    "explainer": name,
                    "removed_share": share,
                    "mean": mean,
                    "low": mean - 0.02,
                    "high": mean + 0.02,
                    "n": EXPLAINED,
                }
            )
            gain = 0.0 if name == "random" else 0.02 * (speed - 1.35)
            b.measure(
                f"{metric}/{name}",
                score(metric, float(mean.mean()), explainer=name),
                score(f"{metric}_gain", gain, 0.005, explainer=name),
                curve=curve,
            )
    effects = []
    for at, name in enumerate(name for name in EXPLAINERS if name != "random"):
        effect = 0.05 if name == "attention_rollout" else 0.9 - 0.1 * at
        effects += [
            score(metric, effect, explainer=name)
            for metric in ("deletion_effect", "insertion_effect", "own_case_effect")
        ]
        learnt = score("randomisation_correlation", 0.1, explainer=name)
        b.measure(f"parameter_randomisation/{name}", learnt)
    b.measure("faithfulness_effect", *effects)
    pairs = [(x, y) for i, x in enumerate(EXPLAINERS) for y in EXPLAINERS[i + 1 :]]
    value = np.array([0.02 if y == "random" else 0.85 - 0.05 * i for i, (_, y) in enumerate(pairs)])
    table = pd.DataFrame(
        {
            "explainer_a": [x for x, _ in pairs],
            "explainer_b": [y for _, y in pairs],
            "spearman": value,
            "low": value - 0.04,
            "high": value + 0.03,
            "top5_overlap": 0.6,
            "n": EXPLAINED,
        }
    )
    b.measure("explainer_agreement", pairs=table)


def _inside(b: Builder) -> None:
    tokens = ["summary", *b.schema.labels]
    mean = b.rng.dirichlet(
        np.r_[8.0, 2, np.full(len(tokens) - 2, 0.6)], size=(2, 2, 4, len(tokens))
    )
    b.measure(
        "attention",
        arrays={
            "mean": mean,
            "even": np.full((2, 2, len(tokens), len(tokens)), 1 / len(tokens)),
            "there": np.ones(len(tokens)),
        },
        tokens=pd.DataFrame({"token": range(len(tokens)), "feature": "", "label": tokens}),
        branches=pd.DataFrame({"branch": ["local", "global"]}),
    )
    cells = [
        (layer, branch, head)
        for layer in range(2)
        for branch in ("local", "global")
        for head in range(4)
    ]
    weight = b.rng.dirichlet(np.full(8, 8.0), size=2).ravel()
    routes = pd.DataFrame(cells, columns=["layer", "branch", "head"]).assign(
        weight=weight, low=weight - 0.01, high=weight + 0.01
    )
    b.measure("route_entropy", score("route_entropy", 0.95), routes=routes)
    share = b.rng.dirichlet(np.full(6, 5.0), size=2).ravel()
    load = pd.DataFrame(
        {
            "layer": np.repeat([0, 1], 6),
            "expert": np.tile(range(6), 2),
            "share": share,
            "low": share - 0.01,
            "high": share + 0.01,
        }
    )
    b.measure("expert_load", score("expert_load_imbalance", 1.6), load=load)
    ms = np.array([0.1, 1.2, 2.4, 1.1, 2.2, 0.3])
    layers = pd.DataFrame(
        {
            "layer": [
                "embedding",
                "layers.0.attention",
                "layers.0.experts",
                "layers.1.attention",
                "layers.1.experts",
                "output",
            ],
            "kind": ["embedding", "attention", "experts", "attention", "experts", "linear"],
            "ms": ms,
            "low": ms * 0.9,
            "high": ms * 1.15,
            "share": ms / ms.sum(),
        }
    )
    b.measure("layer_profile", layers=layers)
    names = np.repeat(
        [
            "embedding",
            "layers.0.attention",
            "layers.0.experts",
            "layers.1.attention",
            "layers.1.experts",
            "output",
        ],
        [500, 400, 900, 400, 780, 2],
    )
    places = b.rng.normal(size=(len(names), 3)) * (1 + (pd.factorize(names)[0])[:, None] * 0.4)
    points = pd.DataFrame(
        {
            "layer": names,
            "parameter": names,
            "row": range(len(names)),
            "pc1": places[:, 0],
            "pc2": places[:, 1],
            "pc3": places[:, 2],
        }
    )
    b.measure("parameter_projection", score("explained_variance", 0.41, None), points=points)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Results]:
    """Builds a run: `build()`, `build(hostile=True)`, `build(gaps=True)`, `build("text")`."""
    made: dict[tuple[str, bool, bool, bool], Results] = {}

    def results(
        modality: str = "table", *, hostile: bool = False, gaps: bool = False, endless: bool = False
    ) -> Results:
        if (modality, hostile, gaps, endless) not in made:
            folder = tmp_path_factory.mktemp("run")
            texts = ENDLESS if endless else HOSTILE
            if modality == "table":
                schema = hostile_schema(texts) if hostile or endless else credit_schema()
                run = Builder(folder, schema, gaps=gaps).results()
            else:
                bad = hostile_layout(modality, texts) if hostile or endless else None
                run = layout_results(folder, modality, schema=bad, gaps=gaps)  # type: ignore[arg-type]
            made[modality, hostile, gaps, endless] = run
        return made[modality, hostile, gaps, endless]

    return results


def _own_account(b: Builder) -> None:
    """Curves of a number and of categories with missing values, and prototypes of a table."""
    curves, density = [], []
    for rank, feature in enumerate(b.schema.features[:5], start=1):
        values = np.linspace(0, 400_000, 30) if feature.is_numeric else np.arange(3.0)
        about = {"feature": feature.name, "label": feature.label, "kind": feature.kind}
        gap = [*values, np.nan]
        curve = {
            **about, "rank": rank, "spread": 1 / rank, "unit": feature.unit or "", "value": gap,
            "display": [feature.display(value) for value in gap],
            "contribution": [*np.sin(values / (values.max() or 1) * 3) / rank, 0.1], "share": 0.03,
        }  # fmt: skip
        curves.append(pd.DataFrame(curve))
        if feature.is_numeric:
            edges = np.linspace(0, 400_000, 11)
            own = {"feature": feature.name, "from": edges[:-1], "to": edges[1:], "share": 0.1}
            density.append(pd.DataFrame(own))
    b.measure("shape_functions", curves=pd.concat(curves), density=pd.concat(density))
    _interactions(b)
    _feature_effects(b)
    _class_distributions(b)
    _surrogate_tree(b)
    cases = np.arange(1, 13)
    prototypes = pd.DataFrame(
        {
            "prototype": cases, "instance_id": 100 + cases,
            "class_label": [b.schema.target.classes[case % 2] for case in cases],
            "decides": 60 - 5 * cases, "share": (60 - 5 * cases) / 270, "n": 270,
            "shift": 0,
        }
    )  # fmt: skip
    inputs = [
        {
            "prototype": case,
            "feature": f.name,
            "label": f.label,
            "display": f.display(1.0),
            "rank": r,
        }
        for case in cases
        for r, f in enumerate(b.schema.features, start=1)
    ]
    b.measure("prototypes", prototypes=prototypes, inputs=pd.DataFrame(inputs))


def _class_distributions(b: Builder) -> None:
    """Two numbers and two lists of categories, by both classes."""
    features, rows = b.schema.features[:4], []
    for feature in features:
        cells = 6 if feature.is_numeric else len(feature.categories)
        for shift, name in enumerate(b.schema.target.classes):
            share = np.roll(np.arange(1.0, cells + 1), shift) / (cells * (cells + 1) / 2)
            places = np.arange(float(cells))
            about = {
                "feature": feature.name, "label": feature.label, "kind": feature.kind,
                "unit": feature.unit or "", "class": name, "from": places,
                "to": places + feature.is_numeric,
                "display": ["" if feature.is_numeric else feature.display(p) for p in places],
                "share": share, "low": share * 0.9, "high": share * 1.1, "n": 30,
            }  # fmt: skip
            rows.append(pd.DataFrame(about))
    area = np.array([0.72, 0.65, 0.6, 0.5])
    separation = pd.DataFrame(
        {
            "feature": [f.name for f in features], "label": [f.label for f in features],
            "roc_auc": area, "low": area - 0.02, "high": area + 0.02, "n": N,
        }
    )  # fmt: skip
    b.measure("class_distributions", separation=separation, distributions=pd.concat(rows))


def _surrogate_tree(b: Builder) -> None:
    """A tree of three leaves: a number, then a category."""
    number, category = b.schema.features[0], b.schema.features[2]
    nodes = pd.DataFrame(
        {
            "node": range(5), "parent": [-1.0, 0, 0, 2, 2], "depth": [0, 1, 1, 2, 2],
            "goes_left": [False, True, False, True, False],
            "label": [number.label, "", category.label, "", ""],
            "split": [number.display(50_000), "", category.display(1), "", ""],
            "is_category": [False, False, True, False, False],
            "value": [0.2, 0.1, 0.4, 0.3, 0.6], "share": [1, 0.6, 0.4, 0.25, 0.15], "n": 600,
        }
    )  # fmt: skip
    over = part_of(number)
    rules = pd.DataFrame(
        {
            "rule": [over, f"{over} and {part_of(category)}", part_of(category)], "n": 200,
            "share": 0.3, "value_share": [0.1, 0.3, 0.6], "model_share": [0.12, 0.28, 0.6],
        }
    )  # fmt: skip
    scores = score("surrogate_fidelity", 0.85, 0.02), score("surrogate_agreement", 0.9)
    b.measure("surrogate_tree", *scores, rules=rules, nodes=nodes)


def _feature_effects(b: Builder) -> None:
    """Effects of a number and of categories, one of them accumulated."""
    curves, density, lines, effects = [], [], [], []
    for rank, feature in enumerate(b.schema.features[:4]):
        values = np.linspace(0, 400_000, 9) if feature.is_numeric else np.arange(3.0)
        effect = np.sin(values / (values.max() or 1) * 3 + rank) / 5
        curve = {
            "feature": feature.name, "label": feature.label, "kind": feature.kind,
            "unit": feature.unit or "", "method": "ale" if rank == 1 else "pdp", "value": values,
            "display": [feature.display(value) for value in values], "effect": effect,
            "low": effect - 0.01, "high": effect + 0.02, "share": 0.2, "n": 300,
        }  # fmt: skip
        curves.append(pd.DataFrame(curve))
        ends = {
            f"{name}_points{end}": float(effect[place]) + shift
            for name, place in (("least", effect.argmin()), ("most", effect.argmax()))
            for end, shift in (("", 0.0), ("_low", -0.01), ("_high", 0.02))
        }
        about = {"feature": feature.name, "label": feature.label}
        partner = b.schema.features[8].label if rank == 1 else ""
        shown = {"least_at": feature.display(0.0), "most_at": feature.display(1.0)}
        effects.append({**about, "partner": partner, "correlation": 0.7, **shown, **ends})
        if feature.is_numeric:
            edges = np.linspace(0, 400_000, 11)
            own = {"feature": feature.name, "from": edges[:-1], "to": edges[1:], "share": 0.1}
            density.append(pd.DataFrame(own))
        if rank != 1:
            for line in range(3):
                single = {"feature": feature.name, "line": line, "value": values}
                lines.append(pd.DataFrame({**single, "effect": effect * (0.5 + 0.3 * line)}))
    tables = {"curves": curves, "density": density, "lines": lines}
    stacked = {name: pd.concat(frames) for name, frames in tables.items()}
    b.measure("feature_effects", effects=pd.DataFrame(effects), **stacked)


def _interactions(b: Builder) -> None:
    """Pairs of neighbours, the first an interaction whose effect is told."""
    features = b.schema.features
    first, second = features[:4], features[1:5]
    share = np.array([0.31, 0.12, 0.04, 0.0])
    pairs = pd.DataFrame(
        {
            "feature_a": [f.name for f in first], "feature_b": [f.name for f in second],
            "label_a": [f.label for f in first], "label_b": [f.label for f in second],
            "share": share, "share_low": share * 0.8, "share_high": share * 1.3 + 0.01,
            "control": 0.13, "interacts": share > 0.13, "size": share * 2, "low": share * 1.6,
            "high": share * 2.6, "n": 100, "looked_at": 253, "exact": False, "space": "logit",
        }
    )  # fmt: skip
    along = next(f for f in first if f.is_numeric)
    values = np.linspace(0, 400_000, 8)
    effects = pd.concat(
        pd.DataFrame(
            {
                "feature": along.name, "label": along.label, "kind": along.kind,
                "unit": along.unit or "", "value": values,
                "display": [along.display(value) for value in values],
                "by_label": second[0].label, "by_display": second[0].display(float(level)),
                "output": level * values / 400_000 - 0.5,
            }
        )
        for level in range(2)
    )  # fmt: skip
    b.measure("interactions", pairs=pairs, effects=effects)


def part_of(feature: Feature) -> str:
    """What a part of the data is called, as the metrics on slices call it."""
    value = feature.display(1.0)
    return f"{feature.label} is " + (f"over {value}" if feature.is_numeric else f"“{value}”")


def _slices_of_numbers(b: Builder) -> None:
    parts = [part_of(f) for f in b.schema.features[:6]]
    off = np.linspace(9, 6, 6)
    slices = pd.DataFrame({"slice": parts, "n": 120, "mae": off, "rest_mae": 5.0})
    slices = slices.assign(low=off - 1, high=off + 1, p_adjusted=np.linspace(0.001, 0.2, 6))
    b.measure("slices", Score("slices_examined", "slices", 90.0, 90, "none"), slices=slices)
    _cohorts(b, "mae", np.array([5.0, 5.2, 9.0, 3.0]))
    levels = np.array([0.1, 0.25, 0.5])
    noise = pd.DataFrame(
        {"perturbation": "noise", "label": "noise on numbers", "level": levels, "n": 300}
    ).assign(mae=5 + levels, low=4 + levels, high=6 + levels)
    noise = noise.assign(change=levels, change_low=levels / 2, change_high=2 * levels)
    b.measure("robustness", perturbations=noise)


def number_schema() -> Schema:
    target = Target("y", "Amount owed", ("Amount owed",), None, 0, task="regression", unit="NT$")
    return replace(credit_schema(), target=target)


def number_results(folder: Path) -> Results:
    """A made-up run on a number, with the measures that are drawn for every task."""
    b = Builder(folder, number_schema(), gaps=False)
    for step in (_data, _numbers):
        step(b)
    return Results(b.paths, {})


def _periods(b: Builder, levels: pd.DataFrame) -> None:
    """What is stated and happens in the levels of an attribute, as if they were periods."""
    periods = levels[["attribute", "attribute_label", "level", "n", "too_few"]]
    mean = 0.2 + 0.05 * np.arange(len(periods))
    periods = periods.assign(
        stated=mean, stated_low=mean - 0.02, stated_high=mean + 0.02,
        happened=mean + 0.03, happened_low=mean - 0.01, happened_high=mean + 0.07,
    )  # fmt: skip
    tests = pd.DataFrame({"attribute": [levels["attribute"].iloc[0]], "p_value": [0.001]})
    b.measure("period_drift", periods=periods, tests=tests)


def _numbers(b: Builder) -> None:
    """Errors of predicted numbers by range, interval, group and part, and several labels."""
    steps = np.arange(6.0)
    bins = pd.DataFrame(
        {
            "bin": steps, "from": 10 * steps, "to": 10 * steps + 9, "n": 500,
            "predicted": 10 * steps + 5, "observed": 10 * steps + 4, "mean_error": steps - 2,
            "low": steps - 3, "high": steps - 1, "mae": 3 + steps,
        }
    )  # fmt: skip
    b.measure("residuals", bins=bins)
    levels = np.array([0.5, 0.8, 0.9, 0.95])
    held = levels - 0.02
    coverage = pd.DataFrame(
        {"level": levels, "half_width": 10 * levels, "coverage": held, "n": N}
    ).assign(low=held - 0.01, high=held + 0.015)
    width = score("prediction_interval_width", 18.0, None)
    b.measure("prediction_intervals", width, coverage=coverage)
    pairs = [(a.name, a.label, level) for a in b.schema.attributes for level in a.levels]
    groups = pd.DataFrame(pairs, columns=["attribute", "attribute_label", "level"])
    size, lean = 5 + 0.3 * np.arange(len(groups)), 0.4 * np.arange(len(groups)) - 1
    groups = groups.assign(n=300, too_few=False, crossing=False, mae=size, mean_error=lean)
    groups = groups.assign(mae_low=size - 0.5, mae_high=size + 0.5)
    groups = groups.assign(mean_error_low=lean - 0.5, mean_error_high=lean + 0.5)
    first = b.schema.attributes[0]
    tests = pd.DataFrame(
        {
            "metric": ["mae_gap", "mean_error_gap"], "attribute": first.name,
            "attribute_label": first.label, "value": [2.0, 1.0], "low": 0.2, "high": 3.0,
            "p_adjusted": [0.01, 0.4], "widest_level": first.levels[1],
            "narrowest_level": first.levels[0],
        }
    )  # fmt: skip
    _periods(b, groups[groups["attribute"] == first.name])
    if b.schema.target.task == "regression":
        b.measure("group_rates", groups=groups, tests=tests)
        b.measure("part_performance", parts=groups.drop(columns="crossing"), tests=tests)
        _slices_of_numbers(b)
        return
    share = 0.6 + 0.02 * np.arange(len(groups))
    right = groups[["attribute", "attribute_label", "level", "n", "too_few"]]
    right = right.assign(accuracy=share, accuracy_low=share - 0.05, accuracy_high=share + 0.05)
    b.measure("part_performance", parts=right, tests=tests.head(1))
    names = [f.label for f in b.schema.features[:5]]
    area, f1 = np.linspace(0.7, 0.95, 5), np.linspace(0.4, 0.8, 5)
    labels = pd.DataFrame(
        {
            "label": names, "reported": [True, *[False] * 4], "n": N, "prevalence": 0.2,
            "roc_auc": area, "roc_auc_low": area - 0.02, "roc_auc_high": area + 0.02,
            "f1": f1, "f1_low": f1 - 0.05, "f1_high": f1 + 0.05,
        }
    )  # fmt: skip
    b.measure("labels_table", labels=labels)
