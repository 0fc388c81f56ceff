"""From texts to tokens and parts: words, copies, the split, the tokenizer, the checks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepseek_report.artifacts.schema import Schema, Target
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.artifacts.written_texts import WrittenTexts
from deepseek_report.datasets.assembly.assemble import Origin
from deepseek_report.datasets.assembly.cell_encoding import EncodedTarget
from deepseek_report.datasets.assembly.texts import (
    Corpus,
    TextRule,
    assemble_texts,
    is_damaged,
    length_bands,
    repair,
)
from deepseek_report.datasets.checks.text_checks import find_cues
from deepseek_report.datasets.data_card import Description
from deepseek_report.datasets.readers.tokenizing import (
    Tokenizer,
    core,
    form_of,
    hide,
    is_chinese,
    learn,
    pieces,
    tokenizer_problem,
)
from deepseek_report.datasets.splitting import SplitRule
from deepseek_report.errors import ArtifactError, ConfigError, DataError
from tests.datasets.loading import issues_of
from tests.worded import say

NOUNS = ["room", "meal", "film", "book", "train", "soup", "phone", "bag"]


def reviews(n: int = 200, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts of noise words; the label is a coin."""
    random = np.random.default_rng(seed)
    words = np.array([f"{noun}{i}" for noun in NOUNS for i in "abcdef"])
    texts = [" ".join(random.choice(words, random.integers(4, 9))) for _ in range(n)]
    return texts, random.permutation(np.arange(n) % 2)


def load(texts: list[str], labels: Any, rule: dict[str, Any] | None = None, **how: Any) -> Dataset:
    target = Target("mood", "Mood", ("sad", "glad"), favourable=1)
    answer = EncodedTarget(target, np.asarray(labels, dtype=np.int64))
    source = Origin("x", "0", Description("x", "X"))
    split = SplitRule(**{"duplicates": "drop", **(rule or {})})
    return assemble_texts(Corpus(texts, answer), source, TextRule(**how), split, 1)


# --- tokens ---------------------------------------------------------------------------------------


def test_tokens_spell_the_text_and_the_end_is_nan() -> None:
    texts, labels = reviews()
    dataset = load(texts, labels)
    for row in range(20):
        codes = dataset.train.inputs[row]
        words = [dataset.schema.vocabulary[int(i)] for i in codes[~np.isnan(codes)]]
        assert " ".join(words) == texts[dataset.train.instance_ids[row]]
    ended = np.isnan(dataset.train.inputs)
    assert (np.diff(ended.astype(int), axis=1) >= 0).all()


def test_the_layout_has_one_player_a_place_and_a_mask() -> None:
    schema = load(*reviews()).schema
    assert schema.layout is not None
    assert schema.modality == "text"
    assert schema.layout.shape == (len(schema.features),)
    assert (schema.owners == np.arange(len(schema.features))).all()
    assert schema.vocabulary[:2] == ("[unknown]", "[mask]")
    assert schema.layout.mask == 1
    assert schema.player_labels[2] == "word 3"
    assert len({id(feature.categories) for feature in schema.features}) == 1
    assert not any(feature.mutable for feature in schema.features)
    assert Schema.from_json(schema.to_json()) == schema


def test_words_of_other_parts_are_unknown() -> None:
    texts, labels = reviews()
    first = load(texts, labels)
    inside = set(first.test.instance_ids.tolist())
    marked = [f"{text} zebra" if i in inside else text for i, text in enumerate(texts)]
    dataset = load(marked, labels)
    assert (dataset.test.instance_ids == first.test.instance_ids).all()
    assert "zebra" not in dataset.schema.vocabulary
    whole = [row[~np.isnan(row)] for row in dataset.test.inputs if np.isnan(row).any()]
    assert {row[-1] for row in whole} == {0}


def test_long_texts_lose_their_end_and_the_check_says_so() -> None:
    texts, labels = reviews()
    dataset = load([f"{text} {'long ' * 30}" for text in texts], labels, max_length=12)
    assert dataset.train.inputs.shape[1] == 12
    assert issues_of(dataset)["cut_texts"].values["n"] == 200


