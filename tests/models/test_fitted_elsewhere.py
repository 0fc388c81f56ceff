"""A fitted model of the user's own: its classes, columns and weights are compared first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.cli.dispatch import run as command
from deepseek_report.config.compose import compose
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.config.validate import validate
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.errors import ConfigError
from deepseek_report.models.estimators.design_matrix import match_classes
from deepseek_report.models.estimators.sklearn import Sklearn
from deepseek_report.models.own.own_classes import is_pickle
from deepseek_report.models.own.torch_module import TorchModule
from deepseek_report.runner.execution.run_events import NoReporter
from deepseek_report.runner.planning.forecast import forecast
from deepseek_report.runner.run import run_experiment
from tests.worded import say

FEATURES = ["income", "debt", "age"]


def loans(n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(2)
    frame = pd.DataFrame(random.normal(size=(n, 3)).round(3), columns=FEATURES)
    frame["deny"] = np.where(frame["income"] - frame["debt"] > 0.2, "no", "yes")
    return frame


def dataset(tmp_path: Path, frame: pd.DataFrame | None = None, **fields: Any) -> Dataset:
    path = tmp_path / "loans.csv"
    (loans() if frame is None else frame).to_csv(path, index=False)
    return TableFile(path=str(path), **({"target": "deny"} | fields)).load(1, Silent())


def stored(estimator: Any, tmp_path: Path, **fields: Any) -> Sklearn:
    """A model of the file in which an estimator was stored."""
    path = tmp_path / "m.skops"
    pytest.importorskip("skops.io").dump(estimator, path)
    return Sklearn(file=str(path), **fields)


def logistic(frame: pd.DataFrame, columns: list[str] = FEATURES) -> LogisticRegression:
    return LogisticRegression().fit(frame[columns], frame["deny"])


def shares_of(plugin: Any, data: Dataset) -> np.ndarray:
    return plugin.build(data.schema, data.train, 0).probabilities(data.train.inputs)


def misfits_of(plugin: Any, data: Dataset) -> str:
    return " | ".join(plugin.misfits(data.schema, data.train))


# --- classes --------------------------------------------------------------------------------------


def target_of(codes: tuple[str, ...], classes: tuple[str, ...] | None = None) -> Target:
    return Target("deny", "deny", classes or tuple(f"deny: {code}" for code in codes), codes=codes)


@pytest.mark.parametrize(
    ("codes", "model_classes", "positions"),
    [
        (("no", "yes"), ["no", "yes"], [0, 1]),
        (("yes", "no"), ["no", "yes"], [1, 0]),
        (("1", "0"), np.array([0, 1]), [1, 0]),
        (("1", "2"), np.array([1.0, 2.0]), [0, 1]),
        (("False", "True"), np.array([False, True]), [0, 1]),
        (("no", "yes"), np.array([False, True]), [0, 1]),
        (("yes", "no"), [0, 1], [1, 0]),
        (("0", "1"), ["no", "yes"], [0, 1]),
        (("no", "yes"), ["deny: no", "deny: yes"], [0, 1]),
        (("a", "b", "c"), np.array(["c", "a"], dtype=object), [2, 0]),
        (("3", "1", "2"), np.array([1, 2, 3], dtype=np.int8), [1, 2, 0]),
    ],
)
def test_classes_match_by_the_values_of_the_label_column(codes, model_classes, positions) -> None:
    assert match_classes(list(model_classes), target_of(codes)) == positions


@pytest.mark.parametrize(
    ("codes", "model_classes", "words"),
    [
        (("denied", "granted"), [0, 1], r"numbers do not say which .*model.classes=\[denied,grant"),
        (("1", "2"), [0, 1], "numbers do not say which class is which"),
        (("denied", "granted"), ["accepted", "denied"], "knows the classes “accepted”, “denied”"),
        (("a", "b"), ["a", "b", "c"], "use the data that it was fitted on"),
    ],
)
def test_classes_that_cannot_be_told_apart_are_refused(codes, model_classes, words) -> None:
    with pytest.raises(ConfigError, match=words):
        match_classes(model_classes, target_of(codes, codes))


def test_values_that_are_the_names_of_other_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="at once"):
        match_classes(["a", "b"], target_of(("a", "b"), ("b", "a")))


def test_numbered_classes_are_named_by_the_config() -> None:
    target = target_of(("granted", "denied"))
    assert match_classes([0, 1], target, ("denied", "granted")) == [1, 0]
    with pytest.raises(ConfigError, match="names 1 classes, and the model has 2"):
        match_classes([0, 1], target, ("denied",))
    with pytest.raises(ConfigError, match=r"model.classes says the classes “denied”, “grunted”"):
        match_classes([0, 1], target, ("denied", "grunted"))


@pytest.mark.parametrize("favourable", [None, "no", "yes"])
def test_a_model_of_yes_and_no_is_explained_as_it_was_fitted(tmp_path, favourable) -> None:
    frame = loans()
    model, data = logistic(frame), dataset(tmp_path, frame, favourable=favourable)
    plugin = stored(model, tmp_path)
    assert misfits_of(plugin, data) == ""
    shares = shares_of(plugin, data)
    expected = model.predict_proba(pd.DataFrame(data.train.inputs, columns=FEATURES))
    place = list(model.classes_).index(data.schema.target.codes[0])
    np.testing.assert_allclose(shares[:, 0], expected[:, place], atol=1e-6)


def test_numbers_of_a_reordered_label_are_not_swapped(tmp_path: Path) -> None:
    """With 1 as the favourable class the report puts it first; the model's 0 is still 0."""
    frame = loans().assign(deny=lambda table: (table["deny"] == "yes").astype(int))
    data = dataset(tmp_path, frame, favourable=1)
    assert data.schema.target.codes == ("1", "0")
    shares = shares_of(stored(logistic(frame), tmp_path), data)
    assert np.mean(shares.argmax(axis=1) == data.train.labels) > 0.9


