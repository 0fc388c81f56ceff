"""What of a call becomes a plug-in: rows, model or predictions, attributions."""

from __future__ import annotations

import builtins
import dis
import hashlib
import os
import secrets
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from deepseek_report.api.composing import Piece, Pieces
from deepseek_report.api.given_models import (
    Hints,
    answers_of,
    hold,
    looks_fitted_to,
    recognise,
    refit_of,
)
from deepseek_report.api.report_arguments import CallOptions, plain_value, refuse
from deepseek_report.api.rows import Rows, digest_of, digest_of_array, in_order_of
from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.schema import TaskName
from deepseek_report.artifacts.storage.local_paths import PLAIN_NAME, unfit_name
from deepseek_report.datasets.assembly.cell_encoding import MOST_CLASSES
from deepseek_report.explainers.accounts import HeldAttributions
from deepseek_report.models.given.given_answers import HeldAnswers

_TABLE = "deepseek_report.datasets.sources.given_table.GivenTable"
_MODEL = "deepseek_report.models.given.given_model.GivenModel"
_ANSWERS = "deepseek_report.models.given.given_answers.GivenAnswers"
_ATTRIBUTIONS = "deepseek_report.explainers.accounts.GivenAttributions"
#: Explainers that are shipped, whose names attributions may take, too.
_UNNAMED = "given"

#: A model or its answers, what is predicted, and whether it looks fitted to the test rows.
Model = tuple[Piece, TaskName | None, bool]


def pieces_of(
    rows: Rows, model: object, predictions: Any, attributions: object, options: CallOptions
) -> Pieces:
    """The plug-ins of a call.

    Raises ArgumentProblems: the model, the predictions or the attributions cannot be used.
    """
    attributed = _attributions(rows, attributions, options)
    if model is not None:
        known, task, fits = _model(rows, model, options)
    else:
        known, task, fits = _answers(rows, predictions, attributed, options)
    table = {
        "_target_": _TABLE,
        "sha256": rows.sha256,
        "target": rows.target,
        "training_rows": rows.held.training_rows(fits),
        **({} if task is None else {"task": task}),
    }
    # of two classes, attributions and single probabilities are about the second one
    about_one = bool(attributed) or (predictions is not None and np.ndim(predictions) == 1)
    classes = list(options.get("classes") or rows.classes)
    if about_one and "positive" not in options and not is_number(rows, options):
        table |= {"positive": plain_value(classes[1])} if len(classes) == 2 else {}
    return Pieces((table, rows.held), known, attributed)


def is_number(rows: Rows, options: CallOptions) -> bool:
    """Whether a number is predicted, as far as the labels tell."""
    task = options.get("task", "auto")
    if task != "auto":
        return bool(task == "regression")
    numeric = pd.api.types.is_numeric_dtype(rows.labels)
    return bool(numeric and rows.labels.nunique() > options.get("max_classes", MOST_CLASSES))


# --- the model, or what it answered ---------------------------------------------------------------


def _model(rows: Rows, model: object, options: CallOptions) -> Model:
    number = is_number(rows, options)
    hints = Hints(
        classes=options.get("classes") or (),
        encoder=options.get("encoder"),
        outputs=options.get("outputs", "logits"),
        task="regression" if number else None,
    )
    recognised = recognise(model, rows, hints)
    number = recognised.task == "regression" if recognised.task else number
    config: dict[str, object] = {
        "_target_": _MODEL,
        "called": recognised.called,
        "classes": [plain_value(name) for name in options.get("classes") or ()],
    }
    identity, fits = "", False
    if (model_id := options.get("model_id")) is not None:
        config |= {"model_id": str(model_id)}
    else:
        identity = identity_of(model, hints.encoder)
        digest, answers = answers_of(recognised, rows, number=number)
        config |= {"answers": digest}
        fits = looks_fitted_to(recognised.estimator, answers, rows)
    own = options.get("refit")
    refit = refit_of(recognised, rows, hints, own)
    if refit is not None:
        config |= {"refit": "clone" if own is None else identity_of(own)}
    return (config, hold(recognised, rows, identity, refit)), recognised.task, fits


