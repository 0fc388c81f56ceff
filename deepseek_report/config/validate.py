"""Checks a composed configuration in one pass and builds the plug-ins."""

from __future__ import annotations

import dataclasses
import importlib
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from deepseek_report.artifacts.protocols.datasets import DatasetPart
from deepseek_report.artifacts.protocols.explainers import ExplainerPart
from deepseek_report.artifacts.protocols.models import ModelPart, Trainer
from deepseek_report.artifacts.protocols.progress import Launcher
from deepseek_report.artifacts.protocols.sections import FrameworkPart, SectionPart
from deepseek_report.artifacts.protocols.traits import MetricPart, PicturePart, completed
from deepseek_report.artifacts.storage.local_paths import PLAIN_NAME, twins, unfit_name
from deepseek_report.config import local_code
from deepseek_report.config.blocks import blocks, declared_class
from deepseek_report.config.composed import Composed, Undecided, locate
from deepseek_report.config.config_files import MULTIPLE, SINGLE, choice_files, of_person
from deepseek_report.config.experiment import Experiment, Settings
from deepseek_report.config.local_code import late_import
from deepseek_report.config.problems import ConfigProblems, Problem, choices, nearest
from deepseek_report.config.sets import BY_USE
from deepseek_report.config.setting_names import (
    Misfit,
    correction,
    data_hint,
    full_key,
    in_shell,
    misfits,
    misplaced_key,
    shown_value,
    type_hints,
)
from deepseek_report.config.trusted import (
    OWN,
    PACKAGES_VARIABLE,
    Trusted,
    misnamed,
    trusted_packages,
    trusted_types,
)

#: What the parts of a group extend; one that does not has the defaults all the same.
BASES: Mapping[str, type] = {
    "dataset": DatasetPart,
    "model": ModelPart,
    "trainer": Trainer,
    "explainers": ExplainerPart,
    "metrics": MetricPart,
    "visualizations": PicturePart,
    "sections": SectionPart,
    "frameworks": FrameworkPart,
    "launcher": Launcher,
}
#: The launcher where none is chosen.
_LOCAL = {"_target_": f"{OWN}.runner.execution.local_launcher.LocalLauncher"}


def validate(
    composed: Composed, trust: Sequence[str] = (), trust_types: Sequence[str] = ()
) -> Experiment:
    """The experiment that a configuration describes, with all that cannot be applied left out.

    trust, trust_types : packages and types that the command line trusts, beside those of the
        environment; a configuration cannot extend them.

    Raises ConfigProblems: all problems: unknown keys, wrong types, values out of range, and rules
    that cross groups.
    """
    with late_import("pandas"):
        draft = built(composed, trust, trust_types)
        from deepseek_report.config import rules  # they know kinds of data, tasks and words

        experiment, problems = rules.apply(draft, composed)
        if problems:
            raise ConfigProblems(problems)
    return dataclasses.replace(experiment, undecided=Undecided.of(composed, experiment.explainers))


def built(
    composed: Composed, trust: Sequence[str] = (), trust_types: Sequence[str] = ()
) -> Experiment:
    """The same before its parts are held against one another and against the data.

    Raises ConfigProblems: unknown keys, wrong types, values out of range.
    """
    beside = [root.parent for root in of_person(composed.roots)]
    trusted = Trusted(trusted_packages(trust, beside), trusted_types(trust_types))
    local_code.install(local_code.find(trusted.roots, [Path.cwd(), *beside]))
    checker = _Checker(composed, trusted)
    settings, declared = checker.settings(), checker.declared()
    checker.unknown_top_level()
    checker.written_by_person()
    if settings is None or checker.problems:
        raise ConfigProblems(checker.problems, checker.untrusted)
    single = [checker.plugin((group,), composed.raw.get(group)) for group in SINGLE]
    *several, frameworks = (checker.several(group) for group in MULTIPLE)
    launcher = checker.plugin(("launcher",), composed.launcher or _LOCAL)
    if checker.problems:
        raise ConfigProblems(checker.problems, checker.untrusted)
    dataset, model, trainer, report = single
    several.append(made_for_use(composed, dataset, report, frameworks))
    parts: dict[str, Any] = dict(zip(MULTIPLE, several, strict=True))
    parts["metrics"] = _as_allowed(parts["metrics"], parts["frameworks"])
    values = {key: getattr(declared, key) for key in blocks()}
    written = _settled(settings, values)
    raw = written | _resolved(dict(zip(SINGLE, single, strict=True)), parts, composed.raw)
    return Experiment(
        settings,
        raw,
        dataset,
        model.trusting(trusted.types),
        trainer,
        report,
        **parts,
        launcher=launcher,
        trusted=trusted.packages,
        trusted_types=trusted.types,
        declared={key: value for key, value in values.items() if value},
    )


