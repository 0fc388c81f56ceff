from __future__ import annotations

import importlib
import itertools
import re
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.schema import Feature
from deepseek_report.artifacts.storage.files import dump_json
from deepseek_report.artifacts.storage.local_paths import shipped
from deepseek_report.config.config_files import shipped_file
from deepseek_report.findings.explainer_verdicts import compared, verdicts
from deepseek_report.findings.rules_explanations import quotation
from deepseek_report.metrics.cases.case_choice import FURTHER_LABELS
from deepseek_report.rendering.document import write_qmd
from deepseek_report.rendering.page_words import ReportOptions
from deepseek_report.sections import bias
from deepseek_report.sections.bias import BiasSection
from deepseek_report.sections.bottlenecks import BottlenecksSection
from deepseek_report.sections.cases import CasesSection
from deepseek_report.sections.data import DataSection
from deepseek_report.sections.explanations import ExplanationsSection
from deepseek_report.sections.model import ModelSection
from deepseek_report.sections.performance import PerformanceSection
from deepseek_report.sections.reproducibility import ReproducibilitySection, identifier
from deepseek_report.sections.robustness import RobustnessSection
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.sections.single_cases.case_pages import caveat_codes
from deepseek_report.sections.summary import SummarySection
from deepseek_report.sections.trust import TrustSection
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import wording
from tests.real_runs import small_results, with_measurement, with_report, with_score, with_table

SECTIONS = (
    *(
        SummarySection,
        DataSection,
        ModelSection,
        PerformanceSection,
        ExplanationsSection,
        CasesSection,
    ),
    *(TrustSection, BiasSection, BottlenecksSection, RobustnessSection, ReproducibilitySection),
)
every = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__.lower())


@pytest.fixture(scope="module")
def contents(small_run):
    """What each section says of the small run."""
    results = small_results(small_run)
    return {section: section().content(results) for section in SECTIONS}


def shown(content):
    """All that a section says, as one string."""
    values = {**content.values, "findings": list(map(vars, content.values["findings"]))}
    values["shown"] = [
        {"finding": vars(card.finding), "also": list(map(vars, card.also))}
        for card in values.get("shown", [])
    ]
    lists = [*content.caveats, *content.actions, *content.incomplete]
    return " ".join([content.question, content.answer, *lists, dump_json(values)])


@every
def test_a_section_says_something_about_a_full_run(section, contents):
    content = contents[section]
    assert content.answer
    assert content.question.endswith("?")
    assert not content.incomplete


@every
def test_a_section_survives_a_run_in_which_all_else_is_missing(section, run):
    content = section().content(run.results())
    assert content.answer
    assert content.title == wording().label("section_titles", content.name)


@every
def test_a_section_says_why_what_it_needs_is_missing(section, run):
    needs = section().needs - {"data"}
    for need in needs:
        run.failures[need] = "it broke"
    content = section().content(run.results())
    assert bool(content.incomplete) == bool(needs)
    assert all(reason.endswith(": it broke.") for reason in content.incomplete)


@every
def test_the_same_run_gives_the_same_words(section, real_run, contents):
    assert shown(section().content(real_run)) == shown(contents[section])


@every
def test_no_section_shows_a_number_that_is_none_or_nan(section, contents):
    content = contents[section]
    text = " ".join([content.answer, *content.caveats, *content.actions])
    assert not any(word in text for word in ("nan", "None", "{{", "  "))


@every
def test_every_section_has_its_yaml_and_its_template(section):
    name = section.__module__.rpartition(".")[2]
    entry = yaml.safe_load(shipped_file("sections", name).read_text())[name]
    module, _, cls = entry["_target_"].rpartition(".")
    assert getattr(importlib.import_module(module), cls) is section
    fields = {key: value for key, value in entry.items() if key != "_target_"}
    assert section(**fields) == section()
    assert (shipped("templates") / "sections" / f"{name}.qmd.j2").is_file()


def test_all_templates_fill_without_failure_from_a_full_and_from_an_empty_run(
    real_run, contents, run, tmp_path
):
    empty = run.results()
    nothing = [section().content(empty) for section in SECTIONS]
    for at, (results, written) in enumerate(((real_run, [*contents.values()]), (empty, nothing))):
        path = write_qmd(results, written, ReportOptions(title="T"), tmp_path / f"out{at}").path
        text = path.read_text(encoding="utf-8")
        broken = [failure for failure in results.failures if failure.startswith("sections/")]
        assert broken == [], results.failures
        assert all(f"{{#sec-{content.name}}}" in text for content in written)


