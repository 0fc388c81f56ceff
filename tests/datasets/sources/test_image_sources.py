"""Images of folders, tables and MedMNIST: pixels, masks, parts, and what is said of broken ones."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.datasets.sources.image_folder import ImageFolder
from deepseek_report.errors import DataError
from deepseek_report.examples import medmnist
from deepseek_report.examples.medmnist import MedMNIST, catalogue
from tests.datasets.loading import loaded, parts_of, written

N = 24


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of grey images: bad ones have a white square, which is their mask."""
    random = np.random.default_rng(0)
    for name in ("good", "bad"):
        for folder in ("photos", "masks"):
            (tmp_path / folder / name).mkdir(parents=True)
        for number in range(N):
            image = random.integers(0, 100, (16, 16), dtype=np.uint8)
            mask = np.zeros((16, 16), dtype=np.uint8)
            if name == "bad":
                image[4:8, 4:8] = mask[4:8, 4:8] = 255
                Image.fromarray(mask).save(tmp_path / "masks" / name / f"{number}.png")
            Image.fromarray(image).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path


def test_folders_are_classes_and_pixels_are_unchanged_at_their_own_size(photos: Path) -> None:
    plugin = ImageFolder(path=str(photos / "photos"), size=16, colour=False, positive="bad")
    dataset = loaded(plugin)
    assert dataset.schema.target.classes == ("good", "bad")
    assert dataset.schema.layout.shape == (16, 16, 1)
    rows = dataset.every_part.inputs
    first = np.asarray(Image.open(photos / "photos" / "good" / "0.png"), dtype=float).ravel()
    assert (rows == first).all(axis=1).sum() == 1


def test_masks_are_the_truth_and_images_without_one_have_none(photos: Path) -> None:
    plugin = ImageFolder(
        path=str(photos / "photos"), masks=str(photos / "masks"), size=16, positive="bad"
    )
    test = plugin.load(1, Silent()).test
    bad = test.labels == 1
    assert test.truth[bad].reshape(-1, 16, 16, 3)[:, 4:8, 4:8].all()
    assert (test.truth[bad].sum(axis=1) == 16 * 3).all()
    assert not test.truth[~bad].any()


def test_images_of_a_table_keep_their_entity_together(photos: Path) -> None:
    rows = [
        (file.relative_to(photos).as_posix(), file.parent.name, f"p{int(file.stem) // 3}")
        for file in sorted((photos / "photos").rglob("*.png"))
    ]
    frame = pd.DataFrame(rows, columns=["path", "label", "piece"])
    path = written(frame, photos / "list.csv")
    dataset = ImageFolder(path=path, entity="piece", size=8).load(1, Silent())
    pieces = [set(frame["piece"].iloc[part.instance_ids]) for part in parts_of(dataset)]
    assert sum(map(len, pieces)) == len(set.union(*pieces))


def test_broken_images_are_named_at_once(photos: Path) -> None:
    for name in ("0.png", "1.png"):
        (photos / "photos" / "good" / name).write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"2 images of 48 cannot be read: good/0\.png"):
        ImageFolder(path=str(photos / "photos")).load(1, Silent())


def test_an_edited_image_or_mask_changes_the_digest(photos: Path) -> None:
    plugin = ImageFolder(path=str(photos / "photos"), masks=str(photos / "masks"))
    before = plugin.source_digest()
    mask = photos / "masks" / "bad" / "0.png"
    Image.fromarray(np.full((16, 16), 255, np.uint8)).save(mask)
    assert plugin.source_digest() != before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": None}, "`dataset.path` is not set"),
        ({"path": "nowhere"}, "no such file"),
        ({"path": "{}/photos/good"}, "0 sub-folders"),
        ({"path": "{}/photos", "entity": "piece"}, "name the images in a table"),
        ({"path": "{}/photos", "masks": "nowhere"}, "no such folder"),
    ],
)
def test_what_is_wrong_is_known_before_loading(change: dict, words: str, photos: Path) -> None:
    fields = {k: v.format(photos) if isinstance(v, str) else v for k, v in change.items()}
    assert any(words in problem for problem in ImageFolder(**fields).problems())


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