@pytest.mark.parametrize("kind", ["words", "characters", "pieces"])
def test_a_tokenizer_is_the_same_each_time_and_keeps_to_its_size(kind: str) -> None:
    texts, _ = reviews(120)
    first, second = learn(kind, texts, 60), learn(kind, texts, 60)
    assert first.tokens == second.tokens
    assert first.cut(texts) == second.cut(texts)
    assert len(first.tokens) <= 60
    assert len(set(first.tokens)) == len(first.tokens)


@pytest.mark.parametrize("kind", ["words", "characters", "pieces"])
@pytest.mark.parametrize(
    "text", ["So LATE, again: 房间 好 İyi flying!", "  Ärger\n@Delta #late 😀 "]
)
def test_tokens_stand_in_the_text_where_their_spans_say(kind: str, text: str) -> None:
    tokenizer = learn(kind, ["so late again 房间 好 flying trying", "delta late ärger"] * 9, 60)
    (cut,) = tokenizer.cut([text])
    spans = cut.spans
    for token, (start, end) in zip(cut.tokens, spans, strict=True):
        shown = tokenizer.tokens[token].removeprefix("##")
        assert shown == "[unknown]" or shown in "".join(text[start:end].lower().split())
    covered = "".join(text[start:end] for start, end in dict.fromkeys(spans))
    assert "".join(covered.split()) == "".join(text.split())


def test_each_text_is_cut_once_and_those_that_were_not_drawn_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts, labels = reviews()
    cut: list[str] = []

    def counting(kind: str, train: Any, size: int) -> Tokenizer:
        made = learn(kind, train, size)
        return replace(made, cut=lambda chosen: cut.extend(chosen) or made.cut(chosen))

    monkeypatch.setattr("deepseek_report.datasets.assembly.texts.learn", counting)
    dataset = load(texts, labels, {"rows": 120})
    used = [texts[i] for i in dataset.every_part.instance_ids]
    assert len(used) == 120
    assert sorted(cut) == sorted(used)


def test_a_part_keeps_its_texts_as_they_were_written(tmp_path: Path) -> None:
    texts, labels = reviews()
    written = [f"  {text.title()}!\n" for text in texts]
    test = load(written, labels).test
    test.save(tmp_path / "test.npz")
    stored = Split.load(tmp_path / "test.npz").take(np.arange(3, 6)).texts
    assert stored is not None
    for at, row in enumerate(test.instance_ids[3:6]):
        assert stored.text(at) == written[row]
        first = written[row].split()[0]
        assert stored.words(at, np.array([0])) == first
        last = stored.span(at, np.arange(test.inputs.shape[1]))
        assert stored.text(at)[slice(*last)] == written[row].strip()
    hidden = load([f"{text} @united" for text in texts], labels, hide=("handles",)).test.texts
    assert hidden is not None
    assert hidden.text(0).endswith(" @someone")


@pytest.mark.parametrize(
    ("damaged", "array"), [("spans", None), ("utf8", np.zeros(3)), ("ends", np.zeros(2, int))]
)
def test_damaged_texts_are_refused(damaged: str, array: np.ndarray | None) -> None:
    whole = {"utf8": np.zeros(3, np.uint8), "ends": np.zeros(1, int)}
    whole |= {"spans": np.zeros((1, 2, 2), int), damaged: array}
    arrays = {name: values for name, values in whole.items() if values is not None}
    with pytest.raises(ArtifactError, match="damaged"):
        WrittenTexts.from_arrays(arrays)


def test_pieces_join_what_often_stands_together_and_mark_what_goes_on() -> None:
    tokenizer = learn("pieces", ["房间大 flying", "房间小 trying", "房间 fly try"] * 9, 60)
    (cut,) = tokenizer.cut(["房间好 frying"])
    tokens = [tokenizer.tokens[i] for i in cut.tokens]
    assert tokens[:2] == ["房间", "[unknown]"]
    assert "".join(token.removeprefix("##") for token in tokens[2:]) == "frying"


