"""The favourable class is declared or nothing rests on it: no order and no word decides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.message import text_of
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import NOT_JUDGED, Schema, Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.files import load_json
from deepseek_report.config.compose import compose
from deepseek_report.config.problems import ConfigProblems
from deepseek_report.datasets.sources.csv import TableFile
from deepseek_report.datasets.sources.image_folder import ImageFolder
from deepseek_report.datasets.sources.series_file import SeriesFile
from deepseek_report.datasets.sources.taiwan_credit import TaiwanCredit
from deepseek_report.datasets.sources.text_file import TextFile
from deepseek_report.errors import DataError, NotApplicableError
from deepseek_report.metrics.fairness.group_gaps import (
    DemographicParityDifference,
    EqualizedOddsDifference,
    EqualOpportunityDifference,
)
from deepseek_report.metrics.fairness.group_rates import GroupRates
from deepseek_report.metrics.fairness.impact_ratio import ImpactRatio
from deepseek_report.metrics.fairness.options import Options
from deepseek_report.metrics.performance.classification_scores import ConfusionMatrix
from deepseek_report.metrics.performance.threshold_sweep import ThresholdSweep
from deepseek_report.metrics.plugin import FAVOURABLE_SCORES
from deepseek_report.runner.planning.against_data import not_judged
from deepseek_report.runner.planning.forecast import forecast
from deepseek_report.runner.run import Finished
from deepseek_report.wording.words import wording
from tests import builders
from tests.builders import predictions
from tests.configured import experiment_of, places_in, run_of
from tests.datasets.loading import written
from tests.worded import refused, say

JUDGES = (
    GroupRates(),
    ImpactRatio(),
    DemographicParityDifference(),
    EqualOpportunityDifference(),
    EqualizedOddsDifference(),
    Options(),
)
#: Share approved ("genehmigt") of each group, in the labels: the true ratio is 0.4.
RATES = {"Männer": 0.75, "Frauen": 0.3}


def mortgages(n: int = 900, words: tuple[str, str] = ("genehmigt", "abgelehnt")) -> pd.DataFrame:
    """Applications where sex decides, so that a model repeats the ratio of the labels."""
    random = np.random.default_rng(7)
    sex = np.resize(list(RATES), n)
    score = random.random(n)
    approved = score > 1 - np.vectorize(RATES.get)(sex)
    return pd.DataFrame(
        {
            "einkommen": random.normal(4000, 900, n).round(),
            "bonität": (100 * score).round(1),
            "geschlecht": sex,
            "entscheidung": np.where(approved, *words),
        }
    )


def load(path: Path, **fields: Any) -> Dataset:
    known = {"target": "entscheidung", "sensitive": ("geschlecht",)} | fields
    return TableFile(path=str(path), **known).load(3, Silent())


def as_labelled(dataset: Dataset) -> MeasureContext:
    """A model that decides as the labels say."""

    def predictions_of(part: Any) -> Predictions:
        shares = np.full((len(part), len(dataset.schema.target.classes)), 0.1)
        shares[np.arange(len(part)), part.labels] = 0.9
        shares /= shares.sum(axis=1, keepdims=True)
        explained = dataset.schema.target.explained
        return predictions(shares, part, decisions=part.labels, explained=explained)

    answers = (predictions_of(part) for part in (dataset.test, dataset.validation))
    named = dict(zip(("predictions", "validation_predictions"), answers, strict=True))
    return builders.context(dataset, **named, seed=1)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return Path(written(mortgages(), tmp_path / "kredite.csv"))


# --- the data -------------------------------------------------------------------------------------


def test_no_class_of_a_file_is_favourable_unless_the_config_says_so(table: Path) -> None:
    target = load(table).schema.target
    assert (target.favourable, target.is_judged) == (None, False)
    with refused(r"^not judged: the favourable class is not decl"):
        _ = target.favourable_class
    declared = load(table, favourable="genehmigt").schema.target
    assert (declared.favourable_class, declared.favourable_by) == ("genehmigt", "config")


def test_a_class_that_does_not_exist_is_refused_with_the_nearest(table: Path) -> None:
    with pytest.raises(DataError, match=r"'genemigt', which is not a class.*favourable=genehmigt"):
        load(table, favourable="genemigt")


def test_yes_of_a_file_that_writes_true_is_refused_with_what_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "bought.csv"
    frame = pd.DataFrame({"visits": np.arange(60) % 7, "bought": np.arange(60) % 2 == 0})
    frame.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"'yes', which is not a class.*favourable=True`"):
        TableFile(path=str(path), target="bought", favourable="yes").load(1, Silent())


def test_of_three_classes_the_favourable_one_is_explained_unless_another_is_declared(
    tmp_path: Path,
) -> None:
    frame = mortgages()
    frame.loc[::5, "entscheidung"] = "wartet"
    path = Path(written(frame, tmp_path / "three.csv"))
    assert load(path).schema.target.favourable is None
    declared = load(path, favourable="genehmigt").schema.target
    assert (declared.favourable_class, declared.explained_class) == ("genehmigt", "genehmigt")
    assert len(declared.classes) == 3
    other = load(path, favourable="genehmigt", positive="wartet").schema.target
    assert (other.favourable_class, other.explained_class) == ("genehmigt", "wartet")


def test_texts_follow_the_same_rule(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = [" ".join(random.choice(["alpha", "beta", "gamma", "delta"], 6)) for _ in range(300)]
    frame = pd.DataFrame({"text": words, "urteil": np.resize(["gut", "schlecht"], 300)})
    frame["text"] += [f" nr{k}" for k in range(300)]
    path = written(frame, tmp_path / "texte.csv")
    known = {"path": path, "text": "text", "target": "urteil"}
    assert TextFile(**known).load(1, Silent()).schema.target.favourable is None
    declared = TextFile(**known, favourable="schlecht").load(1, Silent()).schema.target
    assert (declared.favourable_class, declared.favourable_by) == ("schlecht", "config")


def test_shipped_data_declare_it_themselves() -> None:
    target = TaiwanCredit(rows=400).load(1, Silent()).schema.target
    assert target.favourable_by == "data set"
    assert target.is_judged
    assert target.favourable_class == "no default"


def test_images_and_series_follow_the_same_rule() -> None:
    frame = pd.DataFrame({"fault": np.resize(["ok", "leak", "burst"], 30)})
    for plugin in (SeriesFile, ImageFolder):
        assert plugin().answer(frame, ["fault"], "f").target.favourable is None
        declared = plugin(favourable="ok").answer(frame, ["fault"], "f").target
        assert (declared.favourable_class, declared.favourable_by) == ("ok", "config")
        with pytest.raises(DataError, match=r"dataset\.favourable=leak"):
            plugin(favourable="leek").answer(frame, ["fault"], "f")


def test_of_a_label_that_is_given_or_not_neither_is_favourable_by_itself() -> None:
    frame = pd.DataFrame({"warm": np.resize([0, 1], 30), "wet": np.resize([0, 1, 1], 30)})
    plugin = ImageFolder(task="multi_label", report_label="wet")
    assert plugin.answer(frame, ["warm", "wet"], "f").target.favourable is None
    declared = replace(plugin, favourable=1).answer(frame, ["warm", "wet"], "f").target
    assert declared.favourable_class == "with wet"


def test_a_schema_is_read_as_it_was_written(table: Path) -> None:
    schema = load(table, favourable="genehmigt").schema
    again = Schema.from_json(schema.to_json())
    assert again.target == schema.target
    assert again.target.codes == ("genehmigt", "abgelehnt")


# --- measurements ---------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", JUDGES, ids=lambda judge: type(judge).__name__)
def test_what_compares_favourable_decisions_refuses_without_a_declaration(
    metric: Any, table: Path
) -> None:
    assert metric.needs_favourable
    with pytest.raises(NotApplicableError) as refusal:
        metric.measure(as_labelled(load(table)))
    assert refusal.value.reason == NOT_JUDGED
    assert metric.measure(as_labelled(load(table, favourable="genehmigt"))).tables


def test_the_ratio_is_that_of_the_declared_class(table: Path) -> None:
    metric = ImpactRatio(crossings=False, reference={"geschlecht": "Männer"})
    (ratio,) = metric.measure(as_labelled(load(table, favourable="genehmigt"))).scores
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low < 0.4 < ratio.high


def test_the_share_of_favourable_decisions_is_left_out_where_none_is(table: Path) -> None:
    undeclared, declared = (
        {score.metric for score in ConfusionMatrix().measure(as_labelled(data)).scores}
        for data in (load(table), load(table, favourable="genehmigt"))
    )
    assert "selection_rate" not in undeclared
    assert {"true_positive_rate", "precision"} <= undeclared
    assert "selection_rate" in declared
    note = wording().say(ThresholdSweep().measure(as_labelled(load(table))).notes[0])
    assert "the selection rate is of “genehmigt”" in note  # the explained class, by its name


#: Words for outcomes in several languages, of which no list can say which one is good.
WORDS = (
    *("genehmigt", "abgelehnt", "approved", "denied", "good", "bad", "0", "1", "no", "yes"),
    *("accordé", "refusé", "aprobado", "rechazado", "批准", "拒绝", "A", "B", "+", "pass", "fail"),
    *("hired", "rejected", "true", "false", "schlecht", "gut", "ja", "nein", "zz-7", "kq-3"),
)


def verdicts(path: Path, **fields: Any) -> int:
    """How many measurements say something about favourable decisions of groups."""
    context = as_labelled(load(path, rows=None, **fields))
    times = 0
    quick = [
        replace(judge, n_resamples=100) if hasattr(judge, "n_resamples") else judge
        for judge in JUDGES
    ]
    for metric in (*quick, ConfusionMatrix()):
        try:
            scores = metric.measure(context)
        except NotApplicableError:
            continue
        times += any(score.metric in FAVOURABLE_SCORES for score in scores.scores) or (
            "options" in scores.tables
        )
    return times


def test_of_many_tables_with_any_words_none_is_judged_without_a_declaration(tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    judged, path = [], tmp_path / "any.csv"
    for _ in range(40):
        words = tuple(str(word) for word in random.choice(WORDS, 2, replace=False))
        written(mortgages(400, words), path)
        judged.append(verdicts(path))
    assert sum(judged) == 0
    assert verdicts(path, favourable=words[0]) == 7


# --- check, and a whole run -----------------------------------------------------------------------


def overrides(table: Path, *more: str) -> list[str]:
    return [
        *("debug=fast", "jobs=1", "measure_time=false", "dataset=csv", f"dataset.path={table}"),
        *("dataset.target=entscheidung", "dataset.sensitive=[geschlecht]", "model=sklearn"),
        *("model.estimator=sklearn.tree.DecisionTreeClassifier", "explainers=[]"),
        "metrics=[roc_auc,confusion_matrix,group_rates,impact_ratio,proxies]",
        "visualizations=[group_rates]",
        *places_in(table.parent),
        *more,
    ]


PROMISE = (
    "report.thresholds=[{metric: impact_ratio, attribute: geschlecht, at_least: 0.8, set_by: us}]"
)


def test_check_asks_for_the_favourable_class_where_a_threshold_needs_it(table: Path) -> None:
    with pytest.raises(ConfigProblems) as caught:
        forecast(experiment_of(*overrides(table, PROMISE)))
    (problem,) = caught.value.problems
    assert 'threshold is declared for "impact_ratio"' in problem.fault
    assert problem.allowed == "abgelehnt, genehmigt"
    assert "dataset.favourable=abgelehnt, dataset.favourable=genehmigt" in problem.todo
    assert problem.where == "report.thresholds"


def test_a_run_stops_at_the_same_problem_before_it_trains(table: Path) -> None:
    with pytest.raises(ConfigProblems, match="nobody says which class is good"):
        run_of(*overrides(table, PROMISE))
    kinds = {path.name.partition("-")[0] for path in (table.parent / "store").iterdir()}
    assert "training" not in kinds


def test_without_a_threshold_check_says_what_will_not_be_judged(table: Path) -> None:
    plan = forecast(experiment_of(*overrides(table)))
    refusals = dict(plan.refused)
    reason = say(refusals["measures/impact_ratio"])
    assert reason.startswith(say(NOT_JUDGED))
    assert "dataset.favourable=genehmigt" in reason
    assert "measures/roc_auc" not in refusals
    declared = forecast(experiment_of(*overrides(table, "dataset.favourable=genehmigt", PROMISE)))
    assert "measures/impact_ratio" not in dict(declared.refused)


def test_a_class_with_blanks_is_written_so_that_it_can_be_copied(tmp_path: Path) -> None:
    frame = mortgages(words=("voll bewilligt", "abgelehnt"))
    table = Path(written(frame, tmp_path / "kredite.csv"))
    experiment = experiment_of(*overrides(table))
    ((_, reason), *_) = not_judged(experiment, load(table).schema)
    assert "'dataset.favourable=\"voll bewilligt\"'" in say(reason)
    composed = compose(overrides(table, 'dataset.favourable="voll bewilligt"'))
    assert composed.raw["dataset"]["favourable"] == "voll bewilligt"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finished]:
    table = Path(written(mortgages(), tmp_path_factory.mktemp("run") / "kredite.csv"))

    def run(*more: str) -> Finished:
        return run_of(*overrides(table, *more))

    return run


def test_without_a_declaration_the_report_says_not_judged(
    finished: Callable[..., Finished],
) -> None:
    run = finished()
    assert run.exit_code == 0
    page = (run.folder / "report.html").read_text("utf-8")
    assert say(NOT_JUDGED) in page
    assert "” was taken" not in page
    assert "favourable decision is" not in page
    assert "Labelled “abgelehnt”, decided otherwise" in page
    assert "Labelled “genehmigt”, decided otherwise" in page
    reasons = {problem["stage"]: text_of(problem["reason"]) for problem in run.record["problems"]}
    assert reasons["measures/impact_ratio"] == NOT_JUDGED
    assert reasons["pictures/group_rates"] == NOT_JUDGED
    findings = load_json(run.folder / "findings.json")
    listed = findings["findings"] if isinstance(findings, dict) else findings
    named = {finding["id"]: finding["severity"] for finding in listed}
    assert named["groups-not-judged"] == "medium"
    assert not any(name.startswith(("impact", "errors")) for name in named)


def test_a_declared_class_is_judged_by_the_truth_and_named_as_declared(
    finished: Callable[..., Finished],
) -> None:
    reference = '+metrics.impact_ratio.reference={geschlecht: "Männer"}'
    run = finished("dataset.favourable=genehmigt", PROMISE, reference)
    (verdict,) = run.concluded.thresholds
    assert verdict.outcome == "not met"
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low < 0.4 < verdict.high
    page = (run.folder / "report.html").read_text("utf-8")
    assert "declared in the config" in page
    assert say(NOT_JUDGED) not in page


def test_a_number_is_never_asked_for_a_favourable_class() -> None:
    target = Target("y", "Y", ("y",), explained=0, task="regression")
    assert target.favourable is None