# --- columns --------------------------------------------------------------------------------------


def test_columns_are_read_by_name_in_the_models_own_order(tmp_path: Path) -> None:
    plugin, data = stored(logistic(loans(), ["debt", "income"]), tmp_path), dataset(tmp_path)
    assert misfits_of(plugin, data) == ""
    assert np.mean(shares_of(plugin, data).argmax(axis=1) == data.train.labels) > 0.9


def test_missing_columns_are_named_with_the_nearest(tmp_path: Path) -> None:
    frame = loans().rename(columns={"income": "incomes"})
    model = logistic(frame, ["incomes", "debt", "age"])
    misfits = misfits_of(stored(model, tmp_path), dataset(tmp_path))
    assert "of which 1 are no features here: “incomes”" in misfits
    assert "did you mean “income” by “incomes”?" in misfits


def test_one_hot_columns_are_recognised_and_a_pipeline_is_asked_for(tmp_path: Path) -> None:
    frame = loans()
    frame["sex"] = np.resize(["man", "woman"], len(frame))
    wide = pd.get_dummies(frame[[*FEATURES, "sex"]], dtype=float)
    model = LogisticRegression().fit(wide, frame["deny"])
    data = dataset(tmp_path, frame)
    misfits = misfits_of(stored(model, tmp_path), data)
    assert "“sex_man” looks like a one-hot column of “sex”" in misfits
    assert "pipeline" in misfits
    encoder = make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough")
    whole = make_pipeline(encoder, LogisticRegression())
    whole.fit(frame[[*FEATURES, "sex"]], frame["deny"])
    assert misfits_of(stored(whole, tmp_path), data) == ""


def test_another_number_of_columns_is_told_with_the_features(tmp_path: Path) -> None:
    frame = loans()
    model = LogisticRegression().fit(frame[["income", "debt"]].to_numpy(), frame["deny"])
    misfits = misfits_of(stored(model, tmp_path), dataset(tmp_path))
    assert "fitted on 2 columns, and it would be given 3: “income”, “debt”, “age”" in misfits