def test_nothing_runs_on_from_the_last_line_of_a_list(small_run):
    text = (small_run.folder / "report.qmd").read_text(encoding="utf-8")
    lines = text.split("\n---\n", 1)[1].splitlines()
    after_items = [below for line, below in itertools.pairwise(lines) if line.startswith("- ")]
    assert len(after_items) > 50
    assert [line for line in after_items if line and not line.startswith(("- ", " ", ":::"))] == []


def test_a_failed_measure_makes_the_section_that_shows_it_incomplete(run):
    run.predictions()
    run.failures["measures/learning_curve"] = "too few rows"
    reasons = BottlenecksSection().content(run.results()).incomplete
    assert reasons == ["Learning curve: too few rows."]


def test_what_was_not_asked_for_does_not_make_a_section_incomplete(run):
    assert BottlenecksSection().content(run.predictions().results()).incomplete == []


# --- summary ---


def test_the_summary_says_what_is_decided_and_how_many_promises_were_kept(real_run):
    promise = {
        "metric": "roc_auc",
        "at_least": 0.75,
        "set_by": "the risk board",
        "why": "as before",
    }
    promised = with_report(real_run, thresholds=[promise])
    kept = with_score(promised, "roc_auc", "roc_auc", value=0.78, low=0.77, high=0.79)
    content = SummarySection().content(kept)
    assert content.answer.startswith(
        "A bank in Taiwan would use it to find the credit-card clients who will default next month;"
    )
    assert "The data are from " in content.answer
    assert content.values["verdict"][0] == "The one promise is met."
    row = content.values["promises"][0]
    shown = [row[name] for name in ("promised", "measured", "interval")]
    assert shown == ["at least 0.75", "0.780", "0.770–0.790"]
    assert (row["outcome"], row["set_by"]) == ("met", "the risk board")


def test_without_promises_the_first_screen_says_how_well_cases_are_ranked(real_run):
    silent = with_report(real_run, thresholds=[])
    silent = with_score(silent, "roc_auc", "roc_auc", value=0.78, low=0.77, high=0.79)
    effect = SummarySection().content(silent).values["effect"]
    assert "ROC AUC: 0.780 (0.770–0.790)." in effect
    assert "Always giving the same answer would be right for" in " ".join(effect)


def test_the_first_screen_tells_how_many_texts_lose_their_end(tiny_runs):
    text = tiny_runs("text")
    for share, is_told in ((0.16, True), (0.01, False)):
        card = {**text.card, "texts": {**text.card["texts"], "cut_share": share, "places": 40}}
        changed = replace(text)
        changed.__dict__["card"] = card
        effect = " ".join(SummarySection().content(changed).values["effect"])
        assert ("reads the first 40 words of each tweet" in effect) == is_told


def test_words_are_told_as_they_were_written_and_what_changes_a_decision_is_marked(tiny_runs):
    text = tiny_runs("text")
    content = CasesSection().content(text)
    texts = text.test.texts
    written = {texts.text(at) for at in range(len(text.test))}
    for page in content.values["cases"]:
        if page["changed"]:
            marked = page["changed"]["marks"]
            assert "".join(piece for piece, _ in marked) in written
            assert any(gone for _, gone in marked)
    assert any(page["changed"] for page in content.values["cases"])
    assert "[unknown]" not in dump_json(content.values["cases"])


def test_an_image_is_drawn_without_what_carries_its_decision(tiny_runs):
    pages = CasesSection().content(tiny_runs("image")).values["cases"]
    drawn = [page for page in pages if page["changed"]]
    assert drawn
    for page in drawn:
        assert page["changed"]["glance"]["pixels"]
        assert "replaced as it is shown here" in page["change"]


def test_the_first_screen_has_as_many_findings_as_it_is_told(real_run):
    content = SummarySection(findings=2).content(real_run)
    assert len(content.values["shown"]) == 2
    cards = content.values["shown"]
    assert cards[0].finding.severity == "high"
    shown = {finding.id for card in cards for finding in (card.finding, *card.also)}
    assert not shown & {finding.id for finding in content.values["others"]}


def test_a_run_that_measures_no_time_tells_no_day(real_run, contents):
    assert real_run.config["measure_time"] is False
    line = contents[SummarySection].values["run"]
    assert line.startswith(f"Run {real_run.run_id} · ")
    assert re.search(r"\d{4}-\d\d-\d\d", line) is None