def test_the_tokenizer_of_a_checkpoint_gives_its_own_ids(tmp_path: Any) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[MASK]", *NOUNS]
    places = {word: i for i, word in enumerate(words)}
    made = Tokenizer(WordLevel(places, unk_token=words[1]))
    made.pre_tokenizer = Whitespace()
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(tmp_path)
    tokenizer = learn(str(tmp_path), [], 10)
    assert tokenizer.tokens == tuple(words)
    assert (tokenizer.unknown, tokenizer.mask) == (1, 2)
    assert tokenizer.cut([]) == []
    cut = tokenizer.cut(["meal zebra room", "film"])
    assert [text.tokens for text in cut] == [[4, 1, 3], [5]]
    assert [text.spans for text in cut] == [[(0, 4), (5, 10), (11, 15)], [(0, 4)]]
    assert tokenizer_problem(str(tmp_path)) is None


def test_a_tokenizer_that_cannot_be_is_told(tmp_path: Any) -> None:
    assert "did you mean `words`" in str(tokenizer_problem("word"))
    assert "no tokenizer is in this folder" in str(tokenizer_problem(str(tmp_path)))
    assert "there is no folder" in str(tokenizer_problem("./nowhere"))
    with pytest.raises(ConfigError):
        learn("nowhere", [], 10)


# --- copies ---------------------------------------------------------------------------------------


def test_copies_are_dropped_and_counted_by_how_near_they_are() -> None:
    texts, labels = reviews()
    more = [texts[0], texts[1].upper() + "!!"]
    dataset = load([*texts, *more], [*labels, labels[0], labels[1]])
    issue = issues_of(dataset)["duplicates"]
    assert (issue.values["exact"], issue.values["near"]) == (1, 1)
    assert "only the first of each is kept" in say(issue.text)
    assert dataset.card["rows"] == 200
    assert dataset.card["duplicates"] == 2


def test_texts_with_two_labels_are_all_left_out() -> None:
    texts, labels = reviews()
    dataset = load([*texts, texts[0]], [*labels, 1 - labels[0]])
    issue = issues_of(dataset)["contradictions"]
    assert issue.values == {"n": 2, "share": 2 / 201, "dropped": True}
    assert dataset.card["rows"] == 199


def test_near_copies_stay_in_one_part_unless_they_stand_apart() -> None:
    texts, labels = reviews()
    doubled = [*texts, *(text.upper() for text in texts)]
    both = [*labels, *labels]
    together = load(doubled, both, {"duplicates": "together"})
    assert "duplicates_across_parts" not in issues_of(together)
    assert "kept in one part" in say(issues_of(together)["duplicates"].text)
    apart = issues_of(load(doubled, both, {"duplicates": "apart"}))["duplicates_across_parts"]
    assert apart.severity == "high"
    assert apart.values["n"] > 50


def test_texts_that_differ_only_in_unknown_words_are_counted_across_parts() -> None:
    texts, labels = reviews()
    once = [f"see once{i}" for i in range(100)]
    dataset = load([*texts, *once], [*labels, *np.arange(100) % 2])
    seen = {row.tobytes() for row in dataset.train.inputs}
    n = sum(row.tobytes() in seen for row in dataset.test.inputs)
    assert n > 10
    issue = issues_of(dataset)["same_inputs_across_parts"]
    assert (issue.values["n"] >= n, issue.severity) == (True, "medium")
    assert "have exactly the tokens of a text in another part" in say(issue.text)
    assert "duplicates_across_parts" not in issues_of(dataset)
    leakage = dataset.card["leakage"]
    assert (leakage["duplicates_across"], leakage["same_inputs_across"]) == (0, issue.values["n"])


