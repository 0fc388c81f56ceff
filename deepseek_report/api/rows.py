"""The rows of a call: tables and labels, looked at and joined into one table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepseek_report.api.report_arguments import ArgumentProblems, refuse
from deepseek_report.artifacts.array_types import Bools, Floats
from deepseek_report.artifacts.message import Text, message, plain
from deepseek_report.artifacts.split import PARTS
from deepseek_report.datasets.sources.given_table import GivenRows
from deepseek_report.models.estimators.design_matrix import class_text
from deepseek_report.models.given.given_model import TableForm

#: Sums of labels and predictions that differ by less than this share of what chance makes of it.
_EQUAL_SUMS = 0.003
#: Different answers that there are at least; sums of few are equal by chance more often.
_LEAST_ANSWERS, _LEAST_ROWS = 20, 30
#: Log of the chance of so many rows in the leaves of all trees, below which it is none.
_LEAST_CHANCE = np.log(1e-12)
#: Trees that are looked at.
_MOST_TREES = 50


def sums_agree(answers: Floats, truths: Floats) -> bool:
    """Whether predictions add up to what happened more closely than on rows that are new to them.

    On new rows the difference of the sums is a draw with the spread of a sum of so many rows, so
    that it falls this near to 0 in about one case of 400.

    Parameters
    ----------
    answers, truths : (row, output) probabilities and 0 or 1 for each class, or (row, 1) numbers.
    """
    spreads = np.minimum(answers.std(axis=0), (truths - answers).std(axis=0))
    few = len(answers) < _LEAST_ROWS or len(np.unique(answers[:, 0])) < _LEAST_ANSWERS
    if few or spreads.min() <= 1e-9:
        return False
    differences = np.abs((truths - answers).sum(axis=0)) / (np.sqrt(len(answers)) * spreads)
    return bool(differences.max() < _EQUAL_SUMS)


def leaves_hold(estimator: object, table: object) -> bool:
    """Whether every leaf of a tree model of scikit-learn holds as many rows as it was grown on.

    Of other models False. Rows that are new to a tree leave some of its leaves too empty; where
    they are so many that this says nothing, the answer is False as well.

    Parameters
    ----------
    estimator : a fitted estimator or pipeline. table : (row, column) as it reads them.
    """
    from scipy.stats import poisson

    if hasattr(estimator, "steps"):
        *before, (_, last) = estimator.steps
        if not _trees(last):
            return False
        for _, step in before:
            table = table if step in (None, "passthrough") else step.transform(table)
        estimator = last
    trees = _trees(estimator)[:_MOST_TREES]
    dense = table.toarray() if hasattr(table, "toarray") else table
    rows = np.ascontiguousarray(dense, dtype=np.float32) if trees else np.empty((0, 0))
    chance = 0.0
    for tree in trees:
        held, needed = _leaves(tree, rows)
        if (held < needed).any():
            return False
        # as many new rows fill each leaf at least so far, leaf by leaf
        chance += float(poisson.logsf(needed - 1, len(rows) * needed / needed.sum()).sum())
    return bool(chance < _LEAST_CHANCE)


def _trees(estimator: object) -> Sequence[Any]:
    if type(estimator).__module__.partition(".")[0] != "sklearn":
        return ()
    if hasattr(estimator, "tree_"):
        return [estimator]
    members = np.ravel(getattr(estimator, "estimators_", ()))
    return list(members) if all(hasattr(member, "tree_") for member in members) else ()


def _leaves(tree: Any, rows: object) -> tuple[Any, Any]:
    """(leaf,) how many of the rows are in each, and how many different ones it was grown on."""
    grown = tree.tree_
    leaf: Bools = grown.children_left == -1
    held = np.bincount(grown.apply(rows), minlength=grown.node_count)[leaf]
    return held, grown.n_node_samples[leaf]


#: A table of features with its labels, as a call names them.
Given = tuple[Any, Any]
_TARGET = "target"
#: What a column of texts is called that came without a name.
TEXT = "text"
_TABLES = (
    "a pandas DataFrame, or an array with a row for each instance and a column for each feature"
)


@dataclass(frozen=True)
class Rows:
    """All rows of a call.

    held : the rows for the data stage. whole : all columns of X, in the person's own names.
    target : name of the label column. named : whether the rows came with column names. n_test : how
    many of the first rows are those to judge the model on. sha256 : of all of it. index : of the
    table of test rows, None where it has none. left_out : columns that are no features. along :
    those of them that the model is given all the same.
    """

    held: GivenRows
    whole: pd.DataFrame
    target: str
    named: bool
    n_test: int
    sha256: str
    index: pd.Index | None = None
    left_out: tuple[str, ...] = ()
    along: tuple[str, ...] = ()

    @cached_property
    def features(self) -> pd.DataFrame:
        """What the model reads of the rows, as far as it is known."""
        return self._without(self.left_out)

    @cached_property
    def form(self) -> TableForm:
        """The form of the table that the model is given."""
        return TableForm.of(self.as_called, named=self.named, along=self.along)

    @property
    def as_called(self) -> pd.DataFrame:
        """The rows with the columns that the model is given."""
        return self._without({*self.left_out} - {*self.along})

    def _without(self, names: Collection[str]) -> pd.DataFrame:
        if not any(str(name) in names for name in self.whole):
            return self.whole
        return self.whole[[name for name in self.whole if str(name) not in names]]

    @property
    def kept_back(self) -> list[str]:
        """Columns of X that are no features."""
        return [str(name) for name in self.whole if str(name) in self.left_out]

    def reading(self, inputs: Collection[str], along: Collection[str] = ()) -> Rows:
        """The rows with further features, and with columns that are passed along."""
        left_out = tuple(name for name in self.left_out if name not in inputs)
        return replace(self, left_out=left_out, along=tuple(along))

    @property
    def labels(self) -> pd.Series:
        """The label of each row."""
        return self.held.frame[self.target]

    @property
    def classes(self) -> list[Any]:
        """The values of the label in the order in which scikit-learn numbers them."""
        return sorted(self.labels.dropna().unique().tolist())

    @property
    def has_training(self) -> bool:
        """Whether the person gave the rows that the model was trained on."""
        return bool((self.held.parts == PARTS.index("train")).any())

    def as_given(self, table: pd.DataFrame) -> object:
        """Such rows as the person's own table held them: an array where that had no names."""
        return table if self.named else table.to_numpy()


