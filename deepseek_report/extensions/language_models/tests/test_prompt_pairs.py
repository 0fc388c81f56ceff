"""Prompts that differ in a word for a person: a planted difference is found, none is not."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from worlds import chains

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.schema import Attribute, Category, Feature, Schema, Target
from deepseek_report.artifacts.split import Split
from deepseek_report.datasets.assembly.texts import TextReader, TextRule
from deepseek_report.datasets.sources.text_file import TextFile
from deepseek_report.errors import NotApplicableError
from deepseek_report.extensions.language_models.prompt_pairs import PairedPrompts, PromptPairs
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.wording.words import wording
from tests.builders import Answers
from tests.worded import refused

HERS = tuple(f"anna{k}" for k in range(12))
HIS = tuple(f"paul{k}" for k in range(12))
VOCABULARY = ("[unknown]", "was", "late", "early", "her", "his", *HERS, *HIS)
SLOTS = {"person": {"women": HERS, "men": HIS}, "possessive": {"women": ("her",), "men": ("his",)}}
TEMPLATES = ("{person} was late", "{person} was early {possessive}")
TOKENS = tuple(Category(word, word) for word in VOCABULARY)
SCHEMA = Schema(
    tuple(Feature(f"word_{k}", f"Word {k}", "token", categories=TOKENS) for k in range(4)),
    Target("y", "Opinion", ("good", "bad"), explained=1),
    (Attribute("sex", "Sex", ("women", "men")),),
)


def read(texts: Sequence[str]) -> np.ndarray:
    rows = np.full((len(texts), 4), np.nan)
    for row, text in zip(rows, texts, strict=True):
        ids = [VOCABULARY.index(word) if word in VOCABULARY else 0 for word in text.split()]
        row[: len(ids)] = ids
    return rows


def reader(**adds: float) -> Answers:
    """Says "bad" more often of some words."""

    def bad(inputs: np.ndarray) -> np.ndarray:
        chances = 0.3 + 0.01 * (np.nan_to_num(inputs[:, 0]) % 5)
        for word, amount in adds.items():
            chances = chances + amount * (inputs == VOCABULARY.index(word)).any(axis=1)
        return chances

    return Answers(bad, SCHEMA)


def context(classifier: Any, **more: Any) -> Any:
    data = SimpleNamespace(schema=SCHEMA, **more)
    return SimpleNamespace(dataset=data, classifier=classifier, read_texts=read, seed=1)


def test_a_word_that_changes_the_answer_is_found_with_its_size() -> None:
    adds = dict.fromkeys(HERS, 0.2)
    measurement = PromptPairs(TEMPLATES, SLOTS).measure(context(reader(**adds)))
    (row,) = measurement.tables["pairs"].to_dict("records")
    assert (row["answer"], row["group"], row["compared"], row["n"]) == ("bad", "women", "men", 24)
    assert row["low"] < 0.2 < row["high"]
    assert row["low"] > 0.1
    assert row["p_adjusted"] < 0.001
    (score,) = measurement.scores
    assert score.value == pytest.approx(abs(row["difference"]))
    assert (score.low, score.high) == (row["low"], row["high"])


def test_a_template_in_which_a_word_counts_is_named_first() -> None:
    measurement = PromptPairs(TEMPLATES, SLOTS).measure(context(reader(her=0.3)))
    table = measurement.tables["templates"]
    assert table["template"].tolist() == list(reversed(TEMPLATES))
    assert table["difference"].iloc[0] == pytest.approx(table["difference"].iloc[1] + 0.3)


def test_intervals_and_p_values_are_students_of_the_words_with_holms_correction() -> None:
    rng = np.random.default_rng(0)
    shares = rng.random((30, 3, 1))
    prompts = PairedPrompts(
        ("a", "b", "c"), shares, Resampling.by(None, 30), np.zeros(30, int), True
    )
    rows = prompts.rows(["bad"])
    raw = [
        stats.ttest_rel(shares[:, first, 0], shares[:, other, 0]).pvalue
        for first, other in prompts.pairs()
    ]
    for row, p in zip(rows, raw, strict=True):
        assert row.p_value == pytest.approx(p, rel=0.05)
        assert row.p_adjusted >= row.p_value
    assert min(row.p_adjusted for row in rows) == pytest.approx(
        min(3 * min(row.p_value for row in rows), 1)
    )


def test_few_words_give_no_interval_and_a_note_says_so() -> None:
    slots = {name: {g: words[:5] for g, words in of.items()} for name, of in SLOTS.items()}
    measurement = PromptPairs(TEMPLATES, slots).measure(context(reader(her=0.3)))
    assert np.isnan(measurement.tables["pairs"]["low"]).all()
    assert measurement.scores[0].low is None
    assert any("too few to generalise" in wording().say(note) for note in measurement.notes)


def test_words_that_the_model_does_not_know_are_refused() -> None:
    slots = {"person": {"women": ("Xenia",), "men": ("Yuri",)}}
    with refused("its vocabulary lacks the words"):
        PromptPairs(TEMPLATES[:1], slots).measure(context(reader()))


def test_rows_of_one_entity_are_a_pair() -> None:
    words = [word for pair in zip(HERS, HIS, strict=True) for word in pair]
    part = Split(
        read([f"{word} was late" for word in words]),
        np.zeros(24, int),
        np.arange(24),
        {"sex": np.tile([0, 1], 12)},
        entities=np.repeat(np.arange(12), 2),
    )
    metric = PromptPairs(by="sex")
    measurement = metric.measure(context(reader(**dict.fromkeys(HIS, 0.2)), test=part))
    (row,) = measurement.tables["pairs"].to_dict("records")
    assert row["n"] == 12
    assert row["low"] < -0.2 < row["high"] < 0
    with pytest.raises(NotApplicableError):
        PromptPairs(by="age").measure(context(reader(), test=part))


@pytest.mark.parametrize(
    ("templates", "slots", "problem"),
    [
        (("{who} was late",), SLOTS, "slot {who}"),
        (("It was late",), SLOTS, "has no slot"),
        (TEMPLATES, {**SLOTS, "person": {"men": HIS, "women": HERS}}, "the same groups"),
        (TEMPLATES, {**SLOTS, "person": {"women": HERS, "men": HIS[:3]}}, "lists of 3, 12 words"),
    ],
)
def test_templates_and_slots_that_do_not_go_together_are_a_problem(
    templates: Any, slots: Any, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        PromptPairs(templates, slots)


def test_an_answer_that_is_no_class_is_named() -> None:
    with refused("“worse” is no class"):
        PromptPairs(TEMPLATES, SLOTS, answers=("worse",)).measure(context(reader()))


def test_further_texts_are_read_as_those_of_the_data(tmp_path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "texts.csv"
    words = np.array(["late", "early", "plane", "crew", "seat", "kind", "rude"])
    lines = [f'"{" ".join(rng.choice(words, 6))} {k}",{"ab"[k % 2]}' for k in range(120)]
    path.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    plugin = TextFile(path=str(path), text="text", target="label", max_length=8)
    data = plugin.load(1, Silent())
    texts = [data.test.texts.text(row) for row in range(len(data.test))]  # type: ignore[union-attr]
    again = TextReader(data, plugin)(texts)
    np.testing.assert_array_equal(again, data.test.inputs)
    with pytest.raises(NotApplicableError):
        TextReader(data, TextRule(tokenizer="characters"))(texts)
    with refused("“zeppelin”"):
        TextReader(data, None)(["late zeppelin"])


def test_without_any_difference_few_worlds_show_one() -> None:
    assert sum(chains.prompts_differ(0.0, seed) for seed in range(40)) <= 5
    assert sum(chains.prompts_differ(0.1, seed) for seed in range(10)) == 10
