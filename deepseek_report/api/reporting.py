"""`report`: from a model and rows in memory to a run folder, by the engine of the command."""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from deepseek_report.api.finished import Run
from deepseek_report.api.given_models import clone_fitting
from deepseek_report.api.pieces import Pieces, experiment_of, paths_of, pieces_of, predicts_number
from deepseek_report.api.report_arguments import (
    ArgumentProblems,
    CallOptions,
    ReportArguments,
    check_cases,
    check_names,
    columns_left_out,
    in_words_of_the_call,
    refuse,
    with_lists,
)
from deepseek_report.api.rows import TEXT, Given, Rows, rows_of
from deepseek_report.api.shown import no_foreign_warnings, reporter_for
from deepseek_report.artifacts.array_types import Bools, Ints
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.storage.plain_files import folders_in
from deepseek_report.comparisons.paired_performance import Region
from deepseek_report.config.compose import compose
from deepseek_report.config.experiment import Paths
from deepseek_report.config.portable import QUICK, whole_report
from deepseek_report.config.validate import validate
from deepseek_report.datasets.assembly.row_metadata import moments_of
from deepseek_report.datasets.splitting import assign_parts
from deepseek_report.errors import first_line
from deepseek_report.runner.comparing import CompareOptions, compare_runs
from deepseek_report.runner.run import run_experiment
from deepseek_report.statistics.copies import copied_rows, joined
from deepseek_report.wording.words import wording


def run(
    experiment: str | None = None,
    overrides: Sequence[str] = (),
    *,
    config_dir: str | None = None,
    trust: Sequence[str] = (),
    progress: bool | None = None,
) -> Run:
    """Run an experiment by its name, as `deepseek-report experiment=NAME OVERRIDES…` does.

    Everything is computed in this process, one stage after the other, unless `overrides` say how
    many `jobs` there are. progress : whether to show how far it is; None: where a notebook does.

    Raises ConfigError: problems in the configuration, all at once.
    Raises DataError: the data cannot be used.
    """
    chosen = [] if experiment is None else [f"experiment={experiment}"]
    stated = [*chosen, *overrides]
    jobs = [] if any(text.startswith("jobs=") for text in overrides) else ["jobs=1"]
    checked = validate(compose([*stated, *jobs], config_dir), trust)
    with no_foreign_warnings(), reporter_for(progress) as reporter:
        finished = run_experiment(checked, reporter, stated, config_dir)

    def deepened() -> Run:
        whole = whole_report(overrides)
        return run(experiment, whole, config_dir=config_dir, trust=trust, progress=progress)

    return Run.of(finished, deepened if checked.is_quick else None)