def rows_of(
    test: Given,
    validation: Given,
    train: Given,
    target: str | None,
    left_out: Sequence[str] = (),
    classes: Sequence[object] = (),
    remarks: Sequence[Text] = (),
) -> Rows:
    """The rows of a call, test rows first.

    Parameters
    ----------
    test, validation, train : a table and its labels; (None, None) where a part is not given.
    target : what the label is called; None: the name of the labels, or "target".
    left_out : columns that are no features. classes : as the model knows them, where it does.
    remarks : notices on how the rows came about.

    Raises ArgumentProblems: a table or its labels cannot be used.
    """
    named = {"X_test": test, "X_validation": validation, "X_train": train}
    present = {name: part for name, part in named.items() if _is_given(name, part)}
    indices = {name: getattr(table, "index", None) for name, (table, _) in present.items()}
    indices = {name: own for name, own in indices.items() if isinstance(own, pd.Index)}
    notices: list[Text] = list(remarks)
    tables = {name: _table(name, table) for name, (table, _) in present.items()}
    for name, table in tables.items():
        _check_unique(name, table)
    whole = _joined(tables, notices)
    _check_columns(whole, left_out)
    labels = {
        name.replace("X_", "y_"): _labels(name, present[name][1], len(table), indices, notices)
        for name, table in tables.items()
    }
    column = target or str(getattr(test[1], "name", None) or _TARGET)
    if column in map(str, whole.columns):
        refuse(
            "target",
            f'the label is called "{column}", and so is a column of X',
            "another name for the label",
            "leave the label out of X, or name it with target=…",
        )
    frame = whole.set_axis([str(name) for name in whole.columns], axis=1)
    frame = frame.assign(**{column: labels_together(labels, classes, notices)})
    sizes = [len(table) for table in tables.values()]
    known = [f"X_{part}" for part in PARTS]
    positions = np.repeat(np.array([known.index(name) for name in tables], dtype=np.int64), sizes)
    named_columns = isinstance(test[0], pd.DataFrame) or _are_texts(test[0])
    described = {"parts": positions.tolist(), "named": named_columns, "notices": plain(notices)}
    return Rows(
        GivenRows(frame, positions, tuple(notices)),
        whole,
        column,
        named_columns,
        sizes[0],
        digest_of(frame, described),
        indices.get("X_test"),
        tuple(left_out),
    )