def made_for_use(
    composed: Composed,
    dataset: DatasetPart,
    report: object,
    frameworks: Mapping[str, FrameworkPart],
) -> dict[str, Any]:
    """The frameworks without those that `frameworks=auto` does not take for the declared use.

    Raises ConfigProblems: nobody declares a place, or nothing is made for what is declared.
    """
    group, auto = BY_USE
    by_use = {key: c for key, c in frameworks.items() if composed.origin(group, key) == "use"}
    if not by_use:
        return dict(frameworks)
    places = getattr(report, "places", ())
    where = locate(composed, (group,))
    if not places:
        raise ConfigProblems.of(
            where,
            f"{group}={auto} chooses by where decisions are made, and no place is declared",
            "codes of places, such as EU, DE, US, US-CO, UK, CN, KR, IN, TW or CA",
            "write report.places=[EU], or name the frameworks one by one",
        )
    fits = {key: choice.fit(dataset.sector, places) for key, choice in by_use.items()}
    kept = {
        key: choice
        for key, choice in frameworks.items()
        if (fit := fits.get(key)) is None or fit.applies
    }
    if not kept:
        sector = dataset.sector
        about = f"decisions about {sector}" if sector else "decisions of no declared sector"
        raise ConfigProblems.of(
            where,
            f"{group}={auto}: nothing is made for {about} in {', '.join(places)}",
            "",
            f"name some one by one, such as {group}=[nist_ai_rmf], or none: {group}=[]",
        )
    return kept


def _as_allowed(metrics: dict[str, Any], frameworks: Mapping[str, object]) -> dict[str, Any]:
    """The metrics, of which those that compare groups leave out what a chosen framework allows."""
    least = max((getattr(chosen, "least_share", 0.0) for chosen in frameworks.values()), default=0)
    open_ones = [k for k, metric in metrics.items() if getattr(metric, "least_share", 0) is None]
    taken = {key: dataclasses.replace(metrics[key], least_share=least or None) for key in open_ones}
    return metrics | taken