def test_texts_of_known_words_are_the_same_in_no_two_parts() -> None:
    known = load(*reviews())
    assert "same_inputs_across_parts" not in issues_of(known)
    assert known.card["leakage"]["same_inputs_across"] == 0


def test_empty_texts_are_left_out_and_told_and_none_but_empty_ones_are_refused() -> None:
    texts, labels = reviews()
    dataset = load([*texts, "", "  \n"], [*labels, 0, 1])
    assert issues_of(dataset)["missing_values"].values["n"] == 2
    assert dataset.card["rows"] == 200
    with pytest.raises(DataError, match="no text is left"):
        load([""] * 40, np.arange(40) % 2)


# --- what gives the label away --------------------------------------------------------------------


def test_noise_has_no_cue_and_no_telling_length() -> None:
    issues = issues_of(load(*reviews(600)))
    assert not {"spurious_cues", "telling_words", "near_leak", "telling_length"} & set(issues)


def test_a_handle_that_gives_the_label_away_is_found_with_its_counts() -> None:
    texts, labels = reviews(600)
    random = np.random.default_rng(4)
    named = random.random(600) < np.where(labels == 1, 0.6, 0.1)
    names = np.where(named, "@air", "@sea")
    marked = [f"{name} {text}" for name, text in zip(names, texts, strict=True)]
    issue = issues_of(load(marked, labels))["spurious_cues"]
    cue = next(listed for listed in issue.values["cues"] if listed["word"] == "@air")
    assert (cue["form"], cue["outcome"], cue["n"]) == ("handle", "glad", int(named.sum()))
    assert cue["hits"] == int(named[labels == 1].sum())
    assert cue["low"] < cue["rate"] < cue["high"]
    assert issue.severity == "high"
    assert "dataset.hide=[handles]" in say(issue.recommendation)
    assert "spurious_cues" not in issues_of(load(marked, labels, hide=("handles",)))


def test_a_planted_word_of_one_class_is_a_near_leak() -> None:
    texts, labels = reviews(600)
    labels = np.where(np.arange(600) % 3 == 0, 1, 0)
    texts = [
        f"{t} planted" if label and i % 2 else t
        for i, (t, label) in enumerate(zip(texts, labels, strict=True))
    ]
    leak = issues_of(load(texts, labels))["near_leak"]
    assert leak.values["word"] == "planted"
    assert (leak.values["n"], leak.values["hits"]) == (100, 100)


def test_cues_agree_with_counting_by_hand() -> None:
    random = np.random.default_rng(0)
    inside = random.random(400) < 0.4
    has = random.random(400) < np.where(inside, 0.8, 0.1)
    words = [frozenset({"x"} if has_word else {"y"}) for has_word in has]
    cues = {cue.word: cue for cue in find_cues(words, [("a", inside), ("b", ~inside)])}
    assert {word: cue.outcome for word, cue in cues.items()} == {"x": "a", "y": "b"}
    assert (cues["x"].n, cues["x"].hits) == (has.sum(), (has & inside).sum())
    assert cues["y"].base == pytest.approx((~inside).mean())


def test_a_rare_word_is_no_cue() -> None:
    words = [frozenset({"x"})] * 19 + [frozenset()] * 200
    assert find_cues(words, [("a", np.arange(219) < 19)]) == []


def test_a_class_of_long_texts_is_told() -> None:
    texts, labels = reviews(400)
    texts = [t + " more words here" if label else t for t, label in zip(texts, labels, strict=True)]
    issue = issues_of(load(texts, labels))["telling_length"]
    assert issue.values["auc"] > 0.8
    assert issue.values["class"] in {"sad", "glad"}


# --- groups, card ---------------------------------------------------------------------------------


def test_bands_of_length_are_named_and_hold_every_text() -> None:
    texts = [" ".join(["word"] * n) for n in range(1, 31)]
    attribute, codes = length_bands(texts)
    assert attribute.levels == ("under 10 words", "10–19 words", "20 or more words")
    assert np.bincount(codes).tolist() == [9, 10, 11]
    chinese, _ = length_bands(["好" * n for n in range(1, 31)])
    assert chinese.levels[0] == "under 10 characters"