def _is_given(name: str, part: Given) -> bool:
    table, labels = part
    label = name.replace("X_", "y_")
    if (table is None) != (labels is None):
        lacking, present = (name, label) if table is None else (label, name)
        refuse(lacking, f"{present} is given, and {lacking} is not", "both or neither", "give both")
    if table is None and name == "X_test":
        refuse("X_test", "no rows are given", _TABLES, "give X_test and y_test")
    return table is not None


def _table(name: str, table: Any) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        frame = table.reset_index(drop=True)
    elif _are_texts(table):
        frame = pd.DataFrame({TEXT: list(table)})
    else:
        _refuse_other_kind(name, table)
        array = np.asarray(table)
        frame = pd.DataFrame(array, columns=[f"x{i + 1}" for i in range(array.shape[1])])
    if not len(frame) or not len(frame.columns):
        fault = f"a table of {frame.shape[0]} rows and {frame.shape[1]} columns"
        refuse(name, fault, _TABLES, "give at least one row and one column")
    return frame


def _refuse_other_kind(name: str, table: Any) -> None:
    """Refuse what is no array of two dimensions, and say how it becomes a table."""
    kind = type(table).__name__
    if isinstance(table, str | Path):
        refuse(name, f"the text {str(table)!r}", _TABLES, f"read the file: pandas.read_csv({name})")
    if isinstance(table, Mapping):
        refuse(name, f"a mapping ({kind})", _TABLES, f"give pandas.DataFrame({name})")
    shape = getattr(table, "shape", None) or np.shape(table)
    if hasattr(table, "toarray"):
        todo = f"make it dense: {name}.toarray()"
        refuse(name, f"a sparse matrix ({kind} of shape {shape})", _TABLES, todo)
    if hasattr(table, "to_pandas"):
        refuse(name, f"a table of another library ({kind})", _TABLES, f"give {name}.to_pandas()")
    array = np.asarray(table)
    if array.ndim == 1:
        todo = f"of one feature give {name}.reshape(-1, 1), of one row {name}.reshape(1, -1)"
        refuse(name, f"{kind} of shape {shape}", _TABLES, todo)
    if array.ndim != 2:
        refuse(name, f"{kind} of shape {shape}", _TABLES, "make it a pandas DataFrame")
    if array.dtype == object:
        todo = "make it a pandas DataFrame whose columns have a type each"
        refuse(name, f"{kind} of shape {shape} that holds objects, not numbers", _TABLES, todo)


def _are_texts(table: Any) -> bool:
    plain = isinstance(table, (list, tuple, pd.Series)) or getattr(table, "ndim", 0) == 1
    return plain and len(table) > 0 and all(isinstance(text, str) for text in table)


def _joined(tables: Mapping[str, pd.DataFrame], notices: list[Text]) -> pd.DataFrame:
    first = next(iter(tables.values()))
    columns = list(first.columns)
    same = {name: _same_columns(name, table, columns, notices) for name, table in tables.items()}
    joined = pd.concat(same.values(), ignore_index=True)
    return joined.astype({name: _shared(name, same) for name in joined.columns})


def _same_columns(
    name: str, table: pd.DataFrame, columns: list[object], notices: list[Text]
) -> pd.DataFrame:
    """The table in the order of these columns, which must be its own."""
    own = list(table.columns)
    lacking = [str(column) for column in columns if column not in set(own)]
    extra = [str(column) for column in own if column not in set(columns)]
    if lacking or extra:
        fault = "; ".join(
            f"{what} {', '.join(names[:5])}"
            for what, names in (("it lacks", lacking), ("it alone has", extra))
            if names
        )
        allowed = ", ".join(map(str, columns[:20]))
        refuse(name, fault, allowed, "give the columns of X_test, in any order")
    if own != columns:
        notices.append(message("given_rows.columns_in_order", table=name))
        return table[columns]
    return table


