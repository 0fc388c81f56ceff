"""Runs that are compared: what they are called, what is paired, what may be concluded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.message import Message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results, Study
from deepseek_report.artifacts.split import Split
from deepseek_report.comparisons.comparison import compare
from deepseek_report.comparisons.methods import methods_of, run_labels, what_varied
from deepseek_report.comparisons.paired_explanations import _mean_agreement
from deepseek_report.errors import ArtifactError
from deepseek_report.metrics.explanations.agreement import rowwise_spearman
from deepseek_report.statistics.intervals import mean_interval
from deepseek_report.tasks.loss import decide
from tests.real_runs import small_results
from tests.shared_runs import SmallRun
from tests.worded import say

Change = Callable[[np.random.Generator, Predictions], np.ndarray]


@pytest.fixture(scope="module")
def run(small_run: SmallRun) -> Results:
    return small_results(small_run)


def named(run: Results, name: str, **settings: Any) -> Results:
    """The run under another id, with other settings of the model or another seed."""
    seed = settings.pop("seed", 1)
    seeds = {**run.config["seeds"], "training": seed}
    model = {**run.config["model"], **settings}
    return replace(run, run_id=name, config={**run.config, "model": model, "seeds": seeds})


def predicting(run: Results, scores: np.ndarray) -> Results:
    """The run whose model states these probabilities of the explained class."""
    p = run.predictions
    scores = np.clip(scores, 0.001, 0.999)
    both = np.stack([1 - scores, scores], axis=1)
    decisions = decide(both, p.threshold, p.explained)
    changed = replace(p, probabilities=both, logits=np.log(both), decisions=decisions)
    run.__dict__["predictions"] = changed
    return run


def arm(
    run: Results, label: str, dropout: float, noise: float, signal: float = 0.0
) -> list[Results]:
    """Five seeds of a method, whose scores are the model's plus noise, and plus the truth."""
    p = run.predictions
    rng = np.random.default_rng(len(label))
    return [
        predicting(
            named(run, f"{label}{seed}", dropout=dropout, seed=seed),
            p.scores + noise * rng.normal(size=len(p)) + signal * p.truths,
        )
        for seed in range(1, 6)
    ]


def test_runs_that_differ_in_seeds_alone_are_one_method(run: Results) -> None:
    study = Study((*arm(run, "a", 0.1, 0.01), *arm(run, "b", 0.2, 0.01)))
    methods = methods_of(study)
    assert [method.runs for method in methods] == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)]
    assert [method.label for method in methods] == [
        "DeepSeek, dropout 0.1",
        "DeepSeek, dropout 0.2",
    ]
    assert run_labels(study, methods)[6] == "DeepSeek, dropout 0.2, seed 2"


def test_a_method_that_knows_the_truth_is_better_and_said_to_be(run: Results) -> None:
    comparison = compare(Study((*arm(run, "a", 0.1, 0.02), *arm(run, "b", 0.2, 0.02, signal=0.3))))
    methods = comparison.measurements["compared_performance"].tables["methods"]
    row = methods[methods["measure"] == "roc_auc"].iloc[0]
    assert row["better"] == "DeepSeek, dropout 0.2"
    assert row["difference"] < 0
    assert comparison.conclusions[0].id == "comparison.conclusions.method_better"


def test_two_arms_of_one_method_are_not_told_apart(run: Results) -> None:
    comparison = compare(Study((*arm(run, "a", 0.1, 0.02), *arm(run, "bb", 0.2, 0.02))))
    methods = comparison.measurements["compared_performance"].tables["methods"]
    assert (methods["better"] == "").all()
    assert comparison.conclusions[0].id.endswith(("methods_open", "methods_alike"))