@dataclass(frozen=True)
class Comparison:
    """Runs that were compared.

    path : the folder of the document. conclusions : what may be concluded, as sentences.
    """

    path: Path
    conclusions: list[str] = field(repr=False)

    @property
    def page(self) -> Path:
        """The document to open."""
        return self.path / "report.html"

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by `<part>/<name>`, such as `compared_performance/fitted`."""
        parts = folders_in(self.path / "artifacts" / "measures")
        return {
            f"{part.name}/{name}": table
            for part in parts
            for name, table in Measurement.load(part).tables.items()
        }


def compare(
    runs: Sequence[Run | Path | str],
    *,
    baseline: Run | Path | str | None = None,
    region: float = 0.01,
    output: Path | str | None = None,
) -> Comparison:
    """Compare finished runs by their artifacts alone, and write one document.

    Parameters
    ----------
    runs : two or more, as runs or as the paths of their folders.
    baseline : the run that the others are set against; None: all against all.
    region : in (0, 1), a difference smaller than this is of no practical use, for measures between
        0 and 1.
    output : the folder to write; None: `comparisons/<id>` below the folder of the reports.

    Raises ArgumentProblems: the region is no number between 0 and 1, or a run is neither run nor
    path.
    Raises ArtifactError: a folder is no run or was changed, or the runs cannot be compared.
    """
    if not isinstance(region, int | float) or not 0 < region < 1:
        refuse("region", f"it is {region!r}", "a number between 0 and 1", "such as region=0.01")
    if isinstance(runs, str | Path | Run):
        refuse("runs", "it is a single run", "a list of two or more", "such as [first, other]")
    options = CompareOptions(
        baseline=None if baseline is None else _folder(baseline, "baseline"),
        region=Region(share=region),
        output=None if output is None else Path(output),
    )
    written = compare_runs([_folder(run, "runs") for run in runs], options)
    return Comparison(written.folder, list(written.sentences))


def _folder(run: Run | Path | str, argument: str) -> Path:
    if isinstance(run, Run):
        return run.path
    if not isinstance(run, str | Path):
        fault = f"{run!r:.40} is no run"
        refuse(argument, fault, "a run, or the path of its folder", "call load_run(folder)")
    return Path(run)


def report(  # noqa: PLR0913 - rows, labels and what is known of them, each by its name
    model: object = None,
    X_test: object = None,
    y_test: object = None,
    *,
    X_train: object = None,
    y_train: object = None,
    X_validation: object = None,
    y_validation: object = None,
    X: object = None,
    y: object = None,
    predictions: object = None,
    attributions: object = None,
    base_values: object = None,
    **options: Unpack[ReportArguments],
) -> Run:
    """Judge a fitted model, or what it predicted, on rows in memory, and write a report.

    Parameters
    ----------
    model : a fitted estimator or pipeline of scikit-learn, a model of xgboost or lightgbm, a torch
        module, or a function from rows to probabilities. It is asked in this process and never
        stored. None where predictions or attributions are given instead.
        With `folds=` also an estimator that is cloned and fitted, or a function without arguments
        that makes one: where no training rows are given, a quarter of the rows is held out first.
        With `tokenizer=`, a sequence classifier of transformers, and X holds texts; it is written
        into the store as safetensors.
    X_test, y_test : rows to judge it on, a pandas DataFrame or an array, and their labels. `X` and
        `y` are other names for them.
    X_train, y_train, X_validation, y_validation : what explanations compare with, and what
        thresholds and intervals are chosen on. What is left out is drawn from the test rows.
    predictions : instead of a model: (row, class) probabilities of the test rows, or (row,) of the
        second of two classes, or (row,) numbers.
    attributions : (row, feature) of the test rows, or {name: such values}. base_values : the output
        that they start from.
    options : see `deepseek_report.api.report_arguments.ReportArguments`.

    Raises ConfigError: the arguments do not fit together; all problems at once.
    Raises DataError: the rows cannot be used.
    """
    check_names(options)
    as_called = chosen = with_lists(options)
    test = _one_of("X_test", X_test, "X", X), _one_of("y_test", y_test, "y", y)
    _check_roles(model, predictions, X_validation)
    in_memory: dict[str, Any] = {
        "model": model,
        "X_test": test[0],
        "y_test": test[1],
        "X_train": X_train,
        "y_train": y_train,
        "X_validation": X_validation,
        "y_validation": y_validation,
        "predictions": predictions,
        "attributions": attributions,
        "base_values": base_values,
    }
    if base_values is not None:
        chosen = {**chosen, "base_values": base_values}
    shown = reporter_for(chosen.get("progress"))
    with in_words_of_the_call(), _threads_as_before(), no_foreign_warnings(), shown as reporter:
        validation, train = (X_validation, y_validation), (X_train, y_train)
        left_out = columns_left_out(chosen)
        remarks: list[Text] = []
        if chosen.get("folds") is not None and predictions is None:
            fitted = fitted_here(model, test, train, chosen, left_out)
            if fitted is not None:
                model, test, train = fitted.model, fitted.test, fitted.train
                remarks.append(fitted.notice)
                if fitted.refit is not None:
                    chosen = {**chosen, "refit": fitted.refit}
        classes = chosen.get("classes") or getattr(model, "classes_", None)
        known = classes if classes is not None else ()
        rows = rows_of(test, validation, train, chosen.get("target"), left_out, known, remarks)
        check_cases(chosen.get("cases", ()), rows.n_test)
        if "tokenizer" in chosen:
            pieces = text_pieces(rows, model, chosen)
        else:
            pieces = pieces_of(rows, model, predictions, attributions, chosen)
        for notice in (*rows.held.notices, *_told_of_columns(pieces)):
            reporter.warned(wording().say(notice))
        experiment, overrides = experiment_of(pieces, chosen)
        finished = run_experiment(experiment, reporter, overrides, chosen.get("config_dir"))

    def deepened() -> Run:
        whole = whole_report(as_called.get("overrides", ()))
        return report(**{**as_called, **in_memory, "overrides": whole})

    return Run.of(finished, deepened if experiment.is_quick else None, experiment)


def _told_of_columns(pieces: Pieces) -> list[Text]:
    """What is said of columns that the model was fitted on and that are declared otherwise."""
    table = pieces.dataset[0]
    notes: list[Text] = []
    if columns := table.get("also_inputs"):
        notes.append(message("preparation.also_inputs", columns=columns))
    if columns := table.get("passed_along"):
        notes.append(message("preparation.passed_along", columns=columns))
    return notes


def quick(model: Any = None, *rows: Any, **arguments: Any) -> Run:
    """The first answer in seconds: first screen, cases, performance and bias of a model.

    It takes the arguments of `report`, by the same names. By place it takes the model and then
    `X_test, y_test`, as `report` does, or `X_train, y_train, X_test, y_test`. What it leaves out
    stands on its page, and `deepen()` of the run that it returns makes the whole report from
    there: what is computed is not computed again.

    Raises
    ------
    ConfigError : the arguments do not fit together; all problems at once.
    DataError : the rows cannot be used.
    """
    names = _PLACES.get(len(rows), ())
    if len(rows) != len(names):
        refuse(
            "quick",
            f"{len(rows)} arguments without a name follow the model",
            "X_test, y_test; or X_train, y_train, X_test, y_test",
            "name the others: y_test=…",
        )
    if twice := sorted({*names} & {*arguments}):
        refuse(twice[0], "it is given by its place and by its name", "one of the two", "")
    own = arguments.pop("overrides", ())
    stated = [own] if isinstance(own, str) else [*own]
    by_place = dict(zip(names, rows, strict=True))
    return report(model, **by_place, **arguments, overrides=[QUICK, *stated])


#: What the arguments of `quick` behind the model are, by how many there are.
_PLACES: Mapping[int, tuple[str, ...]] = {
    0: (),
    1: ("X_test",),
    2: ("X_test", "y_test"),
    4: ("X_train", "y_train", "X_test", "y_test"),
}


def _one_of(name: str, value: object, other: str, same: object) -> object:
    if value is not None and same is not None:
        refuse(
            other, f"{name} is given, and {other} as well", "one of the two", f"leave {other} out"
        )
    return value if same is None else same


def _check_roles(model: object, predictions: object, validation: object) -> None:
    if model is not None and predictions is not None:
        refuse(
            "predictions",
            "a model is given, and predictions as well",
            "one of the two",
            "leave one out: a model predicts by itself",
        )
    if model is None and validation is not None:
        refuse(
            "X_validation",
            "there is no model to ask about them",
            "validation rows with a model",
            "leave them out: rows of X stand in their place",
        )


@contextmanager
def _threads_as_before() -> Iterator[None]:
    """A run computes with one thread; the person's process goes on with as many as it had."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else os.cpu_count() or 1
    try:
        yield
    finally:
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(before)