def _shared(name: object, tables: Mapping[str, pd.DataFrame]) -> object:
    """The type of a column; of categories that differ between the tables, all of them."""
    kinds = [table[name].dtype for table in tables.values()]
    if all(kind == kinds[0] for kind in kinds):
        return kinds[0]
    if all(isinstance(kind, pd.CategoricalDtype) for kind in kinds):
        values = dict.fromkeys(value for kind in kinds for value in kind.categories)
        return pd.CategoricalDtype(list(values))
    return pd.concat([table[name] for table in tables.values()]).dtype


def _check_unique(table: str, features: pd.DataFrame) -> None:
    names = [str(name) for name in features.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        refuse(table, f'two columns are called "{twice}"', "each name once", "rename one")


def _check_columns(features: pd.DataFrame, left_out: Sequence[str]) -> None:
    for name in features:
        if str(name) not in left_out and (kinds := held_kinds(features[name])):
            refuse(
                "X_test",
                f'the column "{name}" holds {kinds}',
                "numbers, texts, categories and booleans",
                f'leave it out (drop=["{name}"]), or make columns of what it holds',
            )
    dates = [
        str(name)
        for name in features
        if pd.api.types.is_datetime64_any_dtype(features[name]) and str(name) not in left_out
    ]
    if dates:
        refuse(
            "X_test",
            f'the column "{dates[0]}" holds dates, which cannot be explained as they are',
            "numbers, texts, categories and booleans",
            f'leave it out of what the model reads (drop=["{dates[0]}"], or time="{dates[0]}" to '
            "compare the periods), or make numbers of it in X (days since a day, say)",
        )


def held_kinds(column: pd.Series) -> str:
    """The kinds of values of a column that are several in one cell, or no text; "" of others."""
    if column.dtype != object:
        return ""
    several = (bytes, bytearray, list, tuple, set, frozenset, dict, np.ndarray)
    kinds = {type(cell).__name__ for cell in column if isinstance(cell, several)}
    return ", ".join(sorted(kinds))


def _labels(
    name: str, labels: object, rows: int, indices: Mapping[str, pd.Index], notices: list[Text]
) -> object:
    argument = name.replace("X_", "y_")
    if isinstance(labels, str):
        refuse(
            argument,
            f'the text "{labels}"',
            "one label a row",
            f'give the column itself, table["{labels}"], and {name} without it',
        )
    if name in indices:
        ordered = in_order_of(indices[name], labels, argument, name)
        if ordered is not labels:
            notices.append(message("given_rows.in_order_of_index", values=argument, table=name))
        labels = ordered
    values = labels.to_numpy() if hasattr(labels, "to_numpy") else np.asarray(labels)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        refuse(
            argument,
            f"labels of shape {values.shape}",
            "one label a row",
            "of a column for each class give the class of each row, y.idxmax(axis=1) of a "
            "DataFrame; several labels at once need a config: see docs/configuration.md",
        )
    if kinds := held_kinds(pd.Series(values)):
        todo = "give texts or numbers (of bytes: y.str.decode('utf-8'))"
        refuse(argument, f"labels that are {kinds}", "texts, numbers or booleans", todo)
    if len(values) != rows:
        refuse(
            argument, f"{len(values)} labels for {rows} rows", "one label a row", "give both whole"
        )
    return values


def in_order_of(index: pd.Index, values: Any, argument: str, table: str) -> object:
    """Values with an index of their own, in the order of that of the table; others as they are.

    Raises ArgumentProblems: the values are of other rows than the table.
    """
    own = values.index if isinstance(values, pd.Series | pd.DataFrame) else index
    if own.equals(index):
        return values
    has_all = own.is_unique and index.is_unique and bool(index.isin(own).all())
    if has_all and len(own) == len(index):
        return values.loc[index]
    if not has_all and len(own) != len(index):
        return values  # whose number is refused
    todo = f"give {argument}.loc[{table}.index]"
    if not has_all:
        todo = f"where both are in the same order, row by row, give {argument}.to_numpy()"
    mine, others = (", ".join(map(str, labels[:3])) for labels in (own, index))
    raise ArgumentProblems.of(
        argument,
        f"its index ({mine}, …) is not that of {table} ({others}, …), so nothing says which value "
        "belongs to which row",
        f"the index of {table}, in any order, or an array",
        todo,
    )


def labels_together(
    labels: Mapping[str, object], classes: Sequence[object], notices: list[Text]
) -> NDArray[Any]:
    """All labels in one array, with the classes spelled as the model, or the first part, has them.

    Raises ArgumentProblems: two parts have no class in common.
    """
    parts = {name: pd.Series(values) for name, values in labels.items()}
    if all(pd.api.types.is_numeric_dtype(part) for part in parts.values()):
        return np.concatenate(list(labels.values()))
    texts = any(isinstance(value, str) for part in parts.values() for value in part)
    if texts:
        parts = {name: part.map(class_text, na_action="ignore") for name, part in parts.items()}
    known = {class_text(name) for name in classes} or set(parts["y_test"].dropna().map(class_text))
    for name, part in parts.items() if texts else ():
        if respelled := _respelled(part, known):
            parts[name] = part.map(respelled).fillna(part)
            pairs = [f"“{own}” → “{meant}”" for own, meant in sorted(respelled.items())]
            notices.append(message("given_rows.respelled", values=name, pairs=pairs))
    first = set(parts["y_test"].dropna())
    for name, part in parts.items():
        if not first & set(part.dropna()):
            own, others = (
                ", ".join(sorted(map(str, values))[:5]) for values in (set(part.dropna()), first)
            )
            refuse(
                name,
                f"its classes are {own}, and those of y_test {others}",
                "the same classes, spelled alike",
                "give both by the same names",
            )
    return np.concatenate([part.to_numpy() for part in parts.values()])


def _respelled(part: pd.Series, known: set[str]) -> dict[str, str]:
    """{class: the known one that differs from it in capitals and blanks alone}."""
    meant: dict[str, set[str]] = {}
    for name in known:
        meant.setdefault(_letters(name), set()).add(name)
    unknown = {str(name) for name in part.dropna().unique()} - known
    alike = {name: meant.get(_letters(name), set()) for name in unknown}
    return {name: next(iter(names)) for name, names in alike.items() if len(names) == 1}


def _letters(name: str) -> str:
    return " ".join(name.casefold().split())


# --- hashes ---------------------------------------------------------------------------------------


def digest_of(frame: pd.DataFrame, more: Mapping[str, object] | None = None) -> str:
    """SHA-256 of a table: names, types, and every cell."""
    hashed = hashlib.sha256(json.dumps(more or {}, sort_keys=True).encode())
    for part in _cells(frame):
        hashed.update(part)
    return hashed.hexdigest()


def _cells(frame: pd.DataFrame) -> Iterator[bytes]:
    for name in frame.columns:
        column = frame[name]
        yield f"{name}\0{column.dtype}\0".encode()
        if isinstance(column.dtype, pd.CategoricalDtype):
            yield repr((column.cat.ordered, column.cat.categories.tolist())).encode()
        if isinstance(column.dtype, np.dtype) and column.dtype != np.dtype(object):
            yield np.ascontiguousarray(column.to_numpy()).tobytes()
        else:
            texts: Sequence[str] = [repr(value) for value in column.tolist()]
            yield "\0".join(texts).encode("utf-8", "surrogatepass")


def digest_of_array(values: object) -> str:
    """SHA-256 of numbers as they are."""
    numbers = np.ascontiguousarray(values)
    described = f"{numbers.dtype}{numbers.shape}"
    return hashlib.sha256(described.encode() + numbers.tobytes()).hexdigest()


def digest_of_numbers(values: object) -> str:
    """SHA-256 of numbers to ten digits each, so that the order of a sum does not count."""
    numbers = np.asarray(values, dtype=np.float64)
    sizes = np.where(np.isfinite(numbers) & (numbers != 0), np.abs(numbers), 1.0)
    unit = 10.0 ** np.clip(np.floor(np.log10(sizes)) - 9, -300, 300)
    return digest_of_array(np.round(numbers / unit) * unit + 0.0)
