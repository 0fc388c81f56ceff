"""The sentences above the pictures state numbers that stand in the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.conclusions import Conclusions, ExplainerVerdict
from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.models import HISTORY, untrained_facts
from deepseek_report.artifacts.results import Results
from deepseek_report.errors import ArtifactError
from deepseek_report.findings.listed_reasons import case_explanation
from deepseek_report.visualizations.cases.case_contributions import CaseContributionsPicture
from deepseek_report.visualizations.drawing.read_results import leading, leading_for_cases
from deepseek_report.visualizations.explanations import explanation_quality
from deepseek_report.visualizations.explanations.attributions_by_case import BeeswarmPicture
from deepseek_report.visualizations.explanations.importance_pictures import (
    GlobalImportancePicture,
    ReliancePicture,
)
from deepseek_report.visualizations.failures.learning_curve import LearningCurvePicture
from deepseek_report.visualizations.failures.part_pictures import (
    CohortsPicture,
    PartPerformancePicture,
    PerformanceByPeriod,
    SlicesPicture,
)
from deepseek_report.visualizations.failures.robustness import RobustnessPicture
from deepseek_report.visualizations.fairness.group_rates import GroupRatesPicture
from deepseek_report.visualizations.internals.layer_pictures import LayerProfilePicture
from deepseek_report.visualizations.internals.routing import (
    AttentionMapsPicture,
    ExpertEffectsPicture,
    RoutingPicture,
)
from deepseek_report.visualizations.performance import ranking_pictures
from deepseek_report.visualizations.performance.reliability import ReliabilityPicture
from deepseek_report.visualizations.performance.training_curves import TrainingCurvesPicture
from tests.real_runs import with_measurement, with_score, with_table
from tests.visualizations.varied import concluded, copy_with, draw, with_explanation
from tests.worded import refused, say

Build = Callable[..., Results]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def half(score: float, width: float) -> dict[str, float]:
    """A value with its interval."""
    return {"value": score, "low": score - width, "high": score + width}


def set_rows(**columns: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Gives the first rows of a table these cells: lists, or one value for all rows."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        most = max((len(cells) for cells in columns.values() if isinstance(cells, list)), default=0)
        return (table.head(most) if most else table).assign(**columns)

    return change


def losing(level: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The greatest share of decisions changes at this level of categories drawn anew."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        most = (table["perturbation"] == "swap") & np.isclose(table["level"], level)
        assert most.sum() == 1, table[["perturbation", "level"]]
        table["flipped"] = np.where(most, 0.12, 0.01)
        return table

    return change


#: (picture, run, metric, what of it is changed, title)
TITLES = [
    (
        ranking_pictures.RocCurvePicture(), "small",
        lambda run: with_score(run, "roc_auc", "roc_auc", **half(0.772, 0.012)),
        "ranks a “default” above another case in 77.2 % (76.0–78.4 %) of pairs",
    ),
    (
        TrainingCurvesPicture(), "small",
        lambda run: copy_with(
            run, training={**run.training, "best_epoch": 9, "epochs": 12},
            history=pd.concat([run.history] * 12).assign(epoch=range(1, 13)),
        ),
        "in epoch 9 of 12",
    ),
    (
        ReliabilityPicture(), "small",
        lambda run: with_score(
            run, "expected_calibration_error", "expected_calibration_error", value=0.024
        ),
        "probabilities are off by 2.4 points on average",
    ),
    (
        GroupRatesPicture(), "small",
        lambda run: with_table(
            run, "impact_ratio", "pairs",
            set_rows(attribute="sex", attribute_label="Sex", level=["men"], reference="women",
                     ratio=0.93, low=0.9, high=0.96, verdict="clear above", crossing=False),
        ),
        "their ratio is clearly above 0.8",
    ),
    (
        SlicesPicture(), "small",
        lambda run: with_table(
            run, "slices", "slices",
            set_rows(n=[420], error_rate=0.45, low=0.4, high=0.51, rest_error_rate=0.18,
                     expected_error_rate=0.18, p_adjusted=0.001, kind="unexpected"),
        ),
        "45.0 % of 420 decisions are wrong; 18.0 % were to be expected",
    ),
    (
        CohortsPicture(), "small",
        lambda run: with_table(
            run, "cohorts", "cohorts",
            set_rows(cohort=["", "Age is over 30 years"], origin=["all", "worst"], n=[399, 120],
                     too_few=False, accuracy=[0.8, 0.6], accuracy_low=[0.76, 0.56],
                     accuracy_high=[0.84, 0.65], p_adjusted=[float("nan"), 0.001]),
        ),
        "Decided correctly: 60.0 % where age is",
    ),
    (
        LearningCurvePicture(), "small",
        lambda run: with_score(
            run, "learning_curve", "learning_curve_gain", **half(0.0036, 0.005)
        ),
        "changed the AUC by 0.0036: whether more rows would help much is uncertain",
    ),
    (
        explanation_quality.AgreementPicture(), "small",
        lambda run: with_table(
            run, "explainer_agreement", "pairs",
            set_rows(explainer_a=["shap", "shap"], explainer_b=["lime", "attention_rollout"],
                     spearman=[0.85, 0.2], low=0.1, high=0.9),
        ),
        "SHAP and LIME agree most (0.85), SHAP and attention rollout least (0.20)",
    ),
    (
        RobustnessPicture(), "small",
        lambda run: with_table(run, "robustness", "perturbations", losing(0.2)),
        "at level 0.2 changes the most decisions: 12.0 %",
    ),
    (
        LayerProfilePicture(), "profile",
        lambda run: with_table(
            run, "layer_profile", "layers",
            lambda layers: layers.assign(
                share=np.where(layers["layer"] == "layers.0.experts", 0.329, 0.01),
                ms=np.where(layers["layer"] == "layers.0.experts", 3.29, 0.1),
            ),
        ),
        "“layer 1, experts” takes 32.9 % of the time",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("picture", "name", "change", "title"), TITLES, ids=[type(row[0]).__name__ for row in TITLES]
)
def test_the_title_states_the_finding_with_its_numbers(
    picture: Any, name: str, change: Callable[[Results], Results], title: str, build: Build
) -> None:
    assert title in plain(draw(picture, change(build(name)))[0].title)


def test_importance_is_titled_by_the_feature_that_is_first_of_every_explainer(build: Build) -> None:
    def first(table: pd.DataFrame) -> pd.DataFrame:
        top = table["feature"] == "PAY_0"
        size = table["mean_absolute"].where(~top, 2 * table["mean_absolute"].max())
        return table.assign(mean_absolute=size, rank=size.rank(ascending=False), share=size)

    results = build()
    for explainer in results.explainers_of("importance"):
        results = with_table(results, "importance", "importance", first, explainer)
    title = draw(GlobalImportancePicture(), results)[0].title
    assert "Repayment status in September 2005 matters most to every explainer" in title


@pytest.mark.parametrize(
    ("needed", "title"),
    [
        ([], "No expert of 4 is shown to be needed"),
        ([1], "Of 4 experts expert 2 of layer 1 alone is shown to be needed"),
        ([1, 2], "2 of 4 experts are shown to be needed, most of all expert 2"),
    ],
)
def test_an_expert_that_is_called_needed_is_shown_to_be(
    build: Build, needed: list[int], title: str
) -> None:
    def planted(parts: pd.DataFrame) -> pd.DataFrame:
        place = np.arange(4)
        verdict = np.where(np.isin(place, needed), "needed", "not shown")
        columns = {"kind": "expert", "layer": 0, "number": place + 1, "load": 1.0}
        return parts.head(4).assign(**columns, verdict=verdict, mean=np.where(place, 0.1, 9.0))

    results = with_table(build("language"), "ablation", "parts", planted)
    assert title in plain(draw(ExpertEffectsPicture(), results)[0].title)


def test_explainers_that_are_not_ranked_are_not_counted_among_those_that_are(build: Build) -> None:
    results = build()
    names = results.explainers_of("importance")
    for name in names:
        leads = {"PAY_0": 0.6, "LIMIT_BAL": 0.3}
        if name == "input_x_gradient":
            leads = {"PAY_0": 0.3, "LIMIT_BAL": 0.6}
        results = with_table(
            *(results, "importance", "importance"),
            lambda table, leads=leads: table.assign(share=table["feature"].map(leads).fillna(0.0)),
            name,
        )
    verdicts = [ExplainerVerdict(name, "nothing" if name == "lime" else "order") for name in names]
    changed = copy_with(results, conclusions=Conclusions(explainers=tuple(verdicts)))
    paths = {**results.paths, "conclusions": results.paths["data"]}
    object.__setattr__(changed, "paths", paths)
    title = draw(GlobalImportancePicture(), changed)[0].title
    ranked = len(names) - 2  # neither LIME nor the random control
    assert f"to {ranked - 1} of {ranked} explainers that may be ranked together;" in title
    assert "; on average Credit limit matters" in title


@pytest.mark.parametrize(
    ("condemned", "title"),
    [
        ([], "matters most to every explainer"),
        (["lime"], "may be ranked together"),
        (["lime", "input_x_gradient", "attention_rollout"], "matters most to both explainers that"),
        (["lime", "integrated_gradients", "input_x_gradient", "attention_rollout"], "By SHAP, "),
    ],
)
def test_a_method_that_may_be_quoted_for_nothing_does_not_rank_features(
    build: Build, condemned: list[str], title: str
) -> None:
    def planted(table: pd.DataFrame) -> pd.DataFrame:
        share = 0.9 * (table["feature"] == "PAY_0")
        return table.assign(share=share, mean_absolute=share)

    results = build()
    names = results.explainers_of("importance")
    for name in names:
        results = with_table(results, "importance", "importance", planted, name)
    verdicts = [
        ExplainerVerdict(name, "nothing" if name in condemned else "order") for name in names
    ]
    changed = copy_with(results, conclusions=Conclusions(explainers=tuple(verdicts)))
    paths = {**results.paths, "conclusions": results.paths["data"]}
    object.__setattr__(changed, "paths", paths)
    assert title in draw(GlobalImportancePicture(), changed)[0].title


def test_of_the_methods_the_best_and_one_that_is_not_to_be_trusted_are_told(build: Build) -> None:
    results = build()
    for metric in ("deletion_effect", "insertion_effect", "own_case_effect"):
        changed = results.measurement("faithfulness_effect")
        assert changed is not None
        scores = tuple(
            replace(score, **half(0.9 if score.explainer == "shap" else 0.05, 0.02))
            if score.metric == metric
            else score
            for score in changed.scores
        )
        results = with_measurement(results, "faithfulness_effect", replace(changed, scores=scores))
    small = half(0.1, 0.02)
    for metric, score in (
        ("parameter_randomisation", "randomisation_correlation"),
        ("max_sensitivity", "max_sensitivity_ratio"),
        ("max_sensitivity", "repeat_ratio"),
    ):
        for explainer in results.explainers_of(metric):
            if results.find(score, explainer=explainer):
                results = with_score(results, metric, score, explainer, **small)
    results = concluded(results)
    title = draw(explanation_quality.DeletionCurvesPicture(), results)[0].title
    assert title.startswith("SHAP")


@pytest.mark.parametrize(
    ("slowest", "title"),
    [
        ("outside named layers", "The steps between the layers take 80.0 % of the time"),
        ("layers.0.experts", "“layer 1, experts” takes 80.0 % of the time"),
    ],
)
def test_the_slowest_layer_is_named_and_what_lies_between_layers_is_none(
    build: Build, slowest: str, title: str
) -> None:
    def planted(table: pd.DataFrame) -> pd.DataFrame:
        rows = table.head(2)
        return rows.assign(
            layer=[slowest, "output"], kind=["Module", "Linear"], ms=[4.0, 1.0], share=[0.8, 0.2]
        )

    results = with_table(build("profile"), "layer_profile", "layers", planted)
    assert plain(draw(LayerProfilePicture(), results)[0].title) == title


def test_attention_is_titled_by_what_each_layer_prefers(build: Build) -> None:
    results = build()
    known = results.measurement("attention")
    assert known is not None
    mean = 0.5 * known.arrays["mean"]
    mean[..., 0] += 0.5
    changed = replace(known, arrays={**known.arrays, "mean": mean})
    title = draw(AttentionMapsPicture(), with_measurement(results, "attention", changed))[0].title
    assert "Layer 1 prefers summary" in title


def test_a_threshold_is_titled_by_what_it_finds_and_what_it_costs(build: Build) -> None:
    results = build()
    known = results.predictions
    right = ((known.decisions == 1) & (known.labels == 1)).sum()
    shares = [100 * right / (cells == 1).sum() for cells in (known.labels, known.decisions)]
    title = plain(draw(ranking_pictures.ThresholdSweepPicture(), results)[0].title)
    assert "the model finds {:.1f} % of “default”; {:.1f} %".format(*shares) in title


def test_the_routing_title_multiplies_the_greatest_weight_by_the_number_of_heads(
    build: Build,
) -> None:
    results = build()
    routes = results.table("route_entropy", "routes")
    assert routes is not None
    heads = routes.groupby(["layer", "branch"]).size().sum() // routes["layer"].nunique()
    times = heads * routes["weight"].max()
    assert f"{times:.2f} times an even weight" in draw(RoutingPicture(), results)[0].title


def test_a_case_is_titled_by_its_greatest_attribution_with_the_value_as_people_write_it(
    build: Build,
) -> None:
    results = build()
    first = draw(CaseContributionsPicture("shap"), results)[0]
    place = next(iter(results.cases.roles.values()))
    values = case_explanation(results, "shap").values[place]
    top = int(np.abs(values).argmax())
    feature = results.schema.features[top]
    shown = feature.display(results.explanations["shap"].inputs[place][top])
    assert f"“{feature.label}: {shown}”" in first.title
    assert f"{100 * abs(values[top]):.1f}" in first.title


def test_the_bars_of_a_case_add_up_to_all_attributions(build: Build) -> None:
    from deepseek_report.visualizations.cases.case_contributions import bar_view

    results = build()
    view = bar_view(results, "shap", 3, 8)
    total = case_explanation(results, "shap").values[3].sum()
    assert sum(bar.effect for bar in view.bars) == pytest.approx(total)


def test_without_intervals_no_explainer_is_said_to_beat_chance(build: Build) -> None:
    title = draw(explanation_quality.DeletionCurvesPicture(), build(kind="gaps"))[0].title
    assert title == "No method is shown to beat a random order"


def asked_conditionally(results: Results, **games: Any) -> Results:
    """The results of a run that asks the conditional question; games : of some methods."""
    for name, game in games.items():
        results = with_explanation(results, name, game=game)
    explain = {**results.config["explain"], "question": "conditional"}
    return concluded(copy_with(results, config={**results.config, "explain": explain}))


def test_where_no_method_plays_the_game_of_the_question_all_are_drawn_as_the_table_judges_them(
    build: Build,
) -> None:
    results = asked_conditionally(build())
    beats = {v.explainer: v.beats_random for v in results.conclusions.explainers}
    assert {explanation.game for explanation in results.explanations.values()} >= {None}
    title = draw(explanation_quality.DeletionCurvesPicture(), results)[0].title
    assert any(beats.values())
    assert "No method" not in title


def test_a_title_on_the_methods_of_the_question_names_others_that_beat_a_random_order(
    build: Build,
) -> None:
    results = asked_conditionally(build(), lime="conditional")
    beats = {v.explainer: v.beats_random for v in results.conclusions.explainers}
    assert beats["shap"]
    assert not beats["lime"]
    title = draw(explanation_quality.DeletionCurvesPicture(), results)[0].title
    assert title.startswith("No method that answers the question of this run")
    assert "SHAP" in title


def test_without_intervals_no_reasons_of_a_case_are_drawn_unasked(build: Build) -> None:
    with refused(say(message("refusals.no_reasons"))):
        draw(CaseContributionsPicture(), build(kind="gaps"))


def test_an_unknown_explainer_is_refused_with_those_there_are(build: Build) -> None:
    with refused("grad_cam is not in this run"):
        draw(BeeswarmPicture("grad_cam"), build())


def test_a_missing_table_says_which_metric_to_add(build: Build) -> None:
    full = build()
    paths = {k: v for k, v in full.paths.items() if k != "measures/slices"}
    with pytest.raises(ArtifactError, match="add `slices` to the metrics"):
        draw(SlicesPicture(), Results(paths, {}))


def test_a_model_that_came_trained_has_no_curves() -> None:
    facts = untrained_facts(None, 1, 0)
    results = SimpleNamespace(history=pd.DataFrame(columns=list(HISTORY)), training=facts)
    with refused("not trained in epochs"):
        TrainingCurvesPicture().draw(results)


def test_reliability_of_three_classes_is_about_the_most_probable_one(build: Build) -> None:
    full, rng = build(), np.random.default_rng(0)
    target = replace(full.schema.target, classes=("a", "b", "c"))
    p = rng.dirichlet([1, 1, 1], len(full.predictions.labels))
    known = replace(
        full.predictions, logits=np.log(p), probabilities=p, decisions=p.argmax(axis=1),
        threshold=None, rule="most probable",
    )  # fmt: skip
    results = copy_with(full, schema=replace(full.schema, target=target), predictions=known)
    assert "most probable class" in draw(ReliabilityPicture(), results)[0].alt


@pytest.mark.parametrize("kind", ["plain", "gaps"])
def test_pictures_and_text_speak_of_the_same_explainer(build: Build, kind: str) -> None:
    from deepseek_report.findings.explainer_verdicts import leading_explainer

    results = build(kind=kind)
    assert leading(results) == leading_explainer(results)


def test_a_case_is_drawn_by_the_method_that_tells_cases_and_not_by_the_leading_one(
    build: Build,
) -> None:
    full = build()
    known = replace(full.conclusions, leading="shap", leading_for_cases="lime", explainers=())
    results = copy_with(full, conclusions=known)
    assert (leading(results), leading_for_cases(results)) == ("shap", "lime")
    assert "LIME" in draw(CaseContributionsPicture(), results)[0].how_to_read


@pytest.mark.parametrize("space", ["logit", "probability"])
def test_bars_of_log_odds_below_a_line_of_probabilities_are_told_apart(
    build: Build, space: OutputSpace
) -> None:
    results = with_explanation(build(), "shap", output_space=space)
    picture = draw(CaseContributionsPicture("shap"), results)[0]
    assert ("Bars are log-odds" in picture.how_to_read) == (space == "logit")
    assert (" points" in picture.alt) == (space == "probability")
    assert ("log-odds of" in picture.alt) == (space == "logit")


def test_a_long_bar_breaks_before_its_value_even_where_the_value_holds_a_colon() -> None:
    from deepseek_report.visualizations.cases.case_contributions import Bar

    label = "Repayment status in September 2005"
    status = "revolving (code 0)"
    assert Bar(label, status, 0.1, "").lines == f"{label}:\n{status}"
    assert Bar("Age", "34 years", 0.1, "").lines == "Age: 34 years"


def test_a_case_that_nothing_moves_is_still_drawn(build: Build) -> None:
    full = build()
    results = with_explanation(full, "shap", values=np.zeros_like(full.explanations["shap"].values))
    assert len(draw(CaseContributionsPicture("shap"), results)) == len(full.cases.roles)
    assert draw(BeeswarmPicture("shap"), results)


def with_error(results: Results, error: float) -> Results:
    """The run with a standard error of every attribution of `shap`."""
    shape = results.explanations["shap"].values.shape
    return with_explanation(results, "shap", standard_error=np.full(shape, error))


def test_all_cases_are_drawn_to_one_scale(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """One case has reasons of a thousandth: beside the others they are not to be seen."""
    from deepseek_report.visualizations.cases import case_contributions
    from deepseek_report.visualizations.drawing import marks

    full = build()
    values = full.explanations["shap"].values.copy()
    values[next(iter(full.cases.roles.values()))] /= 1000
    results = with_explanation(full, "shap", values=values)
    seen, note = [], marks.note

    def watched(axes: Any, *rest: Any, **look: Any) -> None:
        note(axes, *rest, **look)
        seen.append(axes)

    monkeypatch.setattr(marks, "note", watched)
    pictures = draw(case_contributions.CaseContributionsPicture("shap"), results)
    spans = {axes: np.ptp(axes.get_xlim()) for axes in seen if axes.get_xlabel()}
    assert len(spans) == 2 * len(pictures) > 2
    assert max(spans.values()) < 2 * min(spans.values())


def test_what_lies_within_the_sampling_error_has_no_bar_and_no_title(build: Build) -> None:
    from deepseek_report.visualizations.cases.case_contributions import bar_view

    results = build()
    values = case_explanation(results, "shap").values[3]
    error = float(np.sort(np.abs(values))[-3]) / 1.9
    view = bar_view(with_error(results, error), "shap", 3, 8)
    assert len([bar for bar in view.bars if bar.value]) == 2
    assert view.effects.sum() == pytest.approx(values.sum())
    none = with_error(results, 100.0)
    first = draw(CaseContributionsPicture("shap"), none)[0]
    assert "nothing is attributed beyond the sampling error by SHAP" in first.title


# --- Pictures that exist once for every task, drawn of a predicted number -------------------------


def errors_of_groups(groups: pd.DataFrame) -> pd.DataFrame:
    """The real groups, of which the second errs more than the first."""
    size = 5 + 0.3 * groups.index
    return groups.assign(mae=size, mae_low=size - 0.5, mae_high=size + 0.5)


def with_slice(results: Results) -> Results:
    """The search found no part in these few rows: one that it could have found."""
    parts = {"slice": ["BMI is over 30"], "n": 120, "share": 0.3, "mae": 9.0, "low": 8.0}
    parts |= {"high": 10.0, "rest_mae": 5.0, "p_value": 0.001, "p_adjusted": 0.001}
    parts |= {"features": "", "whole": False}
    parts |= dict.fromkeys(["surplus", "surplus_low", "surplus_high"], 1.0) | {"kind": "unexpected"}
    return with_table(results, "slices", "slices", lambda _: pd.DataFrame(parts))


def with_parts(results: Results) -> Results:
    """These data have no parts but groups of people, which are taken for some."""
    measured = results.measurement("group_rates")
    assert measured is not None
    rates = dict.fromkeys(["missed_rate", "flagged_rate", "unforeseen", "unforeseen_p"], np.nan)
    tables = {"parts": measured.tables["groups"].drop(columns="crossing").assign(**rates)}
    tests = measured.tables["tests"].assign(p_adjusted=0.0001)
    return with_measurement(
        results, "part_performance", Measurement(tables={**tables, "tests": tests})
    )


def with_cohort(results: Results) -> Results:
    """A part that is predicted worse than all cases; the search found none in these few rows."""
    off, lean = pd.Series([5.0, 9.0]), pd.Series([0.05, 0.5])
    rows = pd.DataFrame({"cohort": ["", "BMI is over 30"], "origin": ["all", "worst"]})
    rows = rows.assign(
        n=[131, 60], share=[1.0, 0.46], too_few=False, p_adjusted=[np.nan, 0.001],
        decided=None, decided_low=None, decided_high=None,
        mae=off, mae_low=off - 0.04, mae_high=off + 0.05,
        mean_error=lean, mean_error_low=lean - 0.04, mean_error_high=lean + 0.05,
    )  # fmt: skip
    return with_measurement(results, "cohorts", Measurement(tables={"cohorts": rows}))


def with_noise(results: Results) -> Results:
    """The last kind and level of disturbance moves predictions most."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[-1], ["change", "change_low", "change_high"]] = [12.0, 11.0, 13.0]
        return table

    return with_table(results, "robustness", "perturbations", change)