def test_what_was_not_measured_is_listed_once_with_failures_apart(run):
    run.failures["measures/robustness"] = "it broke"
    values = SummarySection().content(run.results()).values
    assert values["failed"] == ["Robustness to noise: it broke."]
    assert "What noise in the input does" not in values["not_measured"]
    assert "Where the model fails unexpectedly" in values["not_measured"]


# --- cases ---


def test_cases_come_with_the_telling_ones_first_and_groups_last(contents):
    titles = [page["title"] for page in contents[CasesSection].values["cases"]]
    chosen = [title for title in titles if title not in FURTHER_LABELS.values()]
    assert list(dict.fromkeys(chosen))[:5] == [
        "Refused, and wrong",
        "Most certain, and wrong",
        "Nearest to the threshold",
        "Refused, and right",
        "Most certain, and right",
    ]
    assert {title.partition(":")[0] for title in titles if ":" in title} == {
        *("Sex", "Marital status", "Age band")
    }
    assert "Sex: men" in titles
    assert "Sex: women" in titles


def test_every_explained_case_is_listed_and_those_with_a_page_go_first(real_run, contents):
    values = contents[CasesSection].values
    data, explained = values["browser"], real_run.cases.explained
    ids = [case["id"] for case in data["cases"]]
    assert sorted(ids) == sorted(real_run.predictions.instance_ids[explained])
    assert len(data["pages"]) == len(values["list"]) == len(real_run.cases.roles)
    numbers = [page["number"] for page in data["pages"]]
    shown = real_run.measurement("cases").tables["cases"].set_index("case").loc[numbers]
    assert ids[: len(numbers)] == shown["instance_id"].tolist()


def test_the_list_says_of_each_case_what_the_predictions_say(real_run, contents):
    data, predictions = contents[CasesSection].values["browser"], real_run.predictions
    places = {row: place for place, row in enumerate(predictions.instance_ids.tolist())}
    classes = real_run.schema.target.classes
    for case in data["cases"]:
        at = places[case["id"]]
        assert case["probability"] == pytest.approx(predictions.scores[at], rel=1e-4)
        assert case["decision"] == classes[predictions.decisions[at]] == classes[case["decided"]]
        assert case["truth"] == classes[predictions.labels[at]]
        assert case["right"] == predictions.correct[at]
        levels = [predictions.groups[a.name][at] for a in real_run.schema.attributes]
        assert case["groups"] == levels


def test_two_cases_alike_but_for_the_group_name_each_other(contents):
    pages = contents[CasesSection].values["cases"]
    paired = {page["number"]: page["pair"] for page in pages if page["pair"]}
    assert paired
    for number, pair in paired.items():
        assert paired[pair["number"]]["number"] == number
        assert "most alike in everything but" in pair["text"]


def test_cases_like_it_stand_beside_it_with_what_happened_to_them(real_run, contents):
    page = contents[CasesSection].values["cases"][0]
    near = real_run.measurement("cases").tables["neighbours"].query(f"case == {page['number']}")
    happened, stated, distance, *features = page["like"]["rows"]
    assert happened[2:] == near["label"].tolist()
    assert len(stated) == len(distance) == len(page["like"]["heads"]) + 1
    rows = real_run.arrays("cases")["neighbour_inputs"][page["number"]]
    shown = {feature.label: at for at, feature in enumerate(real_run.schema.features)}
    assert len(features) >= 3
    for label, _, *others in features:
        feature = real_run.schema.features[shown[label]]
        assert others == [feature.display(row[shown[label]]) for row in rows]


def test_the_parts_of_a_gap_add_up_as_they_are_told():
    parts = {"gap": 0.094, "direct": 0.031, "labels": 0.018, "stand_ins": 0.017, "rest": 0.028}
    slots = {name: Estimate(part, part - 0.02, part + 0.02, 900) for name, part in parts.items()}
    slots |= {"attribute": "Sex", "level": "men", "reference": "women"}
    text = wording().text("sections.bias.answer.sources", **slots)
    gap, *shares = map(float, re.findall(r"(?<![–(])\b\d+\.\d\b(?![–)])", text))
    assert gap == 9.4
    assert sum(shares) == pytest.approx(gap)


def test_a_code_below_zero_has_the_sign_of_a_number():
    slots = {"rows": 3, "share": 0.1, "named": True, "features": ["a"]}
    codes = [{"code": "-2", "n": 3}, {"code": "A-1", "n": 1}]
    text = wording().text("data.undocumented_codes.text", codes=codes, **slots)
    assert "(code \N{MINUS SIGN}2: 3 times, code A-1: 1 time)" in text.replace("\u00a0", " ")