def test_categories_of_a_model_without_names_are_not_guessed(tmp_path: Path) -> None:
    frame = loans().assign(grade=lambda table: np.resize([1, 2, 3], len(table)))
    columns = [*FEATURES, "grade"]
    model = LogisticRegression().fit(frame[columns].to_numpy(), frame["deny"])
    data = dataset(tmp_path, frame)
    misfits = misfits_of(stored(model, tmp_path), data)
    assert "which numbers stood for the categories of “grade”" in misfits
    assert misfits_of(stored(model, tmp_path, encoding="frame"), data) == ""


def test_a_model_of_a_number_is_not_taken_for_classes(tmp_path: Path) -> None:
    frame = loans()
    model = LinearRegression().fit(frame[FEATURES], frame["income"])
    assert "not made to predict classes" in misfits_of(stored(model, tmp_path), dataset(tmp_path))
    number = dataset(tmp_path, frame.drop(columns="deny"), target="age")
    assert "“age”" in misfits_of(stored(model, tmp_path), number)
    fits = LinearRegression().fit(frame[["income", "debt"]], frame["age"])
    assert misfits_of(stored(fits, tmp_path), number) == ""


# --- columns that are an entity, a time or not to be used as well ---------------------------------


def of_persons() -> pd.DataFrame:
    """Loans of a hundred persons in ten years."""
    frame = loans()
    persons = [f"person {k // 4:02d}" for k in range(len(frame))]
    return frame.assign(person=persons, year=np.arange(len(frame)) % 10 + 2000)


def whole_pipeline(frame: pd.DataFrame, columns: list[str]) -> Any:
    """A pipeline that was fitted on the whole table, of which it reads these columns."""
    reading = make_column_transformer(("passthrough", columns))
    return make_pipeline(reading, LogisticRegression()).fit(
        frame.drop(columns="deny"), frame["deny"]
    )


@pytest.mark.parametrize(
    "declared",
    [
        {"entity": "person", "time": "year"},
        {"entity": "person", "drop": ("year",)},
        {"id_column": "person", "time": "year"},
        {"entity": "person", "time": "year", "sensitive": ("age",), "use_sensitive": False},
    ],
)
def test_a_pipeline_answers_without_the_columns_that_it_drops(tmp_path, declared) -> None:
    frame = of_persons()
    pipeline, data = whole_pipeline(frame, ["debt", "income"]), dataset(tmp_path, frame, **declared)
    plugin = stored(pipeline, tmp_path)
    assert misfits_of(plugin, data) == ""
    expected = pipeline.predict_proba(frame.drop(columns="deny").iloc[data.train.instance_ids])
    np.testing.assert_allclose(shares_of(plugin, data), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("year", {"entity": "person", "time": "year"}),
        ("person", {"entity": "person", "time": "year"}),
        (
            "age",
            {"entity": "person", "drop": ("year",), "sensitive": ("age",), "use_sensitive": False},
        ),
    ],
)
def test_a_column_that_a_pipeline_reads_is_named_and_can_be_an_input(
    tmp_path, name, declared
) -> None:
    frame = of_persons()
    columns = ["income", "debt", name]
    if name != "person":
        reads = whole_pipeline(frame, columns)
    else:
        reading = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), columns))
        reads = make_pipeline(reading, LogisticRegression())
        reads.fit(frame.drop(columns="deny"), frame["deny"])
    plugin = stored(reads, tmp_path)
    misfits = misfits_of(plugin, dataset(tmp_path, frame, **declared))
    assert misfits.endswith(f"`'dataset.also_inputs=[{name}]'`")
    data = dataset(tmp_path, frame, **declared, also_inputs=(name,))
    assert misfits_of(plugin, data) == ""
    assert name in data.schema.names
    expected = reads.predict_proba(frame.drop(columns="deny").iloc[data.train.instance_ids])
    np.testing.assert_allclose(shares_of(plugin, data), expected, atol=1e-6)
    notes = [say(note) for note in data.card["preparation"]]
    assert any(f"The model reads “{name}”, whatever else is declared of it" in n for n in notes)