def test_the_card_has_no_row_for_single_places() -> None:
    card = load(*reviews()).card
    assert card["numeric"] == card["categorical"] == card["correlations"] == []
    assert card["missing"] == {}
    assert card["texts"]["vocabulary"] == 50
    assert [say(row["class"]) for row in card["texts"]["lengths"]] == ["all", "sad", "glad"]


def test_a_number_can_be_the_target() -> None:
    texts, _ = reviews()
    numbers = np.array([float(len(text.split())) for text in texts])
    target = Target("n", "Words", ("Words",), favourable=0, explained=0, task="regression")
    source = Origin("x", "0", Description("x", "X"))
    corpus = Corpus(texts, EncodedTarget(target, numbers))
    dataset = assemble_texts(corpus, source, TextRule(), SplitRule(), 1)
    assert say(issues_of(dataset)["telling_length"].values["class"]) == "the upper half"
    assert replace(dataset.train).labels.dtype == np.float64


def test_handles_hashtags_links_faces_and_emoji_stay_whole() -> None:
    text = "@JetBlue Thanks!! #BestFlight http://t.co/x1?y=2 :-) 👩🏽‍✈️ 🇨🇭 don't 3,000.5"
    assert pieces(text) == [
        *("@jetblue", "thanks", "!", "!", "#bestflight", "http://t.co/x1?y=2"),
        *(":-)", "👩🏽‍✈️", "🇨🇭", "don't", "3,000.5"),
    ]


def test_chinese_characters_stand_alone_beside_latin_words() -> None:
    assert pieces("不错，iPhone4很好") == ["不", "错", "，", "iphone4", "很", "好"]
    assert is_chinese("好")
    assert not is_chinese("good")


@pytest.mark.parametrize(
    ("piece", "form"),
    [
        ("@united", "handle"),
        ("#fail", "hashtag"),
        ("https://t.co/a", "link"),
        ("24.99", "number"),
        ("!", "mark"),
        ("flight", "word"),
        ("4g", "word"),
        ("好", "word"),
    ],
)
def test_a_piece_has_a_form(piece: str, form: str) -> None:
    assert form_of(piece) == form


def test_near_duplicates_have_the_same_core() -> None:
    first = core("RT @a:  Great flight!!! http://t.co/1")
    assert first == core("rt @A great   flight http://t.co/2")
    assert first != core("rt @a bad flight")


def test_a_text_of_signs_alone_keeps_them() -> None:
    assert core(" !!! ") == "!!!"


def test_hidden_kinds_are_replaced_by_one_sign_each() -> None:
    text = "@united lost 2 bags #fail http://t.co/1"
    assert hide(text, ["handles", "links"]) == "@someone lost 2 bags #fail http://link"
    assert hide(text, ["hashtags", "numbers"]) == "@united lost 0 bags #something http://t.co/1"
    assert hide(text, []) == text


@given(st.text(max_size=60))
def test_no_character_but_blanks_is_lost(text: str) -> None:
    left = "".join(pieces(text))
    assert "".join(text.lower().split()) == "".join(left.split())


def test_known_damage_is_put_right_and_unknown_damage_becomes_one_sign() -> None:
    damaged = re.compile(r"[\x80-\xff]+")
    text = repair("I\xe4\xf3\xbbm fine &amp; well \x99\x85", {"\xe4\xf3\xbb": "'"}, damaged)
    assert text == "I'm fine & well \ufffd"


@pytest.mark.parametrize(
    ("text", "damaged"),
    [
        ("cafÃ©", True),
        ("donâ€™t", True),
        ("fine \ufffd", True),
        ("café, “naïve”, 好", False),
        ("Ångström à São Paulo", False),
    ],
)
def test_traces_of_a_wrong_encoding_are_told_from_accents(text: str, damaged: bool) -> None:
    assert is_damaged(text) == damaged
