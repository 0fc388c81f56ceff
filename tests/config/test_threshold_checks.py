"""A threshold that could never be judged is a problem before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.conclusions import Outcome, Verdict
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.cli import run
from deepseek_report.config import threshold_checks
from deepseek_report.config.problems import ConfigProblems, Problem
from deepseek_report.config.threshold_checks import against_data, bounds_of
from deepseek_report.runner.run import Finished
from tests.config.test_allowed_values import plugin
from tests.configured import experiment_of, run_of
from tests.worded import study, write_conf


def problems(entry: str, *overrides: str) -> tuple[Any, ...]:
    """The problems of one threshold, written as YAML."""
    with pytest.raises(ConfigProblems) as caught:
        experiment_of(f"report.thresholds=[{{{entry}, set_by: me}}]", *overrides)
    return caught.value.problems


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("metric: roc_auk, at_least: 0.7", 'did you mean "roc_auc"?'),
        ("metric: cases, at_least: 0.7", '"cases", which no metric measures'),
        ("metric: roc_auc, at_least: 75", "write 0.75 for 75 %"),
        ("metric: roc_auc, at_least: 75", "allowed: from 0 to 1"),
        ("metric: roc_auc, at_most: -0.1", "at_most is -0.1, which it can never be"),
        ("metric: roc_auc, at_least: nan", "which it can never be"),
        ("metric: mae, at_most: -3", "allowed: at least 0"),
        ("metric: r2, at_least: 1.2", "allowed: at most 1"),
        ("metric: deletion_gain, at_least: inf", "allowed: a finite number"),
        ("metric: roc_auc", "exactly one of at_least and at_most"),
        ("metric: roc_auc, at_least: 0.7, at_most: 0.9", "both at_least and at_most are given"),
        ("metric: impact_ratio, at_least: 0.8, level: women", "is given without its attribute"),
        ("metric: roc_auc, at_least: 0.7, attribute: sex", "not for groups"),
        ("metric: roc_auc, at_least: 0.7, explainer: shap", "a number of the model"),
        ("metric: deletion_gain, at_least: 0, explainer: shep", 'did you mean "shap"?'),
        ("metric: deletion_gain, at_least: 0, explainer: random", "never judged itself"),
        ("metric: mae, at_most: 3", "it will not be measured"),
        ("metric: roc_auc_gain, at_least: 0", "does not say over which simpler model"),
        ("metric: roc_auc, at_least: 0.7, predictor: ridge", "a score that is no gain"),
    ],
)
def test_a_threshold_that_cannot_be_judged_is_a_problem(entry: str, expected: str) -> None:
    refused = problems(entry)
    assert expected in "\n".join(map(str, refused))
    assert refused[0].where.startswith("command line, report.thresholds=")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["metrics=[accuracy]"], "add roc_auc to metrics=[…]"),
        (["dataset=diabetes", "model=mlp"], "here a number is predicted"),
    ],
)
def test_a_threshold_on_what_is_not_measured_in_this_run_is_a_problem(
    overrides: list[str], expected: str
) -> None:
    (problem,) = problems("metric: roc_auc, at_least: 0.7", *overrides)
    assert "it will not be measured" in str(problem)
    assert expected in str(problem)


def test_a_threshold_on_time_is_a_problem_where_time_is_not_measured() -> None:
    (problem,) = problems("metric: latency_ms, at_most: 3", "measure_time=false")
    assert "measure_time is false" in str(problem)


def test_an_explainer_that_is_left_out_is_told_with_the_reason() -> None:
    entry = "metric: deletion_gain, at_least: 0, explainer: attention_rollout"
    (problem,) = problems(entry, "model=mlp")
    assert 'no explainer "attention_rollout" runs here (needs attention' in str(problem)


@pytest.mark.parametrize(
    ("entry", "both"),
    [
        ("metric: roc_auk, at_least: 0.7, at_most: 0.9", ("no metric measures", "exactly one of")),
        ("metric: roc_auk, at_leest: 0.7", ("no metric measures", "at_leest")),
        ("metric: roc_auc, at_least: high, at_most: 7", ("a number", "which it can never be")),
        (
            "metric: roc_auc, at_least: 75, attribute: sex",
            ("which it can never be", "not for groups"),
        ),
        (
            "metric: deletion_gain, explainer: shep, attribute: sex, at_least: 0",
            ("no explainer", "not for groups"),
        ),
    ],
)
def test_two_mistakes_in_one_threshold_are_both_told(entry: str, both: tuple[str, str]) -> None:
    text = "\n".join(map(str, problems(entry)))
    assert both[0] in text
    assert both[1] in text


def test_a_threshold_of_a_file_is_told_with_its_own_line(tmp_path: Path) -> None:
    mine = study(
        "report:\n  thresholds:\n"
        "    - {metric: roc_auc, at_least: 0.7, set_by: me}\n"
        "    - {metric: accuracy, at_least: 70, set_by: me}"
    )
    conf = write_conf(tmp_path, {"experiment/mine": mine})
    with pytest.raises(ConfigProblems, match=r"mine\.yaml:5: the threshold on .accuracy."):
        experiment_of("experiment=mine", config_dir=conf)


_DATA = [
    ("attribute: sexx", 'attribute "sexx" is not in these data'),
    ("attribute: sexx", 'did you mean "sex"?'),
    ("attribute: sex, level: woman", '"woman" is not a level of sex'),
    ("attribute: sex, level: woman", "allowed: men, women"),
]


@pytest.fixture(scope="session")
def credit_schema(small_run: Any) -> Schema:
    return Schema.from_json(load_json(small_run.folder / "artifacts" / "data" / "schema.json"))


def told_of(schema: Schema, about: str) -> list[Problem]:
    """What is wrong with a threshold on the impact ratio of these groups, given the data."""
    entry = f"{{metric: impact_ratio, at_least: 0.8, set_by: me, {about}}}"
    return against_data(experiment_of(f"report.thresholds=[{entry}]"), schema)


@pytest.mark.parametrize(("about", "expected"), _DATA)
def test_groups_that_the_data_do_not_have_are_a_problem(
    about: str, expected: str, credit_schema: Schema
) -> None:
    (problem,) = told_of(credit_schema, about)
    assert expected in str(problem)
    assert problem.where.startswith("command line, report.thresholds=")


@pytest.mark.parametrize(
    "about",
    ["attribute: sex", "attribute: sex, level: women", "attribute: 'sex × age_band'", "why: w"],
)
def test_groups_that_the_data_have_are_none(about: str, credit_schema: Schema) -> None:
    assert told_of(credit_schema, about) == []


def test_check_and_run_refuse_a_group_that_is_not_there_before_anything_is_trained(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "{metric: impact_ratio, attribute: sexx, at_least: 0.8, set_by: me}"
    overrides = [*small_run.overrides(tmp_path), f"report.thresholds=[{entry}]"]
    for command in (["check"], []):
        assert run([*command, *overrides]) == 2
        assert 'attribute "sexx" is not in these data' in capsys.readouterr().err
    overrides = [override for override in overrides if not override.startswith("paths.store")]
    with pytest.raises(ConfigProblems):
        run_of(*overrides, f"paths.store={tmp_path}/s")
    made = {path.name for path in (tmp_path / "s").iterdir() if not path.name.startswith(".")}
    assert made == {"data"}


@pytest.mark.parametrize(
    ("outcomes", "rejected", "code"),
    [
        (["met"], 0, 0),
        (["met", "too uncertain to say"], 0, 0),
        (["met", "not met"], 0, 3),
        (["met", "not measured"], 0, 3),
        ([], 1, 3),
    ],
)
def test_a_broken_promise_and_a_rejection_fail_where_that_is_asked_for(
    outcomes: list[Outcome], rejected: int, code: int
) -> None:
    declared = [vars(Verdict("roc_auc", "at_least", 0.8, outcome)) for outcome in outcomes]
    concluded = {"findings": [], "problems": [], "thresholds": declared}
    for fails in (True, False):
        record = {**concluded, "config": {"report": {"fail_on": fails}}}
        record["decisions"] = {"rejected": rejected}
        assert Finished(Path(), [], record).exit_code == (code if fails else 0)


def test_every_score_of_a_run_is_declared_with_bounds_that_hold_it(small_run: Any) -> None:
    metrics = experiment_of().metrics
    seen = set()
    for path in (small_run.folder / "artifacts" / "measures").rglob("scores.json"):
        key = path.relative_to(small_run.folder / "artifacts" / "measures").parts[0]
        declared = bounds_of(key, metrics[key])
        for score in load_json(path):
            if score["predictor"] != "model":
                continue
            low, high = declared[score["metric"]]
            least, greatest = score["bounds"]
            assert low is None or least is None or least >= low, (key, score["metric"])
            assert high is None or greatest is None or greatest <= high, (key, score["metric"])
            assert low is None or score["value"] is None or score["value"] >= low
            assert high is None or score["value"] is None or score["value"] <= high
            assert score["attribute"] == "" or getattr(metrics[key], "needs_groups", None)
            assert score["explainer"] == "" or metrics[key].scope != "model"
            seen.add(score["metric"])
    assert len(seen) > 20


def test_scores_are_read_from_the_text_of_each_metric_as_its_class_declares_them() -> None:
    listed = 0
    for file in sorted(Path("conf/metrics").glob("*.yaml")):
        target = threshold_checks.target_of(file)
        scores = threshold_checks.scores_in_source(target)
        if scores is not None:
            listed += 1
            assert set(scores) == set(bounds_of(file.stem, plugin(target))), file.stem
    assert listed > 60