@pytest.mark.parametrize(("of", "fewer"), [(18_000, True), (8_000, False)])
def test_options_say_where_plain_predictors_learnt_from_fewer_rows(of, fewer):
    note = message("notes.options.refitted", rows=8_000, of=of)
    results = SimpleNamespace(notes=lambda _: (note,))
    values = bias._refits(SimpleNamespace(results=results, words=wording()))
    slots = {"own": values["own_refits"], "fewer": values["fewer_rows"]}
    text = wording().text("templates.bias.options_text", **slots)
    assert ("learnt from 8\u202f000 of the 18\u202f000 training rows" in text) == fewer


def test_a_figure_that_the_page_does_not_show_has_no_number(real_run, tmp_path):
    content = [CasesSection().content(real_run)]
    text = write_qmd(real_run, content, ReportOptions(), tmp_path).path.read_text("utf-8")
    _, *of_paper = text.split("::: {.on-paper}\n")
    hidden = [part.partition("\n:::\n")[0] for part in of_paper]
    assert any("figures/case-contributions" in part for part in hidden)
    assert not any("{#fig-" in part for part in hidden)


def test_a_case_of_which_nothing_can_change_says_that_no_change_was_looked_for(real_run, tmp_path):
    fixed = with_table(real_run, "cases", "counterfactuals", lambda rows: rows)
    features = tuple(replace(feature, mutable=False) for feature in real_run.schema.features)
    fixed.__dict__["schema"] = replace(real_run.schema, features=features)
    content = CasesSection().content(fixed)
    pages = content.values["cases"]
    text = write_qmd(fixed, [content], ReportOptions(), tmp_path).path.read_text(encoding="utf-8")
    assert "| What counted most |" in text
    assert "What would change it" not in text
    assert {page["change_in_short"] for page in pages} == {""}
    assert all(
        "no feature is declared as one that a person can change" in page["change"] for page in pages
    )


def by_shap(real_run):
    """The run where SHAP is the method that cases are told by: steady, as so few draws are not."""
    known = {"explanations/shap", "explanations/lime"}
    others = {name for name in real_run.paths if name.startswith("explanations/")} - known
    alone = replace(
        real_run, paths={n: path for n, path in real_run.paths.items() if n not in others}
    )
    steady = {"value": 0.05, "low": 0.04, "high": 0.06}
    return with_score(alone, "max_sensitivity", "repeat_ratio", "shap", **steady)


def test_a_case_tells_reasons_change_neighbours_and_errors_in_sentences(real_run):
    shap = by_shap(real_run)
    changed = with_table(shap, "cases", "errors_like_this", lambda rows: rows.assign(case=0))
    (case, *_) = CasesSection().content(changed).values["cases"]
    tables = changed.measurement("cases").tables
    reason = tables["reasons"].query("case == 0 and explainer == 'shap' and rank == 1").iloc[0]
    moves = "raises" if reason.attribution > 0 else "lowers"
    assert case["reasons"][0] == (
        f"{reason.label} ({reason.display}) {moves} the probability of “default” by "
        f"{abs(100 * reason.attribution):.1f} points."
    )
    start = "that goes with the average of all" if case["codes"] else "the average probability of"
    assert start in case["start"]
    step = tables["counterfactuals"].query("case == 0").iloc[0]
    if step.status == "found":
        (feature,) = (f for f in real_run.schema.features if f.label == step.label)
        quoted = "{}" if feature.is_numeric else "“{}”"
        after, before = quoted.format(step.to_display), quoted.format(step.from_display)
        assert f"were {after} instead of {before}" in case["change"]
    else:
        assert "within 3 features was found" in case["change"]
        assert "Tried: repayment status in September 2005" in case["change"]
    alike = (tables["neighbours"].query("case == 0").label == "default").sum()
    assert f"5 most similar training cases {alike} were “default”" in case["like"]["text"]
    among, sentence = tables["errors_like_this"].iloc[0], case["errors"][0]
    assert f"errs in {100 * among.error_rate:.1f}\u00a0% of {among.n} such cases" in sentence
    assert f", {100 * among.rest_error_rate:.1f}\u00a0% elsewhere" in sentence
    assert "LIME" not in case["agreement"]  # it answers another question


