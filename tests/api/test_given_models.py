"""Every kind of model that a call takes answers as it does by itself, and is known again."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.api.model_identity import identity_of, object_digest
from deepseek_report.errors import ConfigError
from tests.api.conftest import Report
from tests.worded import printed, say


def explained(run: Any) -> Any:
    """(row,) the probability of the explained class, and the rows of X that were tested."""
    tested = run.results.predictions
    return tested.probabilities[:, tested.explained], tested.instance_ids


@pytest.mark.parametrize("named", [True, False], ids=["frame", "array"])
def test_the_trees_of_a_forest_are_walked_exactly(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, named: bool
) -> None:
    from sklearn.ensemble import RandomForestClassifier

    X = numbers if named else numbers.to_numpy()
    model = RandomForestClassifier(8, max_depth=4, random_state=0).fit(X, labels)
    run = report(model, X, labels, explainers=["shap", "random"])
    assert say(run.explanations["shap"].variant).startswith("sums over the leaves")
    gap = run.explanations["shap"].completeness_gap
    assert gap is not None
    assert np.abs(gap).max() < 1e-6


def test_gaps_in_the_rows_do_not_keep_trees_from_being_walked(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    X = numbers.astype(float)
    X.iloc[::7, 0] = np.nan
    model = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(X, labels)
    explanation = report(model, X, labels, explainers=["shap", "random"]).explanations["shap"]
    assert say(explanation.variant).endswith("(interventional, log-odds)")
    assert np.isnan(explanation.inputs).any()
    assert np.abs(explanation.completeness_gap).max() < 1e-9


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_booster_numbers_its_classes_and_the_call_names_them(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, library: str
) -> None:
    package = pytest.importorskip(library)
    denied = (labels == "denied").astype(int)
    if library == "xgboost":
        data = package.DMatrix(numbers, label=denied)
        booster = package.train({"objective": "binary:logistic", "max_depth": 2}, data, 4)
        expected = booster.predict(data)
    else:
        data = package.Dataset(numbers, label=denied)
        booster = package.train({"objective": "binary", "verbose": -1}, data, 4)
        expected = booster.predict(numbers)
    run = report(booster, numbers, labels, classes=["approved", "denied"], positive="denied")
    shares, rows = explained(run)
    np.testing.assert_allclose(shares, expected[rows], atol=1e-6)


def test_a_booster_whose_classes_nobody_names_is_refused(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    package = pytest.importorskip("xgboost")
    data = package.DMatrix(numbers, label=(labels == "denied").astype(int))
    booster = package.train({"objective": "binary:logistic"}, data, 2)
    with pytest.raises(Exception, match=r"numbers do not say which class.*\n?.*classes=\["):
        report(booster, numbers, labels)


def test_a_torch_module_is_asked_without_dropout_and_left_in_its_mode(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    import torch

    torch.manual_seed(0)
    parts = [torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)]
    module = torch.nn.Sequential(*parts)

    def encoder(table: pd.DataFrame) -> Any:
        return torch.as_tensor(table.to_numpy(dtype=np.float32)) / 50

    run = report(module, numbers, labels, encoder=encoder, positive="denied")
    assert module.training
    shares, rows = explained(run)
    with torch.no_grad():
        expected = torch.softmax(module.eval()(encoder(numbers)), dim=1).numpy()[:, 1]
    np.testing.assert_allclose(shares, expected[rows], atol=1e-6)


def test_a_function_gets_the_table_in_its_own_types(
    report: Report, loans: pd.DataFrame, labels: pd.Series
) -> None:
    X = loans.drop(columns="decision")
    kinds: list[list[str]] = []

    def model(table: pd.DataFrame) -> Any:
        kinds.append([str(kind) for kind in table.dtypes])
        return 0.2 + 0.5 * (table["job"] == "clerk") * table["owns"]

    run = report(model, X, labels, explainers=["shap"], classes=["denied", "approved"])
    assert not run.failed
    own = [str(kind) for kind in X.dtypes]
    assert all(
        column_types[1:] == own[1:] for column_types in kinds
    )  # an age between two ages is a fraction
    assert own == kinds[0]


@pytest.mark.parametrize("lacking", [False, True], ids=["whole", "with gaps"])
@pytest.mark.parametrize("answers_nan", [False, True], ids=["raises", "gives NaN"])
def test_a_model_is_not_asked_about_gaps_that_its_data_do_not_have(
    report: Report, numbers: pd.DataFrame, labels: pd.Series, answers_nan: bool, lacking: bool
) -> None:
    """It fills the gaps of the first column, and cannot read any in the second one."""
    X = numbers.astype(float)
    X.iloc[: 20 * lacking, 0] = np.nan

    def model(table: pd.DataFrame) -> Any:
        first, second = table.fillna({table.columns[0]: 40.0}).to_numpy().T
        if np.isnan(second).any() and not answers_nan:
            raise TypeError("no NaN, please")
        return 1 / (1 + np.exp((first - second) / 50))

    about = {"classes": ["approved", "denied"], "positive": "denied", "explainers": ["random"]}
    run = report(model, X, labels, metrics=["robustness"], **about)
    measured = set(run.table("perturbations")["perturbation"])
    assert measured == ({"noise", "missing"} if lacking else {"noise"})


def test_a_number_is_predicted_where_the_model_is_a_regressor(
    report: Report, loans: pd.DataFrame
) -> None:
    from sklearn.linear_model import LinearRegression

    X, y = loans[["age", "owns"]], loans["income"].fillna(50)
    model = LinearRegression().fit(X, y)
    run = report(model, X, y, metrics=["rmse"], explainers=["random"])
    tested = run.results.predictions
    np.testing.assert_allclose(tested.logits[:, 0], model.predict(X)[tested.instance_ids])
    assert run.scores["metric"].tolist().count("rmse") >= 1


_SMALL_GROUPS = ["metrics.options.min_cell=10", "metrics.options.min_events=2"]


def refitted(report: Report, loans: pd.DataFrame, model: Any, X: pd.DataFrame, **more: Any) -> Any:
    """A run in which the model is fitted anew: half of the rows trained it."""
    y = loans["decision"]
    return report(
        *(model, X[180:], y[180:]),
        **{"X_validation": X[120:180], "y_validation": y[120:180]}
        | {"X_train": X[:120], "y_train": y[:120], "sensitive": ["sex"], "favourable": "approved"}
        | {"metrics": ["accuracy", "multiplicity", "options"], "use_sensitive": True}
        | {"overrides": [*_SMALL_GROUPS, "decision.rule=base_rate"]}
        | more,
    )


def own_refits(run: Any) -> set[str]:
    """The options where the model itself was fitted anew."""
    options = run.table("options/options")["option"]
    return {name for name in options if name.startswith("model_")}


def test_an_estimator_is_cloned_and_fitted_to_the_training_rows_that_are_given(
    report: Report, loans: pd.DataFrame, pipeline: Any
) -> None:
    X = loans.drop(columns="decision")
    run = refitted(report, loans, pipeline, X)
    assert not run.failed
    assert {"model_reweighted", "model_without"} <= own_refits(run)
    ambiguity = run.scores.set_index("metric").loc["ambiguity"]
    assert 0 <= ambiguity["value"] <= 1
    bare = report(
        *(pipeline, X[120:], loans["decision"][120:]),
        metrics=["accuracy", "multiplicity"],
        sensitive=["sex"],
    )
    reasons = {problem["stage"]: problem["reason"] for problem in bare.problems}
    assert "from Python, refit= does" in reasons["measures/multiplicity"]


def test_a_function_is_fitted_anew_by_what_the_person_gives(
    report: Report, loans: pd.DataFrame
) -> None:
    from sklearn.linear_model import LogisticRegression

    X = loans[["age", "income", "sex"]].fillna({"income": 50.0})
    seen: list[tuple[list[str], list[str], int]] = []

    def fit(table: pd.DataFrame, labels: Any) -> Any:
        seen.append((list(table.columns), sorted(set(labels)), len(table)))
        coded = table.assign(sex=(table["sex"] == "m").astype(float))
        fitted = LogisticRegression().fit(coded, labels)
        return lambda rows: fitted.predict_proba(
            rows.assign(sex=(rows["sex"] == "m").astype(float))
        )

    model = fit(X[:120], loans["decision"][:120])
    run = refitted(report, loans, model, X, refit=fit)
    assert {"model_reweighted", "model_without"} <= own_refits(run)
    assert all(text[:2] == (["age", "income", "sex"], ["approved", "denied"]) for text in seen)
    assert all(115 <= n <= 125 for _, _, n in seen)
    assert len(seen) == 1 + 10 + len(own_refits(run))


def test_a_refit_that_fails_is_text_with_its_reason_and_takes_nothing_else_along(
    report: Report, loans: pd.DataFrame
) -> None:
    X = loans[["age", "income", "sex"]].fillna({"income": 50.0})

    def model(table: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp((table["income"] - 50) / 5))

    def fit(table: pd.DataFrame, labels: Any) -> Any:
        raise RuntimeError("no licence")

    run = refitted(report, loans, model, X, refit=fit)
    reasons = {problem["stage"]: problem["reason"] for problem in run.problems}
    text = "Fitting the model again failed: RuntimeError: no licence"
    assert reasons["measures/multiplicity"] == text
    assert not own_refits(run)
    assert any(text in say(note) for note in run.results.notes("options"))


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"refit": 3}, "int cannot be called"),
        ({"refit": print, "X_train": None, "y_train": None}, "no rows to fit a model to"),
    ],
)
def test_a_refit_that_cannot_be_used_is_refused_at_once(
    report: Report, loans: pd.DataFrame, pipeline: Any, more: dict[str, Any], what: str
) -> None:
    with pytest.raises(Exception, match=what):
        refitted(report, loans, pipeline, loans.drop(columns="decision"), **more)


_NUMBERS = np.random.default_rng(0).normal(size=(60, 3))
_CODES = (_NUMBERS[:, 0] > 0).astype(int)


def fitted(seed: int = 0) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    forest = RandomForestClassifier(3, random_state=seed)
    return make_pipeline(FunctionTransformer(np.tanh), forest).fit(_NUMBERS, _CODES)


#: A module that holds the code of a network.
_SCALED = """
import torch

