"""The sentences above the pictures state numbers that stand in the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepseek_report.artifacts.explanation import OutputSpace
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.files import save_json
from deepseek_report.errors import ArtifactError
from deepseek_report.visualizations.cases.case_contributions import CaseContributionsPicture
from deepseek_report.visualizations.drawing.read_results import leading, leading_for_cases
from deepseek_report.visualizations.explanations.agreement import AgreementPicture
from deepseek_report.visualizations.explanations.beeswarm import BeeswarmPicture
from deepseek_report.visualizations.explanations.deletion_curves import DeletionCurvesPicture
from deepseek_report.visualizations.explanations.global_importance import GlobalImportancePicture
from deepseek_report.visualizations.failures.cohorts import CohortsPicture
from deepseek_report.visualizations.failures.learning_curve import LearningCurvePicture
from deepseek_report.visualizations.failures.robustness import RobustnessPicture
from deepseek_report.visualizations.failures.slices import SlicesPicture
from deepseek_report.visualizations.fairness.group_rates import GroupRatesPicture
from deepseek_report.visualizations.internals.attention_maps import AttentionMapsPicture
from deepseek_report.visualizations.internals.layer_profile import LayerProfilePicture
from deepseek_report.visualizations.internals.routing import RoutingPicture
from deepseek_report.visualizations.performance.reliability import ReliabilityPicture
from deepseek_report.visualizations.performance.roc_curve import RocCurvePicture
from deepseek_report.visualizations.performance.threshold_sweep import ThresholdSweepPicture
from deepseek_report.visualizations.performance.training_curves import TrainingCurvesPicture
from tests.worded import refused

from .layouts import concluded
from .wordings import draw

Build = Callable[..., Results]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("picture", "title"),
    [
        (
            RocCurvePicture(),
            "ranks a “default” above another case in 77.2 % (76.0–78.4 %) of pairs",
        ),
        (TrainingCurvesPicture(), "in epoch 9 of 12; training on gains nothing"),
        (ReliabilityPicture(), "probabilities are off by 2.4 points on average, mostly too high"),
        (
            GlobalImportancePicture(),
            "Repayment status in September matters most to every explainer",
        ),
        (BeeswarmPicture(), "SHAP: high values of Repayment status in September raise the output"),
        (
            DeletionCurvesPicture(),
            "SHAP finds what the model relies on best; attention rollout is not to be trusted",
        ),
        (
            GroupRatesPicture(),
            "80.0 % of “55 or more”, 86.0 % of “45–54”, 6.0 points apart; their ratio is clearly "
            "above 0.8",
        ),
        (
            ThresholdSweepPicture(),
            "At the threshold 0.31 the model finds 56.6 % of “default”; 45.7 %",
        ),
        (SlicesPicture(), "45.0 % of 420 decisions are wrong; 18.0 % were to be expected"),
        (CohortsPicture(), "Decided rightly: 60.0 % where Age is"),
        (
            LearningCurvePicture(),
            "changed the AUC by 0.0036: whether more rows would help is uncertain",
        ),
        (
            AgreementPicture(),
            "SHAP and LIME agree most (0.850), input × gradient and attention rollout",
        ),
        (RobustnessPicture(), "Values missing at level 0.4 changes the most decisions: 12.0 %"),
        (LayerProfilePicture(), "“layer 1, experts” takes 32.9 % of the time"),
        (AttentionMapsPicture(), "Layer 1 prefers summary"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)  # fmt: skip
def test_the_title_states_the_finding_with_its_numbers(
    picture: RocCurvePicture, title: str, build: Build
) -> None:
    assert title in plain(draw(picture, build())[0].title)


def test_the_routing_title_multiplies_the_greatest_weight_by_the_number_of_heads(
    build: Build,
) -> None:
    results = build()
    routes = results.table("route_entropy", "routes")
    assert routes is not None
    times = 8 * routes["weight"].max()
    assert f"{times:.2f} times an even weight" in draw(RoutingPicture(), results)[0].title


def test_a_case_is_titled_by_its_greatest_attribution_with_the_value_as_people_write_it(
    build: Build,
) -> None:
    results = build()
    first, place = (
        draw(CaseContributionsPicture("shap"), results)[0],
        results.cases.roles["most_certain_right"],
    )
    values = results.explanations["shap"].values[place]
    top = int(np.abs(values).argmax())
    feature = results.schema.features[top]
    shown = feature.display(results.explanations["shap"].inputs[place][top])
    assert f"“{feature.label}: {shown}”" in first.title
    assert f"{abs(values[top]):.2f}" in first.title


def test_the_bars_of_a_case_add_up_to_all_attributions(build: Build) -> None:
    from deepseek_report.visualizations.cases.case_bars import bar_view

    results = build()
    view = bar_view(results, "shap", 3, 8)
    total = results.explanations["shap"].values[3].sum()
    assert sum(bar.effect for bar in view.bars) == pytest.approx(total)
    assert view.base == pytest.approx(1 / (1 + np.exp(1.3)))


def test_without_intervals_no_explainer_is_said_to_beat_chance(build: Build) -> None:
    title = draw(DeletionCurvesPicture(), build(gaps=True))[0].title
    assert title == "No explainer is shown to find what the model relies on, case by case"


def test_an_unknown_explainer_is_refused_with_those_there_are(build: Build) -> None:
    with refused("grad_cam is not in this run"):
        draw(BeeswarmPicture("grad_cam"), build())


def test_a_missing_table_says_which_metric_to_add(build: Build) -> None:
    full = build()
    paths = {k: v for k, v in full.paths.items() if k != "measures/slices"}
    with pytest.raises(ArtifactError, match="add `slices` to the metrics"):
        draw(SlicesPicture(), Results(paths, {}))


def test_reliability_of_three_classes_is_about_the_most_probable_one(
    build: Build, tmp_path: Path
) -> None:
    full, rng = build(), np.random.default_rng(0)
    target = replace(full.schema.target, classes=("a", "b", "c"))
    save_json(tmp_path / "schema.json", replace(full.schema, target=target).to_json())
    p = rng.dirichlet([1, 1, 1], 90)
    zeros = np.zeros(90, np.int64)
    predictions = Predictions(np.log(p), p, zeros, zeros, p.argmax(axis=1), None, "most probable")
    predictions.save(tmp_path / "test")
    paths = {**full.paths, "data": tmp_path, "predictions/test": tmp_path / "test"}
    picture = draw(ReliabilityPicture(), Results(paths, {}))[0]
    assert "most probable class" in picture.alt


@pytest.mark.parametrize("gaps", [False, True])
def test_pictures_and_text_speak_of_the_same_explainer(build: Build, *, gaps: bool) -> None:
    from deepseek_report.findings.explainer_ranking import leading_explainer

    results = build(gaps=gaps)
    assert leading(results) == leading_explainer(results)


def test_cases_are_told_in_probability_where_a_faithful_explainer_gives_it(
    build: Build, tmp_path: Path
) -> None:
    full = build()
    lime = replace(full.explanations["lime"], output_space="probability")
    lime.save(tmp_path)
    results = concluded(Results({**full.paths, "explanations/lime": tmp_path}, {}), tmp_path)
    assert leading(results) == "shap"
    assert leading_for_cases(results) == "lime"


@pytest.mark.parametrize("space", ["logit", "probability"])
def test_bars_of_log_odds_below_a_line_of_probabilities_are_told_apart(
    build: Build, tmp_path: Path, space: OutputSpace
) -> None:
    full = build()
    replace(full.explanations["shap"], output_space=space).save(tmp_path)
    results = Results({**full.paths, "explanations/shap": tmp_path}, {})
    picture = draw(CaseContributionsPicture("shap"), results)[0]
    assert ("Bars are log-odds" in picture.how_to_read) == (space == "logit")
    assert (" points" in picture.alt) == (space == "probability")
    assert ("log-odds of" in picture.alt) == (space == "logit")


def test_a_long_bar_breaks_before_its_value_even_where_the_value_holds_a_colon() -> None:
    from deepseek_report.visualizations.cases.case_bars import Bar

    label = "Repayment status in September 2005"
    assert Bar(label, "code 0: revolving?", 0.1, "").lines == f"{label}:\ncode 0: revolving?"
    assert Bar("Age", "34 years", 0.1, "").lines == "Age: 34 years"


def test_a_case_that_nothing_moves_is_still_drawn(build: Build, tmp_path: Path) -> None:
    full = build()
    shap = full.explanations["shap"]
    replace(shap, values=np.zeros_like(shap.values)).save(tmp_path)
    results = Results({**full.paths, "explanations/shap": tmp_path}, {})
    assert len(draw(CaseContributionsPicture("shap"), results)) == len(full.cases.roles)
    assert draw(BeeswarmPicture("shap"), results)


def with_error(results: Results, folder: Path, error: float) -> Results:
    """The run with a standard error of every attribution of `shap`."""
    shap = results.explanations["shap"]
    replace(shap, standard_error=np.full(shap.values.shape, error)).save(folder)
    return Results({**results.paths, "explanations/shap": folder}, {})


def test_all_cases_are_drawn_to_one_scale(build: Build) -> None:
    from deepseek_report.visualizations.cases.case_bars import bar_view
    from deepseek_report.visualizations.cases.case_contributions import span_of

    results = build()
    views = [bar_view(results, "shap", place, 8) for place in results.cases.roles.values()]
    low, high = span_of(views)
    effects = np.concatenate([view.effects for view in views])
    assert (low, high) == (-effects.min(), effects.max())


def test_what_lies_within_the_sampling_error_has_no_bar_and_no_title(
    build: Build, tmp_path: Path
) -> None:
    from deepseek_report.visualizations.cases.case_bars import bar_view

    results = build()
    values = results.explanations["shap"].values[3]
    error = float(np.sort(np.abs(values))[-3]) / 1.9
    view = bar_view(with_error(results, tmp_path / "some", error), "shap", 3, 8)
    assert len([bar for bar in view.bars if bar.value]) == 2
    assert view.effects.sum() == pytest.approx(values.sum())
    none = with_error(results, tmp_path / "none", 100.0)
    first = draw(CaseContributionsPicture("shap"), none)[0]
    assert "nothing is attributed beyond the sampling error by SHAP" in first.title
