"""From original features back to the table that a person gave, cell by cell as it was there."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.schema import Feature
from deepseek_report.models.estimators.class_match import class_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TableForm:
    """How a person's table holds its columns, so that the model is asked about such a table again.

    columns : {feature name: name of the column}, which need not be text. kinds : {feature name:
    pandas dtype}. values : {feature name: {code: value}} of the columns that are not numbers.
    named : whether the rows came with column names; an array of numbers did not.
    """

    columns: Mapping[str, Hashable]
    kinds: Mapping[str, Any]
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    named: bool = True

    @classmethod
    def of(cls, frame: pd.DataFrame, *, named: bool = True) -> TableForm:
        """The form of a table."""
        columns = {str(name): name for name in frame.columns}
        kinds = {name: frame[column].dtype for name, column in columns.items()}
        values = {
            name: dict(_coded(frame[column].dropna().unique())) for name, column in columns.items()
        }
        return cls(columns, kinds, values, named)


def _coded(values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Each value by its code; a text that is a number also by the code of that number."""
    for value in values:
        if isinstance(value, str) and _is_number(value):
            yield class_text(float(value)), value
        yield class_text(value), value


@dataclass(frozen=True)
class GivenColumns:
    """The table that the model reads.

    chosen : names of the columns that it was fitted on, in order; None where it does not say.
    """

    features: tuple[Feature, ...]
    form: TableForm
    chosen: Sequence[str] | None = None

    def transform(self, inputs: Floats) -> Any:
        """(instance, feature) -> a table as the person gave it, or the array of its numbers."""
        import pandas as pd

        columns = {
            feature.name: _column(feature, cells, self.form)
            for feature, cells in zip(self.features, inputs.T, strict=True)
        }
        names = list(columns) if self.chosen is None else list(self.chosen)
        table = pd.DataFrame({self.form.columns[name]: columns[name] for name in names})
        return table if self.form.named else table.to_numpy()


def _is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _column(feature: Feature, cells: Floats, form: TableForm) -> Any:
    """One column in the type that it had; a number that fits no whole type stays a fraction."""
    import pandas as pd

    kind, missing = form.kinds[feature.name], np.isnan(cells)
    if feature.is_numeric:
        return _as_kind(cells, kind, missing)
    values = form.values[feature.name]
    known = np.array(
        [values.get(category.code, category.code) for category in feature.categories], dtype=object
    )
    positions = np.where(missing, 0, cells).astype(np.int64)
    chosen = known[positions]
    if isinstance(kind, np.dtype) and np.issubdtype(kind, np.number):
        return _as_kind(np.where(missing, np.nan, chosen.astype(np.float64)), kind, missing)
    chosen[missing] = None if kind == np.dtype(object) else np.nan
    if kind == np.dtype(bool) and missing.any():
        return chosen
    return pd.Series(chosen, dtype=kind)


def _as_kind(cells: Floats, kind: Any, missing: Bools) -> Any:
    import pandas as pd

    if not isinstance(kind, np.dtype):  # a type of pandas with its own mark for what is missing
        whole = bool(np.all(cells[~missing] == np.round(cells[~missing])))
        fits = whole or pd.api.types.is_float_dtype(kind)
        return pd.Series(cells).where(~missing).astype(kind if fits else "Float64")
    if np.issubdtype(kind, np.integer):
        fits = not missing.any() and bool(np.all(cells == np.round(cells)))
        return cells.astype(kind) if fits else cells
    return cells.astype(kind) if np.issubdtype(kind, np.floating) else cells