def test_against_a_person_reason_codes_are_told_and_for_one_reasons_both_ways(real_run):
    values = CasesSection().content(by_shap(real_run)).values
    favourable = real_run.measurement("cases").tables["cases"].decision == "no default"
    pages = {page["number"]: page for page in values["cases"]}
    for number, kind in enumerate(favourable):
        codes = pages[number]["codes"]
        assert (codes is None) == kind
        if codes:
            assert len(codes["items"]) <= 4
            assert all("less for “no default”" in sentence for sentence in codes["items"])
            assert "average of all explained cases" in codes["by"]
            assert codes["items"] or "No feature that may be a reason" in codes["limits"]


def test_reasons_that_are_called_as_in_the_data_ask_for_words(real_run, monkeypatch):
    assert not any(
        "what the data call" in page["codes"]["limits"]
        for page in CasesSection().content(by_shap(real_run)).values["cases"]
        if page["codes"]
    )
    monkeypatch.setattr(Feature, "is_named_as_in_data", True)
    pages = CasesSection().content(by_shap(real_run)).values["cases"]
    limits = [page["codes"]["limits"] for page in pages if page["codes"]]
    named = [text for text in limits if "what the data call" in text]
    assert named
    assert all("deepseek-report init writes the lines to fill in" in text for text in named)
    assert not any("“age”" in text for text in limits)


def test_log_odds_are_told_as_a_factor_on_the_odds(real_run):
    gradients = "explanations/integrated_gradients"
    others = {name for name in real_run.paths if name.startswith("explanations/")} - {gradients}
    alone = replace(
        real_run, paths={n: path for n, path in real_run.paths.items() if n not in others}
    )
    halved = {"attribution": -0.693147, "output_space": "logit"}
    changed = with_table(alone, "cases", "reasons", lambda rows: rows.assign(**halved))
    content = CasesSection().content(changed)
    sentence = content.values["cases"][0]["reasons"][0]
    assert "lowers the log-odds of “default” by 0.693, which divides the odds by 2.00" in sentence
    assert "by integrated gradients, in log-odds" in content.answer.lower()
    assert "points of probability" not in content.answer


# --- trust ---


def test_the_table_says_the_verdict_that_the_conclusions_hold(real_run, contents):
    words, best = words_of(real_run), real_run.conclusions.quoted
    uses = {row["explainer"]: row["use"] for row in contents[TrustSection].values["verdicts"].rows}
    expected = {
        words.label("explainers", verdict.explainer): words.text(
            f"explainer_uses.{verdict.standing(best)}",
            **quotation(real_run, verdict),
            missing=[words.label("metrics", metric) for metric in verdict.missing],
            quoted=best and words.label("explainers", best.explainer),
            compared=words.say(compared(real_run, verdict.other_game))
            if verdict.other_game
            else "",
        )
        for verdict in real_run.conclusions.explainers
    }
    assert uses == expected
    assert real_run.conclusions.explainers == tuple(verdicts(real_run).values())


def test_the_control_is_not_compared_with_itself(contents):
    values = contents[TrustSection].values
    gains, tests = (
        {row["explainer"]: row for row in values[name].rows}["Random order (control)"]
        for name in ("faithfulness", "soundness")
    )
    assert gains["deletion_gain"] == tests["randomisation_correlation"] == "–"
    assert gains["deletion"] != "–"


# --- other sections ---


def test_a_group_too_small_shows_no_rate(contents):
    values = contents[BiasSection].values
    few = "too few to judge"
    of_decisions = [row for row in values["groups"].rows if row["selection_rate"] == few]
    of_errors = [row for row in values["errors"].rows if row["base_rate"] == few]
    assert of_decisions
    assert len(of_decisions) == len(of_errors)
    assert {row["ratio"] for row in of_decisions} == {row["tpr"] for row in of_errors} == {"–"}


def test_accuracy_no_better_than_a_constant_answer_is_a_caveat(real_run):
    changed = with_score(real_run, "accuracy", "accuracy", value=0.5, low=0.45, high=0.55)
    majority = changed.score("accuracy", predictor="majority")
    caveats = PerformanceSection().content(changed).caveats
    constant = f"always giving the most frequent class ({100 * majority.value:.1f}\u00a0%)"
    assert any(constant in caveat for caveat in caveats)


