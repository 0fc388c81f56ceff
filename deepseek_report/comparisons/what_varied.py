"""Which settings differ between runs, which of them always change together, and what is paired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from deepseek_report.artifacts.message import Message, message
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.run_record import RunRecord
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.study import ABSENT, Study
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.comparisons.methods import MODEL, is_of_method, is_of_results, model_name

SETTINGS = TableType(
    (*columns_of("setting:code kinds:count values"), Column("together", "count", shown=False))
)
_MOST_VALUES = 6
#: What stands for a part that some runs do not have.
_SOME = "✓"


#: Data, code, versions of libraries and machines in which the runs differ.
ORIGINS = TableType(columns_of("origin:code kinds:count values"))
_ORIGINS = ("digests", "versions", "environment")
#: What differs wherever settings do, or is what a setting decides.
_OF_SETTINGS = frozenset(("digests", name) for name in ("config", "weights", "code"))
#: Characters of a digest that tell two apart.
_LONGEST_ORIGIN = 16


def what_varied(study: Study) -> Measurement:
    """The table `settings`, one row a setting that differs, and notes on pairing.

    together : number of the group of settings that always change together; settings of one group
    cannot be told apart.
    """
    varying = _shortened(study)
    patterns = {key: _pattern(values) for key, values in varying.items()}
    groups = {pattern: number for number, pattern in enumerate(dict.fromkeys(patterns.values()), 1)}
    rows = [
        {
            "setting": key,
            "kinds": len(set(_pattern(values))),
            "values": _shown(values),
            "together": groups[patterns[key]],
        }
        for key, values in varying.items()
    ]
    table = pd.DataFrame(rows, columns=SETTINGS.keys)
    tables = {"settings": table}
    if origins := list(_origins(study)):
        tables["origins"] = pd.DataFrame(origins, columns=ORIGINS.keys)
    notes = (*_confounded(varying, patterns), *pairing(study))
    return Measurement(tables=tables, notes=notes).typed({"settings": SETTINGS, "origins": ORIGINS})


def _origins(study: Study) -> Iterator[dict[str, Any]]:
    """In what data, libraries and machines the runs differ."""
    known = [
        _revision(run)
        | {
            f"{part}.{name}": str(value)[:_LONGEST_ORIGIN]
            for part in _ORIGINS
            for name, value in (run.provenance.get(part) or {}).items()
            if (part, name) not in _OF_SETTINGS
        }
        for run in study
    ]
    for key in dict.fromkeys(name for origins in known for name in origins):
        values = [origins.get(key, ABSENT) for origins in known]
        if len(set(values)) > 1:
            yield {"origin": key, "kinds": len(set(values)), "values": _shown(values)}


def _revision(run: Results) -> dict[str, str]:
    """The revision of the checkout that the run was started in, where it is recorded."""
    record = run.provenance.get("record")
    revision = record.git if isinstance(record, RunRecord) else ""
    return {"git": revision[:_LONGEST_ORIGIN]} if revision else {}


def _shortened(study: Study) -> dict[str, Sequence[Any]]:
    """The settings that differ; of a part that is another one in some runs, its name alone."""
    known = {key: each for key, each in study.varying.items() if is_of_results(key)}
    others = {key.removesuffix("._target_") for key in known if key.endswith("._target_")}
    shown: dict[str, Sequence[Any]] = {}
    for key, values in known.items():
        part = next((name for name in others if key.startswith(f"{name}.")), "")
        is_of_part = key.count(".") > 1 and not key.startswith(f"{MODEL}.")
        if not part and ABSENT in values and is_of_part:
            shown[key.rpartition(".")[0]] = [_SOME if each != ABSENT else ABSENT for each in values]
        elif not part:
            shown[key] = values
        elif part == MODEL:
            shown[part] = [model_name(run) for run in study]
        else:
            targets = known[f"{part}._target_"]
            shown[part] = [str(target).rpartition(".")[2] for target in targets]
    return shown


def _pattern(values: Sequence[Any]) -> tuple[int, ...]:
    """(run,) which of the different values each run has, numbered in order of appearance."""
    seen: list[Any] = []
    for value in values:
        if value not in seen:
            seen.append(value)
    return tuple(seen.index(value) for value in values)


def _shown(values: Sequence[Any]) -> str:
    texts = list(dict.fromkeys(str(value) for value in values))
    more = len(texts) - _MOST_VALUES
    return "; ".join(texts[:_MOST_VALUES]) + (f"; … (+{more})" if more > 0 else "")


def _confounded(
    varying: Mapping[str, Sequence[Any]], patterns: Mapping[str, tuple[int, ...]]
) -> list[Message]:
    """That settings of different parts always change together, so that none is the cause."""
    notes = []
    for pattern in dict.fromkeys(patterns.values()):
        keys = [key for key in varying if patterns[key] == pattern and is_of_method(key)]
        parts = list(dict.fromkeys(key.partition(".")[0] for key in keys))
        if len(parts) > 1:
            notes.append(message("comparison.confounded", parts=parts))
    return notes


def pairing(study: Study) -> list[Message]:
    """What the runs share, and therefore what can be compared pair by pair."""
    rows = message("comparison.other_rows")
    if study.same_rows:
        rows = message("comparison.same_rows", n=len(study.runs[0].predictions))
    if study.same_seeds:
        return [rows, message("comparison.same_seeds")]
    return [rows, message("comparison.other_seeds")]
