"""Sets of MedMNIST: fetched once, in their published parts, and what is said of damaged ones."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.errors import DataError
from deepseek_report.extensions.examples import medmnist
from deepseek_report.extensions.examples.medmnist import MedMNIST, catalogue

SIZES = {"train": 60, "val": 40, "test": 50}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with two sets as MedMNIST writes them, whose MD5 the catalogue knows."""
    random, mirror = np.random.default_rng(0), tmp_path / "mirror"
    mirror.mkdir()
    facts = dict(catalogue())
    for name, colour in (("chestmnist", False), ("bloodmnist", True)):
        arrays = {}
        for part, n in SIZES.items():
            arrays[f"{part}_images"] = random.integers(
                0, 256, (n, 28, 28, 3) if colour else (n, 28, 28), dtype=np.uint8
            )
            arrays[f"{part}_labels"] = (
                (np.arange(n) % 8)[:, None].astype(np.uint8)
                if colour
                else (random.random((n, 14)) < 0.4).astype(np.uint8)
            )
        np.savez(mirror / f"{name}.npz", **arrays)
        raw = (mirror / f"{name}.npz").read_bytes()
        md5 = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        facts[name] = replace(facts[name], md5=md5)
    monkeypatch.setattr(medmnist, "catalogue", lambda: facts)
    return mirror


def plugin(served: Path, name: str, **changes) -> MedMNIST:
    cache = str(served.parent / "cache")
    return MedMNIST(name=name, cache=cache, **{"mirror": served.as_uri(), **changes})


def test_classes_and_published_parts_come_as_they_are(served: Path) -> None:
    dataset = plugin(served, "bloodmnist", positive="monocyte").load(1, Silent())
    assert [len(getattr(dataset, p)) for p in ("train", "validation", "test")] == [60, 40, 50]
    assert dataset.schema.target.explained_class == "monocyte"
    assert dataset.schema.layout.shape == (28, 28, 3)
    with np.load(served / "bloodmnist.npz") as file:
        assert np.array_equal(dataset.test.inputs, file["test_images"].reshape(50, -1))
        assert np.array_equal(dataset.test.labels, file["test_labels"][:, 0])


def test_several_labels_are_kept_and_one_is_reported(served: Path) -> None:
    source = plugin(served, "chestmnist", positive="mass")
    assert source.nature.task == "multi_label"
    dataset = source.load(1, Silent())
    assert dataset.schema.target.classes == ("without mass", "with mass")
    assert dataset.train.all_labels.shape == (60, 14)
    assert np.array_equal(dataset.train.labels, dataset.train.all_labels[:, 4])


def test_what_was_fetched_once_is_read_without_a_network(served: Path) -> None:
    first = plugin(served, "bloodmnist").source_digest()
    offline = plugin(served, "bloodmnist", mirror="http://127.0.0.1:9")
    assert offline.source_digest() == first


def test_without_a_network_the_message_says_where_to_copy_the_file(served: Path) -> None:
    with pytest.raises(DataError, match=r"not be fetched.*copy the file to .*bloodmnist\.npz"):
        plugin(served, "bloodmnist", mirror="http://127.0.0.1:9").source_digest()
    assert not (served.parent / "cache" / "bloodmnist.npz").exists()


def test_a_damaged_file_is_noticed(served: Path) -> None:
    source = plugin(served, "bloodmnist")
    source.source_digest()
    file = served.parent / "cache" / "bloodmnist.npz"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataError, match="MD5"):
        source.load(1, Silent())


def test_unknown_names_and_classes_are_told_with_the_nearest() -> None:
    assert "did you mean `bloodmnist`" in MedMNIST(name="blodmnist").problems()[0]
    (problem,) = MedMNIST(name="bloodmnist", positive="monocytes").problems()
    assert "did you mean `monocyte`" in problem


def test_every_set_of_the_catalogue_has_what_a_card_needs() -> None:
    for facts in catalogue().values():
        assert len(facts.md5) == 32
        assert facts.licence.startswith("CC BY")
        assert len(facts.names) >= 2