def _answers(
    rows: Rows, predictions: Any, attributed: Mapping[str, Piece], options: CallOptions
) -> Model:
    classes = list(options.get("classes") or rows.classes)
    if predictions is None:
        predictions = _implied(next(iter(attributed.values()), None))
    columns = list(predictions.columns) if isinstance(predictions, pd.DataFrame) else classes
    if set(map(str, columns)) == set(map(str, classes)):
        classes = columns  # the person named the columns by the classes
    if rows.index is not None and isinstance(predictions, pd.Series | pd.DataFrame):
        numbered = predictions.index.equals(pd.RangeIndex(len(predictions)))
        if not numbered:  # numbered rows are what a model answered to a table, row by row
            predictions = in_order_of(rows.index, predictions, "predictions", "X_test")
    values = np.asarray(predictions)
    if values.dtype == object or not np.issubdtype(values.dtype, np.number):
        refuse(
            "predictions",
            f"they hold {values.dtype.name} values, which are no probabilities",
            "a probability for each class, or of the second of two classes; or numbers",
            "give what predict_proba gives, and not the predicted classes",
        )
    if len(values) != rows.n_test:
        refuse(
            "predictions",
            f"{len(values)} predictions for the {rows.n_test} rows of X",
            "one a row of X, in the same order",
            "give both whole",
        )
    config = {"_target_": _ANSWERS, "sha256": digest_of_array(values)}
    task: TaskName | None = "regression" if is_number(rows, options) else None
    shares = np.column_stack([1 - values, values]) if values.ndim == 1 and not task else values
    about = shares.reshape(len(values), -1)
    fits = classes == rows.classes and looks_fitted_to(None, about, rows)
    return (config, HeldAnswers(values, classes)), task, fits


def _implied(piece: Piece | None) -> object:
    """The output that attributions with base values add up to."""
    if piece is None:
        refuse(
            "model",
            "there is no model and nothing that one predicted",
            "one of these",
            "give a model, or predictions=…, or attributions=… with base_values=…",
        )
    config, held = piece
    if held.base_values is None:
        refuse(
            "attributions",
            "there are neither predictions nor base values, so nothing says what was predicted",
            "attributions with one of the two",
            "give predictions=…, or base_values=…, from which the predictions follow",
        )
    output = held.base_values + held.values.sum(axis=1)
    return 1 / (1 + np.exp(-output)) if config.get("space") == "logit" else output


# --- attributions ---------------------------------------------------------------------------------


def _attributions(rows: Rows, attributions: object, options: CallOptions) -> dict[str, Piece]:
    """By name: a mapping of several, or one without a name."""
    if attributions is None:
        return {}
    several = attributions if isinstance(attributions, Mapping) else {_UNNAMED: attributions}
    return {
        str(name): _attribution(rows, str(name), values, options)
        for name, values in several.items()
    }


def _attribution(rows: Rows, name: str, attribution: object, options: CallOptions) -> Piece:
    if reason := unfit_name(name):
        refuse("attributions", f'the name "{name}" {reason}', PLAIN_NAME, "choose another name")
    base = getattr(attribution, "base_values", options.get("base_values"))
    values = getattr(attribution, "values", attribution)  # a frame, or what the shap package gives
    names = [str(column) for column in rows.features]
    if isinstance(attribution, pd.DataFrame):
        names = [str(column) for column in attribution.columns]
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (rows.n_test, len(names)) or set(names) != {str(n) for n in rows.features}:
        refuse(
            "attributions",
            f"“{name}” is of shape {array.shape}",
            f"({rows.n_test}, {len(rows.features.columns)}), a row of X and a column each",
            "of several classes give those of one",
        )
    if not np.isfinite(array).all():
        refuse("attributions", f"“{name}” holds values that are not finite", "numbers", "")
    bases = None if base is None else _base(base, rows.n_test)
    hashed = pd.DataFrame(array, columns=names)
    config = {
        "_target_": _ATTRIBUTIONS,
        "method": name,
        "space": options.get("attribution_space", "probability"),
        "sha256": digest_of(hashed if bases is None else hashed.assign(**{"\0base": bases})),
    }
    return config, HeldAttributions(array, names, bases)


def _base(base: object, rows: int) -> Floats:
    values = np.asarray(base, dtype=np.float64)
    if values.ndim == 0 or values.shape == (1,):
        return np.full(rows, float(values.reshape(-1)[0]))
    if values.shape != (rows,):
        refuse(
            "base_values",
            f"base values of shape {values.shape}",
            f"one number, or ({rows},)",
            "give that of one class",
        )
    return values


# A hash of what a fitted model consists of, where that can be told from the object itself.
#
# An object is walked down to plain values, arrays and tensors. Classes and functions of known
# libraries count by their name and the library's version; those of a person's own count by their
# bytecode and by everything that it refers to. Nothing is pickled, and no method of a person's own
# is called. Where anything cannot be told apart that way, there is no hash.

