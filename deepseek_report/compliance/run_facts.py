"""What a run records of itself, by the keys that `_sources.yaml` names, and sentences about it.

Everything is read from the run's own files, so that no sentence about the run stands beside a file
that says otherwise. No time of day and no duration is ever printed: the same run gives the same
bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.rounding import count, plural
from deepseek_report.artifacts.run_record import PROVENANCE, RunRecord
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.artifacts.storage.files import load_table
from deepseek_report.compliance.integrity import dig

_EMPTY: tuple[Any, ...] = (None, "", [], {}, ())
_OWN_MODELS = "deepseek_report.models."
#: Fields of a model's config that name what it starts from.
_STARTS = ("checkpoint", "file", "weights")
_NAMES = {
    "git": "git revision",
    "log.started": "start time",
    "log.finished": "end time",
    "seconds": "duration of its stages",
    "thresholds": "threshold",
    "stages": "stages",
}


def measures_time(results: Results) -> bool:
    """Whether the run was allowed to record durations and times of day."""
    return results.config.get("measure_time", True) is not False


def record_of(results: Results) -> RunRecord:
    """`provenance.json`, or an empty record with the reason."""
    found = results.provenance.get("record")
    return found if isinstance(found, RunRecord) else RunRecord(problem="is not there")


def has(results: Results, key: str) -> bool:
    """Whether the run records something under this key."""
    value = _DERIVED[key](results) if key in _DERIVED else dig(results.provenance, key)
    return not any(value is empty or value == empty for empty in _EMPTY)


def why_empty(results: Results, keys: Iterable[str]) -> tuple[str, ...]:
    """Why the run records nothing under these keys, one phrase for each reason."""
    reasons: dict[str, list[str]] = {}
    for key in keys:
        reasons.setdefault(_reason(results, key), []).append(_readable(key))
    return tuple(
        f"{reason}{'; ' if reason else ''}the run records no {', '.join(names)}"
        for reason, names in reasons.items()
    )


def fact(results: Results, key: str) -> str:
    """One sentence about the run, without a full stop; empty where there is nothing to say."""
    return _FACTS[key](results)


def _reason(results: Results, key: str) -> str:
    if key in {"log.started", "log.finished", "seconds"} and not measures_time(results):
        return "it was told to measure no time (measure_time: false)"
    if key in {"log.started", "log.finished", "git"} and (problem := record_of(results).problem):
        return f"{PROVENANCE} {problem}"
    if key == "base_model":
        return "the model is a plug-in from outside of this package"
    return ""


def _readable(key: str) -> str:
    """A dotted key in words: `digests.data -> "digest of the data"`."""
    group, _, name = key.rpartition(".")
    if group == "digests":
        return f"digest of the {name}"
    return _NAMES.get(key, name.replace("_", " "))


def _base_model(results: Results) -> str:
    model: Mapping[str, Any] = results.config.get("model") or {}
    if not str(model.get("_target_", _OWN_MODELS)).startswith(_OWN_MODELS):
        return ""
    for name in _STARTS:
        if value := model.get(name):
            path = PurePath(str(value))
            shown = path.name if path.is_absolute() else str(value)
            return f"the config names a {name} to start from: {shown}"
    return "no base model: the config names no checkpoint, weights or fitted model to start from"


def _started(results: Results) -> Any:
    return record_of(results).started if measures_time(results) else None


def _finished(results: Results) -> Any:
    return record_of(results).finished if measures_time(results) else None


def _seconds(results: Results) -> list[float]:
    stages = results.provenance.get("stages") or []
    known = [one["seconds"] for one in stages if one.get("seconds") is not None]
    return known if measures_time(results) else []


def _thresholds(results: Results) -> list[Any]:
    return list((results.config.get("report") or {}).get("thresholds") or [])


#: Keys that are no path into the provenance.
_DERIVED: Mapping[str, Callable[[Results], Any]] = {
    "seeds": lambda results: Seeds.recorded(results.config),
    "git": lambda results: record_of(results).git,
    "log.started": _started,
    "log.finished": _finished,
    "base_model": _base_model,
    "seconds": _seconds,
    "thresholds": _thresholds,
}


def _log_fact(results: Results) -> str:
    stages = results.provenance.get("stages") or []
    failed, seeds = len(results.failures), Seeds.recorded(results.config)
    return (
        f"start and end stand in {PROVENANCE}; {seeds.told() if seeds else 'no seed'}; "
        f"{plural(len(stages), 'stage')} with keys in run.json; "
        f"{plural(failed, 'part') if failed else 'no part'} failed"
    )


def _git_fact(results: Results) -> str:
    return f"the git revision stands in {PROVENANCE}" if record_of(results).git else ""


def _thresholds_fact(results: Results) -> str:
    found = _thresholds(results)
    people = sorted({str(one.get("set_by") or "nobody named") for one in found})
    return f"{plural(len(found), 'threshold')}, set by {'; '.join(people)}"


def _hardware_fact(results: Results) -> str:
    device = (results.provenance.get("environment") or {}).get("device")
    return f"device {device}; durations stand in run.json" if device else ""


def _references_fact(results: Results) -> str:
    """Which level each group is compared with, and whether somebody declared it."""
    pairs = results.table("impact_ratio", "pairs")
    if pairs is None or not {"attribute", "reference"} <= set(pairs):
        return ""
    metric = (results.config.get("metrics") or {}).get("impact_ratio") or {}
    declared: Mapping[str, str] = metric.get("reference") or {}
    shown = [
        f"{str(attribute).replace('_', ' ')}: {reference} "
        f"({'declared' if declared.get(attribute) == reference else 'the largest, not declared'})"
        for attribute, reference in pairs.groupby("attribute", sort=False)["reference"]
        .first()
        .items()
    ]
    return f"compared with {'; '.join(shown)}"


def _cases_fact(results: Results) -> str:
    """For how many cases there are pages."""
    path = results.paths.get("measures/cases")
    if path is None or not (path / "cases.parquet").is_file():
        return ""
    n = len(load_table(path / "cases.parquet"))
    of = ""
    if results.has("predictions/test"):
        of = f" of the {count(results.predicted.n)} of the test part"
    return f"pages of their own: {plural(n, 'case')}{of}"


_FACTS: Mapping[str, Callable[[Results], str]] = {
    "base_model": _base_model,
    "log": _log_fact,
    "git": _git_fact,
    "thresholds": _thresholds_fact,
    "hardware": _hardware_fact,
    "reference_levels": _references_fact,
    "cases": _cases_fact,
}

#: What `facts` and `record` of `_sources.yaml` may name.
FACTS = frozenset(_FACTS)