def test_of_many_methods_pairs_are_counted_and_the_farthest_named(run: Results) -> None:
    arms = [
        arm(run, "a" * place, 0.1 * place, 0.02, signal=0.3 if place > 2 else 0.0)
        for place in (1, 2, 3, 4)
    ]
    comparison = compare(Study(tuple(study for method in arms for study in method)))
    methods = comparison.measurements["compared_performance"].tables["methods"]
    better = int((methods[methods["measure"] == "roc_auc"]["better"] != "").sum())
    counted, *others = comparison.conclusions
    assert counted.id == "comparison.conclusions.methods_counted"
    values = counted.values
    assert (values["pairs"], values["better"]) == (6, better)
    assert values["better"] + values["alike"] + values["open"] == 6
    named_pairs = [text for text in others if text.id.endswith(("_better", "_alike", "_open"))]
    named_methods = [
        text for text in named_pairs if text.id.startswith("comparison.conclusions.method")
    ]
    assert better >= 4
    assert len(named_methods) == 3
    assert {text.id for text in named_methods} == {"comparison.conclusions.method_better"}


def test_runs_that_predict_alike_under_another_seed_are_one_fitted_model(run: Results) -> None:
    fixed = [*arm(run, "ab", 0.1, noise=0.0), *arm(run, "c", 0.2, noise=0.0, signal=0.3)]
    comparison = compare(Study(tuple(fixed)))
    performance = comparison.measurements["compared_performance"]
    pairs = performance.tables["fitted"][["first", "other"]].drop_duplicates()
    assert [tuple(pair) for pair in pairs.to_numpy()] == [
        (comparison.labels[0], comparison.labels[5])
    ]
    changes = comparison.measurements["compared_decisions"].tables["changes"]
    assert len(changes[["first", "other"]].drop_duplicates()) == 1
    (note,) = [note for note in performance.notes if note.id == "comparison.same_models"]
    names = [method.label for method in comparison.methods]
    assert note.values["methods"] == names
    assert "such runs are one fitted model" in say(note)


def test_with_a_baseline_every_run_is_set_against_it(run: Results) -> None:
    fixed = arm(run, "ab", 0.1, noise=0.0)
    comparison = compare(Study(tuple(fixed)), baseline=1)
    fitted = comparison.measurements["compared_performance"].tables["fitted"]
    assert len(fitted[["first", "other"]].drop_duplicates()) == 4


def test_few_seeds_give_no_conclusion_on_methods(run: Results) -> None:
    comparison = compare(Study((*arm(run, "a", 0.1, 0.02)[:2], named(run, "c", dropout=0.3))))
    assert "methods" not in comparison.measurements["compared_performance"].tables
    assert comparison.conclusions[0].id == "comparison.conclusions.no_methods"


def test_who_is_decided_otherwise_is_counted_for_everyone_and_each_group(run: Results) -> None:
    p = run.predictions
    other = predicting(named(run, "b", dropout=0.2), 1 - p.scores)
    changes = compare(Study((run, other))).measurements["compared_decisions"].tables["changes"]
    whole = changes[changes["attribute"] == ""].iloc[0]
    flipped = p.decisions != other.predictions.decisions
    assert whole["gained"] + whole["lost"] == flipped.sum()
    for name in set(changes["attribute"]) - {""}:
        assert changes.loc[changes["attribute"] == name, "n"].sum() <= len(p)


def test_decisions_are_told_of_the_pair_that_differs_most_with_how_sure_their_direction_is(
    run: Results,
) -> None:
    p = run.predictions
    same = predicting(named(run, "b", dropout=0.2), p.scores)
    all_declined = predicting(named(run, "c", dropout=0.3), np.full(len(p), 0.999))
    text = concluded(Study((run, same, all_declined)), "decisions")
    assert text.startswith("Of 3 pairs of fitted models, decisions differ most between ")
    assert "dropout 0.3" in text
    assert "more in one direction than chance explains (p < 0.001, corrected for " in text
    assert concluded(Study((run, same)), "decisions").startswith(
        "No decision differs in the one pair"
    )


