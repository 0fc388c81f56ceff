"""The jobs of a sweep: every combination of what the command line and the experiment vary.

An experiment declares axes in a block `sweep:`, `{key: values}`; what the command line says of a
key stands in the place of its axis. The block is read before the jobs are composed, and so by this
module and not by Hydra, which reads such a block only after it has chosen how to run it
(facebookresearch/hydra#2946).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from deepseek_report.config.compose import Composer
from deepseek_report.config.composed import Composed, locate
from deepseek_report.config.config_files import WHOLE
from deepseek_report.config.experiment import Experiment
from deepseek_report.config.overrides import MOST_JOBS, expand, quoted
from deepseek_report.config.problems import ConfigProblems, Problem
from deepseek_report.config.validate import validate

BLOCK = "sweep"
#: Overrides that decide which files an experiment is made of, and so which block is read.
_CHOOSING = frozenset({*WHOLE, "dataset", BLOCK})
#: What cannot be an axis of a block that stands inside of it, or belongs to one machine.
_NO_AXES = frozenset({*WHOLE, BLOCK, "hydra", "paths", "jobs", "device", "launcher"})
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_WORDS_OF_YAML = frozenset({"null", "true", "false", "nan", "inf"})


@dataclass(frozen=True)
class SweepJob:
    """One run of a sweep. varying : the overrides in which the jobs differ."""

    overrides: tuple[str, ...]
    varying: tuple[str, ...]
    experiment: Experiment

    @property
    def label(self) -> str:
        return " ".join(self.varying)


def sweep_jobs(
    overrides: Sequence[str],
    config_dir: str | None = None,
    trust: Sequence[str] = (),
    trust_types: Sequence[str] = (),
    on_first: Callable[[SweepJob], None] | None = None,
) -> list[SweepJob]:
    """All jobs of a sweep, valid.

    on_first : is called with the first valid job, before the others are composed.

    Raises ConfigProblems: the problems of all jobs, each once.
    """
    composer = Composer.of(config_dir)
    planned = job_overrides(overrides, composer)
    differing = varying([job.overrides for job in planned])
    jobs, problems = [], dict[Problem, list[str]]()
    for job, differs in zip(planned, differing, strict=True):
        try:
            experiment = validate(composer.compose(job.overrides), trust, trust_types)
        except ConfigProblems as error:
            for problem in error.problems:
                problems.setdefault(job.placed(problem), []).append(" ".join(differs))
        else:
            jobs.append(SweepJob(job.overrides, tuple(differs), experiment))
            if on_first is not None and len(jobs) == 1:
                on_first(jobs[0])
    if problems:
        raise ConfigProblems(list(_of_jobs(problems, len(planned))))
    return jobs


def _of_jobs(problems: Mapping[Problem, Sequence[str]], total: int) -> Iterator[Problem]:
    """Each problem once, with the jobs that have it where not all do."""
    for problem, jobs in problems.items():
        if len(jobs) == total:
            yield problem
        else:
            more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
            yield replace(problem, where=f"{problem.where} (in the job {jobs[0]}{more})")


def varying(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Of each job the overrides that not all jobs have."""
    shared = set(jobs[0]).intersection(*jobs[1:]) if jobs else set()
    return [[text for text in job if text not in shared] for job in jobs]


# --- which jobs there are -------------------------------------------------------------------------


@dataclass(frozen=True)
class JobOverrides:
    """The overrides of one job.

    places : {override that a block declares: where it stands}. split : the seed of the data that
    the files declare.
    """

    overrides: tuple[str, ...]
    places: Mapping[str, str]
    split: int

    def placed(self, problem: Problem) -> Problem:
        """The problem, said of the file where an override of a block brought it about."""
        text = problem.where.removeprefix("command line, ")
        place = self.places.get(text)
        return replace(problem, where=f"{place}, {text}") if place else problem

    def with_one_split(self) -> JobOverrides:
        """The same, on the rows that the files choose, unless it says `seeds.data` itself."""
        if {"seeds", "seeds.data"} & {_key(text) for text in self.overrides}:
            return self
        return replace(self, overrides=(*self.overrides, f"seeds.data={self.split}"))


