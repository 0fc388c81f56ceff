"""What `run.json` and `config.yaml` say of a run, without the rows that the config names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deepseek_report.artifacts.disclosure import Privacy

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
    problems: Iterable[Mapping[str, str]], privacy: Privacy
) -> Iterable[dict[str, str]]:
    """Failures without their messages, which may quote values of the data."""
    for one in problems:
        if privacy.is_full or one["kind"] != "failed":
            yield dict(one)
        else:
            reason = (
                f"it failed; report.privacy is {privacy.level}, so the message, which may quote "
                "the data, is in the terminal alone"
            )
            yield {**one, "reason": reason}


def row_counts(parts: Mapping[str, int], privacy: Privacy) -> dict[str, int]:
    """{what: how many} rows about single instances that a run folder holds."""
    if privacy.is_full:
        return {name: n for name, n in parts.items() if n}
    return {"cases": privacy.named} if privacy.level == "cases" else {}