def test_the_largest_certain_gain_is_what_would_help_most(real_run):
    ends = {"value": 0.3, "low": 0.2, "high": 0.4}
    changed = with_score(real_run, "learning_curve", "learning_curve_gain", **ends)
    assert (
        BottlenecksSection()
        .content(changed)
        .answer.startswith(
            "Of what was tried, the last doubling of the training rows gained most: ROC AUC +0.30"
        )
    )


@pytest.mark.parametrize(("high", "limited"), [(0.004, True), (0.007, False)])
def test_only_where_more_rows_gain_nothing_are_features_and_labels_the_limit(
    real_run, high, limited
):
    changed = with_score(
        real_run, "learning_curve", "learning_curve_gain", value=0.0, low=-0.01, high=high
    )
    ends = {"value": 0.05, "low": 0.04, "high": 0.06}
    for predictor in ("logistic_regression", "gradient_boosting"):
        changed = with_score(changed, "baselines", "roc_auc_gain", predictor=predictor, **ends)
    answer = BottlenecksSection().content(changed).answer
    assert answer.startswith("No gain could be shown")
    assert ("The limit is rather in what the features and labels can tell" in answer) is limited


def test_an_error_that_falls_is_told_by_how_much_and_with_the_ends_of_the_same_sign():
    gain = Estimate(3.2, 0.6, 5.7)
    values = {"helping": [{"what": "ridge regression", "gain": gain}], "unit": "\u00a0points"}
    answer = wording("en", task="regression").text("sections.bottlenecks.answer.help", **values)
    assert answer.endswith("the mean absolute error falls by 3.2 (0.6–5.7)\u00a0points.")


def test_every_feature_is_in_the_table_of_features(real_run, contents):
    content = contents[DataSection]
    (table,) = (table for table in content.values["features"] if table.id.endswith("features"))
    assert len(table.rows) == len(real_run.schema.features)


def test_what_the_card_leaves_empty_is_not_told_of_the_origin(real_run):
    changed = replace(real_run)
    changed.__dict__["card"] = {**real_run.card, "period": message("data_sets.wide.about.period")}
    labels, changed_labels = (
        [row["what"] for row in DataSection().content(results).values["origin"]]
        for results in (real_run, changed)
    )
    assert [label for label in labels if label not in changed_labels] == ["Period"]


def test_references_are_listed_once_with_what_used_them(contents):
    references = contents[ReproducibilitySection].values["references"].rows
    delong = [reference for reference in references if "2531595" in reference["reference"]]
    assert [reference["used"] for reference in delong] == [
        "Gain in ROC AUC over a simpler model and ROC AUC"
    ]
    assert delong[0]["reference"].startswith("DeLong")
    assert any("Lundberg" in reference["reference"] for reference in references)


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("Hardt et al. 2016, doi:10.48550/arXiv.1610.02413", "arxiv:1610.02413"),
        ("Yeh et al. 2019, arXiv:1901.09392.", "arxiv:1901.09392"),
        ("see doi:10.2307/2531595.", "10.2307/2531595"),
        ("29 CFR 1607.4(D)", "29 cfr 1607.4(d)"),
    ],
)
def test_a_reference_is_known_by_its_identifier(reference, key):
    assert identifier(reference) == key


def test_the_command_quotes_what_a_shell_would_read(real_run):
    file = {"name": "loans.csv", "sha256": "ab" * 32}
    command = {
        "program": ["deepseek-report"],
        "config_dir": "my_conf",
        "trust": ["own_parts"],
        "overrides": ["report.title=My $model", "dataset.path=$DATA_DIR/loans.csv"],
        "variables": {"DATA_DIR": [file]},
        "files": [],
        "folder": ["my_conf", "own_parts"],
    }
    results = replace(real_run, provenance={**real_run.provenance, "command": command})
    values = ReproducibilitySection().content(results).values
    assert values["command"] == (
        "deepseek-report --config-dir my_conf --trust own_parts 'report.title=My $model' "
        '"dataset.path=$DATA_DIR/loans.csv"'
    )
    assert values["folder"] == ["my_conf", "own_parts"]
    assert values["places"] == [{"variable": "DATA_DIR", "names": ["loans.csv"]}]
    assert list(values["files"].rows) == [
        {"place": "$DATA_DIR", "file": "loans.csv", "sha256": "ab" * 32}
    ]


def test_the_resolved_config_is_a_file_that_the_page_links(real_run, tmp_path, contents):
    content = contents[ReproducibilitySection]
    text = write_qmd(real_run, [content], ReportOptions(), tmp_path).path.read_text("utf-8")
    assert "[`config.yaml`](config.yaml){.file}" in text


