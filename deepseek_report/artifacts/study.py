"""One or several runs for everything that draws and writes; a report of one is a study of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from deepseek_report.artifacts.results import Results

#: Settings that only say what a run is called.
_NAMES = frozenset({"name", "report.title", "report.subtitle"})
#: What a key is in a run that has it not.
ABSENT = "–"


@dataclass(frozen=True)
class Study:
    """Runs to be read together, in the order in which they were named.

    Raises ValueError: there is no run.
    """

    runs: tuple[Results, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError("a study holds at least one run")

    @classmethod
    def of(cls, *runs: Results) -> Study:
        """The study of these runs."""
        return cls(runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Results]:
        return iter(self.runs)

    @property
    def single(self) -> Results:
        """The only run; raises ValueError: there are several."""
        if len(self.runs) != 1:
            raise ValueError(f"a study of {len(self.runs)} runs has no single one")
        return self.runs[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The id of each run."""
        return tuple(run.run_id for run in self.runs)

    @cached_property
    def varying(self) -> dict[str, tuple[object, ...]]:
        """{dotted key of the config: its value in each run}, of the keys that differ alone.

        A key that a run has not is "–" there.
        """
        flat = [dict(flat_config(run.config)) for run in self.runs]
        keys = dict.fromkeys(key for config in flat for key in config)
        values = {key: tuple(config.get(key, ABSENT) for config in flat) for key in keys}
        return {key: each for key, each in values.items() if _differ(each)}

    @cached_property
    def same_rows(self) -> bool:
        """Whether all runs test the same rows: their data have the same key."""
        keys = {_key(run, "data") for run in self.runs}
        return len(self.runs) == 1 or (len(keys) == 1 and "" not in keys)

    @cached_property
    def same_target(self) -> bool:
        """Whether all runs predict the same."""
        first = self.runs[0].schema.target
        known = (first.task, first.name, first.classes)
        targets = (run.schema.target for run in self.runs)
        return all((each.task, each.name, each.classes) == known for each in targets)

    @cached_property
    def same_data(self) -> bool:
        """Whether all runs have the same data set, in whatever split."""
        return not any(key == "dataset" or key.startswith("dataset.") for key in self.varying)

    @cached_property
    def same_seeds(self) -> bool:
        """Whether all runs drew from the same seeds."""
        return not any(key in {"seed", "seeds"} or key.startswith("seeds.") for key in self.varying)


def flat_config(config: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """{dotted key: value} of a config, without what a run is only called and what holds nothing."""
    for key, value in config.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping):
            yield from flat_config(value, name)
        elif name not in _NAMES:
            yield name, value


def _differ(values: tuple[object, ...]) -> bool:
    return any(value != values[0] for value in values[1:])


def _key(run: Results, stage: str) -> str:
    stages = run.provenance.get("stages") or ()
    return next((str(entry["key"]) for entry in stages if entry["id"] == stage), "")