def test_a_method_that_another_beats_in_everything_is_told(run: Results) -> None:
    p = run.predictions
    worse = predicting(named(run, "b", dropout=0.2), 1 - p.scores)
    whole = compare(Study((run, worse))).measurements["compared_price"].tables["prices"]
    text = concluded(Study((run, worse)), "not_beaten")
    assert text.startswith("Against every other method, ")
    assert text.endswith("Chance is not taken into account here.")
    for method, not_beaten in zip(whole["method"], whole["not_beaten"], strict=True):
        assert (f"{method} has not" in text) != not_beaten


def concluded(study: Study, conclusion: str) -> str:
    (text,) = (
        text
        for text in compare(study).conclusions
        if text.id == f"comparison.conclusions.{conclusion}"
    )
    return say(text)


def test_the_largest_gaps_between_groups_are_those_of_the_table(run: Results) -> None:
    p = run.predictions
    other = predicting(named(run, "b", dropout=0.2), p.scores * (1 - 0.5 * (p.groups["sex"] == 0)))
    measured = compare(Study((run, other))).measurements["compared_decisions"]
    (note,) = measured.notes
    assert isinstance(note, Message)
    rates = measured.tables["rates"]
    most = rates.loc[rates["gap"].idxmin()]
    assert note.values["most"]["run"] == most["run"]
    assert note.values["most"]["gap"] == pytest.approx(-100 * most["gap"])
    values = note.values["most"]
    assert values["low"] < values["gap"] < values["high"]
    assert "points" in say(note)
    label = run.schema.attribute(most["attribute"]).label.lower()  # not the name of a column
    assert f"with {label} “{most['level']}” below" in say(note)


@pytest.mark.parametrize("turned", [False, True])
def test_one_pair_of_fitted_models_is_told_by_name_and_not_counted(
    run: Results, turned: bool
) -> None:
    """The better one comes first, and its difference from the other, whichever run was first."""
    p = run.predictions
    good = predicting(named(run, "a"), 0.2 + 0.6 * p.truths)
    bad = predicting(named(run, "b", dropout=0.2), 0.8 - 0.6 * p.truths)
    text = concluded(Study((bad, good) if turned else (good, bad)), "fitted_apart")
    assert text.startswith("Of the two fitted models DeepSeek, dropout ")
    assert "in ROC AUC by more than chance (corrected for 3 tests): the difference is 1.0" in text
    assert text.endswith("They differ in accuracy and Brier score, too.")


def test_a_setting_that_one_model_alone_has_is_told_with_its_value(run: Results) -> None:
    shallow = named(run, "a", params={"max_depth": 4})
    table = what_varied(Study((shallow, named(run, "b", params={})))).tables["settings"]
    assert table.set_index("setting")["values"].to_dict() == {"model.params.max_depth": "4; –"}


def with_test_part(run: Results, test: Split, **data: Any) -> Results:
    """The run on another test part, whose data are declared otherwise; it predicts what it did."""
    dataset = {**run.config["dataset"], **data}
    changed = replace(run, config={**run.config, "dataset": dataset})
    kept = np.isin(run.test.instance_ids, test.instance_ids)
    changed.__dict__.update(test=test, predictions=run.predictions.take(kept))
    return changed


def moved_rows(run: Results, by: float) -> Split:
    """The test part with other numbers."""
    is_number = [feature.is_numeric for feature in run.schema.features]
    return replace(run.test, inputs=run.test.inputs + by * np.array(is_number))


