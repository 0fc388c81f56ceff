"""A finished run as Python sees it: tables as pandas frames, the rest as plain objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd
import yaml

from deepseek_report.api import shown
from deepseek_report.api.report_arguments import refuse
from deepseek_report.artifacts.explanation import Explanation
from deepseek_report.artifacts.results import Results
from deepseek_report.config.portable import deepening
from deepseek_report.extension import service
from deepseek_report.rendering.page_words import page_of
from deepseek_report.runner.run_folders.open_run import RecordedRun, open_run, reading
from deepseek_report.runner.run_folders.writing import concluded_record

if TYPE_CHECKING:
    from deepseek_report.config.experiment import Experiment
    from deepseek_report.runner.run import Finished


class LivePage(AbstractContextManager["LivePage"], Protocol):
    """A page on this machine while it is answered; `close` ends it."""

    address: str

    def close(self) -> None: ...


@dataclass(frozen=True)
class Run:
    """A run folder, read; whatever it holds is checked before it is read, and nothing is imported.

    path : the folder. record : `run.json` with findings, verdicts on thresholds and all problems.
    details : {stage that failed: its traceback}, of a run that was made just now. deepened : makes
    the whole report of a quick one, as `deepen` does.
    """

    path: Path
    record: Mapping[str, Any] = field(repr=False)
    details: Mapping[str, str] = field(default_factory=dict, repr=False)
    deepened: Callable[[], Run] | None = field(default=None, repr=False, compare=False)
    _given: Experiment | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        finished: Finished,
        deepened: Callable[[], Run] | None = None,
        experiment: Experiment | None = None,
    ) -> Run:
        """The run that was just made.

        deepened : makes the whole report of a quick one. experiment : holds a model that was given
        in Python, if any was.
        """
        folder, record = finished.folder.absolute(), finished.record
        in_memory = experiment if experiment is not None and experiment.is_given else None
        return cls(folder, record, finished.details, deepened, in_memory)

    def deepen(self) -> Run:
        """The whole report of what `quick`, or `report=quick`, reported; itself where it is whole.

        What the quick one computed is taken from the store, so that it costs the rest alone.

        Raises
        ------
        ArgumentProblems : the run was read from its folder, and what was given in Python for it
            is no longer there.
        """
        if not self.results.skipped:
            return self
        if self.deepened is None:
            command = deepening(self.results.command)
            asked_again = command.startswith("run.")
            refuse(
                "run",
                "it was read from its folder, which holds no model and no rows to go on with",
                "the run that quick returned, or a call of report with the same arguments",
                "call report as quick was called" if asked_again else f"run {command}",
            )
        return self.deepened()

    @property
    def page(self) -> Path:
        """The report to open: HTML, or the first form in which it was written."""
        formats = self._recorded.report["formats"]
        return self.path / page_of("html" if "html" in formats else formats[0])

    @cached_property
    def _recorded(self) -> RecordedRun:
        return RecordedRun.from_json(self.record)

    @cached_property
    def results(self) -> Results:
        """Everything that was computed, read as it is asked for."""
        return open_run(self.path).results

    @property
    def findings(self) -> shown.Findings:
        """What the report concludes, gravest first: severity, claim, detail, what to do."""
        from deepseek_report.findings.conclude import all_findings
        from deepseek_report.wording.of_results import words_of

        with reading(self.path):
            words = words_of(self.results)
            return shown.Findings(words.finding(finding) for finding in all_findings(self.results))

    @property
    def scores(self) -> pd.DataFrame:
        """Every score with its interval, one row each; `docs/contracts.md` names the columns."""
        from deepseek_report.wording.of_results import words_of

        with reading(self.path):
            return shown.spoken_scores(self.results.all_scores, words_of(self.results))

    @property
    def cases(self) -> pd.DataFrame:
        """The cases that the report shows one by one, with a sentence on each.

        Raises ArgumentProblems: the metric `cases` was not measured, or may not leave the store.
        """
        from deepseek_report.findings.explainer_verdicts import listed_for_cases
        from deepseek_report.sections.single_cases.case_sentences import decides
        from deepseek_report.wording.of_results import words_of

        table, reasons = self.table("cases/cases"), None
        with reading(self.path):
            results, leading = self.results, listed_for_cases(self.results)
            if leading is not None and "reason_codes" in self.tables["cases"]:
                reasons = self.table("cases/reason_codes").query("explainer == @leading")
            words = words_of(results)
            on_decisive = partial(decides, results, words=words)
            return shown.spoken_cases(table, reasons, words, results.schema.target, on_decisive)

    @property
    def explanations(self) -> dict[str, Explanation]:
        """{explainer: its attributions}; `values` is (instance, feature)."""
        with reading(self.path):
            return self.results.explanations

    @property
    def thresholds(self) -> list[dict[str, Any]]:
        """What was promised, what was measured, and the verdict."""
        return list(self.record["thresholds"])

    @property
    def problems(self) -> list[dict[str, Any]]:
        """What failed or cannot be applied here: stage, kind and reason."""
        from deepseek_report.wording.words import wording

        words = wording(self._recorded.report["language"])
        return [
            {**entry.to_json(), "reason": words.say(entry.reason)}
            for entry in self._recorded.problems
        ]

    @property
    def failed(self) -> bool:
        """Whether a part that was asked for failed."""
        return any(problem.kind == "failed" for problem in self._recorded.problems)

    @cached_property
    def tables(self) -> dict[str, list[str]]:
        """{metric: the names of its tables}."""
        tables: dict[str, set[str]] = {}
        with reading(self.path):
            for metric, _, subject in (n.partition("/") for n in self.results.names("measures")):
                measured = self.results.measurement(metric, subject)
                if measured is not None and measured.tables:
                    tables.setdefault(metric, set()).update(measured.tables)
        return {metric: sorted(names) for metric, names in tables.items()}

    def table(self, name: str) -> pd.DataFrame:
        """A table of a metric by its own name, or by `metric/name` where several share it.

        Raises ArgumentProblems: there is no such table, or several have this name.
        """
        metric, _, own = name.rpartition("/")
        held = [key for key, names in self.tables.items() if own in names and metric in ("", key)]
        if not metric and name in self.tables and not held and len(self.tables[name]) == 1:
            held, own = [name], self.tables[name][0]
        if len(held) != 1:
            known = [f"{key}/{inner}" for key, names in self.tables.items() for inner in names]
            many = f'{len(held)} tables are called "{name}"'
            fault = many if held else f'there is no table "{name}"'
            refuse("name", fault, ", ".join(known), "name one of these")
        with reading(self.path):
            return pd.DataFrame(self.results.table(held[0], own))

    def serve(
        self, port: int = 0, *, store: str | Path | None = None, trust: Sequence[str] = ()
    ) -> LivePage:
        """The page of this run on this machine, answered by its model until it is closed.

        A model that was given in Python is asked in this process, by the run that `report`
        returned; of a run that was loaded from its folder it is gone.

        port : 0 takes a free one. store : the store that the run was made with; else `.store`
        beside it. trust : packages whose parts may be loaded, as `--trust` names them.

        Returns
        -------
        The page, a context manager, whose `address` opens it.

        Raises ConfigError, ArtifactError, ConfigProblems: what is missing, taken or not trusted.
        """
        from deepseek_report.runner.execution.given_rows import ModelRequest
        from deepseek_report.store.run_folder import beside

        kept = Path(store) if store is not None else beside(self.path, ".store")
        request = ModelRequest(self.path, kept, tuple(trust))
        server: LivePage = service("serve").serve_run(request, port, self._given)
        return server

    def export(
        self, to: str | Sequence[str], out: str | Path | None = None, *, template: str = ""
    ) -> list[Path]:
        """Write the run in formats of others: `bom`, `model-card`, `docx`, or several of them.

        Of a run of `model=rules` also `rules-text`, `rules-sql` and `rules-json`.

        out : the folder of the files; else `<run>-exports` beside the run. template : of `docx`,
        the path of one's own, or `development` or `validation`.

        Returns
        -------
        The files, in the order of the formats; the same run gives the same bytes.

        Raises
        ------
        ConfigError, ArtifactError : there is no such format, the folder lies in the run, or its
            results were changed.
        """
        formats = [to] if isinstance(to, str) else list(to)
        folder = None if out is None else Path(out)
        return list(service("export").export_run(self.path, formats, folder, template))

    @property
    def config(self) -> str:
        """The YAML that repeats the run, with a note on what no YAML can hold."""
        config = dict(self._recorded.config)
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)
        parts = {name: config.get(name) or {} for name in ("dataset", "model")}
        explainers = config.get("explainers") or {}
        parts |= {f"explainers.{name}": entry for name, entry in explainers.items()}
        places = [name for name, entry in parts.items() if entry.get("given_in")]
        if not places:
            return text
        return (
            f"# {', '.join(places)}: given in Python, which no file can name. This one repeats "
            "the\n# run once they name where the same is stored: a file of rows (dataset=csv), of "
            f"a model.\n{text}"
        )

    def _repr_html_(self) -> str:
        with reading(self.path):
            return shown.first_screen(self.results, self.page)

    def __repr__(self) -> str:
        """The verdict, how many cases were tested, and where the report is."""
        with reading(self.path):
            results = self.results
            verdict = shown.verdict_of(results)
            n = results.predicted.n if results.has("predictions/test") else 0
        title = self._recorded.report["title"] or self.path.parent.name
        return f"Run “{title}”: {verdict}\n  n = {n:,} test cases\n  {self.page}"


def load_run(folder: str | Path) -> Run:
    """A finished run from its folder, which is checked first and may come from anybody.

    Nothing that the folder names is imported.

    Raises ArtifactError: it is no run folder, or its results are not those that the run wrote.
    """
    path = Path(folder).absolute()
    with reading(path):
        return Run(path, concluded_record(path, open_run(path).listed))