@pytest.fixture
def number(build: Build) -> Results:
    real = with_table(build("number"), "group_rates", "groups", errors_of_groups)
    return with_cohort(with_noise(with_parts(with_slice(real))))


@pytest.mark.parametrize(
    ("plugin", "title", "alt"),
    [
        (
            GroupRatesPicture(),
            "Mean absolute error by age band: 5.30 for “40–54”, 5.60 for “55 or more”, 0.300",
            "The mean error stands beside it",
        ),
        (PartPerformancePicture(), "points on average in", "and mean error by part"),
        (CohortsPicture(), "Off on average: 9.000 points where BMI is", "mean error 0.500 points"),
        (
            SlicesPicture(),
            "predictions of 120 cases are off by 9.0 points on average, against 5.0 elsewhere",
            "in 120 cases against 5.00",
        ),
        (RobustnessPicture(), "moves predictions most, by 12.0 points", "MAE"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_errors_of_numbers_are_told_in_their_unit(
    plugin: Any, title: str, alt: str, number: Results
) -> None:
    (picture, *_) = draw(plugin, number)
    texts = (str(text).replace("\u00a0", " ") for text in (picture.title, picture.alt))
    headline, described = texts
    assert title in headline
    assert alt in described
    assert "%" not in headline


# --- Periods, which no shipped data have: the two tables are made, and stand in a real run --------


def of_years(real: Results, p: float, drift_p: float, *, judged: bool = True) -> Results:
    """Two years, of which the second is decided worse by 20 points."""
    name = {"attribute": "year", "attribute_label": "Year"}
    accuracy, stated = pd.Series([0.9, 0.7]), pd.Series([0.2, 0.4])
    parts = pd.DataFrame({"level": ["2019", "2020"], "n": [500, 400], **name})
    parts = parts.assign(
        accuracy=accuracy, accuracy_low=accuracy - 0.03, accuracy_high=accuracy + 0.03,
        unforeseen=0.1, unforeseen_p=0.01, missed_rate=None, flagged_rate=None, too_few=not judged,
    )  # fmt: skip
    test: dict[str, Any] = {
        **name, "metric": "accuracy_gap", "value": 0.2 if judged else None, "low": 0.1, "high": 0.3,
        "n": 900, "p_value": p, "p_adjusted": p, "rates": "accuracy",
        "null_mean": 0.05, "null_high": 0.1,
        "widest_level": "2019", "narrowest_level": "2020",
        **dict.fromkeys(["surest_rate", "surest_highest", "surest_lowest"], ""),
        **dict.fromkeys(["surest_gap", "surest_low", "surest_high"]),
    }  # fmt: skip
    compared = Measurement(tables={"parts": parts, "tests": pd.DataFrame([test])})
    periods = parts[["attribute", "attribute_label", "level", "n", "too_few"]].assign(
        stated=stated, stated_low=stated - 0.02, stated_high=stated + 0.02,
        happened=0.25, happened_low=0.2, happened_high=0.3,
    )  # fmt: skip
    drifts = pd.DataFrame({"attribute": ["year"], "p_value": [drift_p]})
    changed = with_measurement(real, "part_performance", compared)
    drifting = Measurement(tables={"periods": periods, "tests": drifts})
    return with_measurement(changed, "period_drift", drifting)


def test_a_period_without_a_test_case_has_no_row(build: Build) -> None:
    results = of_years(build(), 0.4, 0.5)

    def emptied(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(n=table["n"].where(table["level"] != "2019", 0))

    changed = with_table(results, "period_drift", "periods", emptied)
    (picture,) = draw(PerformanceByPeriod(), changed)
    described = str(picture.alt)
    assert "2020" in described
    assert "2019" not in described


@pytest.mark.parametrize(
    ("p", "drift_p", "judged", "title"),
    [
        (0.001, 0.5, True, "“2020”: 70.0 % are decided correctly, “2019”: 90.0 %"),
        (0.001, 0.01, True, "the stated probabilities differ between periods too"),
        (0.4, 0.5, True, "No period is shown to be decided worse than another"),
        (
            0.4,
            0.01,
            True,
            "but the stated probabilities differ: on average 20.0 % in “2019”, 40.0 %",
        ),
        (0.4, 0.5, False, "no two periods are large enough to compare"),
    ],
)
def test_the_title_states_what_is_concluded(
    build: Build, p: float, drift_p: float, judged: bool, title: str
) -> None:
    (picture,) = draw(PerformanceByPeriod(), of_years(build(), p, drift_p, judged=judged))
    text = str(picture.title).replace("\u00a0", " ").replace("\u202f", " ")
    assert title in text
    assert ("differ" in text) == (drift_p < 0.05)
    described = str(picture.alt).replace("\u00a0", " ").replace("\u202f", " ")
    assert "2020" in described
    assert "of 400" in described


def test_a_phone_gets_one_panel_below_the_other(build: Build) -> None:
    (picture,) = draw(PerformanceByPeriod(), of_years(build(), 0.001, 0.01))
    assert picture.narrow is not None

    def size(svg: str) -> tuple[float, float]:
        box = svg.split('viewBox="')[1].split('"', maxsplit=1)[0].split()
        return float(box[2]), float(box[3])

    wide, narrow = size(picture.svg), size(picture.narrow)
    assert narrow[0] < 0.7 * wide[0]
    assert narrow[1] == pytest.approx(2 * wide[1], rel=0.02)


@pytest.mark.parametrize(
    ("low", "title"),
    [
        (0.1, "Repayment status in September 2005 earns 30 % (10–50 %) of the model’s skill"),
        (-0.1, "No feature is shown to earn any of the model’s skill; cases are explained most by"),
    ],
)
def test_only_a_feature_that_surely_earns_skill_is_said_to(
    build: Build, low: float, title: str
) -> None:
    def earned(table: pd.DataFrame) -> pd.DataFrame:
        first = table["feature"] == "PAY_0"
        share = np.where(first, 0.3, 0.0)
        ends = {"share_low": np.where(first, low, -0.2), "share_high": np.where(first, 0.5, 0.2)}
        return table.assign(share=share, **ends)

    results = concluded(with_table(build(), "sage", "features", earned))
    assert plain(draw(ReliancePicture(), results)[0].title).startswith(title)


def test_the_importance_of_words_is_titled_as_a_sum_that_counts_how_often_they_occur(
    build: Build,
) -> None:
    title = draw(GlobalImportancePicture(), build("text"))[0].title
    assert title.startswith("Summed over all cases, which counts how often each word occurs, the ")
    assert title.endswith("gets most attribution")
