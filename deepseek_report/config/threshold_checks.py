"""Whether every threshold is about a number that this run measures and that can be judged.

`stated` looks at the text alone, `measured` at what is chosen, `against_data` at the attributes and
levels that the data turn out to have. Each mistake is a problem of its own.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_report.artifacts.explanation import CONTROL
from deepseek_report.artifacts.ids import ArtifactId
from deepseek_report.artifacts.message import SKIPPED, Text
from deepseek_report.artifacts.protocols.traits import MetricPart
from deepseek_report.artifacts.schema import CROSS, UNKNOWN, Attribute, AttributeKind, Schema
from deepseek_report.artifacts.score import Bounds
from deepseek_report.config.catalogue import target_of
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.config_files import choice_files
from deepseek_report.config.experiment import Experiment, Refusal
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest
from deepseek_report.wording.words import wording

#: Scores of how much better the model is than a simpler one, and the simpler models, of classes and
#: of numbers.
_GAINS = frozenset({"roc_auc_gain", "mae_gain"})
_PREDICTORS = ("majority", "logistic_regression", "gradient_boosting", "mean", "ridge")
#: A key of `bounds` in the text of a class.
_BOUNDS = re.compile(r"\n    bounds(?:: ClassVar\[Bounds\])? = \{([^{}]*)\}")
_SCORE = re.compile(r'"(\w+)":')


@dataclass(frozen=True)
class _Declared:
    """One threshold as it is written, with its place for messages."""

    entry: Mapping[str, object]
    where: str

    def __getitem__(self, key: str) -> object:
        return self.entry.get(key)

    def text(self, key: str) -> str:
        return str(self.entry.get(key) or "")

    @property
    def name(self) -> str:
        about = ", ".join(filter(None, map(self.text, ("attribute", "level", "explainer"))))
        return f'the threshold on "{self.text("metric")}"' + (f" ({about})" if about else "")

    def problem(self, fault: str, allowed: str = "", todo: str = "") -> Problem:
        return Problem(self.where, f"{self.name}: {fault}", allowed, todo)


@dataclass(frozen=True)
class _Source:
    """A metric that gives a score: its key, its plug-in or the class of it, the score's bounds."""

    metric: str
    plugin: MetricPart | type[MetricPart]
    bounds: tuple[float | None, float | None]

    @property
    def of_model(self) -> bool:
        return self.plugin.scope == "model"

    @property
    def kinds(self) -> frozenset[AttributeKind]:
        """The kinds of attributes by which the score is given."""
        return self.plugin.needs_groups


_Sources = Mapping[str, Sequence[_Source]]


def _declared(composed: Composed) -> list[_Declared]:
    report = composed.raw.get("report")
    entries = report.get("thresholds") if isinstance(report, Mapping) else None
    return [
        _Declared(entry, locate(composed, ("report", "thresholds", str(index))))
        for index, entry in enumerate(entries if isinstance(entries, list) else [])
        if isinstance(entry, Mapping)
    ]


def places(composed: Composed) -> tuple[str, ...]:
    """Where each threshold was declared, for messages after the data are read."""
    return tuple(threshold.where for threshold in _declared(composed))


def bounds_of(key: str, plugin: MetricPart | type[MetricPart]) -> Bounds:
    """Every score that a metric of this key may give, with its bounds."""
    declared = plugin.bounds
    return {key: (None, None)} if declared is None else declared


def _shipped(composed: Composed, declared: Iterable[_Declared]) -> _Sources:
    """{score: what gives it} of every metric that has a file.

    Classes are loaded of the scores that thresholds name; of others the name alone is read.
    """
    names = {threshold.text("metric") for threshold in declared}
    files = [file for root in composed.roots for file in choice_files(root, "metrics")]
    known: dict[str, list[_Source]] = {}
    for file in files:
        sources = dict[str, list[_Source]]()
        try:
            target = target_of(file)
            scores = scores_in_source(target)
            if scores is None or not names.isdisjoint(scores):
                module, _, name = target.rpartition(".")
                own = module.startswith("deepseek_report.")
                code = importlib.import_module(module) if own else None
                plugin = getattr(code, name, MetricPart)
                sources = _sources([(file.stem, plugin)])
                scores = tuple(sources)
        except (ConfigProblems, ImportError):  # told where somebody chooses it
            continue
        for score in scores:
            known.setdefault(score, []).extend(sources.get(score, ()))
    return known