def test_groups_too_small_to_compare_are_not_called_equal(run):
    few = {"attribute": "sex", "attribute_label": "Sex", "level": "men", "reference": "women"}
    few |= {"verdict": "too few to judge", "ratio": float("nan"), "n": 9}
    untested = {"attribute": "sex", "value": float("nan"), "p_adjusted": float("nan")}
    untested |= {"widest_level": "men", "narrowest_level": "women", "null_high": None, "n": 9}
    run.measure("impact_ratio", pairs=[few])
    run.measure("equal_opportunity_difference", tests=[untested])
    answer = BiasSection().content(run.results()).answer
    assert answer == (
        "No group and its reference are both large enough to be compared. "
        "Whether errors fall evenly could not be tested."
    )


def test_every_prototype_is_listed_with_the_test_cases_nearest_to_it(run):
    run.training().predictions()
    prototypes = [
        {"prototype": k, "instance_id": 40 + k, "class_label": "default", "decides": 9 - k}
        | {"share": 0.1, "mean_evidence": 1.0, "n": 90, "shift": 0}
        for k in (1, 2)
    ]
    nearest = [
        {"prototype": 1, "rank": k, "instance_id": k, "distance": 0.1, "label": "no default"}
        for k in (5, 6)
    ]
    run.measure("prototypes", prototypes=prototypes, nearest=nearest)
    content = ExplanationsSection().content(run.results())
    listed = [
        (row["case"], row["decides"], row["nearest"]) for row in content.values["prototypes"].rows
    ]
    assert listed == [("41", "8", "5 (no default) and 6 (no default)"), ("42", "7", "")]
    assert any("real cases of the training part" in caveat for caveat in content.caveats)


def test_the_riskiest_combination_is_the_one_whose_rate_is_surely_high(run):
    run.training().predictions()
    pattern = {"features": "x", "share": 0.05, "stated": 0.6, "rest_rate": 0.2, "p_value": 1e-4}
    few = {"slice": "age is over 60", "n": 30, "rate": 0.8, "rate_low": 0.5, "rate_high": 0.95}
    many = {"slice": "sex is “men”", "n": 300, "rate": 0.7, "rate_low": 0.64, "rate_high": 0.75}
    run.measure("risk_patterns", patterns=[{**pattern, **few}, {**pattern, **many}])
    answer = ExplanationsSection().content(run.results()).answer.replace("\xa0", " ")
    assert "more frequent where sex is “men”: 70.0 % (64.0–75.0 %) of 300 test cases" in answer
    assert "against 20.0 % elsewhere; the model states 60.0 % there" in answer


def test_the_bias_section_says_who_declared_the_favourable_class(contents):
    values = contents[BiasSection].values
    assert values["favourable"] == "no default"
    assert values["declared_by"] == "declared by the data set"
    assert values["undeclared"] == {}


def test_the_page_of_a_case_tells_the_training_cases_that_a_prototype_model_decided_by(real_run):
    row, other = real_run.measurement("cases").tables["cases"]["instance_id"][:2]
    prototype = {"instance_id": row, "class_label": "no default", "for_decision": True}
    compared = [
        prototype | {"rank": 1, "prototype_id": 7, "share": 0.6},
        prototype | {"rank": 2, "prototype_id": 9, "share": 0.3},
        prototype
        | {"rank": 3, "prototype_id": 4, "share": 0.5}
        | {"class_label": "default", "for_decision": False},
    ]
    measured = Measurement(tables={"compared": pd.DataFrame(compared)})
    changed = with_measurement(real_run, "prototypes", measured)
    cases = CasesSection().content(changed).values["cases"]
    numbers = real_run.measurement("cases").tables["cases"].set_index("case")["instance_id"]
    sentences = {numbers[case["number"]]: case["compared"] for case in cases}
    assert sentences[row] == (
        "Of the training cases of “default” that it knows, row 7 (60.0\u00a0% of what speaks "
        "for this class) and 9 (30.0\u00a0%) count most. Of the others row 4 (“default”) is the "
        "strongest."
    )
    assert not sentences[other]