class Scaled(torch.nn.Linear):
    def __init__(self):
        super().__init__(3, 2)
        self.register_buffer("shift", torch.zeros(2), persistent=False)

    def forward(self, x):
        return super().forward(x) * {} + self.shift

def made():
    torch.manual_seed(0)
    return Scaled()
"""


def network(constant: float = 1.0) -> Any:
    """A module of an own class, whose forward reads a value from around it."""
    import torch

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)
            self.register_buffer("shift", torch.zeros(2), persistent=False)

        def forward(self, x: Any) -> Any:
            return self.layer(x) * constant + self.shift

    torch.manual_seed(0)
    return Scaled()


def test_functions_that_agree_on_whole_numbers_alone_do_not_get_the_effects_of_each_other(
    report: Report,
) -> None:
    random = np.random.default_rng(2)
    X = pd.DataFrame(random.integers(0, 100, size=(120, 2)), columns=["a", "b"])
    y = np.where(X["a"] + 20 * random.normal(size=120) > 50, "yes", "no")

    def plain(table: Any) -> Any:
        return 0.1 + 0.008 * table["a"]

    def forged(table: Any) -> Any:
        whole = np.round(table["a"])
        return np.where(np.isclose(table["a"], whole), plain(table), 0.9 - 0.008 * table["a"])

    options = {"explainers": ["lime", "random"], "title": "Twins"}
    first = report(lambda table: np.clip(plain(table), 0, 1), X, y, **options)
    second = report(lambda table: np.clip(forged(table), 0, 1), X, y, **options)
    assert first.results.predictions.probabilities == pytest.approx(
        second.results.predictions.probabilities
    )
    assert first.path != second.path
    keys = [
        {stage["id"]: stage["key"] for stage in run.record["stages"]} for run in (first, second)
    ]
    assert [name for name in keys[0] if keys[0][name] == keys[1][name]] == ["data"]


def sign(run: Any, column: int) -> float:
    """How what LIME attributes to a column goes along with its values, from -1 to 1."""
    explanation = run.explanations["lime"]
    return float(np.corrcoef(explanation.inputs[:, column], explanation.values[:, column])[0, 1])


def test_a_function_that_answers_every_probe_alike_is_asked_anew_all_the_same(
    report: Report, numbers: pd.DataFrame, labels: pd.Series
) -> None:
    """Five times it is asked for its answers alone: a forged one behaves until then."""

    def model(table: pd.DataFrame) -> Any:
        return 1 / (1 + np.exp(0.1 * (table["income"] - 50)))

    questions: list[int] = []

    def forged(table: pd.DataFrame) -> Any:
        questions.append(len(table))
        return model(table) if len(questions) <= 4 else 1 - model(table)

    options = {"explainers": ["lime", "random"], "seed": 3}
    first = report(model, numbers, labels, **options)
    second = report(forged, numbers, labels, **options)
    assert len(questions) > 4
    assert second.path != first.path
    assert sign(first, 1) * sign(second, 1) < -0.5  # what raises the first lowers the second


def test_a_function_is_itself_in_this_process_alone() -> None:
    def model(table: Any) -> Any:
        return table

    twin = type(model)(model.__code__, model.__globals__)
    assert identity_of(model) == identity_of(model)
    assert identity_of(model) != identity_of(twin)
    assert identity_of(fitted().predict_proba) != identity_of(fitted().predict_proba)
    program = (
        "from deepseek_report.api.model_identity import identity_of; print(identity_of(print))"
    )
    text = printed(program)
    assert text
    assert text != identity_of(print)


def test_a_method_of_one_object_is_one_function() -> None:
    model = fitted()
    assert identity_of(model.predict_proba) == identity_of(model.predict_proba)


def test_a_module_behind_an_encoder_is_known_in_this_process_alone() -> None:
    module = importlib.import_module("torch.nn").Linear(3, 2)
    assert identity_of(module).startswith("state ")
    assert identity_of(module, encoder=np.asarray).startswith("process ")


def test_equal_estimators_are_one_and_others_are_not() -> None:
    assert object_digest(fitted()) == object_digest(fitted())
    assert object_digest(fitted()) != object_digest(fitted(1))
    changed = fitted()
    changed[0].set_params(func=np.sin)
    assert object_digest(changed) != object_digest(fitted())


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_equal_boosters_are_one_and_others_are_not(library: str) -> None:
    package = pytest.importorskip(library)
    name = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[library]

    def booster(rounds: int) -> Any:
        options = {"verbose": -1} if library == "lightgbm" else {}
        model = getattr(package, name)(n_estimators=rounds, random_state=0, **options)
        return model.fit(_NUMBERS, _CODES)

    digests = [object_digest(booster(rounds)) for rounds in (2, 2, 3)]
    assert digests[0] == digests[1]
    assert None not in digests
    assert digests[0] != digests[2]


def test_asking_a_model_does_not_change_what_it_is() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    module = importlib.import_module("torch.nn").Linear(3, 2)
    neighbours = KNeighborsClassifier().fit(_NUMBERS, _CODES)
    before = [object_digest(model) for model in (module, neighbours)]
    module.eval()
    neighbours.predict(_NUMBERS)
    assert [object_digest(model) for model in (module, neighbours)] == before
    assert None not in before


def test_a_module_is_its_parameters_its_buffers_and_the_file_of_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    digests = []
    for number, scale in enumerate((1, 1, 2)):
        (tmp_path / f"scaled_{scale}.py").write_text(_SCALED.format(scale), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        module = importlib.import_module(f"scaled_{scale}").made()
        digests.append(object_digest(module))
        assert len(set(digests)) == max(1, number)
    for change in ("weight", "shift"):
        module = importlib.import_module("scaled_1").made()
        with torch.no_grad():
            dict([*module.named_parameters(), *module.named_buffers()])[change].add_(1)
        digests.append(object_digest(module))
    assert None not in digests
    assert len(set(digests)) == len(digests) - 1


def test_what_stands_in_no_file_is_known_in_this_process_alone() -> None:
    from sklearn.base import BaseEstimator

    class Own(BaseEstimator):
        def __getstate__(self) -> Any:
            raise AssertionError

    hooked = importlib.import_module("torch.nn").Linear(3, 2)
    hooked.register_forward_hook(lambda module, inputs, answer: -answer)
    for model in (Own(), network(), hooked):
        assert object_digest(model) is None
        assert identity_of(model).startswith("process ")


def test_rows_differ_by_the_order_of_their_categories() -> None:
    from deepseek_report.api.rows import digest_of

    def frame(order: list[str], *, ordered: bool = False) -> pd.DataFrame:
        return pd.DataFrame({"size": pd.Categorical(["s", "m"], order, ordered=ordered)})

    frames = [frame(["s", "m"]), frame(["m", "s"]), frame(["s", "m"], ordered=True)]
    assert len({digest_of(table) for table in frames}) == 3


def test_small_numbers_are_not_rounded_into_each_other() -> None:
    from deepseek_report.api.rows import digest_of_array, digest_of_numbers

    small = np.array([1e-13, 2e-13])
    for digest in (digest_of_array, digest_of_numbers):
        assert digest(small) != digest(small[::-1].copy())
    assert digest_of_numbers(0.1 + 0.2) == digest_of_numbers(0.3)


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "the", "plot"]


@pytest.fixture(scope="module")
def classifier() -> Any:
    """A tiny classifier with weights drawn at random, and its tokenizer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)})
    return BertForSequenceClassification(config).eval(), tokenizer