@cache
def scores_in_source(target: str) -> tuple[str, ...] | None:
    """The scores that a class of this package lists in its `bounds`, without loading it.

    Loading all metrics takes longer than composing a configuration does. None where the text does
    not list them one by one.
    """
    module, _, name = target.rpartition(".")
    package, *rest = module.split(".")
    path = Path(__file__).resolve().parents[1].joinpath(*rest).with_suffix(".py")
    if package != "deepseek_report" or not path.is_file():
        return None
    own = path.read_text(encoding="utf-8").partition(f"\nclass {name}(")[2]
    listed = _BOUNDS.search(own.partition("\nclass ")[0])
    return None if listed is None or "**" in listed[1] else tuple(_SCORE.findall(listed[1]))


def _sources(
    metrics: Iterable[tuple[str, MetricPart | type[MetricPart]]],
) -> dict[str, list[_Source]]:
    """{score: what gives it} of metrics by their keys, each a plug-in or the class of one."""
    known: dict[str, list[_Source]] = {}
    for key, plugin in metrics:
        for score, bounds in bounds_of(key, plugin).items():
            known.setdefault(score, []).append(_Source(key, plugin, bounds))
    return known


def stated(composed: Composed) -> Iterator[Problem]:
    """What is wrong with a threshold whatever is chosen: metric, sides, bound."""
    if declared := _declared(composed):
        sources = _shipped(composed, declared)
        if problems := [*_stated(declared, sources)]:
            yield from problems
            yield from _of_groups(declared, sources)


def _stated(declared: Iterable[_Declared], sources: _Sources) -> Iterator[Problem]:
    for threshold in declared:
        yield from _sides(threshold)
        metric = threshold.text("metric")
        if metric and metric not in sources:
            fault = f'a threshold is declared for "{metric}", which no metric measures'
            yield Problem(threshold.where, fault, choices(sources), nearest(metric, sources))
        elif metric:
            for source in sources[metric][:1]:
                yield from _outside(threshold, source.bounds)
            yield from _over(threshold)
        level = threshold.text("level")
        if level and not threshold.text("attribute"):
            fault = f'level "{level}" is given without its attribute'
            yield threshold.problem(
                fault, "", "say which attribute it is a level of: attribute: sex, say"
            )


def _of_groups(declared: Iterable[_Declared], sources: _Sources) -> Iterator[Problem]:
    for threshold in declared:
        own = sources.get(threshold.text("metric"), ())
        if own and threshold.text("attribute") and not any(source.kinds for source in own):
            fault = "it is measured for the whole test part, not for groups"
            yield threshold.problem(fault, "", "remove attribute, or choose a measure of groups")


def _sides(threshold: _Declared) -> Iterator[Problem]:
    sides = [side for side in ("at_least", "at_most") if threshold[side] is not None]
    if len(sides) != 1:
        fault = "both at_least and at_most are given" if sides else "no bound is given"
        yield threshold.problem(fault, "exactly one of at_least and at_most")


def _over(threshold: _Declared) -> Iterator[Problem]:
    """A gain is over a simpler model, which must be named; no other score is."""
    is_gain, predictor = threshold.text("metric") in _GAINS, threshold.text("predictor")
    if is_gain and predictor not in _PREDICTORS:
        fault = f'over "{predictor}"' if predictor else "it does not say over which simpler model"
        todo = "add predictor: logistic_regression, or ridge where a number is predicted"
        yield threshold.problem(fault, choices(_PREDICTORS), todo)
    elif predictor and not is_gain:
        fault = f'predictor "{predictor}" of a score that is no gain over one'
        yield threshold.problem(fault, "", "remove predictor, or promise roc_auc_gain or mae_gain")


