"""One explanation of many instances, by one method, on the original features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deepseek_report.artifacts.message import Text, plain, text_of
from deepseek_report.artifacts.storage.files import load_arrays, load_json, save_arrays, save_json

OutputSpace = Literal["logit", "probability", "value", "none"]
_ARRAYS = ("values", "inputs", "predictions", "base_values", "standard_error", "positions")
_TIMING = ("seconds", "peak_memory")


@dataclass(frozen=True)
class Explanation:
    """Attributions: one signed score per instance and original feature.

    values : (instance, feature) float64. Positive raises the output for `target`.
    inputs : (instance, feature) as in `Split.inputs`.
    predictions : (instance,) the explained output, in `output_space`.
    base_values : (instance,) the output at the reference, or None where the method has none.
    positions : (instance,) positions of the instances in the test part.
    target : position of the class whose output is explained.
    output_space : "logit" (log-odds of the target class), "probability", "value" (the predicted
        number, in the target's unit), or "none" where the values are only an order (attention
        rollout, random).
    signed : False where the method gives magnitudes only (attention rollout).
    standard_error : (instance, feature) Monte-Carlo standard error, or None where the method
        does not sample.
    n_model_calls : rows that the model evaluated (a row evaluated twice counts twice; a gradient
        counts as one evaluation).
    variant : which algorithm was chosen ("PermutationExplainer of shap 0.49"), for the reader.
    notes : what the reader must know about how the method did in this run, as whole sentences.
    seed : where the method started to draw, None for one that draws nothing.
    seconds, peak_memory : wall time and peak resident memory in MiB, measured by the runner. They
        are kept in a file of their own, `timing.json`, since they differ from run to run.
    """

    values: NDArray[np.float64]
    inputs: NDArray[np.float64]
    predictions: NDArray[np.float64]
    positions: NDArray[np.int64]
    feature_names: tuple[str, ...]
    method: str
    variant: Text
    target: int
    output_space: OutputSpace
    seed: int | None
    n_model_calls: int
    params: Mapping[str, Any] = field(default_factory=dict)
    base_values: NDArray[np.float64] | None = None
    standard_error: NDArray[np.float64] | None = None
    signed: bool = True
    dims: tuple[str, ...] = ("instance", "feature")
    notes: tuple[Text, ...] = ()
    seconds: float | None = None
    peak_memory: float | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def completeness_gap(self) -> NDArray[np.float64] | None:
        """(instance,) sum of attributions − (prediction − base value); 0 means complete."""
        if self.base_values is None:
            return None
        return np.asarray(self.values.sum(axis=1) - (self.predictions - self.base_values))

    def at(self, chosen: NDArray[np.int64]) -> Explanation:
        """The explanation of some of the instances; chosen : (chosen instance,) their positions."""
        known = {name: getattr(self, name) for name in _ARRAYS}
        arrays = {name: array[chosen] for name, array in known.items() if array is not None}
        return replace(self, **arrays)

    def save(self, folder: Path) -> None:
        arrays = {n: getattr(self, n) for n in _ARRAYS if getattr(self, n) is not None}
        save_arrays(folder / "explanation.npz", **arrays)
        meta = {n: v for n, v in vars(self).items() if n not in _ARRAYS + _TIMING}
        save_json(folder / "explanation.json", plain(meta))
        if self.seconds is not None:
            save_json(folder / "timing.json", {n: getattr(self, n) for n in _TIMING})

    @classmethod
    def load(cls, folder: Path) -> Explanation:
        meta = load_json(folder / "explanation.json")
        timing = folder / "timing.json"
        meta |= load_json(timing) if timing.exists() else {}
        for name in ("feature_names", "dims"):
            meta[name] = tuple(meta[name])
        meta["variant"] = text_of(meta["variant"])
        meta["notes"] = tuple(map(text_of, meta["notes"]))
        return cls(**load_arrays(folder / "explanation.npz"), **meta)