def job_overrides(overrides: Sequence[str], composer: Composer) -> list[JobOverrides]:
    """The overrides of every job: those of the command line, then those of the block.

    Jobs that vary `seed` keep one split and one background, those of the experiment's own seed,
    unless `seeds.data` is said.

    Raises ConfigProblems: the block is none, or there are too many jobs.
    """
    bases: dict[tuple[str, ...], Composed] = {}
    jobs: list[JobOverrides] = []
    for job in expand(overrides):
        choosing = tuple(text for text in job if _key(text).partition(".")[0] in _CHOOSING)
        if choosing not in bases:
            bases[choosing] = composer.compose(choosing)
        jobs += _with_block(job, bases[choosing])
        if len(jobs) > MOST_JOBS:
            fault = f"the sweep has more than {MOST_JOBS} runs"
            raise ConfigProblems.of("the sweep", fault, todo="run it in parts")
    seeds = {text for job in jobs for text in job.overrides if _key(text) == "seed"}
    return [job.with_one_split() for job in jobs] if len(seeds) > 1 else jobs


def _with_block(job: Sequence[str], base: Composed) -> Iterator[JobOverrides]:
    """The jobs that one job of the command line becomes by the block of its experiment."""
    axes = _axes(base)
    taken = {_key(text) for text in job}
    open_axes = [axis for axis in axes if axis.key not in taken]
    of_data = base.raw["seeds"]["data"]
    split = base.raw["seed"] if of_data is None else of_data
    if math.prod(len(axis.overrides) for axis in open_axes) > MOST_JOBS:
        where = locate(base, (BLOCK,))
        raise ConfigProblems.of(where, f"more than {MOST_JOBS} runs", todo="run it in parts")
    for combination in itertools.product(*(axis.overrides for axis in open_axes)):
        places = {text: axis.where for text, axis in zip(combination, open_axes, strict=True)}
        yield JobOverrides((*job, *combination), places, split)


@dataclass(frozen=True)
class _Axis:
    key: str
    overrides: tuple[str, ...]
    where: str


def _axes(base: Composed) -> list[_Axis]:
    """The axes of a block.

    Raises ConfigProblems: it is no mapping of keys to lists of values, or varies what it may not.
    """
    block = base.sweep
    if not isinstance(block, Mapping):
        fault = f"{BLOCK} is {block!r}, and it says which values are run through"
        raise ConfigProblems.of(
            locate(base, (BLOCK,)), fault, "keys with lists, such as `seed: [1, 2, 3]`"
        )
    problems = [problem for key in block for problem in _axis_problems(base, str(key), block[key])]
    if problems:
        raise ConfigProblems(problems)
    return [
        _Axis(
            str(key),
            tuple(f"{key}={override_text(value)}" for value in values),
            locate(base, (BLOCK, str(key))),
        )
        for key, values in block.items()
    ]


def _axis_problems(base: Composed, key: str, values: object) -> Iterator[Problem]:
    where = locate(base, (BLOCK, key))
    if key.partition(".")[0] in _NO_AXES:
        yield Problem(
            where,
            f"{key} cannot be varied by a block",
            "what decides results: model, seed, trainer.epochs, …",
            f"vary it on the command line: -m {key}=…",
        )
    elif not isinstance(values, list) or not values:
        shown = "an empty list" if values == [] else repr(values)
        yield Problem(where, f"{BLOCK}.{key} is {shown}", "a list of values, such as [1, 2, 3]")


def override_text(value: object) -> str:
    """A plain value as the grammar of the command line writes it.

    >>> override_text(["mlp", 3, None, {"a b": 0.5}])
    "[mlp,3,null,{'a b':0.5}]"
    """
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(f"{override_text(k)}:{override_text(v)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(override_text, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML
        return value if plain else quoted(value)
    return str(value)


def _key(text: str) -> str:
    """What an override is about, without its signs."""
    return text.partition("=")[0].lstrip("+~").partition("@")[0]