def _outside(threshold: _Declared, bounds: tuple[float | None, float | None]) -> Iterator[Problem]:
    low, high = bounds
    for side in ("at_least", "at_most"):
        bound = threshold[side]
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            continue
        below, above = low is not None and bound < low, high is not None and bound > high
        if below or above or not math.isfinite(bound):
            is_percent = high == 1 and 1 < bound <= 100
            todo = f"write {bound / 100:g} for {bound:g} %" if is_percent else ""
            yield threshold.problem(
                f"{side} is {bound:g}, which it can never be", _range(low, high), todo
            )


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "a finite number"
    if low is None or high is None:
        return f"at most {high:g}" if low is None else f"at least {low:g}"
    return f"from {low:g} to {high:g}"


def measured(
    experiment: Experiment, composed: Composed, refused: Sequence[Refusal]
) -> Iterator[Problem]:
    """What is wrong with a threshold given what is chosen: it must be measured in this run."""
    if not (declared := _declared(composed)):
        return
    chosen = _sources(experiment.metrics.items())
    known = {**_shipped(composed, declared), **chosen}
    yield from _stated(declared, known)
    yield from _of_groups(declared, chosen)
    reasons = {ArtifactId(refusal.artifact).rest: refusal.reason for refusal in refused}
    for threshold in declared:
        metric = threshold.text("metric")
        if metric in chosen:
            yield from _about_explainer(threshold, chosen[metric], experiment, reasons)
        elif metric in known and reasons.get(known[metric][0].metric) != SKIPPED:
            key = known[metric][0].metric
            reason = wording().say(reasons.get(key, f"the metric {key} is not chosen"))
            todo = "take it away (report.thresholds=[] takes all away)"
            todo = todo if key in reasons else f"add {key} to metrics=[…], or {todo}"
            yield threshold.problem(f"it will not be measured: {reason}", "", todo)


def _about_explainer(
    threshold: _Declared,
    sources: Sequence[_Source],
    experiment: Experiment,
    reasons: Mapping[str, Text],
) -> Iterator[Problem]:
    """The explainer must be one that runs and that is judged by the metric."""
    if not (explainer := threshold.text("explainer")):
        return
    running = [name for name in experiment.explainers if name != CONTROL]
    if all(source.of_model for source in sources):
        fault = "it is a number of the model, not of an explainer"
        yield threshold.problem(fault, "", "remove explainer")
    elif explainer == CONTROL:
        fault = "random is what explanations are judged against, so it is never judged itself"
        yield threshold.problem(fault, choices(running))
    elif explainer not in running and reasons.get(explainer) != SKIPPED:
        reason = f" ({wording().say(reasons[explainer])})" if explainer in reasons else ""
        fault = f'no explainer "{explainer}" runs here{reason}'
        yield threshold.problem(fault, choices(running), nearest(explainer, running))


def against_data(experiment: Experiment, schema: Schema) -> list[Problem]:
    """Attributes and levels that thresholds name and that these data do not have."""
    chosen = _sources(experiment.metrics.items())
    problems: list[Problem] = []
    places = experiment.threshold_places
    for index, threshold in enumerate(experiment.report.thresholds):
        where = places[index] if index < len(places) else "report.thresholds"
        declared = _Declared(vars(threshold), where)
        sources = chosen.get(declared.text("metric"), ())
        if declared.text("attribute") and sources:
            kinds = frozenset(kind for source in sources for kind in source.kinds)
            problems.extend(_attribute(declared, kinds, schema.attributes))
    return problems


def _attribute(
    threshold: _Declared, kinds: frozenset[AttributeKind], attributes: Sequence[Attribute]
) -> list[Problem]:
    """Attributes may be crossed ("sex × age_band"); levels of such are known only when counted."""
    name, level = threshold.text("attribute"), threshold.text("level")
    fit = {attribute.name: attribute for attribute in attributes if attribute.kind in kinds}
    if all(part in fit for part in name.split(CROSS)):
        if not level or CROSS in name or level in (*fit[name].levels, UNKNOWN):
            return []
        levels, fault = fit[name].levels, f'"{level}" is not a level of {name}'
        return [threshold.problem(fault, ", ".join(levels), nearest(level, levels))]
    other = any(attribute.name == name for attribute in attributes)
    reason = "is not of the kind that this metric compares" if other else "is not in these data"
    allowed = choices(fit) or "none: these data have no such groups"
    return [threshold.problem(f'attribute "{name}" {reason}', allowed, nearest(name, fit))]
