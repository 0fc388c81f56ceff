"""Which method may be quoted on a continuation, on a network that copies its answer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.split import Split
from deepseek_report.extensions.language_models.continuation import (
    FEWEST,
    METHODS,
    ContinuationAttribution,
    answers_of,
    stand_in_of,
    token_of,
)
from deepseek_report.extensions.language_models.language_pictures import ContinuationPicture
from deepseek_report.extensions.language_models.language_section import (
    continuation_answer,
    continuation_data,
)
from deepseek_report.extensions.language_models.tests.test_inside import context, copying_net
from deepseek_report.sections.shared.draft import Draft
from tests.worded import refused, say

FEW = {"pairs": 24, "steps": 4, "draws": 4, "prompts": 14}


@pytest.fixture(scope="module")
def copied() -> Measurement:
    """Three pairs, and the value of one key asked for, by a network that copies it."""
    return ContinuationAttribution(**FEW).measure(context(copying_net({0: 3.0})))


def table(measurement: Measurement, name: str) -> Any:
    return measurement.tables[name]


def test_every_method_names_a_token_that_makes_the_answer_and_may_be_quoted(copied) -> None:
    rows = table(copied, "methods").set_index(["contrast", "explainer"]).loc[True]
    for method in ("integrated_gradients", "occlusion", "shap"):
        assert rows.loc[method, "right"] == 1
        assert rows.loc[method, "quoted"]
        assert rows.loc[method, "comprehensiveness_gain_low"] > 0
        assert rows.loc[method, "sufficiency_gain_low"] > 0
    assert not rows.loc["random", "quoted"]
    assert rows.loc["random", "right"] < 0.9


def test_scores_are_those_of_the_contrast(copied) -> None:
    rows = table(copied, "methods").set_index(["contrast", "explainer"]).loc[True]
    by_key = {(score.metric, score.explainer): score for score in copied.scores}
    assert {metric for metric, _ in by_key} == set(ContinuationAttribution.bounds)
    for method in METHODS:
        assert by_key["continuation_top_right", method].value == rows.loc[method, "right"]
        gain = by_key["continuation_comprehensiveness", method]
        assert gain.value == rows.loc[method, "comprehensiveness_gain"]
        assert gain.low == rows.loc[method, "comprehensiveness_gain_low"]


def test_what_is_shown_of_an_answer_token_is_its_strongest_sources(copied) -> None:
    values, sources = copied.arrays["values"], table(copied, "sources")
    assert values.shape == (4, len(METHODS), 2, 1, 8)
    tokens = table(copied, "tokens")
    assert (tokens.groupby("prompt")["is_answer"].sum() == 1).all()
    best = table(copied, "methods").query("contrast and quoted")
    lead = best.loc[(best.comprehensiveness_gain + best.sufficiency_gain).idxmax(), "explainer"]
    for prompt, own in sources.groupby("prompt"):
        expected = values[prompt, METHODS.index(lead), 1, 0]
        largest = np.argsort(-np.abs(expected), kind="stable")[:3]
        np.testing.assert_allclose(own["value"], expected[largest])
        words = tokens[tokens["prompt"] == prompt]["token"].to_numpy()
        assert own["source"].tolist() == words[largest].tolist()
        assert own["token"].iloc[0] == words[-1]


def test_few_prompts_are_not_judged_by() -> None:
    few = replace(ContinuationAttribution(**FEW), prompts=FEWEST - 1)
    measurement = few.measure(context(copying_net({0: 3.0})))
    assert not table(measurement, "methods")["quoted"].any()
    assert table(measurement, "methods")["comprehensiveness_gain_low"].isna().all()
    assert table(measurement, "sources")["source"].eq("").all()
    assert any("too few" in say(note) for note in measurement.notes)


def test_no_method_is_quoted_on_a_contrast_that_depends_on_nothing() -> None:
    measurement = ContinuationAttribution(**FEW).measure(context(copying_net({0: 0.0})))
    # each single logit still depends on the text, through the scale of the last norm
    assert not table(measurement, "methods").query("contrast")["quoted"].any()
    assert any("no method" in say(note).lower() for note in measurement.notes)


def test_the_same_seed_gives_the_same_arrays(copied) -> None:
    again = ContinuationAttribution(**FEW).measure(context(copying_net({0: 3.0})))
    np.testing.assert_array_equal(again.arrays["values"], copied.arrays["values"])
    assert table(again, "methods").equals(table(copied, "methods"))


def test_an_answer_of_several_tokens_is_the_rows_of_an_entity_that_continue_one_another() -> None:
    here = context(copying_net({0: 3.0}), n=12)
    whole = here.dataset.test
    # the last column is a row of its own: the same texts one token earlier, and whole
    earlier = whole.inputs.copy()
    earlier[:, -1] = np.nan
    inputs = np.concatenate([earlier, whole.inputs])
    labels = np.concatenate([whole.inputs[:, -1].astype(np.int64), whole.labels])
    here.classifier.class_tokens = np.arange(9)
    labels[12:] += 4
    here.dataset.test = Split(
        inputs,
        labels,
        np.arange(24),
        entities=np.tile(np.arange(12), 2),
        truth=np.concatenate([np.zeros_like(whole.truth), whole.truth]),
    )
    measurement = ContinuationAttribution(**FEW).measure(here)
    assert measurement.arrays["values"].shape == (4, len(METHODS), 2, 2, 8)
    methods = table(measurement, "methods")
    assert (methods["n"] == 12).all()
    # only the second token has a known cause, which is found in the whole text
    rows = methods[methods["contrast"]].set_index("explainer")
    assert rows.loc["occlusion", "right"] == 1
    assert measurement.arrays["truth"][0, 0].sum() == 0
    assert measurement.arrays["truth"][0, 1].sum() == 3


def test_rows_that_continue_no_other_are_left_out_of_an_answer() -> None:
    rows = [np.array([1]), np.array([1, 2]), np.array([1, 9, 9]), np.array([3])]
    assert answers_of(rows, np.array([2, 5, 6, 7]), np.array([0, 0, 0, 1])) == [[0, 1], [3]]
    assert answers_of(rows, np.array([2, 5, 6, 7]), None) == [[0], [1], [2], [3]]


def test_a_generated_answer_is_that_of_the_model() -> None:
    metric = replace(ContinuationAttribution(**FEW), answer="generated", tokens=2, shown=1)
    here = context(copying_net({0: 3.0}), by_the_net=True)
    # the network has eight places: the last token is read from the seventh
    here.dataset.test = replace(here.dataset.test, inputs=here.dataset.test.inputs[:, 1:])
    here.dataset.test = replace(here.dataset.test, truth=here.dataset.test.truth[:, 1:])
    measurement = metric.measure(here)
    assert measurement.arrays["values"].shape[3] == 2
    sources = table(measurement, "sources")
    assert (sources["difference"] >= 0).all()


def test_a_stand_in_is_the_mean_zero_or_a_token_and_an_unknown_one_is_refused() -> None:
    net = copying_net({0: 1.0})
    model = SimpleNamespace(net=net, tokens=["▁late", "Ġlater", "x"])
    weight = net.get_input_embeddings().weight.detach().double().numpy()
    np.testing.assert_allclose(stand_in_of(model, "mean"), weight.mean(axis=0))
    np.testing.assert_array_equal(stand_in_of(model, "zero"), 0)
    np.testing.assert_allclose(stand_in_of(model, "late"), weight[0])
    assert token_of(model, "Ġlater") == token_of(model, "later") == 1
    with refused("“lat” is not a token .* “late”"):
        token_of(model, "lat")


def test_work_is_counted_and_what_it_does_not_reach_is_left_out() -> None:
    net = copying_net({0: 1.0})
    parameters = sum(weight.numel() for weight in net.parameters())
    seen = []
    net.transformer.register_forward_hook(
        lambda _, __, out: seen.append(out.last_hidden_state.shape[:2].numel())
    )
    single = replace(ContinuationAttribution(**FEW), prompts=1)
    single.measure(context(net))
    per_prompt = sum(seen)  # ways back are not seen
    few = replace(ContinuationAttribution(**FEW), work=3.5 * 1.3 * per_prompt * parameters)
    measurement = few.measure(context(net))
    n = int(table(measurement, "methods")["n"].iloc[0])
    assert 2 <= n <= 4
    assert any(f"{n} of 14 prompts" in say(note) for note in measurement.notes)


def test_prompts_that_are_too_long_are_refused_with_the_setting_to_change() -> None:
    with refused("metrics.continuation.longest"):
        replace(ContinuationAttribution(), longest=2).measure(context(copying_net({0: 1.0})))


# --- What the report shows of it ------------------------------------------------------------------


def results_of(measurement: Measurement, folder: Path) -> Results:
    measurement.typed(ContinuationAttribution.tables).save(folder)
    return Results({"measures/continuation": folder}, {}, run_id="r")


def test_the_page_has_the_values_of_the_methods_that_may_be_quoted(copied, tmp_path) -> None:
    results = results_of(copied, tmp_path)
    data = continuation_data(Draft("language", results))
    methods = table(copied, "methods")
    for question, is_contrast in (("logit", False), ("contrast", True)):
        expected = set(methods[methods.quoted & (methods.contrast == is_contrast)]["explainer"])
        assert {name for name, _ in data["questions"][question]} == expected
        for prompt, shown in enumerate(data["prompts"]):
            assert set(shown["values"][question]) == expected
            for name in expected:
                stored = copied.arrays["values"][prompt, METHODS.index(name), int(is_contrast), 0]
                np.testing.assert_allclose(shown["values"][question][name][0], stored, rtol=1e-3)
    assert len(data["prompts"]) == 4
    assert data["prompts"][0]["start"] == 8
    assert len(data["prompts"][0]["truth"][0]) == 3
    assert (
        data["prompts"][0]["players"] == [text for text, _, _ in data["prompts"][0]["tokens"]][:8]
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_answer_says_how_much_better_than_chance_and_how_often_right(
    copied, tmp_path, language
) -> None:
    results = results_of(copied, tmp_path)
    results = replace(results, config={"report": {"language": language}})
    draft = Draft("language", results)
    continuation_answer(draft)
    (sentence,) = draft.answers
    assert "77–100" in sentence
    assert ("14 prompts" if language == "en" else "14 个提示") in sentence
    assert "SHAP" in sentence
    assert "  " not in sentence


def test_nothing_is_marked_or_drawn_where_no_method_may_be_quoted(copied, tmp_path) -> None:
    methods = table(copied, "methods").assign(quoted=False)
    none = replace(copied, tables={**copied.tables, "methods": methods})
    results = results_of(none, tmp_path)
    draft = Draft("language", results)
    assert continuation_data(draft) is None
    continuation_answer(draft)
    assert "none is quoted" in draft.answers[0]
    with refused("no method does better"):
        ContinuationPicture().draw(results)


def test_the_heat_map_has_every_source_and_the_strongest_amounts(copied, tmp_path) -> None:
    (picture,) = ContinuationPicture(sources=5).draw(results_of(copied, tmp_path))
    texts = re.findall(r">([^<>]+)</text>", picture.svg)
    tokens = table(copied, "tokens").query("prompt == 0 and not is_answer")["token"]
    shown = [text for text in texts if text in set(tokens)]
    assert len(shown) >= 5
    source = table(copied, "sources").iloc[0]
    assert f"+{source['value']:.2f}" in picture.svg
    assert f"not {source['rival']}" in picture.svg
    assert source["token"] in say(picture.alt)
    assert "5 of 8" in say(picture.how_to_read)