# Models that are fitted here: an estimator to clone, or what makes an unfitted one.

#: Share of all rows that are held out where X and y are all there are.
_HELD_OUT = 0.25
#: From a table and its labels to a fitted model.
Fitting = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class FittedHere:
    """A model that was fitted to some rows, and the rows that it is judged on.

    refit : fits another one to other rows; None where an estimator is cloned for that.
    """

    model: Any
    test: Given
    train: Given
    refit: Fitting | None
    notice: Text


def fitted_here(
    model: object, test: Given, train: Given, options: CallOptions, left_out: list[str]
) -> FittedHere | None:
    """The model fitted to the training rows; without these a quarter of the rows is held out first.

    None where it came fitted with its training rows, or nothing says how it is fitted.

    Raises
    ------
    ArgumentProblems : what is called gives no model, or the fit failed.
    """
    own = options.get("refit")
    fit = own if callable(own) else _fitting(model)
    has_training = train[0] is not None
    if fit is None or (has_training and (callable(own) or _is_fitted(model))):
        return None
    classes = options.get("classes") or ()
    rows = rows_of(test, (None, None), train, options.get("target"), left_out, classes)
    number, labels = predicts_number(rows, options), rows.labels.to_numpy()
    if has_training:
        learnt = np.arange(len(labels)) >= rows.n_test
    else:
        learnt = ~_held_out(rows, labels, options, number=number)
        test, train = (_taken(test[0], labels, places) for places in (~learnt, learnt))
    table = rows.as_given(rows.features[learnt].reset_index(drop=True))
    try:
        try:
            fitted = fit(table, labels[learnt])
        except Exception:  # of a model that drops columns by itself, which it must be given
            whole = rows.reading((), rows.kept_back)
            called = whole.as_called[learnt].reset_index(drop=True)
            fitted = fit(rows.as_given(called), labels[learnt])
    except ArgumentProblems:
        raise
    except Exception as error:  # of a person's own code, of any kind
        refuse(
            "model",
            f"fitting it to {int(learnt.sum())} rows failed: "
            f"{type(error).__name__}: {first_line(error)}",
            "a model that can be fitted to the columns of X, or a function without arguments that "
            "makes one",
            "see that fit(X, y) works, or leave columns out by drop=[…]",
        )
    notice = message("given_rows.fitted_here", train=int(learnt.sum()), test=int((~learnt).sum()))
    return FittedHere(fitted, test, train, None if hasattr(fitted, "get_params") else fit, notice)