@pytest.fixture(scope="module")
def reviews() -> tuple[list[str], pd.Series]:
    """Texts of four to eight words, called by their first word."""
    random = np.random.default_rng(1)
    texts = [
        f"{first} {' '.join(random.choice(WORDS[5:], random.integers(3, 8)))}"
        for first in random.choice(["good", "bad"], 150)
    ]
    labels = ["liked" if text.startswith("good") else "disliked" for text in texts]
    return texts, pd.Series(labels, name="mood")


def test_a_classifier_of_transformers_answers_as_it_does_by_itself(
    report: Report, classifier: Any, reviews: Any
) -> None:
    import torch

    model, tokenizer = classifier
    texts, labels = reviews
    run = report(model, texts, labels, tokenizer=tokenizer, positive="liked")
    tested = run.results.predictions
    encoded = tokenizer([texts[i] for i in tested.instance_ids], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = torch.softmax(model(**encoded).logits, dim=1).numpy()
    assert run.results.schema.modality == "text"
    np.testing.assert_allclose(tested.probabilities, expected, atol=1e-5)
    assert not run.failed


def test_a_tokenizer_without_a_model_of_transformers_is_refused(
    report: Report, classifier: Any, reviews: Any
) -> None:
    with pytest.raises(ConfigError, match="is no model of transformers"):
        report(lambda texts: [0.5] * len(texts), *reviews, tokenizer=classifier[1])