def test_a_stored_run_explains_rows_with_and_without_what_its_model_drops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = of_persons()
    stored(whole_pipeline(frame, FEATURES), tmp_path)
    dataset(tmp_path, frame, entity="person", time="year")
    declared = ("dataset.entity=person", "dataset.time=year", "model=sklearn")
    file = f"model.file={tmp_path / 'm.skops'}"
    plain = overrides(tmp_path, *declared, file)
    chosen = [text.replace("[random]", "[shap,random]") for text in plain]
    finished = run_experiment(validate(compose(chosen)), NoReporter(), chosen)
    assert finished.exit_code == 0
    answered = []
    for names in (FEATURES, [*FEATURES, "person", "year"]):
        frame[names].head(2).to_csv(tmp_path / "rows.csv", index=False)
        about = ["--row", str(tmp_path / "rows.csv"), "--store", str(tmp_path / "store"), "--json"]
        assert command(["explain-case", str(finished.folder), *about]) == 0
        answered.append(json.loads(capsys.readouterr().out)["cases"])
    assert answered[0] == answered[1]


# --- files of boosters ----------------------------------------------------------------------------


def boosted(kind: str, tmp_path: Path, labels: Any, **params: Any) -> tuple[str, Any]:
    """A booster that its own library trained and stored, with what it says of all rows."""
    frame = loans()[FEATURES]
    path = tmp_path / ("model.txt" if kind == "lightgbm" else f"model.{kind}")
    if kind == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        params, rows = {"verbose": -1, "num_threads": 1} | params, frame
        booster = lightgbm.train(params, lightgbm.Dataset(frame, labels), 12)
    else:
        xgboost = pytest.importorskip("xgboost")
        rows = xgboost.DMatrix(frame, labels)
        booster = xgboost.train({"nthread": 1} | params, rows, 12)
    booster.save_model(path)
    return str(path), booster.predict(rows)


def answers_of(plugin: Sklearn, data: Dataset) -> np.ndarray:
    return plugin.build(data.schema, data.train, 0).probabilities(loans()[FEATURES].to_numpy())


BOOSTERS = [("json", "xgboost"), ("ubj", "xgboost"), ("lightgbm", "lightgbm")]


@pytest.mark.parametrize(("kind", "library"), BOOSTERS)
def test_a_booster_of_two_classes_says_what_it_said_in_its_library(kind, library, tmp_path) -> None:
    labels = (loans()["deny"] == "yes").astype(int)
    objective = "binary" if kind == "lightgbm" else "binary:logistic"
    path, expected = boosted(kind, tmp_path, labels, objective=objective)
    data = dataset(tmp_path, favourable="yes")  # so that the first class is the booster's second
    plugin = Sklearn(file=path, library=library, params={"n_estimators": 150})
    assert list(plugin.problems([])) == []
    assert misfits_of(plugin, data) == ""
    np.testing.assert_allclose(answers_of(plugin, data)[:, 0], expected, atol=1e-6)
    assert plugin.called in {"XGBClassifier", "LGBMClassifier"}
    summary = say(plugin.build(data.schema, data.train, 0).describe()["summary"])
    assert summary.startswith(f"{plugin.called} of {library} ")
    assert "over 3 columns" in summary


@pytest.mark.parametrize(
    ("kind", "library", "objective"),
    [
        ("json", "xgboost", "multi:softprob"),
        ("json", "xgboost", "multi:softmax"),
        ("lightgbm", "lightgbm", "multiclass"),
    ],
)
def test_the_numbers_of_a_booster_are_named_by_the_config(
    kind, library, objective, tmp_path
) -> None:
    frame = loans()
    frame["deny"] = pd.cut(frame["income"], [-9, -0.5, 0.5, 9], labels=["low", "mid", "high"])
    labels = LabelEncoder().fit_transform(frame["deny"])  # high, low, mid
    path, expected = boosted(kind, tmp_path, labels, objective=objective, num_class=3)
    data = dataset(tmp_path, frame)
    misfits = misfits_of(Sklearn(file=path, library=library), data)
    assert "numbers do not say which class is which" in misfits
    named = Sklearn(file=path, library=library, classes=("high", "low", "mid"))
    assert misfits_of(named, data) == ""
    order = [["high", "low", "mid"].index(code) for code in data.schema.target.codes]
    shares = answers_of(named, data)
    if objective == "multi:softmax":
        np.testing.assert_array_equal(np.array(order)[shares.argmax(axis=1)], expected)
    else:
        np.testing.assert_allclose(shares, expected[:, order], atol=1e-6)


