"""Real surface textures with drawn defects: whether a crop is defective, and which pixels are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Attribute, Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.column_declarations import error_text
from deepseek_report.datasets.assembly.layouts import (
    Arrays,
    Cuts,
    Origin,
    bands,
    cut,
    image_layout,
    load_arrays,
    pixels,
)
from deepseek_report.datasets.data_card import NOT_STATED, shipped_description
from deepseek_report.datasets.sources.packages import package_problem, packaged_file
from deepseek_report.datasets.splitting import GroupConstraint, Shares

if TYPE_CHECKING:
    pass


_TEXTURES = ("skimage", "scikit-image")
_DEFECTS = ("defect_synthesis", "defect-synthesis")
Texture = Literal["brick", "grass", "gravel"]
Kind = Literal["scratch", "crack", "stain", "pits"]
#: A defect of fewer pixels is drawn anew; some fall off the edge of the crop.
_FEWEST_PIXELS = 6
_MOST_TRIES = 50
#: Shares of a crop from which a defect is of middle size, and large.
_SIZES = (0.03, 0.08)

DESCRIPTION = shipped_description(
    "surface_defects",
    limits=("drawn", "overlap"),
    source="Textures of scikit-image (CC0); defects drawn by the package defect-synthesis",
    licence="CC0 textures; the drawing package is Apache-2.0",
    citation="van der Walt, S. et al. (2014). scikit-image: image processing in Python. PeerJ 2, "
    "e453.",
    doi="10.7717/peerj.453",
    period=NOT_STATED,
)


@dataclass(frozen=True)
class SurfaceDefects(Shares):
    """Crops of real textures with drawn defects and their masks (scikit-image, defect-synthesis).

    label : "defect" asks whether there is one, "kind" which one.
    textures, kinds : surfaces to cut from, and defects to draw.
    size, patch : side in pixels of a crop, and of the squares in it that are explained as one.
    stride : distance of neighbouring crops. gap : pixels between the regions of the three parts.
    defective_share : chance that a crop gets a defect.
    rows : keep only so many crops, drawn at random within each class.
    duplicates : what happens to equal crops, see `splitting.SplitRule`.
    """

    label: Literal["defect", "kind"] = "defect"
    textures: tuple[Texture, ...] = ("brick", "grass", "gravel")
    kinds: tuple[Kind, ...] = ("scratch", "crack", "stain", "pits")
    size: Annotated[int, Field(ge=24, le=96)] = 32
    patch: Annotated[int, Field(ge=1, le=96)] = 4
    stride: Annotated[int, Field(ge=4, le=96)] = 16
    gap: Annotated[int, Field(ge=1, le=64)] = 8
    defective_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    rows: Annotated[int, Field(ge=100)] | None = None

    def problems(self) -> list[str]:
        empty = [
            error_text("dataset", f"`dataset.{name}` is empty", "at least one", "name one")
            for name in ("textures", "kinds")
            if not getattr(self, name)
        ]
        missing = [*package_problem(*_TEXTURES), *package_problem(*_DEFECTS)]
        return [*missing, *empty, *self.rule.problems()]

    @property
    def nature(self) -> DataTraits:
        many = 1 + len(self.kinds) if self.label == "kind" else 2
        return DataTraits(
            "image", "classification", truth=True, groups=frozenset({"other"}), classes=many
        )

    def source_digest(self) -> str:
        """Hash of the textures and of the drawing package's version."""
        from hashlib import sha256
        from importlib.metadata import version

        packaged_file(*_DEFECTS, "__init__.py")
        parts = [version(_DEFECTS[1])]
        parts += [
            sha256_file(packaged_file(*_TEXTURES, f"data/{texture}.png"), links=True)
            for texture in self.textures
        ]
        return sha256("\n".join(parts).encode()).hexdigest()

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Cut the textures, draw the defects by the seed, describe and check the crops.

        Raises DataError: a package is not installed, or a region is narrower than a crop.
        """
        digest = self.source_digest()
        origin = Origin(", ".join(f"{name}.png" for name in self.textures), digest, DESCRIPTION)
        return load_arrays(lambda: self._arrays(seed), origin, self.rule, seed, progress)

    def _cut(self, texture: Texture) -> tuple[Array, Cuts]:
        from skimage.io import imread

        picture = imread(packaged_file(*_TEXTURES, f"data/{texture}.png"))
        places = bands(picture.shape[1], self.rule, self.gap)
        return picture, cut(picture.shape, self.size, (self.stride,) * 3, places)

    def _draw(self, clean: Array, seed: int) -> tuple[Floats, Bools, Ints]:
        """Crops and masks (crop, row, column), and the kind of each defect, -1 for none."""
        chance = np.random.default_rng([seed, 3])
        defective = chance.random(len(clean)) < self.defective_share
        drawn = np.where(defective, chance.integers(0, len(self.kinds), len(clean)), -1)
        images, masks = clean.astype(np.float64), np.zeros(clean.shape, dtype=bool)
        makers = _makers(self.size)
        with _seeded(int(chance.integers(2**31))):
            for crop in np.flatnonzero(defective):
                maker = makers[self.kinds[drawn[crop]]]
                images[crop], masks[crop] = _with_defect(clean[crop], maker)
        return images, masks, drawn

    def _arrays(self, seed: int) -> Arrays:
        pictures, cuts = zip(*map(self._cut, self.textures), strict=True)
        crops = [c.of(picture, self.size) for picture, c in zip(pictures, cuts, strict=True)]
        images, masks, drawn = self._draw(np.concatenate(crops), seed)
        shape = (self.size, self.size, 1)
        several = self.label == "kind"
        classes = ("sound", *self.kinds) if several else ("sound", "defective")
        texture = np.repeat(np.arange(len(crops)), [len(each) for each in crops])
        attributes, groups = self._parts(texture, drawn, masks)
        title = "Kind of defect" if several else "Surface"
        return Arrays(
            values=images[..., None],
            labels=drawn + 1 if several else (drawn >= 0).astype(np.int64),
            target=Target("surface", title, classes, favourable=0),
            features=pixels(shape),
            layout=image_layout(shape, self.patch),
            attributes=attributes,
            groups=groups,
            truth=masks,
            together=GroupConstraint(
                parts=np.concatenate([c.parts for c in cuts]),
                method=message("data_sets.surface_defects.split", gap=self.gap),
            ),
            notes=self._notes(masks),
        )

    def _parts(
        self, texture: Ints, drawn: Ints, masks: Bools
    ) -> tuple[tuple[Attribute, ...], dict[str, Ints]]:
        """What is known of every crop: its surface, and the kind and size of its defect.

        A sound crop is of no kind and no size: as a part of the data it would be its own label.
        Where the kind is what is predicted, it is no attribute.
        """
        covered = masks.mean(axis=(1, 2))
        size = np.where(drawn < 0, -1, np.searchsorted(_SIZES, covered, side="right"))
        low, high = (f"{100 * share:.0f}" for share in _SIZES)
        sizes = (f"under {low} % of the crop", f"{low}–{high} % of the crop", f"{high} % or more")
        parts: dict[str, tuple[str, tuple[str, ...], Ints]] = {
            "texture": ("Texture", tuple(self.textures), texture),
            "defect": ("Kind of defect", tuple(self.kinds), drawn),
            "size": ("Size of the defect", sizes, size),
        }
        if self.label == "kind":
            del parts["defect"]
        attributes = tuple(
            Attribute(name, label, levels, kind="other", partial=name != "texture")
            for name, (label, levels, _) in parts.items()
        )
        return attributes, {name: codes.astype(np.int64) for name, (_, _, codes) in parts.items()}

    def _notes(self, masks: Bools) -> tuple[Message, ...]:
        return (
            message("data_sets.surface_defects.preparation.levels"),
            message(
                "data_sets.surface_defects.preparation.truth",
                share=self.defective_share,
                kinds=list(self.kinds),
                covered=float(masks[masks.any(axis=(1, 2))].mean()),
            ),
        )


def _makers(size: int) -> dict[Kind, object]:
    """What draws each kind of defect, scaled to the side of a crop."""
    from defect_synthesis import CrackGenerator, PittingGenerator, ScratchGenerator, StainGenerator

    third, half = size // 3, size // 2
    return {
        "scratch": ScratchGenerator(
            stroke_count_range=(1, 2),
            length_range=(third, 2 * third),
            width_range=(1, 2),
            wobble=1.0,
        ),
        "crack": CrackGenerator(
            base_length_range=(third, 2 * third),
            base_width_range=(1, 2),
            max_branches=2,
            roughness=1.0,
        ),
        "stain": StainGenerator(radius_range=(size // 8, size // 5)),
        "pits": PittingGenerator(
            cluster_size_range=(3, 6), pit_radius_range=(1, 2), spread_radius=half // 2
        ),
    }


def _with_defect(crop: Array, maker: Any) -> tuple[Floats, Bools]:
    """The crop with a defect, and which of its pixels the drawing has changed.

    The package's own mask leaves out soft edges and rims, by which a defect can be seen too.
    """
    colour = np.repeat(crop[..., None], 3, axis=-1)
    for _ in range(_MOST_TRIES):
        drawn = np.asarray(maker.apply(colour).image, dtype=np.float64).mean(axis=-1).round()
        changed = drawn != crop
        if changed.sum() >= _FEWEST_PIXELS:
            break
    return drawn, changed


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The drawing package reads the global generators: seed them, and leave them as they were."""
    before, before_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)  # noqa: NPY002