#: Libraries whose classes and functions are what their name and version say.
_LIBRARIES = frozenset(
    {
        *("sklearn", "numpy", "scipy", "pandas", "torch", "xgboost", "lightgbm", "catboost"),
        *("imblearn", "narwhals"),
    }
)
#: Modules of Python itself whose functions depend on their arguments alone.
_OF_PYTHON = frozenset(
    {
        *("builtins", "math", "cmath", "collections", "functools", "itertools", "operator"),
        *("copyreg", "_codecs", "dataclasses", "enum", "typing", "abc", "numbers", "fractions"),
        *("decimal", "re", "string", "statistics", "types", "warnings", "__future__"),
    }
)
#: What reads something that is no part of the object, whatever module it comes from.
_READS_ELSEWHERE = frozenset(
    {
        *("open", "input", "exec", "eval", "compile", "globals", "locals", "vars", "__import__"),
        *("load", "loads", "loadtxt", "genfromtxt", "fromfile", "memmap", "hub", "sys", "os"),
        *("__globals__", "__subclasses__", "__builtins__"),
    }
)
#: What every class has and what says nothing of its behaviour.
_OF_EVERY_CLASS = frozenset(
    {
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__"),
        *("__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl"),
        *("__annotate__", "__annotate_func__", "__annotations_cache__", "__parameters__"),
        *("__orig_bases__", "__match_args__", "__type_params__", "__classdictcell__"),
    }
)
#: Trees of scikit-learn's neighbours, and where in their state they count how they were asked.
_COUNTING = frozenset({"KDTree32", "KDTree64", "KDTree", "BallTree32", "BallTree64", "BallTree"})
_COUNTERS = range(7, 11)
_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented))


class _UnhashableError(Exception):
    """Something of the object cannot be told apart from its like."""


def object_digest(thing: object) -> str | None:
    """SHA-256 of an object's state and code; None where parts of it cannot be hashed.

    Two objects with one hash have equal state and the same code. Equal models may have different
    hashes (another version of Python or of a library, another order of a mapping).
    """
    walk = _StateWalk()
    try:
        walk.visit(thing)
    except Exception:  # whatever an object of a person's own does when it is looked at
        return None
    return walk.hashed.hexdigest()