@pytest.mark.parametrize(("kind", "library"), BOOSTERS[1:])
def test_a_booster_of_a_number_predicts_as_in_its_library(kind, library, tmp_path) -> None:
    objective = "regression" if kind == "lightgbm" else "reg:squarederror"
    frame = loans().assign(price=lambda table: table["income"] * 3)
    path, expected = boosted(kind, tmp_path, frame["price"], objective=objective)
    data = dataset(tmp_path, frame.drop(columns="deny"), target="price")
    plugin = Sklearn(file=path, library=library)
    assert misfits_of(plugin, data) == ""
    np.testing.assert_allclose(answers_of(plugin, data)[:, 0], expected, rtol=1e-6)
    assert plugin.tasks == {"regression"}
    assert "not made to predict classes" in misfits_of(plugin, dataset(tmp_path))


def test_names_whose_blanks_lightgbm_wrote_as_underscores_are_known_again(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    frame = loans().rename(columns={"income": "net income"})
    train = lightgbm.Dataset(frame.drop(columns="deny"), frame["deny"] == "yes")
    booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, train, 5)
    booster.save_model(tmp_path / "b.txt")
    plugin = Sklearn(file=str(tmp_path / "b.txt"), library="lightgbm")
    assert misfits_of(plugin, dataset(tmp_path, frame)) == ""


@pytest.mark.parametrize(
    ("library", "name", "content", "words"),
    [
        ("xgboost", "m.json", "{}", "is not a xgboost model"),
        ("xgboost", "m.ubj", "nonsense", "is not a xgboost model"),
        ("lightgbm", "m.txt", "nonsense", "is not a text file that lightgbm's save_model wrote"),
        ("xgboost", "m.txt", "nonsense", "is not a skops file"),
    ],
)
def test_a_file_of_something_else_is_refused_before_a_run(
    library, name, content, words, tmp_path
) -> None:
    pytest.importorskip(library)
    (tmp_path / name).write_text(content)
    (problem,) = Sklearn(file=str(tmp_path / name), library=library).problems([])
    assert words in problem


def test_check_and_a_run_take_a_booster_as_it_was_stored(tmp_path: Path) -> None:
    labels = (loans()["deny"] == "yes").astype(int)
    path, _ = boosted("json", tmp_path, labels, objective="binary:logistic")
    dataset(tmp_path)
    chosen = overrides(tmp_path, "model=xgboost", f"model.file={path}")
    assert forecast(validate(compose(chosen))).stages
    finished = run_experiment(validate(compose(chosen)), NoReporter(), chosen)
    assert finished.exit_code == 0
    assert "not trained here" in (finished.folder / "report.html").read_text("utf-8")


def overrides(tmp_path: Path, *more: str) -> list[str]:
    return [
        *("debug=fast", "jobs=1", "measure_time=false", "dataset=csv", "dataset.target=deny"),
        *(f"dataset.path={tmp_path / 'loans.csv'}", f"paths.reports={tmp_path / 'reports'}"),
        *(f"paths.store={tmp_path / 'store'}", "explainers=[random]", "metrics=[roc_auc]"),
        *("visualizations=[]", *more),
    ]


# --- at check -------------------------------------------------------------------------------------


