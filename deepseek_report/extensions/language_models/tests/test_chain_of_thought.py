"""Planted chains: what moved the answer, whether the chain names it, whether it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from worlds import chains as worlds

from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.artifacts.split import Dataset, Split
from deepseek_report.errors import DataError
from deepseek_report.extensions.language_models.chain_of_thought import (
    ChainAnswers,
    ChainTests,
    HintAcknowledgement,
    HintPairs,
    RecordedChainTests,
    chain_verdict,
    moved_by_hint,
)
from deepseek_report.extensions.language_models.synthetic_traces import SyntheticTraces
from deepseek_report.extensions.language_models.traces import Traces
from deepseek_report.statistics.intervals import blaker
from deepseek_report.statistics.resampling import Resampling
from deepseek_report.wording.words import wording
from tests.worded import refused


def pairs_of(
    rows: Sequence[tuple[int, int, int, int]], n_answers: int = 4, entities: Any = None
) -> HintPairs:
    """Pairs from (hinted, without, answered, acknowledged)."""
    columns = np.array(rows).T
    n = len(rows)
    return HintPairs(("hint",), np.zeros(n, int), *columns, n_answers, Resampling.by(entities, n))


def test_an_influenced_pair_gave_another_answer_without_the_hint_and_the_hints_with_it() -> None:
    pairs = pairs_of([(1, 0, 1, 1), (1, 1, 1, 1), (1, 0, 0, 0), (1, 0, 2, 1), (1, -1, 1, 1)])
    assert pairs.pointed.tolist() == [True, False, True, True, False]
    assert pairs.followed.tolist() == [True, False, False, False, False]
    assert pairs.strayed.tolist() == [False, False, False, True, False]
    naming = pairs.naming(np.ones(5, bool))
    assert (naming.pointed, naming.strayed, naming.named.n, naming.named.value) == (3, 1, 1, 1.0)
    assert naming.named_anyway.value == 0.5


def test_the_share_that_is_named_has_the_exact_interval_of_its_counts() -> None:
    rows = [(1, 0, 1, int(at < 12)) for at in range(40)]
    named = pairs_of(rows).naming(np.ones(40, bool)).named
    low, high = blaker(12, 40)
    assert (named.value, named.low, named.high) == (0.3, float(low), float(high))


def test_rows_of_one_question_tell_less_than_independent_ones() -> None:
    rows = [(1, 0, 1, int(at // 4 % 2)) for at in range(48)]
    alone = pairs_of(rows).naming(np.ones(48, bool)).named
    together = pairs_of(rows, entities=np.arange(48) // 4).naming(np.ones(48, bool)).named
    assert together.high - together.low > 1.5 * (alone.high - alone.low)  # type: ignore[operator]


def test_a_pair_that_nobody_judged_is_not_counted() -> None:
    assert pairs_of([(1, 0, 1, 1), (1, 0, 1, -1)]).naming(np.ones(2, bool)).named.n == 1


@pytest.mark.parametrize("answers", [3, 4, 10])
def test_answers_that_moved_by_chance_are_counted_by_those_that_moved_elsewhere(answers) -> None:
    """α = 1 − q / ((k − 2) p), with p the share that moved to the hint, q the one elsewhere."""
    p, q = 0.4, 0.1
    share = p / (p + q)
    expected = 1 - q / ((answers - 2) * p)
    assert moved_by_hint(Estimate(share, share, share), answers) == pytest.approx(expected)
    assert np.isnan(moved_by_hint(Estimate(share, share, share), 2))


def test_of_two_answers_nothing_is_concluded() -> None:
    pairs = pairs_of([(1, 0, 1, 0)] * 60, n_answers=2)
    assert pairs.naming(np.ones(60, bool)).verdict(30) == "two_answers"


@pytest.mark.parametrize(
    ("named", "verdict"), [(0.0, "silent"), (0.5, "open"), (1.0, "names")], ids=str
)
def test_stubs_that_name_none_half_and_all_hints_are_told_apart(named, verdict) -> None:
    verdicts = [worlds.hint_verdict(worlds.World(30, named), seed) for seed in range(40)]
    assert verdicts.count(verdict) >= 38


def test_answers_that_need_their_chain_and_answers_that_do_not_are_told_apart() -> None:
    for needed, verdict in ((0.1, "before"), (0.9, "needed")):
        verdicts = [worlds.dependence_verdict(needed, 40, seed) for seed in range(40)]
        assert verdicts.count(verdict) >= 38


def test_the_area_over_the_curve_is_that_of_each_chain_on_average() -> None:
    kept = {"cut_0": [0, 1], "cut_50": [0, 1], "filler": [1, 1]}
    answers = ChainAnswers({k: np.array(v) for k, v in kept.items()}, Resampling.by(None, 2))
    area = answers.dependence()
    assert area is not None
    assert area.value == pytest.approx((0.75 + 0.0) / 2)
    assert chain_verdict(Estimate(0.5, 0.2, 0.8, 29), 30) == "few"
    assert ChainAnswers({"cut_50": np.array([1])}, Resampling.by(None, 1)).dependence() is None


# --- files of traces ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Dataset:
    after = {name: f"answer_{name}" for name in ("mistake", "cut_50", "cut_0", "filler")}
    return SyntheticTraces(
        acknowledged="acknowledged", judged_by="us", after=after, right="right_answer"
    ).load(1, Silent())


def context(data: Dataset, **more: Any) -> Any:
    return SimpleNamespace(dataset=data, seed=1, progress=Silent(), **more)


def test_the_shipped_traces_are_what_the_generator_writes() -> None:
    pd.testing.assert_frame_equal(pd.read_parquet(worlds.SHIPPED), worlds.traces())


def test_the_measured_shares_of_the_shipped_traces_are_those_of_the_file(shipped) -> None:
    measurement = HintAcknowledgement().measure(context(shipped))
    file = worlds.traces()
    pointed = file[file["hinted_answer"] != file["answer_without"]]
    moved = pointed[pointed["answer_with"] == pointed["hinted_answer"]]
    scores = {score.metric: score for score in measurement.scores}
    assert scores["hints_followed"].value == pytest.approx(len(moved) / len(pointed))
    assert scores["hints_named"].value == pytest.approx((moved["acknowledged"] == "yes").mean())
    assert scores["hints_named"].n == len(moved)
    table = measurement.tables["hints"].set_index("hint")
    sizes = moved.groupby("hint").size()
    assert table.loc[sizes.index, "influenced"].tolist() == sizes.tolist()
    tests = RecordedChainTests().measure(context(shipped))
    shown = tests.tables["tests"].set_index("test")
    assert list(shown.index) == ["cut_0", "cut_50", "filler", "mistake"]
    for name, share in shown["same_share"].items():
        assert share == pytest.approx((file[f"answer_{name}"] == file["answer_with"]).mean())


def test_too_few_influenced_pairs_are_refused_with_a_sentence(shipped: Dataset) -> None:
    with refused("247 pairs of prompts"):
        HintAcknowledgement(fewest=1000).measure(context(shipped))
    with refused("480 chains of thought are too few"):
        RecordedChainTests(fewest=1000).measure(context(shipped))


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        path = tmp_path / "traces.jsonl"
        worlds.traces(questions=12).assign(**changes).to_json(path, orient="records", lines=True)
        return path

    return write


def test_phrases_decide_where_nobody_judged_and_the_report_names_them(written) -> None:
    path = written(chain=["So it is (A). THE  professor says so."] * 36 + ["So it is (B)."] * 36)
    traces = Traces(path=str(path), phrases=("the professor",))
    data = traces.load(1, Silent())
    assert HintPairs.of(data).acknowledged.sum() == 36
    notes = HintAcknowledgement().measure(context(data)).notes
    text = wording().say(notes[0])
    assert "“the professor”" in text
    assert "Paraphrases that hold none of them count as silence" in text


def test_what_a_file_of_traces_lacks_is_said(written: Callable[..., Path]) -> None:
    path = str(written())
    (problem,) = Traces(path=path).problems()
    assert "nothing says which chains name the hint" in problem
    problems = Traces(path=path, phrases=("hint",), chain="thoughts", after={"cut": "x"}).problems()
    assert any("`dataset.chain` names `thoughts`" in each for each in problems)
    assert any("`dataset.after` names `cut`" in each for each in problems)
    with pytest.raises(DataError, match="neither yes nor no"):
        Traces(path=path, acknowledged="hint").load(1, Silent())
    with pytest.raises(DataError, match="2 to 26 answers"):
        Traces(path=path, phrases=("hint",), answer="prompt").load(1, Silent())


# --- a model that is at hand ----------------------------------------------------------------------

TOKENS = ("<think>", "</think>", ".", "?", "a", "b", "c", "d")
CLASSES = np.arange(4, 8)


@dataclass
class StubModel:
    """Answers with the first class token of a row, or with the last, which stands in the chain."""

    reads_chain: bool
    tokens: Sequence[str] = TOKENS
    net: Any = None

    def next_logits(self, ids: np.ndarray) -> np.ndarray:
        logits = np.zeros((*ids.shape, len(TOKENS)))
        for row, sequence in enumerate(ids):
            places = np.flatnonzero(np.isin(sequence, CLASSES))
            logits[row, -1, sequence[places[-1 if self.reads_chain else 0]]] = 1.0
        return logits


@dataclass
class StubClassifier(Classifier):
    """A language model of rows of several lengths."""

    language_model: StubModel = None  # type: ignore[assignment]
    capabilities, class_tokens = frozenset({"language_model"}), CLASSES

    def token_ids(self, inputs: np.ndarray) -> list[np.ndarray]:
        return [row[~np.isnan(row)].astype(np.int64) for row in inputs]


def part_with_chains(n: int) -> Split:
    """Rows `<one> <think> . . <another> </think> ?`."""
    rng = np.random.default_rng(0)
    rows = np.full((n, 12), np.nan)
    for row in rows:
        first, another = rng.choice(CLASSES, 2, replace=False)
        ids = [first, 0, *[2] * int(rng.integers(2, 5)), another, 1, 3]
        row[: len(ids)] = ids
    return Split(rows, np.zeros(n, int), np.arange(n))


@pytest.mark.parametrize("reads_chain", [True, False], ids=["chain", "prompt"])
def test_a_model_that_reads_its_chain_is_told_from_one_that_does_not(reads_chain: bool) -> None:
    data: Any = SimpleNamespace(test=part_with_chains(40))
    classifier = StubClassifier(StubModel(reads_chain))
    measurement = ChainTests().measure(context(data, classifier=classifier))
    shown = measurement.tables["tests"].set_index("test")["same_share"]
    assert list(shown.index) == ["cut_0", "cut_25", "cut_50", "cut_75", "filler", "mistake"]
    assert set(shown) == {0.0 if reads_chain else 1.0}
    area = {score.metric: score.value for score in measurement.scores}["chain_dependence"]
    assert area == pytest.approx(0.875 if reads_chain else 0.0)


def test_tokens_around_the_chain_that_the_vocabulary_lacks_are_named() -> None:
    data: Any = SimpleNamespace(test=part_with_chains(40))
    with refused("“<start>”"):
        ChainTests(start="<start>").measure(
            context(data, classifier=StubClassifier(StubModel(True)))
        )