def _fitting(model: object) -> Fitting | None:
    """How an estimator, a class of them or a function that makes one is fitted; else None."""
    if hasattr(model, "fit") and not isinstance(model, type):
        cloned = clone_fitting(model)
        return None if cloned is None else lambda table, labels: cloned(table, labels, None)
    if not callable(model) or not _needs_nothing(model):
        return None

    def fit(table: object, labels: object) -> Any:
        made = model()
        if not hasattr(made, "fit"):
            refuse(
                "model",
                f"it was called without arguments, and gave {type(made).__name__}",
                "an unfitted estimator with `fit`",
                "return the estimator, unfitted, from the function",
            )
        cloned = clone_fitting(made)
        return made.fit(table, labels) if cloned is None else cloned(table, labels, None)

    return fit


def _needs_nothing(made_by: Callable[..., Any]) -> bool:
    """Whether it can be called without arguments."""
    try:
        parameters = inspect.signature(made_by).parameters.values()
    except (TypeError, ValueError):
        return False
    several = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return all(
        parameter.kind in several or parameter.default is not parameter.empty
        for parameter in parameters
    )


def _is_fitted(model: object) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if isinstance(model, type) or not hasattr(model, "predict"):
        return False
    with suppress(TypeError):  # no estimator of scikit-learn
        try:
            check_is_fitted(model)
        except NotFittedError:
            return False
    return True


def _taken(table: object, labels: Any, taken: Bools) -> Given:
    """These rows as the person gave them, with their labels."""
    if isinstance(table, pd.DataFrame | pd.Series):
        return table[taken].reset_index(drop=True), labels[taken]
    if isinstance(table, list | tuple):
        return [row for row, kept in zip(table, taken, strict=True) if kept], labels[taken]
    return np.asarray(table)[taken], labels[taken]