def test_runs_on_other_rows_are_not_paired(run: Results) -> None:
    moved = moved_rows(run, 1)
    other = with_test_part(named(run, "b", dropout=0.2), moved)
    comparison = compare(Study((run, other)))
    assert set(comparison.measurements["compared_performance"].tables) == {"values"}
    assert comparison.measurements["compared_explanations"].tables == {}
    (text,) = (say(t) for t in comparison.conclusions if t.id.endswith("not_paired"))
    assert "not judged on the same rows (0 in common)" in text
    (note,) = comparison.measurements["compared_performance"].notes
    assert "seeds.data" not in say(note)  # all have one: their rows are others for another reason
    reseeded = replace(other, config={**other.config, "seed": 2})
    reseeded.__dict__["test"] = moved
    (note,) = compare(Study((run, reseeded))).measurements["compared_performance"].notes
    assert "Give them one seeds.data" in say(note)
    elsewhere = with_test_part(other, moved, sensitive=[])
    (note,) = compare(Study((run, elsewhere))).measurements["compared_performance"].notes
    assert "seeds.data" not in say(note)  # which would not make them the same rows
    assert "since their data, or what is declared of these, are not the same" in say(note)


def test_rows_are_the_same_whatever_plan_and_declaration_they_came_by(run: Results) -> None:
    stages = [{**stage, "key": "other"} for stage in run.provenance["stages"]]
    planned = replace(named(run, "b", dropout=0.2), provenance={**run.provenance, "stages": stages})
    dataset = {**planned.config["dataset"], "path": "elsewhere.csv"}
    renamed = replace(planned, config={**planned.config, "dataset": dataset})
    for other, label in ((planned, "dropout 0.2"), (renamed, "path elsewhere.csv")):
        comparison = compare(Study((run, other)))
        assert "fitted" in comparison.measurements["compared_performance"].tables
        assert "prices" in comparison.measurements["compared_price"].tables
        assert comparison.measurements["compared_data_sets"].tables == {}
        assert comparison.labels[1] == f"DeepSeek, {label}"
        n = len(run.predictions)
        assert f"same {n} test rows" in say(comparison.measurements["compared_settings"].notes[-2])


def test_where_a_part_of_the_rows_is_shared_it_is_compared_and_said(run: Results) -> None:
    p, n = run.predictions, len(run.predictions)
    most = np.arange(n) < 300
    other = predicting(named(run, "b", dropout=0.2), 1 - p.scores)
    small = with_test_part(other, run.test.take(np.flatnonzero(most)), rows=300)
    explained = {
        name: each.at(np.flatnonzero(most[each.positions]))
        for name, each in run.explanations.items()
    }
    small.__dict__.update(predictions=other.predictions.take(most), explanations=explained)
    comparison = compare(Study((run, small)))
    fitted = comparison.measurements["compared_performance"].tables["fitted"]
    assert set(fitted["n"]) == {300}
    right = [q.correct[most].mean() for q in (p, other.predictions)]
    accuracy = fitted.set_index("measure")["difference"]["accuracy"]
    assert accuracy == pytest.approx(right[0] - right[1])
    values = comparison.measurements["compared_performance"].tables["values"]
    assert set(values["n"]) == {300, n}  # each as its own report tells it
    agreement = comparison.measurements["compared_explanations"].tables["agreement"]
    assert set(agreement["n"]) == {most[run.explanations["shap"].positions].sum()}
    changes = comparison.measurements["compared_decisions"].tables["changes"].iloc[0]
    decided = [q.decisions[most] for q in (p, other.predictions)]
    assert changes["gained"] + changes["lost"] == (decided[0] != decided[1]).sum()
    text = say(comparison.conclusions[0])
    assert "on the 300 test rows that all of them test, the same in inputs and label" in text
    assert f"they test 300 to {n}." in text


