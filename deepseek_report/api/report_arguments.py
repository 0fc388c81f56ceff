"""The keyword arguments of `report` beside the rows and the model, and where each of them goes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, NoReturn, TypedDict

import pandas as pd

from deepseek_report.artifacts.advice import as_arguments
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest
from deepseek_report.datasets.sources.given_table import GivenTable
from deepseek_report.errors import DataError
from deepseek_report.rendering.page_words import ReportOptions


class ArgumentProblems(ConfigProblems):
    """All problems of the arguments of one call."""

    about: ClassVar[str] = "the arguments"


def refuse(argument: str, fault: str, allowed: str, todo: str) -> NoReturn:
    """Raise one problem with one argument."""
    raise ArgumentProblems.of(argument, fault, allowed, todo)


@contextmanager
def in_words_of_the_call() -> Iterator[None]:
    """Errors inside speak of arguments and not of keys of a config, and carry no traceback."""
    try:
        yield
    except ArgumentProblems:
        raise
    except ConfigProblems as error:
        raise ArgumentProblems([_of_call(problem) for problem in error.problems]) from None
    except DataError as error:
        raise type(error)(as_arguments(str(error))) from None


def _of_call(problem: Problem) -> Problem:
    where = problem.where.replace("command line, ", "argument ")
    where = "X" if where == "dataset" else where
    todo = _ENTRY.sub(r'add "\3" to \1[\2]', as_arguments(problem.todo))
    fault, allowed = as_arguments(problem.fault), as_arguments(problem.allowed)
    return Problem(as_arguments(where), fault, allowed, todo)


#: What is to be set in an entry of a list, as a key of a config.
_ENTRY = re.compile(r"set (\w+)\.(\d+)\.(\w+)=…")


#: Fields of the table that follow from the rows themselves, or are called otherwise in a call.
_NO_ARGUMENT = {
    *("given_in", "sha256", "bounds", "title", "target", "id_column", "report_label"),
    *("split_by", "training_rows", "also_inputs", "passed_along"),
}
#: What describes texts beyond what describes tables, but for the tokenizer itself.
_OF_TEXTS = {"max_length"}


class ReportArguments(TypedDict, total=False):
    """What a call of `report` may say beside the rows and the model; all of it may be left out.

    Of the data: every field of `DeclaredTable` (sensitive, compare_by,
    favourable, positive, task, drop, use_sensitive, columns, unit, description, source, licence,
    population, decision, limits, sector, …), and `target`, the name of the label.
    Of the report: every field of `rendering.report_options.ReportOptions` (title, author, audience,
    formats, thresholds, privacy, cases, …). `cases` counts the rows of X_test from 0.
    """

    # the data
    target: str
    task: Literal["auto", "classification", "regression"]
    sensitive: Sequence[str]
    compare_by: Sequence[str]
    entity: str  # column that names what several rows are of
    time: str  # column of the moment that a row comes from
    favourable: Any
    positive: Any
    use_sensitive: bool
    drop: Sequence[str]
    columns: Mapping[str, Any]
    unit: str
    labels_are_decisions: bool
    max_classes: int
    max_categories: int
    duplicates: Literal["together", "drop", "apart"]
    rows: int
    validation_share: float
    test_share: float
    description: str
    source: str
    licence: str
    citation: str
    doi: str
    period: str
    population: str
    decision: str
    limits: Sequence[str]
    sector: str
    # the model
    classes: Sequence[Any]  # in the order of its answers
    encoder: Callable[[Any], Any]  # of a torch module: table -> tensor
    outputs: Literal["logits", "probabilities"]  # of a torch module
    refit: Callable[[Any, Any], Any]  # (X, y) -> such a model fitted to these rows
    folds: int  # cross-validation: so many more fits, each judged on other rows of all rows
    tokenizer: Any  # of a model of transformers, which reads texts
    max_length: int  # most tokens of a text
    text: str  # the column of texts, where X is a table that holds more
    model_id: str  # stands for what the model answers, in the keys of stages
    threshold: float  # of the explained class's probability; left out: as the model itself decides
    corrections: Sequence[Mapping[str, Any]]  # what is wrong with it, see docs/corrections.md
    costs: Mapping[str, float]  # {"false_alarm": 1, "missed": 5}: prices decisions and options
    # attributions
    attribution_space: Literal["probability", "logit"]
    # what is done
    metrics: Sequence[str]
    explainers: Sequence[str]
    visualizations: Sequence[str]
    sections: Sequence[str]
    frameworks: Sequence[str]
    instances: int  # test rows that are explained
    background: int  # training rows that stand for a typical row
    question: Literal["background", "baseline", "conditional"]  # what explanations compare with
    causal: Mapping[
        str, Any
    ]  # {"graph": …, "declared_by": …, "questions": […]}, see docs/causes.md
    seed: int
    measure_time: bool
    overrides: Sequence[str]  # as on the command line
    config_dir: str
    trust: Sequence[str]
    # the report
    title: str
    subtitle: str
    author: str
    language: str
    audience: str
    formats: Sequence[Literal["html", "brief", "pdf", "docx"]]
    engine: Literal["auto", "embedded", "quarto"]
    thresholds: Sequence[Mapping[str, Any]]
    as_of: str
    paper: Literal["a4", "letter"]
    places: Sequence[str]  # where the model decides: codes such as EU, DE, US, US-CO
    interactive: bool
    privacy: Literal["full", "cases", "aggregate"]
    privacy_floor: int
    cases: Sequence[int]
    name: str  # folder below `reports`
    reports: str
    store: str
    progress: bool | None  # whether to show each stage; None: where a notebook has a bar for it


class CallOptions(ReportArguments, total=False):
    """The options of a call, with what attributions start from."""

    base_values: object


def dataset_options(options: Mapping[str, object]) -> dict[str, object]:
    """Those that describe the rows."""
    known = {field.name for field in dataclasses.fields(GivenTable)} - _NO_ARGUMENT
    known |= _OF_TEXTS if "tokenizer" in options else set()
    return {name: plain_value(value) for name, value in options.items() if name in known}


def report_options(options: Mapping[str, object]) -> dict[str, object]:
    """Those of the report itself."""
    known = {field.name for field in dataclasses.fields(ReportOptions)}
    return {name: plain_value(value) for name, value in options.items() if name in known}


def check_names(options: ReportArguments) -> None:
    """Raise ArgumentProblems for arguments that `report` does not take, each with the nearest."""
    known = ReportArguments.__annotations__
    problems = [
        Problem(name, "report has no such argument", choices(known, 80), nearest(name, known))
        for name in options
        if name not in known
    ]
    problems += [
        Problem(
            name,
            f"values ({type(value).__name__}), where names of columns are expected",
            "names of columns of X",
            f'add the values to X as a column, and write {name}=["its name"]',
        )
        for name in ("sensitive", "compare_by", "drop", "entity", "time")
        if isinstance(value := options.get(name), pd.Series | pd.DataFrame)
    ]
    entries = options.get("corrections") or ()
    if isinstance(entries, str | Mapping) or not all(isinstance(e, Mapping) for e in entries):
        allowed = 'a list such as [{"must_not_matter": ["zip"], "by": "Credit risk"}]'
        fault = f"it is {entries!r:.60}"
        problems.append(Problem("corrections", fault, allowed, "put each correction into a list"))
    if problems:
        raise ArgumentProblems(problems)


def with_lists(options: ReportArguments) -> CallOptions:
    """The options with a list of one where a list is expected and a single value was given."""
    expected = ReportArguments.__annotations__
    return {  # type: ignore[return-value]  # the same names
        name: [value]
        if isinstance(value, str | int) and "Sequence[" in str(expected[name])
        else value
        for name, value in options.items()
    }


def columns_left_out(options: CallOptions) -> list[str]:
    """The columns that the model is not given."""
    named = [*options.get("drop", ()), options.get("time"), options.get("entity")]
    if not options.get("use_sensitive", True):
        columns = plain_value(options.get("columns", {}))
        named += [name for name, known in columns.items() if known.get("sensitive")]
        named += options.get("sensitive", ())
    return [str(name) for name in named if name is not None]


def check_cases(cases: Sequence[int], n_test: int) -> None:
    """Raise ArgumentProblems for cases that are no rows of X_test."""
    unknown = [row for row in cases if not isinstance(row, int) or not 0 <= row < n_test]
    if unknown:
        refuse(
            "cases",
            f"there is no row {', '.join(map(str, unknown[:5]))}",
            f"rows of X_test, counted from 0: 0 to {n_test - 1}",
            "name the place of a row in X_test, and not its label in the index",
        )


def plain_value(value: object) -> Any:
    """A value as YAML holds it: plain sequences and keys, numbers of numpy as Python's own."""
    if isinstance(value, Mapping):
        return {str(name): plain_value(inside) for name, inside in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_value(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_value(dataclasses.asdict(value))
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