class _StateWalk:
    """One walk through an object. seen : {id: (place, object)} of all that was met, kept alive."""

    def __init__(self) -> None:
        self.hashed = hashlib.sha256(sys.version.encode())
        self.seen: dict[int, tuple[int, Any]] = {}

    def put(self, *texts: str | bytes) -> None:
        """Hash texts, each with its length, so that no two lists of them are one."""
        for text in texts:
            content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
            self.hashed.update(len(content).to_bytes(8, "big"))
            self.hashed.update(content)

    def visit(self, thing: object) -> None:
        """Hash one object with all that it holds."""
        if type(thing) in _PLAIN:
            self.put(type(thing).__name__, repr(thing))
            return
        if id(thing) in self.seen:
            self.put("again", str(self.seen[id(thing)][0]))
            return
        self.seen[id(thing)] = (len(self.seen), thing)
        for fits, visit in _VISITS:
            if fits(thing):
                visit(self, thing)
                return
        self._object(thing)

    def all(self, kind: str, things: Any) -> None:
        """Hash several objects in their order."""
        listed = list(things)
        self.put(kind, str(len(listed)))
        for thing in listed:
            self.visit(thing)

    # --- values -----------------------------------------------------------------------------------

    def sequence(self, thing: object) -> None:
        self.all(type(thing).__name__, thing)

    def unordered(self, thing: Any) -> None:
        digests = [object_digest(member) for member in thing]
        if None in digests:
            raise _UnhashableError
        self.put(type(thing).__name__, *sorted(filter(None, digests)))

    def mapping(self, thing: Mapping[object, object]) -> None:
        self.all(type(thing).__name__, (part for item in thing.items() for part in item))

    def array(self, thing: object) -> None:
        array = np.asarray(thing)
        self.put("array", str(array.dtype), str(array.shape))
        if array.dtype.names:  # by field: between the fields lie bytes that nobody has set
            for name in array.dtype.names:
                self.array(array[name])
        elif array.dtype.hasobject:
            self.all("objects", array.ravel().tolist())
        else:
            self.put(np.ascontiguousarray(array).tobytes())

    def tensor(self, thing: Any) -> None:
        import torch

        if thing.layout is not torch.strided or thing.is_quantized or thing.is_meta:
            raise _UnhashableError
        if type(thing) not in {torch.Tensor, torch.nn.Parameter}:
            self.visit(type(thing))
        flat = thing.detach().cpu().contiguous().reshape(-1)
        self.put("tensor", str(thing.dtype), str(tuple(thing.shape)))
        self.put(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")

    # --- code -------------------------------------------------------------------------------------

    def module(self, thing: types.ModuleType) -> None:
        if not _is_known(thing.__name__):
            raise _UnhashableError
        self.put("module", thing.__name__, _version(thing.__name__))

    def named(self, thing: Any) -> None:
        """What a library offers under a name."""
        module, name = str(thing.__module__), _name(thing)
        self.put("named", module, name, _version(module))

    def method(self, thing: types.MethodType) -> None:
        self.put("method")
        self.visit(thing.__self__)
        self.visit(thing.__func__)

    def accessor(self, thing: Any) -> None:
        is_property = isinstance(thing, property)
        parts = (thing.fget, thing.fset, thing.fdel) if is_property else (thing.__func__,)
        self.all(type(thing).__name__, parts)

    def function(self, thing: types.FunctionType) -> None:
        self.put("function", thing.__qualname__)
        self._code(thing.__code__, thing.__globals__)
        self.visit(thing.__defaults__)
        self.visit(thing.__kwdefaults__)
        self.all("closure", (_content(cell) for cell in thing.__closure__ or ()))
        self.visit(dict(vars(thing)))

    def _code(self, code: types.CodeType, known: Mapping[str, object]) -> None:
        self.put("code", code.co_code, *code.co_names, *code.co_varnames, *code.co_freevars)
        self.put(str((code.co_argcount, code.co_kwonlyargcount, code.co_flags)))
        if _READS_ELSEWHERE & set(code.co_names) or any(
            name.startswith("read_") for name in code.co_names
        ):
            raise _UnhashableError
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._code(constant, known)
            else:
                self.visit(constant)
        for name, value in _referred(code, known):
            self.put("global", name)
            self.visit(value)

    def own_class(self, thing: type) -> None:
        """A class of a person's own: its bases and all that stands in it."""
        if type(thing).__module__ not in {"builtins", "abc"}:
            raise _UnhashableError
        self.put("class", thing.__qualname__)
        self.all("bases", thing.__bases__)
        for name, value in vars(thing).items():
            if name not in _OF_EVERY_CLASS and not isinstance(value, _SLOT):
                self.put(name)
                self.visit(value)

    # --- objects ----------------------------------------------------------------------------------

    def torch_module(self, thing: object) -> None:
        """Class, parameters, buffers, parts, hooks and attributes; not whether it is training."""
        self.put("torch module")
        self.visit(type(thing))
        self.visit({name: value for name, value in vars(thing).items() if name != "training"})

    def _object(self, thing: object) -> None:
        self.put("object")
        self.visit(type(thing))
        if _is_named(type(thing)):
            self._reduced(thing)
        elif _holds_more(type(thing)):
            raise _UnhashableError
        else:
            self.visit(dict(vars(thing)))

    def _reduced(self, thing: object) -> None:
        """What the library itself says that an object is made from."""
        try:
            parts = thing.__reduce_ex__(4)
        except Exception:
            raise _UnhashableError from None
        if isinstance(parts, str):
            self.put(parts)
            return
        made_by, arguments, *rest = parts
        state, *items = rest or [None]
        if type(thing).__name__ in _COUNTING:
            state = [part for place, part in enumerate(state) if place not in _COUNTERS]
        self.visit([made_by, arguments, state])
        for several in items:
            self.visit(None if several is None else list(several))


_SLOT = (types.MemberDescriptorType, types.GetSetDescriptorType)
_Visit = Callable[[_StateWalk, Any], None]


def _is_tensor(thing: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def _is_torch_module(thing: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def _is_exactly(*kinds: type) -> Callable[[object], bool]:
    return lambda thing: type(thing) in kinds


def _is_a(*kinds: type) -> Callable[[object], bool]:
    return lambda thing: isinstance(thing, kinds)


def _is_known(module: str) -> bool:
    """Whether what a module holds is what its name and version say."""
    return module.partition(".")[0] in _LIBRARIES | _OF_PYTHON


def _is_named(thing: object) -> bool:
    """Whether it is a class or a function that a known module offers under its own name."""
    module, name = getattr(thing, "__module__", None), _name(thing)
    if isinstance(thing, np.ufunc):
        return getattr(np, thing.__name__, None) is thing
    if isinstance(thing, types.BuiltinFunctionType) and module is None:
        return False
    if not isinstance(module, str) or not name or not _is_known(module):
        return False
    holder: object = sys.modules.get(module)
    for part in name.split("."):
        holder = getattr(holder, part, None)
    return holder is thing


def _name(thing: object) -> str:
    name = getattr(thing, "__qualname__", getattr(thing, "__name__", ""))
    return name if isinstance(name, str) else ""


@cache
def _version(module: str) -> str:
    library = sys.modules.get(module.partition(".")[0])
    return str(getattr(library, "__version__", ""))


def _holds_more(cls: type) -> bool:
    """Whether instances of a person's own class hold values beside those in their dictionary."""
    if issubclass(cls, (dict, list, tuple, set, frozenset, str, bytes, int, float)):
        return True
    reduced = {"__reduce__", "__reduce_ex__"}
    return any(
        reduced & set(vars(base)) if _is_named(base) else "__slots__" in vars(base)
        for base in cls.__mro__
        if base is not object
    )


def is_of_library(thing: object) -> bool:
    """Whether an object's class is one of a library of models, or extends one."""
    return any(
        _is_named(base) and base.__module__.partition(".")[0] in _LIBRARIES
        for base in type(thing).__mro__
    )


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _referred(code: types.CodeType, known: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """(name, value) of all that code takes from outside of itself.

    Raises _UnhashableError: it imports what is not known, or changes what lies outside of it.
    """
    for instruction in dis.get_instructions(code):
        name, operation = instruction.argval, instruction.opname
        if operation in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
            raise _UnhashableError
        if operation == "IMPORT_NAME" and not _is_known(str(name)):
            raise _UnhashableError
        if operation in {"LOAD_GLOBAL", "LOAD_NAME"}:
            if name not in known and not hasattr(builtins, name):
                raise _UnhashableError
            yield name, known[name] if name in known else getattr(builtins, name)


#: The first that fits an object visits it.
_VISITS: tuple[tuple[Callable[[object], bool], _Visit], ...] = (
    (_is_exactly(list, tuple, bytearray), _StateWalk.sequence),
    (_is_exactly(set, frozenset), _StateWalk.unordered),
    (_is_exactly(dict, types.MappingProxyType), _StateWalk.mapping),
    (_is_exactly(np.ndarray), _StateWalk.array),
    (_is_a(np.generic), _StateWalk.array),
    (_is_tensor, _StateWalk.tensor),
    (_is_torch_module, _StateWalk.torch_module),
    (_is_a(types.ModuleType), _StateWalk.module),
    (_is_named, _StateWalk.named),
    (_is_a(types.MethodType), _StateWalk.method),
    (_is_a(property, staticmethod, classmethod), _StateWalk.accessor),
    (_is_a(types.FunctionType), _StateWalk.function),
    (_is_a(type), _StateWalk.own_class),
)


#: Drawn anew in each process, so that no key of one is met in another.
_PROCESS = secrets.token_hex(16)
_NUMBERS = count()
#: {id: (the object or a weak reference to it, its number)}; an id may be used again later.
_NUMBERED: dict[int, tuple[Callable[[], object], int]] = {}


def identity_of(model: object, encoder: object = None) -> str:
    """A text that two models share only if one may have what was computed for the other.

    Of a model of scikit-learn, xgboost, lightgbm or torch the hash of its state and code, where all
    of it can be hashed. Of anything else, and where an encoder is given, the very object, in this
    process alone: what it answers on some rows does not say what it answers on others.
    """
    if encoder is None and is_of_library(model):
        digest = object_digest(model)
        if digest is not None:
            return f"state {digest}"
    parts = ".".join(_number(part) for part in (model, encoder) if part is not None)
    return f"process {_PROCESS} {os.getpid()} object {parts}"


def _number(thing: object) -> str:
    """The number of an object in this process; a method is that of its object."""
    if isinstance(thing, types.MethodType):
        return f"{_number(thing.__self__)}.{_number(thing.__func__)}"
    refer, number = _NUMBERED.get(id(thing), (lambda: None, -1))
    if refer() is not thing:
        number = next(_NUMBERS)
        _NUMBERED[id(thing)] = (_reference(thing), number)
    return str(number)


def _reference(thing: object) -> Callable[[], object]:
    """A weak reference, or where there can be none the object itself, which then stays alive."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: thing
