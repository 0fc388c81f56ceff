"""Earlier names of what a config may name, so that a message can say what it is called now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import yaml

from deepseek_report.config.problems import nearest

_PACKAGE = "deepseek_report"
_NAMES = Path(__file__).with_name("renamed_modules.yaml")
#: What Python says of `from MODULE import NAME` where the module is there and the name is not.
_NO_SUCH_NAME = re.compile(r"cannot import name '(\w+)'")
_METRICS = f"{_PACKAGE}.metrics"

#: {(group, file): file} of parts that are chosen by name.
PARTS: Mapping[tuple[str, str], str] = {
    ("metrics", "error_slices"): "slices",
    ("metrics", "group_errors"): "group_rates",
    ("metrics", "part_errors"): "part_performance",
    ("metrics", "threshold_tradeoff"): "options",
    ("visualizations", "error_slices"): "slices",
    ("visualizations", "group_errors"): "group_rates",
    ("visualizations", "part_errors"): "part_performance",
}
#: {dotted path: dotted path} of classes that went to another module than the rest of theirs.
TARGETS: Mapping[str, str] = {
    f"{_METRICS}.groups.GroupRates": f"{_METRICS}.fairness.group_rates.GroupRates",
    f"{_METRICS}.fairness.threshold_tradeoff.ThresholdTradeoff": (
        f"{_METRICS}.fairness.options.Options"
    ),
}
#: {(group, file, setting): setting}.
SETTINGS: Mapping[tuple[str, str, str], str] = {
    ("metrics", "group_rates", "n_permutations"): "n_resamples",
    ("metrics", "part_performance", "n_permutations"): "n_resamples",
}
#: {score: score} that a threshold names; `benchmarks/renamed_scores.yaml` says the same.
SCORES: Mapping[str, str] = {"parts_examined": "slices_examined"}


def part_hint(group: str, name: str, known: Iterable[str]) -> str:
    """What to write in the place of a part that is not there."""
    return _renamed(PARTS.get((group, name))) or nearest(name, known)


def setting_hint(path: tuple[str, ...], known: Iterable[str]) -> str:
    """What to write in the place of a setting that a part does not have."""
    name = SETTINGS.get((path[0], path[1], path[2])) if len(path) > 2 else None
    return _renamed(name) or nearest(path[-1], known)


def score_hint(score: str, known: Iterable[str]) -> str:
    """What to write in the place of a score that nothing measures."""
    return _renamed(SCORES.get(score)) or nearest(score, known)


def target_hint(target: str) -> str:
    """What to write in the place of a class that is not there, or nothing."""
    earlier = TARGETS.get(target, target)
    name = earlier_names().member(earlier) or earlier
    return "" if name == target else _renamed(name)


def import_hint(error: ImportError) -> str:
    """What to import instead of something of this package that is not there, or nothing."""
    missing = error.name or ""
    if (unknown := _NO_SUCH_NAME.match(str(error))) is not None:
        missing += f".{unknown[1]}"
    name = earlier_names().module(missing) or earlier_names().member(missing)
    return f"import it by its new name: `{missing}` was {_renamed(name)}" if name else ""


@dataclass(frozen=True)
class EarlierNames:
    """Modules and what is in them, as they were called before.

    Names are given and told in full; those that lead nowhere today are not told.

    modules : {earlier module: module}, both below the package.
    classes : {module as it is called now, and earlier class: class}.
    """

    modules: Mapping[str, str]
    classes: Mapping[str, str]

    def module(self, name: str) -> str:
        """Today's name of a module, or "" where it has no other."""
        package, _, below = name.partition(".")
        new = f"{package}.{self.modules.get(below, '')}"
        is_known = package == _PACKAGE and below in self.modules
        return new if is_known and _is_there(new) else ""

    def member(self, name: str) -> str:
        """Today's name of a class or function in a module, or "" where it has no other."""
        module, _, earlier = name.rpartition(".")
        module = self.module(module) or module
        below = module.partition(".")[2]
        new = f"{module}.{self.classes.get(f'{below}.{earlier}', earlier)}"
        return new if new != name and _is_there(module) else ""


@cache
def earlier_names() -> EarlierNames:
    """What `renamed_modules.yaml` lists."""
    return EarlierNames(**yaml.safe_load(_NAMES.read_text(encoding="utf-8")))


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a folder above it is not there, or the name is empty
        return False


def _renamed(name: str | None) -> str:
    return f"renamed to `{name}`" if name else ""
