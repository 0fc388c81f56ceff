"""Earlier names of what a config may name, so that a message can say what it is called now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deepseek_report.config.problems import nearest

_M, _V = "deepseek_report.metrics", "deepseek_report.visualizations"

#: {(group, file): file} of parts that are chosen by name.
PARTS: Mapping[tuple[str, str], str] = {
    ("metrics", "error_slices"): "slices",
    ("metrics", "group_errors"): "group_rates",
    ("metrics", "part_errors"): "part_performance",
    ("visualizations", "error_slices"): "slices",
    ("visualizations", "group_errors"): "group_rates",
    ("visualizations", "part_errors"): "part_performance",
}
#: {dotted path: dotted path} of classes that a `_target_` names.
TARGETS: Mapping[str, str] = {
    f"{_M}.error_slices.ErrorSlices": f"{_M}.slices.Slices",
    f"{_M}.group_errors.GroupErrors": f"{_M}.group_rates.GroupRates",
    f"{_M}.groups.GroupRates": f"{_M}.group_rates.GroupRates",
    f"{_M}.part_errors.PartErrors": f"{_M}.part_performance.PartPerformance",
    f"{_V}.error_slices.ErrorSlices": f"{_V}.slices.Slices",
    f"{_V}.group_errors.GroupErrors": f"{_V}.group_rates.GroupRates",
    f"{_V}.part_errors.PartErrors": f"{_V}.part_performance.PartPerformance",
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
    return _renamed(TARGETS.get(target))


def _renamed(name: str | None) -> str:
    return f"renamed to `{name}`" if name else ""
