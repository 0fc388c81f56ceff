"""What `explainers=recommend` leaves open, and a configuration in which it is decided.

The set `recommend` names the candidates. Which of them are taken, and how large, is decided once
the data are known (`runner/planning/recommending.py`), and then stands in the configuration as if a
person had written it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from deepseek_report.artifacts.message import Message, plain
from deepseek_report.artifacts.storage import bounded_yaml
from deepseek_report.artifacts.storage.shipped import shipped
from deepseek_report.config.composed import Composed
from deepseek_report.config.experiment import Experiment, Undecided
from deepseek_report.config.sets import Origin

_GROUP = "explainers"


def undecided(experiment: Experiment, composed: Composed) -> Undecided | None:
    """The candidates that a recommender decides on, of those that suit model and data."""
    candidates = {
        key: _set_fields(composed, key)
        for key in experiment.multiple[_GROUP]
        if composed.origin(_GROUP, key) == "recommended"
    }
    wanted = "recommended" in composed.selected.get(_GROUP, {}).values()
    return Undecided(composed, candidates) if wanted else None


def _set_fields(composed: Composed, key: str) -> frozenset[str]:
    """Fields of an explainer to which a person gave a value, be it that of the shipped file."""
    chosen, prefix = composed.raw[_GROUP][key], f"{_GROUP}.{key}."
    file = shipped("conf") / _GROUP / f"{key}.yaml"
    usual = bounded_yaml.load(file)[key] if file.is_file() else {}
    keys = (text.lstrip("+~").partition("=")[0] for text in composed.overrides)
    named = {name.removeprefix(prefix) for name in keys if name.startswith(prefix)}
    other = {name for name, value in chosen.items() if name not in usual or usual[name] != value}
    return frozenset(named | other)


def decided_config(
    undecided: Undecided,
    explainers: Mapping[str, Mapping[str, Any]],
    left_out: Mapping[str, Message],
    evaluations: int,
    reasons: Mapping[str, Message],
) -> Composed:
    """The configuration with the choice written out.

    Parameters
    ----------
    explainers : {candidate that is taken: its fields, as plain data}. left_out : why others are
        not. evaluations : rows that the model may evaluate. reasons : of the choice.
    """
    composed = undecided.composed
    chosen = {
        key: {**config, **explainers.get(key, {})}
        for key, config in composed.raw[_GROUP].items()
        if key not in left_out
    }
    explain = dict(composed.raw.get("explain") or {})
    explain |= {"evaluations": evaluations, "reasons": plain(reasons)}
    origins: dict[str, Origin] = {
        key: "set" if origin == "recommended" else origin
        for key, origin in composed.selected[_GROUP].items()
        if key not in left_out
    }
    return dataclasses.replace(
        composed,
        raw={**composed.raw, _GROUP: chosen, "explain": explain},
        selected={**composed.selected, _GROUP: origins},
        left_out=left_out,
    )