class _Checker:
    def __init__(self, composed: Composed, trusted: Trusted) -> None:
        self.composed = composed
        self.trusted = trusted.packages
        self.problems: list[Problem] = [*composed.problems, *misnamed(trusted)]
        self.untrusted: dict[str, str] = {}
        self.plugins: dict[tuple[str, ...], Any] = {}
        self.listed: dict[str, dict[str, Any]] = {}

    def written_by_person(self) -> None:
        """Check the parts of which a person wrote something, before the others are loaded.

        What this package ships is whole by itself, and loading it takes most of a check's time.
        """
        raw, written = self.composed.raw, self.composed.is_written
        for group in SINGLE:
            if written(group):
                self.plugin((group,), raw.get(group))
        for group in MULTIPLE:
            for key, entry in self.entries(group).items():
                if written(group, key) and not self.only_settings(group, key, entry):
                    self.plugin((group, key), entry)
        if written("launcher"):
            self.plugin(("launcher",), self.composed.launcher or _LOCAL)
        if written("report", "thresholds"):
            from deepseek_report.config import threshold_checks

            self.problems.extend(threshold_checks.stated(self.composed))

    def settings(self) -> Settings | None:
        fields = {field.name for field in dataclasses.fields(Settings)}
        plain = {key: value for key, value in self.composed.raw.items() if key in fields}
        built: Settings | None = self.build(Settings, plain, ())
        return built

    def declared(self) -> Any:
        """The values of all blocks of extensions; None where one has problems."""
        plain = {key: value for key, value in self.composed.raw.items() if key in blocks()}
        return self.build(declared_class(), plain, ())

    def unknown_top_level(self) -> None:
        known = {field.name for field in dataclasses.fields(Settings)}
        known |= {*SINGLE, *MULTIPLE, *blocks()}
        for key in self.composed.raw:
            if key not in known:
                self.problems.append(self.unknown((key,), known, self.composed.raw[key]))

    def entries(self, group: str) -> dict[str, object]:
        """{key: what is written of it} of the parts of a group whose keys can be names."""
        if group not in self.listed:
            self.listed[group] = self._listed(group)
        return self.listed[group]

    def _listed(self, group: str) -> dict[str, object]:
        entries = self.composed.raw.get(group) or {}
        if not isinstance(entries, Mapping):
            fault = f"{group} is {shown_value(entries)}, and its choices are files"
            self.add(
                (group,),
                fault,
                "a key for each part",
                f"write `- override /{group}: [one, two]` below `defaults:`",
            )
            return {}
        entries = {key: entry for key, entry in entries.items() if self.is_named(group, key)}
        for first, second in twins(entries):
            fault = f'the keys "{first}" and "{second}" differ in capitals alone'
            self.add((group, second), fault, "", "rename one: some systems take them for one file")
        return entries

    def several(self, group: str) -> dict[str, Any]:
        built = {
            key: self.plugin((group, key), entry)
            for key, entry in self.entries(group).items()
            if not self.only_settings(group, key, entry)
        }
        return {key: plugin for key, plugin in built.items() if plugin is not None}

    def is_named(self, group: str, key: object) -> bool:
        """Whether a key can be a folder's name, as it will be in the store and the run folder."""
        if reason := unfit_name(key):
            self.add((group, str(key)), f"the key {shown_value(key)} {reason}", PLAIN_NAME, "")
        return not reason

    def only_settings(self, group: str, key: str, entry: object) -> bool:
        """Whether a file sets fields of a part that exists but was not chosen."""
        unchosen = isinstance(entry, Mapping) and "_target_" not in entry
        set_here = any(
            text.lstrip("+~").startswith(f"{group}.{key}.") for text in self.composed.overrides
        )
        return unchosen and not set_here and key in self.known_choices(group)

    def plugin(self, path: tuple[str, ...], entry: object) -> Any:
        """The plug-in of an entry, built once; None where it has problems."""
        if path not in self.plugins:
            self.plugins[path] = None  # so that what is told of its own settings does not build it
            self.plugins[path] = self._built(path, entry)
        return self.plugins[path]

    def _built(self, path: tuple[str, ...], entry: object) -> Any:
        if not isinstance(entry, Mapping) or "_target_" not in entry:
            fault = f"nothing is chosen for {'.'.join(path)}"
            if entry:
                fault = f"{'.'.join(path)} has no _target_, so there is no such part to configure"
            allowed = choices(self.known_choices(path[0]))
            self.problems.append(Problem(self.where(path), fault, allowed, self.near(path)))
            return None
        target = self.load(path, str(entry["_target_"]))
        values = {key: value for key, value in entry.items() if key != "_target_"}
        plugin = self.build(target, values, path) if target else None
        held = self.composed.held.get(path)
        return plugin if plugin is None or held is None else plugin.holding(held)

    def near(self, path: tuple[str, ...]) -> str:
        return nearest(path[-1], self.known_choices(path[0]))

    def known_choices(self, group: str) -> list[str]:
        files = (file for root in self.composed.roots for file in choice_files(root, group))
        return sorted({file.stem for file in files})

    def load(self, path: tuple[str, ...], target: str) -> type | None:
        package = target.partition(".")[0]
        if package not in self.trusted:
            todo = (
                f"run with --trust {package}, or set {PACKAGES_VARIABLE}={package}, if you trust it"
            )
            fault = f"_target_ {target} is outside the trusted packages"
            self.untrusted.setdefault(package, target)
            self.add((*path, "_target_"), fault, ", ".join(self.trusted), todo)
            return None
        module, _, name = target.rpartition(".")
        try:
            found_class = getattr(importlib.import_module(module), name)
            if isinstance(found_class, type) and dataclasses.is_dataclass(found_class):
                complete: type = completed(found_class, BASES.get(path[0], object))
                return complete
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            todo = "correct the dotted path, or install the package"
            if package != OWN:
                todo += f", or run in the folder that holds {package}"
            self.add((*path, "_target_"), f"cannot load {target}: {error}", "", todo)
            return None
        fault = f"_target_ {target} is not a dataclass"
        self.add((*path, "_target_"), fault, "a frozen dataclass", "see docs/plugins.md")
        return None

    def build(self, cls: type, values: Mapping[str, object], path: tuple[str, ...]) -> Any:
        _forbid_extra(cls)
        try:
            return _adapter(cls).validate_python(dict(values))
        except ValidationError as error:
            faults = misfits(cls, error.errors())
            self.problems.extend(self.explain(misfit, cls, path) for misfit in faults)
            return None

    def explain(self, misfit: Misfit, cls: type, path: tuple[str, ...]) -> Problem:
        location = (*path, *misfit.place)
        if misfit.type == "unexpected_keyword_argument":
            owner = _class_at(cls, misfit.place[:-1])
            names = [field.name.rstrip("_") for field in dataclasses.fields(owner)]
            problem = self.unknown(location, names, misfit.value)
            if misfit.value is None and not problem.todo:  # `by: Risk team, Q2`, as YAML reads it
                todo = f'put a text with a comma into quotes: "…, {location[-1]}"'
                return dataclasses.replace(problem, todo=todo)
            return problem
        if misfit.type == "missing":
            fault, todo = f"{'.'.join(location)} must be given", f"set {'.'.join(location)}=…"
            where = self.where(location)
            where = self.where(path or location) if where == ".".join(location) else where
            return Problem(where, fault, "", todo)
        if misfit.type == "value_error" and not misfit.place:  # a rule between several fields
            return Problem(self.where(location), misfit.allowed)
        fault = f"{'.'.join(location)} is {shown_value(misfit.value)}"
        todo = correction(".".join(location), misfit)
        return Problem(self.where(location), fault, misfit.allowed, todo)

    def unknown(self, location: Sequence[str], known: Iterable[str], value: object) -> Problem:
        where, known, name = self.where(location), list(known), str(location[-1])
        text = where.partition("=")[2] if where.startswith("command line") else "…"
        full, hint = "", nearest(name, known)
        if len(location) == 1:
            full, hint = misplaced_key(name, known)
        elif not hint:
            full = full_key(name)
        if tuple(location) == ("dataset", "path") or (
            len(location) == 1 and full == "dataset.path"
        ):
            hint = data_hint(text)
        elif full not in {"", "dataset.path", ".".join(location)}:
            allowed = self.refused_at(full, value)
            hint = f"write {full}=… with {allowed}" if allowed else f"write {full}={in_shell(text)}"
        allowed = choices(known) or "none: it has no settings"
        return Problem(where, f'unknown key "{name}"', allowed, hint)

    def refused_at(self, full: str, value: object) -> str:
        """What is allowed at a field of what is chosen where this value is not; "" where it is."""
        group, _, field = full.rpartition(".")
        plugin = self.plugin((group,), self.composed.raw.get(group)) if group in SINGLE else None
        if plugin is None:
            return ""
        cls: type = type(plugin)
        try:
            _adapter(cls).validate_python({field: value})
        except ValidationError as error:
            for misfit in misfits(cls, error.errors()):
                if misfit.place == (field,) and misfit.type != "unexpected_keyword_argument":
                    return misfit.allowed
        return ""

    def add(self, path: Sequence[str], fault: str, allowed: str, todo: str) -> None:
        self.problems.append(Problem(self.where(path), fault, allowed, todo))

    def where(self, path: Sequence[str]) -> str:
        return locate(self.composed, path)


