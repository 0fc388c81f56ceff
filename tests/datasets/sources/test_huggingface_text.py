"""Texts from the Hugging Face hub: against a small recorded repository, never the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.datasets.sources import huggingface_text
from deepseek_report.datasets.sources.huggingface_text import HuggingFaceText
from deepseek_report.errors import DataError

datasets = pytest.importorskip("datasets")

RECORDED = Path(__file__).parent / "hub" / "small-reviews"
pytestmark = pytest.mark.filterwarnings("default")


def reviews(folder: Path, **fields: Any) -> HuggingFaceText:
    defaults = {"name": str(RECORDED), "text": "text", "target": "label", "cache": str(folder)}
    return HuggingFaceText(**{**defaults, **fields})


def test_classes_get_the_names_of_the_hub_and_are_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = reviews(tmp_path).load(1, Silent())
    assert dataset.schema.target.classes == ("bad", "good")
    assert dataset.card["rows"] == 60
    assert "Hugging Face" in dataset.card["source"]
    assert str(RECORDED.parent) not in dataset.card["source"] + dataset.card["title"]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("fetched again"))
    again = reviews(tmp_path).load(1, Silent())
    assert again.schema == dataset.schema
    assert reviews(tmp_path).source_digest() == reviews(tmp_path).source_digest()


def test_lists_become_labels_and_numbers_stay_numbers(tmp_path: Path) -> None:
    several = reviews(tmp_path, target="tags", label_separator="|")
    assert several.load(1, Silent()).schema.target.labels == ("travel", "food")
    assert several.nature.task == "multi_label"
    number = reviews(tmp_path, target="stars", task="regression")
    assert number.load(1, Silent()).schema.target.is_number


def test_check_fetches_nothing_and_knows_the_columns_of_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("fetched"))
        assert reviews(tmp_path, text="txt").problems() == []
    reviews(tmp_path).source_digest()
    (problem,) = reviews(tmp_path, text="txt").problems()
    assert "did you mean `text`" in problem


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked: somebody is there."""
    monkeypatch.setattr(huggingface_text, "_answers", lambda: True)


def test_where_nobody_answers_the_library_asks_nobody_and_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_text, "_answers", lambda: False)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("asked"))
    plugin = HuggingFaceText(
        name="nobody/nothing", text="text", target="label", cache=str(tmp_path / "empty")
    )
    with pytest.raises(DataError, match="did not answer within 2 s") as caught:
        plugin.load(1, Silent())
    assert "connect to the network once" in str(caught.value)
    assert not datasets.config.HF_HUB_OFFLINE


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionError("Couldn't reach 'x' on the Hub"), "dataset=text_file"),
        (ValueError("Unknown split 'trian'"), "configurations and splits"),
    ],
)
def test_what_goes_wrong_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(DataError, match=str(error)) as caught:
        reviews(tmp_path).load(1, Silent())
    assert words in str(caught.value)
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_text, "find_spec", lambda _: None)
    (problem,) = reviews(tmp_path).problems()
    assert "pip install 'datasets>=" in problem


def test_what_is_not_declared_is_told(tmp_path: Path) -> None:
    problems = " ".join(HuggingFaceText(path="x.csv").problems())
    for words in ("`name` is not set", "`text` is not set", "`path` is set beside"):
        assert words in problems
