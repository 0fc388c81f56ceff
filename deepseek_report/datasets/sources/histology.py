"""Patches of one stained tissue section: is much of a patch stained, and which pixels are?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.datasets.assembly.layouts import (
    Arrays,
    Origin,
    bands,
    cut,
    image_layout,
    load_arrays,
    pixels,
)
from deepseek_report.datasets.data_card import NOT_STATED, shipped_description
from deepseek_report.datasets.sources.packages import package_problem, packaged_file
from deepseek_report.datasets.splitting import GroupConstraint, Share, Shares

_PACKAGE = ("skimage", "scikit-image")
_FILE = "data/ihc.png"
_DAB = 2  # third axis of the haematoxylin, eosin, DAB space

DESCRIPTION = shipped_description(
    "histology",
    limits=("one_section", "computed_label", "overlap"),
    source="Image `ihc.png` of scikit-image, taken at the Center for Microscopy and Molecular "
    "Imaging",
    licence="no known copyright restrictions",
    citation="van der Walt, S. et al. (2014). scikit-image: image processing in Python. PeerJ 2, "
    "e453. Colour deconvolution: Ruifrok, A. C. and Johnston, D. A. (2001). Quantification of "
    "histochemical staining by color deconvolution. Analytical and Quantitative Cytology and "
    "Histology 23(4), 291–299.",
    doi="10.7717/peerj.453",
    sector="health",
    period=NOT_STATED,
)


@dataclass(frozen=True)
class Histology(Shares):
    """Patches of a real stained tissue section with a mask of the stained pixels (scikit-image).

    size, patch : side in pixels of an image, and of the squares in it that are explained as one.
    stride : distance of neighbouring training images; test_stride : that of validation and test.
    stained_share : share of brown pixels from which a patch is “stained”.
    threshold : DAB value above which a pixel is brown; None takes Otsu's threshold of the section.
    gap : pixels between the regions of training, validation and test.
    rows : keep only so many images, drawn at random within each class.
    duplicates : what happens to equal images, see `splitting.SplitRule`.
    """

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
        return [*package_problem(*_PACKAGE), *self.rule.problems()]

    @property
    def sector(self) -> str:
        return DESCRIPTION.sector

    @property
    def nature(self) -> DataTraits:
        return DataTraits("image", "classification", truth=True, groups=frozenset())

    def source_digest(self) -> str:
        """SHA-256 of the picture."""
        return sha256_file(packaged_file(*_PACKAGE, _FILE), links=True)

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Cut the section, label, describe and check the patches; the seed only thins them out.

        Raises DataError: the package is not installed, or a region is narrower than a patch.
        """
        origin = Origin("ihc.png", self.source_digest(), DESCRIPTION)
        return load_arrays(self._arrays, origin, self.rule, seed, progress)

    def _section(self) -> tuple[NDArray[np.uint8], Bools, float]:
        """The picture (row, column, channel), which of its pixels are brown, and the threshold."""
        from skimage.color import rgb2hed
        from skimage.filters import threshold_otsu
        from skimage.io import imread

        section = imread(packaged_file(*_PACKAGE, _FILE))[..., :3]
        dab = rgb2hed(section)[..., _DAB]
        threshold = float(threshold_otsu(dab)) if self.threshold is None else self.threshold
        return section, dab > threshold, threshold

    def _arrays(self) -> Arrays:
        section, brown, threshold = self._section()
        strides = (self.stride, self.test_stride, self.test_stride)
        places = bands(section.shape[1], self.rule, self.gap)
        cuts = cut(section.shape[:2], self.size, strides, places)
        shape = (self.size, self.size, 3)
        masks = cuts.of(brown, self.size).astype(bool)
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