def test_a_model_of_other_data_is_a_problem_at_check_and_before_a_run_trains(tmp_path) -> None:
    dataset(tmp_path)
    others = loans().replace({"no": "x", "yes": "y"})
    path = stored(logistic(others), tmp_path).file
    chosen = overrides(tmp_path, "model=sklearn", f"model.file={path}")

    def run(experiment: Any) -> None:
        run_experiment(experiment, NoReporter(), chosen)

    for look in (forecast, run, forecast):
        with pytest.raises(ConfigProblems, match="the model knows the classes “x”, “y”, and the"):
            look(validate(compose(chosen)))
    stages = {entry.name.partition("-")[0] for entry in (tmp_path / "store").iterdir()}
    assert "data" in stages
    assert "training" not in stages


# --- torch ----------------------------------------------------------------------------------------


def test_a_torch_pickle_is_refused_with_three_lines_that_convert_it(tmp_path: Path) -> None:
    import torch

    module = torch.nn.Linear(3, 2)
    for name in ("net.pt", "net.safetensors"):  # also under a name that says something else
        torch.save(module.state_dict(), tmp_path / name)
        (problem,) = TorchModule(weights=str(tmp_path / name)).problems([])
        assert "is a pickle, which may run any code" in problem
        assert "weights_only=True" in problem
        recipe = 'save_file({k: v.contiguous() for k, v in state.items()}, "net.safetensors")'
        assert recipe in problem


def test_the_three_lines_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "net.pt")
    (problem,) = TorchModule(weights=str(tmp_path / "net.pt")).problems([])
    lines = problem.partition("trust the pickle:")[2].strip().splitlines()
    assert len(lines) == 3
    monkeypatch.chdir(tmp_path)
    exec("\n".join(line.strip() for line in lines))  # noqa: S102 - the recipe that a person gets
    data = dataset(tmp_path)
    plugin = TorchModule(weights="net.safetensors", inputs="plain")
    assert list(plugin.problems([])) == []
    assert misfits_of(plugin, data) == ""


def test_an_estimator_in_a_pickle_is_refused_and_never_read(tmp_path: Path) -> None:
    for name in ("m.pkl", "m.joblib", "m.skops"):
        (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n")
        assert is_pickle(tmp_path / name)
        (problem,) = Sklearn(file=str(tmp_path / name)).problems([])
        assert "is a pickle" in problem
        assert "skops.io.dump" in problem


def test_shapes_that_do_not_fit_are_listed_before_a_run(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    data = dataset(tmp_path)
    save_file(torch.nn.Linear(5, 2).state_dict(), tmp_path / "w.safetensors")
    plugin = TorchModule(weights=str(tmp_path / "w.safetensors"), inputs="plain")
    assert "weight is (2, 5), expected (2, 3)" in misfits_of(plugin, data)
    save_file({"w": torch.zeros(2, 3), "bias": torch.zeros(2)}, tmp_path / "v.safetensors")
    plugin = TorchModule(weights=str(tmp_path / "v.safetensors"), inputs="plain")
    assert "1 missing (weight); 1 unknown (w)" in misfits_of(plugin, data)
    (tmp_path / "u.safetensors").write_bytes(b"nonsense")
    plugin = TorchModule(weights=str(tmp_path / "u.safetensors"), inputs="plain")
    assert "not a readable safetensors file" in misfits_of(plugin, data)
    assert misfits_of(TorchModule(), data) == ""


# --- checkpoints of transformers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "codes", "order"),
    [
        (["Neg", "Pos"], ("pos", "neg"), [1, 0]),
        (["LABEL_0", "LABEL_1"], ("1", "0"), [1, 0]),
        (["LABEL_0", "LABEL_1"], ("neg", "pos"), None),
        (["sad", "glad"], ("neg", "pos"), None),
    ],
)
def test_outputs_of_a_checkpoint_match_by_the_values_of_the_label_column(
    names, codes, order, tmp_path
) -> None:
    from deepseek_report.models.transformers.checkpoint_net import class_order, class_problem

    config = {"id2label": {str(k): name for k, name in enumerate(names)}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    target = Target("mood", "Mood", tuple(f"Mood: {code}" for code in codes), codes=codes)
    assert class_order(tmp_path, target) == order
    problem = class_problem(tmp_path, target)
    assert (problem is None) == (order is not None)
    assert problem is None or "their order does not say which is which" in problem