def _held_out(rows: Rows, labels: Any, options: CallOptions, *, number: bool) -> Bools:
    """(row,) whether it is tested: the latest rows where their time is declared, else at random.

    Rows of one entity, and copies (`statistics.copies`), are in one part.
    """
    frame, entity, time = rows.held.frame, options.get("entity"), options.get("time")
    if time is not None:
        moments = moments_of(frame[str(time)], ".").values
        last: Bools = moments >= np.nanquantile(moments, 1 - _HELD_OUT, method="higher")
        return last
    columns = np.column_stack([_codes(rows.features[name]) for name in rows.features])
    units = copied_rows(columns.astype(np.float64))
    units = units if entity is None else joined(units, _codes(frame[str(entity)]))
    classes = labels.astype(np.float64) if number else _codes(labels)
    random = np.random.default_rng([int(options.get("seed") or 1), 25])
    return np.asarray(assign_parts(classes, units, (1 - _HELD_OUT, _HELD_OUT), random) == 1)


def _codes(values: object) -> Ints:
    """(row,) the same number for equal values; what is missing counts as one value."""
    return np.asarray(pd.factorize(pd.Series(values))[0] + 1, dtype=np.int64)


# A model of transformers with its tokenizer: written as a checkpoint, and read like any other.

_TEXTS = "deepseek_report.datasets.sources.given_table.GivenTexts"
_MODEL = "deepseek_report.models.transformers.pretrained.HuggingFace"


def text_pieces(rows: Rows, model: object, options: CallOptions) -> Pieces:
    """The plug-ins of a call about texts.

    The model is written into the store in the form of transformers itself (safetensors, which holds
    numbers alone), so that everything that reads checkpoints can look into it.

    Raises ArgumentProblems: it is no sequence classifier of transformers, or there are no texts.
    """
    if not hasattr(model, "save_pretrained") or not hasattr(model, "config"):
        allowed = "a sequence classifier of transformers"
        fault = f"a tokenizer is given, and {type(model).__name__} is no model of transformers"
        refuse("model", fault, allowed, "give both, or leave the tokenizer out")
    if "refit" in options:
        fault = "a model of transformers is read from its checkpoint, which refit cannot fit again"
        refuse("refit", fault, "a model without a tokenizer", "leave refit out")
    column = str(options.get("text", TEXT))
    if column not in map(str, rows.features):
        fault = f'X has no column "{column}"'
        allowed = "a list or a column of texts"
        refuse("X_test", fault, allowed, "give the texts alone, or name their column with text=…")
    above = Path(paths_of(options).get("store", Paths().store)) / "given"
    folder = _written(model, options.get("tokenizer"), _names(rows, model, options), above)
    table = {
        "_target_": _TEXTS,
        "sha256": rows.sha256,
        "target": rows.target,
        "text": column,
        "tokenizer": str(folder),
        "training_rows": rows.held.training_rows(False),
    }
    config = {"_target_": _MODEL, "checkpoint": str(folder), "train": "none"}
    return Pieces((table, rows.held), (config, None))


def _names(rows: Rows, model: Any, options: CallOptions) -> dict[str, str] | None:
    own = {int(place): str(name) for place, name in (model.config.id2label or {}).items()}
    classes = list(options.get("classes") or ())
    if not classes and all(name == f"LABEL_{place}" for place, name in own.items()):
        classes = rows.classes
    if len(classes) != len(own):
        return None
    return {str(place): str(name) for place, name in enumerate(classes)}


def _written(model: Any, tokenizer: Any, names: dict[str, str] | None, above: Path) -> Path:
    """The folder of the checkpoint, called by the hash of its files."""
    from deepseek_report.artifacts.storage.checkpoint import digest
    from deepseek_report.store import replace_folder

    above.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=above, prefix=".") as work:
        folder = Path(work) / "checkpoint"
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        if names is not None:
            file = folder / "config.json"
            config = json.loads(file.read_text(encoding="utf-8"))
            places = {name: int(place) for place, name in names.items()}
            config |= {"id2label": names, "label2id": places}
            file.write_text(json.dumps(config, indent=2), encoding="utf-8")
        final = (above / digest(folder)[:32]).absolute()
        if not final.exists():
            replace_folder(folder, final)
    return final