def test_a_run_is_compared_with_the_one_that_corrects_it(run: Results) -> None:
    """A column is left out and some labels are others: the rest is compared, and all of it said."""
    labels = run.test.labels.copy()
    labels[:9] = 1 - labels[:9]
    gone = run.schema.names[2]
    other = predicting(named(run, "b"), run.predictions.scores)
    test = replace(run.test, inputs=np.delete(run.test.inputs, 2, axis=1), labels=labels)
    corrected = with_test_part(other, test)
    corrected.config["corrections"] = [{"must_not_matter": [gone]}, {"relabel": "labels.yaml"}]
    features = tuple(each for each in run.schema.features if each.name != gone)
    corrected.__dict__["schema"] = replace(run.schema, features=features)
    comparison = compare(Study((run, corrected)))
    assert comparison.labels == ("DeepSeek", "DeepSeek, corrected")
    assert len(comparison.methods) == 2
    assert set(comparison.measurements["compared_performance"].tables["fitted"]["n"]) == {
        len(labels) - 9
    }
    text = say(comparison.conclusions[0])
    assert f"Inputs are compared without {gone}, which not all runs have." in text
    assert "9 rows have another label in one of the runs and are left out." in text


def test_attributes_that_one_run_alone_declares_are_told_of_it_alone(run: Results) -> None:
    other = named(run, "b", dropout=0.2)
    other.__dict__["schema"] = replace(run.schema, attributes=run.schema.attributes[1:])
    groups = {name: codes for name, codes in run.predictions.groups.items() if name != "sex"}
    other.__dict__["predictions"] = replace(run.predictions, groups=groups)
    for study in ((run, other), (other, run)):
        rates = compare(Study(study)).measurements["compared_decisions"].tables["rates"]
        assert len(set(rates[rates["attribute"] == "sex"]["run"])) == 1
        assert len(set(rates[rates["attribute"] == "age_band"]["run"])) == 2


def test_data_of_another_target_are_not_compared_unless_every_label_is_the_same(
    run: Results,
) -> None:
    def about(name: str, labels: np.ndarray) -> Study:
        other = with_test_part(named(run, "b", dropout=0.2), replace(run.test, labels=labels))
        target = replace(run.schema.target, name=name)
        other.__dict__["schema"] = replace(run.schema, target=target)
        return Study((run, other))

    own = run.test.labels
    assert about("y", own).shared.are_all
    assert about("y", own).same_target
    turned = np.where(np.arange(len(own)) < 5, 1 - own, own)
    assert not about("late", turned).shared.suffice
    assert not about("late", turned).same_target
    assert about(run.schema.target.name, turned).shared.suffice


def test_runs_that_all_predict_alike_are_one_fitted_model_and_not_said_to_have_other_rows(
    run: Results,
) -> None:
    again = predicting(named(run, "b", seed=2), run.predictions.scores)
    first = predicting(named(run, "a"), run.predictions.scores)
    text = concluded(Study((first, again)), "one_model")
    assert text.startswith("No two models are compared: all runs predict alike")


def test_the_same_explanations_agree_wholly_and_their_spread_is_that_of_cases(run: Results) -> None:
    tables = (
        compare(Study((run, named(run, "b", dropout=0.2))))
        .measurements["compared_explanations"]
        .tables
    )
    assert (tables["agreement"]["spearman"].dropna() > 0.999).all()
    assert (tables["agreement"]["top"] == 1).all()
    sources = tables["sources"].set_index("explainer")
    assert (sources["method"] == 0).all()
    assert sources["seed"].isna().all()


def test_an_interval_of_rank_correlations_holds_none_beyond_one(run: Results) -> None:
    explanation = run.explanations["shap"]
    values = explanation.values.copy()
    values[0] = values[0][::-1]  # one case of which the order is another one
    pair = [(explanation, replace(explanation, values=values))]
    ranks = rowwise_spearman(np.abs(explanation.values), np.abs(values))
    assert mean_interval(ranks)[2] > 1
    agreement = _mean_agreement(pair)
    assert agreement["spearman_low"] < agreement["spearman"] < agreement["spearman_high"] == 1


def test_one_run_and_runs_without_rows_are_refused(run: Results) -> None:
    with pytest.raises(ArtifactError, match="two runs or more"):
        compare(Study.of(run))
    paths = {key: path for key, path in run.paths.items() if key != "predictions/test"}
    with pytest.raises(ArtifactError, match=r"report\.privacy=full"):
        compare(Study((run, replace(run, paths=paths))))
