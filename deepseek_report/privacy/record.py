"""What `run.json` and `config.yaml` say of a run, without the rows that the config names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deepseek_report.artifacts.disclosure import Privacy
from deepseek_report.artifacts.message import message, text_of
from deepseek_report.privacy.measures import is_private
from deepseek_report.privacy.withheld import RunSource

#: Stands for a row number that a run folder must not hold; no config with it is accepted.
WITHHELD = "withheld"
_CASES = "report.cases"


def told_config(config: Mapping[str, Any], privacy: Privacy) -> dict[str, Any]:
    """The config as the run folder holds it."""
    if privacy.is_full or not privacy.named:
        return dict(config)
    return {**config, "report": {**config["report"], "cases": [WITHHELD] * privacy.named}}


def told_overrides(overrides: Sequence[str], privacy: Privacy) -> list[str]:
    """The overrides that repeat the run, as the run folder holds them."""
    if privacy.is_full:
        return list(overrides)
    hidden = f"{_CASES}=[{','.join([WITHHELD] * privacy.named)}]"
    return [hidden if text.lstrip("+~").startswith(_CASES) else text for text in overrides]


def told_problems(
    problems: Iterable[Mapping[str, Any]], privacy: Privacy, source: RunSource | None
) -> Iterable[dict[str, Any]]:
    """Why parts are missing, without what quotes the data or counts few instances."""
    for problem in problems:
        if privacy.is_full or not _is_quoting(problem, source):
            yield dict(problem)
        else:
            reason = message("refusals.withheld", level=privacy.level)
            yield {**problem, "reason": reason.to_json()}


def _is_quoting(problem: Mapping[str, Any], source: RunSource | None) -> bool:
    """Errors may quote any value; a part that refuses words its reason itself."""
    if problem["kind"] == "failed" or source is None:
        return True
    return is_private(text_of(problem["reason"]), source)
