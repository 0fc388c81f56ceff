"""Patches of pictures that come with scikit-image: a stained section, and drawn defects."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.array_types import Array, Bools, Floats, Ints
from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.schema import Attribute, Target
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.column_declarations import data_error, error_text
from deepseek_report.datasets.assembly.layouts import Arrays, ArraySource, image_layout, pixels
from deepseek_report.datasets.data_card import NOT_STATED, Description, shipped_description
from deepseek_report.datasets.splitting import GroupConstraint, Share, SplitRule
from deepseek_report.extensions.examples.packages import package_problem, packaged_file

_PICTURES = ("skimage", "scikit-image")
_SCIKIT_IMAGE = (
    "van der Walt, S. et al. (2014). scikit-image: image processing in Python. PeerJ 2, e453."
)


def _picture(name: str) -> Path:
    return packaged_file(*_PICTURES, f"data/{name}")


@dataclass(frozen=True)
class Cuts:
    """Upper left corners of square patches, and the part of the picture that each belongs to.

    rows, columns : (patch,) in pixels. parts : (patch,) position in `PARTS`.
    """

    rows: Ints
    columns: Ints
    parts: Ints

    def take(self, positions: Ints) -> Cuts:
        return Cuts(self.rows[positions], self.columns[positions], self.parts[positions])

    def of(self, picture: NDArray[np.generic], size: int) -> NDArray[np.generic]:
        """(patch, row, column, …) the patches of a picture (row, column, …)."""
        steps = np.arange(size)
        rows = (self.rows[:, None] + steps)[:, :, None]
        return np.asarray(picture[rows, (self.columns[:, None] + steps)[:, None, :]])


def bands(length: int, rule: SplitRule, gap: int) -> list[tuple[int, int]]:
    """[start, end) of the training, validation and test band along one side, `gap` apart.

    The bands share the length without the two gaps by the shares of the rule; test is last.
    """
    ends = np.cumsum(rule.shares) * (length - 2 * gap)
    starts = [0.0, *ends[:-1]]
    return [
        (round(start) + part * gap, round(end) + part * gap)
        for part, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def cut(
    shape: tuple[int, int], size: int, strides: tuple[int, int, int], places: list[tuple[int, int]]
) -> Cuts:
    """Every patch that lies whole in one band of columns, by the stride of its part.

    shape : (row, column) of the picture. size : side of a patch. strides : distance of
        neighbouring patches in each part. places : from `bands`.

    Raises DataError: a band is narrower than a patch.
    """
    corners = []
    for part, ((start, end), stride) in enumerate(zip(places, strides, strict=True)):
        if end - start < size or shape[0] < size:
            raise data_error(
                "dataset",
                f"a part of the picture is {min(end - start, shape[0])} pixels wide",
                f"at least {size} pixels",
                "lower `dataset.size`, or give each part a larger share",
            )
        rows = np.arange(0, shape[0] - size + 1, stride)
        columns = np.arange(start, end - size + 1, stride)
        grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        corners.append(np.column_stack([grid, np.full(len(grid), part)]))
    whole = np.concatenate(corners)
    return Cuts(whole[:, 0], whole[:, 1], whole[:, 2])


_DAB = 2  # third axis of the haematoxylin, eosin, DAB space


@dataclass(frozen=True)
class Histology(ArraySource):
    """Patches of a real stained tissue section with a mask of the stained pixels (scikit-image).

    size, patch : side in pixels of an image, and of the squares in it that are explained as one.
    stride : distance of neighbouring training images; test_stride : that of validation and test.
    stained_share : share of brown pixels from which a patch is “stained”.
    threshold : DAB value above which a pixel is brown; None takes Otsu's threshold of the section.
    gap : pixels between the regions of training, validation and test.
    rows : keep only so many images, drawn at random.
    duplicates : what happens to equal images, see `splitting.SplitRule`.
    """

    about: ClassVar[Description] = shipped_description(
        "histology",
        limits=("one_section", "computed_label", "overlap"),
        source="Image `ihc.png` of scikit-image, taken at the Center for Microscopy and Molecular "
        "Imaging",
        licence="no known copyright restrictions",
        citation=f"{_SCIKIT_IMAGE} Colour deconvolution: Ruifrok, A. C. and Johnston, D. A. "
        "(2001). Quantification of histochemical staining by color deconvolution. Analytical and "
        "Quantitative Cytology and Histology 23(4), 291–299.",
        doi="10.7717/peerj.453",
        sector="health",
        period=NOT_STATED,
    )

    size: Annotated[int, Field(ge=8, le=96)] = 32
    patch: Annotated[int, Field(ge=1, le=96)] = 4
    stride: Annotated[int, Field(ge=1, le=96)] = 8
    test_stride: Annotated[int, Field(ge=1, le=96)] = 16
    stained_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    gap: Annotated[int, Field(ge=1, le=64)] = 8
    rows: Annotated[int, Field(ge=100)] | None = None
    test_share: Share = 0.25

    def problems(self) -> list[str]:
        return [*package_problem(*_PICTURES), *super().problems()]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("image", "classification", truth=True, groups=frozenset())

    readers: ClassVar[tuple[str, ...]] = ("skimage",)

    @property
    def file_name(self) -> str:
        return "ihc.png"

    def source_digest(self) -> str:
        """SHA-256 of the picture."""
        return sha256_file(_picture(self.file_name), links=True)

    def _arrays(self, seed: int) -> Arrays:
        """Patches of the section, labelled by their share of brown pixels; nothing is drawn."""
        from skimage.color import rgb2hed
        from skimage.filters import threshold_otsu
        from skimage.io import imread

        section = imread(_picture(self.file_name))[..., :3]
        dab = rgb2hed(section)[..., _DAB]
        threshold = float(threshold_otsu(dab)) if self.threshold is None else self.threshold
        strides = (self.stride, self.test_stride, self.test_stride)
        places = bands(section.shape[1], self.rule, self.gap)
        cuts = cut(section.shape[:2], self.size, strides, places)
        shape = (self.size, self.size, 3)
        masks = cuts.of(dab > threshold, self.size).astype(bool)
        stained = masks.mean(axis=(1, 2)) >= self.stained_share
        return Arrays(
            values=cuts.of(section, self.size).astype(np.float64),
            labels=stained.astype(np.int64),
            target=Target("stained", "Stained", ("not stained", "stained")),
            features=pixels(shape),
            layout=image_layout(shape, self.patch),
            truth=masks & stained[:, None, None],
            together=GroupConstraint(
                parts=cuts.parts, method=message("data_sets.histology.split", gap=self.gap)
            ),
            notes=(
                message("data_sets.histology.preparation.levels"),
                message(
                    "data_sets.histology.preparation.truth",
                    threshold=float(threshold),
                    declared=self.threshold is not None,
                    share=self.stained_share,
                ),
            ),
        )


# Whether a crop of a real surface texture has a drawn defect, and which of its pixels are.

_DEFECTS = ("defect_synthesis", "defect-synthesis")
Texture = Literal["brick", "grass", "gravel"]
Kind = Literal["scratch", "crack", "stain", "pits"]
#: A defect of fewer pixels is drawn anew; some fall off the edge of the crop.
_FEWEST_PIXELS = 6
_MOST_TRIES = 50
#: Shares of a crop from which a defect is of middle size, and large.
_SIZES = (0.03, 0.08)


@dataclass(frozen=True)
class SurfaceDefects(ArraySource):
    """Crops of real textures with drawn defects and their masks (scikit-image, defect-synthesis).

    label : "defect" asks whether there is one, "kind" which one.
    textures, kinds : surfaces to cut from, and defects to draw.
    size, patch : side in pixels of a crop, and of the squares in it that are explained as one.
    stride : distance of neighbouring crops. gap : pixels between the regions of the three parts.
    defective_share : chance that a crop gets a defect.
    rows : keep only so many crops, drawn at random.
    duplicates : what happens to equal crops, see `splitting.SplitRule`.
    """

    about: ClassVar[Description] = shipped_description(
        "surface_defects",
        limits=("drawn", "overlap"),
        source="Textures of scikit-image (CC0); defects drawn by the package defect-synthesis",
        licence="CC0 textures; the drawing package is Apache-2.0",
        citation=_SCIKIT_IMAGE,
        doi="10.7717/peerj.453",
        period=NOT_STATED,
    )

    readers: ClassVar[tuple[str, ...]] = ("skimage", "defect_synthesis")

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
        missing = [*package_problem(*_PICTURES), *package_problem(*_DEFECTS)]
        return [*missing, *empty, *super().problems()]

    @property
    def nature(self) -> DataTraits:
        many = 1 + len(self.kinds) if self.label == "kind" else 2
        return DataTraits(
            "image", "classification", truth=True, groups=frozenset({"other"}), classes=many
        )

    def source_digest(self) -> str:
        """Hash of the textures and of the drawing package's version."""
        packaged_file(*_DEFECTS, "__init__.py")
        textures = [sha256_file(_picture(f"{name}.png"), links=True) for name in self.textures]
        return sha256("\n".join([version(_DEFECTS[1]), *textures]).encode()).hexdigest()

    @property
    def file_name(self) -> str:
        return ", ".join(f"{name}.png" for name in self.textures)

    def _cut(self, texture: Texture) -> tuple[Array, Cuts]:
        from skimage.io import imread

        picture = imread(_picture(f"{texture}.png"))
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