def _forbid_extra(cls: object) -> None:
    """Let pydantic refuse unknown keys of a plain dataclass, and of those nested in its fields."""
    nested_class = isinstance(cls, type) and dataclasses.is_dataclass(cls)
    if not nested_class or "__pydantic_config__" in vars(cls):
        return
    setattr(cls, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010 - pydantic reads it
    for hint in type_hints(cls).values():
        for nested in _leaves(hint):
            _forbid_extra(nested)


def _leaves(hint: object) -> Iterable[object]:
    arguments = typing.get_args(hint)
    return (leaf for argument in arguments for leaf in _leaves(argument)) if arguments else [hint]


def _class_at(cls: object, location: Sequence[object]) -> Any:
    for part in location:
        if str(part).isdecimal() or not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
            continue
        hint = type_hints(cls).get(str(part))
        cls = next((leaf for leaf in _leaves(hint) if dataclasses.is_dataclass(leaf)), cls)
    return cls


def _settled(settings: Settings, declared: Mapping[str, Any]) -> dict[str, Any]:
    """The settings and what the blocks of extensions declare, all defaults written out."""
    seeds = dataclasses.asdict(settings.seeds.over(settings.seed))
    plain = {**_plain(settings), "seeds": seeds}
    for key, value in declared.items():
        plain |= blocks()[key].recorded(value)
    return plain


def _resolved(
    single: Mapping[str, object],
    multiple: Mapping[str, Mapping[str, object]],
    raw: Mapping[str, Any],
) -> dict[str, Any]:
    def resolved(entry: Mapping[str, object], plugin: object) -> dict[str, object]:
        return {"_target_": entry["_target_"], **_plain(plugin)}

    plain: dict[str, Any] = {
        group: resolved(raw[group], plugin) for group, plugin in single.items()
    }
    for group, plugins in multiple.items():
        plain[group] = {key: resolved(raw[group][key], each) for key, each in plugins.items()}
    return plain


def _plain(plugin: object) -> dict[str, object]:
    cls: Any = type(plugin)
    return dict(_adapter(cls).dump_python(plugin, mode="json"))


@lru_cache(maxsize=1024)
def _adapter(cls: type) -> TypeAdapter[object]:
    return TypeAdapter(cls)