def test_the_page_of_a_case_lists_the_rules_that_hold_with_their_numbers_and_points(real_run):
    row, other = real_run.measurement("cases").tables["cases"]["instance_id"][:2]
    held = [(0, "", -0.5), (17, "Age is over 30 years", 1.25), (3, "Sex is “man”", -0.4)]
    rules = [
        {"instance_id": row, "rule": rule, "when": when, "points": points}
        for rule, when, points in held
    ]
    measured = Measurement(tables={"fired": pd.DataFrame(rules)})
    changed = with_measurement(real_run, "rules", measured)
    numbers = real_run.measurement("cases").tables["cases"].set_index("case")["instance_id"]
    cases = {
        numbers[c["number"]]: c["fired"] for c in CasesSection().content(changed).values["cases"]
    }
    assert cases[other] is None
    assert [item["number"] for item in cases[row]["items"]] == [17, 3]
    assert cases[row]["items"][0]["text"] == "Rule 17 (+1.25): Age is over 30 years"
    assert "These 2 rules of the model hold. From a start of −0.500 they lead" in cases[row]["head"]
    assert "to 0.350 log-odds" in cases[row]["head"]


@pytest.mark.parametrize(
    ("rule", "epochs", "used"),
    [
        ("highest balanced accuracy on the validation part", 0, "threshold"),
        ("declared in the config", 4, "stop"),
        ("declared in the config", 0, "nothing"),
    ],
)
def test_the_validation_part_is_said_to_choose_only_what_it_chose(real_run, rule, epochs, used):
    changed = replace(real_run)
    training = {**real_run.training, "max_epochs": epochs}
    predictions = replace(real_run.predictions, rule=rule)
    vars(changed).update(training=training, predictions=predictions)  # as if they were read so
    assert DataSection().content(changed).values["validation"] == used


def test_of_several_classes_an_assumed_one_is_told_beside_its_explanations(run):
    run.data(classes=("a", "b", "c"), favourable=0)
    run.training().predictions()
    results = run.results()
    results.config["dataset"] = {"positive": None}
    assert "“b” was taken" in " ".join(ExplanationsSection().content(results).caveats)


def test_where_not_the_favourable_of_three_classes_is_explained_it_is_told_that_codes_are_missing(
    run,
):
    def caveats(favourable):
        run.data(classes=("a", "b", "c"), favourable=favourable)  # “b” is explained
        draft = Draft("cases", run.results())
        caveat_codes(draft)
        return draft.caveats

    assert caveats(1) == []
    assert "missing for “c”" in " ".join(caveats(2))


def test_the_line_on_the_run_names_the_model_and_its_size(run):
    run.training()
    results = run.results()
    results.architecture.update(name="LGBMClassifier", parameters=None)
    assert SummarySection().content(results).values["run"].endswith("LGBMClassifier")
    results.architecture["parameters"] = 1200
    line = SummarySection().content(results).values["run"]
    assert line.endswith("LGBMClassifier, 1\u202f200 parameters")


def test_the_seeds_of_all_steps_are_told_and_one_alone_where_they_are_the_same(run):
    run.config["seeds"] = {"data": 1, "training": 2, "explain": 1, "measure": 1}
    content = ReproducibilitySection().content(run.results())
    assert "seeds: data 1, training 2, explain 1, measure 1" in content.answer
    assert [row["value"] for row in content.values["digests"].rows] == ["1", "2", "1", "1"]
    run.config["seeds"] = dict.fromkeys(run.config["seeds"], 1)
    alike = ReproducibilitySection().content(run.results())
    assert "seed 1:" in alike.answer
    assert [row["value"] for row in alike.values["digests"].rows] == ["1"] * 4


def test_an_explainer_that_draws_nothing_has_no_seed_to_tell(run):
    run.explanation("shap").explanation("input_x_gradient", seed=None)
    content = ReproducibilitySection().content(run.results())
    listed = [row["what"] for row in content.values["digests"].rows]
    assert "SHAP" in listed
    assert "Input × gradient" not in listed


def test_what_was_recommended_is_said_with_its_reason_and_its_plan(run):
    why = message("recommendation.shap.trees", background=64)
    reason = message("recommendation.taken", why=why, rows=200)
    explain = {"evaluations": 5000, "reasons": {"shap": reason.to_json()}}
    results = run.explanation("shap").results()
    results = replace(results, config={**results.config, "explain": explain})
    chosen = ExplanationsSection().content(results).values["chosen"]
    assert chosen["evaluations"] == 5000
    assert chosen["reasons"] == [
        "SHAP: exact: the values follow from the trees and 64 background rows (200 evaluations)."
    ]


def test_nothing_is_said_of_a_choice_that_a_person_made(run):
    results = run.explanation("shap").results()
    assert ExplanationsSection().content(results).values["chosen"] == {}
