"""Which class of the data each class of a model is that was fitted elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepseek_report.artifacts.schema import Target
from deepseek_report.errors import ConfigError

#: Words for no and for yes: what is 0 in one file is `no` in another.
_FALSE, _TRUE = {"0", "no", "false"}, {"1", "yes", "true"}


def match_classes(
    model_classes: Sequence[Any], target: Target, declared: Sequence[Any] = ()
) -> list[int]:
    """For each class of the model its position in the target.

    Classes match by the values of the label column ("no", 0, True) or by the names that the report
    gives them; never by their order, which a model does not tell.

    model_classes : the model's own, as its library holds them.
    declared : the classes of the data in the model's order, where the config says it.
    Raises ConfigError : they cannot be told apart, or the model knows one that the data do not
    have.
    """
    named = list(declared) or list(model_classes)
    if len(named) != len(model_classes):
        raise ConfigError(
            f"model.classes names {len(named)} classes, and the model has {len(model_classes)}"
        )
    texts = [class_text(named_class) for named_class in named]
    codes, names = list(target.codes), list(target.classes)
    by_code, by_name = _positions(texts, codes), _positions(texts, names)
    if by_code and by_name and by_code != by_name:
        raise ConfigError(_ambiguous(texts, target))
    positions = by_code or by_name or _by_truth(texts, codes or names)
    if not positions:
        raise ConfigError(_unmatched(texts, target, bool(declared)))
    return positions


def class_text(value: Any) -> str:
    """A class as the data sets write its code: `1.0 -> "1"`, `np.True_ -> "True"`."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return str(value).strip()


def _positions(texts: Sequence[str], known: Sequence[str]) -> list[int]:
    """The position of each text, or nothing where one is not known or comes twice."""
    if len(set(texts)) < len(texts) or not set(texts) <= set(known):
        return []
    return [known.index(text) for text in texts]


def _by_truth(texts: Sequence[str], known: Sequence[str]) -> list[int]:
    """Where both sides say yes and no, in whatever words."""
    ours, theirs = _truths(known), _truths(texts)
    return _positions(theirs, ours) if ours and theirs else []


def _truths(texts: Sequence[str]) -> list[str]:
    lowered = [text.lower() for text in texts]
    if len(texts) != 2 or not set(lowered) <= _FALSE | _TRUE:
        return []
    truths = ["1" if text in _TRUE else "0" for text in lowered]
    return truths if len(set(truths)) == 2 else []


def _ambiguous(texts: Sequence[str], target: Target) -> str:
    return (
        f"the classes {_listed(texts)} of the model are values of the label column and names of "
        f"other classes at once ({_listed(target.codes)} are called {_listed(target.classes)}); "
        "declare other labels of the target's categories"
    )


def _unmatched(texts: Sequence[str], target: Target, declared: bool) -> str:
    ours = target.codes or target.classes
    who = "model.classes says" if declared else "the model knows"
    text = (
        f"{who} the classes {_listed(texts)}, and the label column “{target.name}” holds "
        f"{_listed(ours)}"
    )
    if declared or len(texts) != len(ours):
        return f"{text}; use the data that it was fitted on, or name the classes as they are there"
    reason = (
        "numbers do not say which class is which"
        if all(value.isdigit() for value in texts)
        else "nothing says which class is which"
    )
    example = ",".join(ours)
    return (
        f"{text}; {reason}. Declare it in the model's order: "
        f"model.classes=[{example}], if {texts[0]} is “{ours[0]}”, and so on"
    )


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(f"“{text}”" for text in texts)
