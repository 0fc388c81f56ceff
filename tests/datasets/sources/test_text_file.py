"""Texts of one's own: classes, numbers and several labels from every kind of file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.sources.text_file import TextFile
from tests.datasets import loading
from tests.datasets.loading import notes_of, written


def letters(n: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(2)
    words = np.array([f"{a}{b}" for a in "klmnprst" for b in ("ab", "eg", "id", "um")])
    good = np.arange(n) % 2 == 0
    body = [" ".join(random.choice(words, 8)) for _ in range(n)]
    tags = np.array(["bill|phone", "bill", "", "phone"])[random.integers(0, 4, n)]
    return pd.DataFrame(
        {
            "body": body,
            "mood": np.where(good, "calm", "angry"),
            "bill": ["bill" in cell for cell in tags],
            "phone": ["phone" in cell for cell in tags],
            "tags": tags,
            "days": np.round(random.gamma(2, 3, n), 2),
            "office": random.choice(["north", "south"], n),
        }
    )


def plugin(folder: Path, name: str = "letters.csv", **fields: Any) -> TextFile:
    path, frame = folder / name, letters()
    if name.endswith(".jsonl"):
        rows = frame.assign(tags=[cell.split("|") if cell else [] for cell in frame["tags"]])
        path.write_text("\n".join(map(json.dumps, rows.to_dict("records"))), "utf-8")
    else:
        written(frame, path)
    return TextFile(path=str(path), text="body", **{"target": "mood", **fields})


def load(source: TextFile) -> Dataset:
    dataset = loading.loaded(source)
    assert (source.nature.modality, source.nature.task) == ("text", dataset.schema.target.task)
    return dataset


@pytest.mark.parametrize("name", ["letters.csv", "letters.parquet", "letters.jsonl"])
def test_classes_come_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    dataset = load(plugin(tmp_path, name, favourable="calm", sensitive=("office",)))
    assert dataset.schema.target.classes == ("calm", "angry")
    assert [attribute.name for attribute in dataset.schema.attributes] == ["office", "length_band"]
    assert all(attribute.source is None for attribute in dataset.schema.attributes)
    assert dataset.card["rows"] == 120
    assert dataset.train.inputs.shape[1] == 8


def test_a_number_is_predicted_as_one(tmp_path: Path) -> None:
    dataset = load(plugin(tmp_path, target="days", unit="days"))
    assert (dataset.schema.target.task, dataset.schema.target.unit) == ("regression", "days")
    assert dataset.train.labels.dtype == np.float64


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("letters.csv", {"target": ("bill", "phone"), "report_label": "phone"}),
        ("letters.csv", {"target": "tags", "label_separator": "|", "report_label": "phone"}),
        ("letters.jsonl", {"target": "tags", "label_separator": "|", "report_label": "phone"}),
    ],
)
def test_several_labels_come_as_columns_as_a_list_or_joined(
    tmp_path: Path, name: str, how: dict[str, Any]
) -> None:
    dataset = load(plugin(tmp_path, name, **how))
    target = dataset.schema.target
    assert (target.task, set(target.labels)) == ("multi_label", {"bill", "phone"})
    assert target.labels[target.label_index] == "phone"
    frame = letters()
    for part in (dataset.train, dataset.test):
        assert part.all_labels is not None
        assert (part.labels == frame["phone"].to_numpy()[part.instance_ids]).all()
        bill = part.all_labels[:, target.labels.index("bill")]
        assert (bill == frame["bill"].to_numpy()[part.instance_ids]).all()


def test_rare_labels_are_left_out_and_named(tmp_path: Path) -> None:
    frame = letters()
    frame.loc[:3, "tags"] += "|rare"
    path = written(frame, tmp_path / "t.csv")
    dataset = load(TextFile(path=path, text="body", target="tags", label_separator="|"))
    assert "rare" not in dataset.schema.target.labels
    assert "1 label is left out" in notes_of(dataset)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": None}, "`text` is not set"),
        ({"text": "bodi"}, "did you mean `body`"),
        ({"target": "body"}, "`body` has two roles"),
        ({"tokenizer": "word"}, "did you mean `words`"),
        ({"label_separator": "|", "target": ("bill", "phone")}, "several target columns"),
        ({"label_separator": "|", "task": "regression"}, "task regression"),
        ({"path": "none.jsonl"}, "there is no such file"),
    ],
)
def test_what_cannot_be_meant_is_told_before_loading(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    problems = " ".join(replace(plugin(tmp_path), **fields).problems())
    assert words in problems
    assert "What to do: " in problems


def test_a_broken_line_of_json_is_numbered(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"body": "a", "mood": "b"}\n[1]\n')
    source = TextFile(path=str(path), text="body", target="mood")
    assert "line 2 is no JSON object" in loading.refusal(source)


def test_a_label_that_is_not_there_is_refused(tmp_path: Path) -> None:
    source = plugin(tmp_path, target="tags", label_separator="|", report_label="fax")
    assert "not a frequent label" in loading.refusal(source)
