"""Images of folders and tables: pixels, masks, parts, and what is said of broken ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deepseek_report.artifacts.protocols.progress import Silent
from deepseek_report.datasets.sources.image_folder import ImageFolder
from deepseek_report.errors import DataError
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
