"""A sentence that counts cases counts each once, however many methods, classes or columns ask."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.storage.plain_files import sha256_file
from deepseek_report.compliance.evidence import evidence_index
from deepseek_report.findings.conclude import all_findings
from deepseek_report.runner.run_folders.section_plugins import write_section
from deepseek_report.wording.of_results import words_of
from deepseek_report.wording.words import Wording
from tests.tiny_runs import TINY, TinyRuns

#: What cases are called, in this run and in the texts.
COUNTED = re.compile(
    r"(\d[\d\u202f]*)(?: (?:test|tested|explained|such|wrong|unfavourable|training))? "
    r"(?:clients?|cases?|decisions?|applicants?|rows?|errors|labels?|texts|images)\b(?! a second)"
)
#: The sections that show what methods say.
SHOWN = ("summary", "cases", "explanations", "trust", "bias", "compliance")
#: Texts on the whole source, from which a run may draw.
OF_THE_SOURCE = ("preparation.", "data.", "findings.data_")


def counts_of_texts(results: Results, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, set[int]]:
    """{key of a text: the cases that it counts} of findings, sections, notes and evidence."""
    counts: dict[str, set[int]] = defaultdict(set)
    word = Wording._text

    def heard(self: Wording, key: str, values: Mapping[str, Any]) -> str:
        text = word(self, key, values)
        counts[key] |= {int(n.replace("\u202f", "")) for n in COUNTED.findall(text)}
        return text

    words = words_of(results)
    with monkeypatch.context() as patch:
        patch.setattr(Wording, "_text", heard)
        for finding in all_findings(results):
            words.finding(finding)
        for name in SHOWN:
            if name in results.config["sections"]:
                assert not write_section(results, name, results.config["sections"][name]).failure
        for measured in results.measurements:
            list(map(words.say, measured.notes))
        for evidence in evidence_index(results, 30).values() if results.folder else ():
            list(map(words.say, (*evidence.problems, *evidence.remarks, *evidence.facts)))
    return counts


def with_every_method_twice(results: Results, folder: Path) -> Results:
    """The run as if each method had been asked a second time, under another name."""
    methods = set(results.explanations)
    paths = {key: path for key, path in results.paths.items() if key != "conclusions"}
    for key in list(paths):
        kind, _, name = key.partition("/")
        if kind == "explanations":
            paths[f"{key}_2"] = paths[key]
        elif kind == "measures":
            metric, _, method = name.partition("/")
            measured = results.measurement(metric, method)
            assert measured is not None
            for other, tables in twice(measured, method, methods):
                target = f"{key}{'_2' if other else ''}"
                paths[target] = folder / target
                paths[target].mkdir(parents=True)
                tables.save(paths[target])
    written = {
        f"artifacts/{file.relative_to(folder)}": sha256_file(file)
        for file in folder.rglob("*")
        if file.is_file()
    }
    provenance = {**results.provenance, "manifest": {**results.manifest, **written}}
    return replace(results, paths=paths, provenance=provenance, findings=())


def twice(
    measured: Measurement, method: str, methods: set[str]
) -> Iterator[tuple[bool, Measurement]]:
    """What was measured of one method as it is and of the other, or with the rows of both."""
    scores = tuple(
        replace(score, explainer=f"{score.explainer}_2") if score.explainer in methods else score
        for score in measured.scores
    )
    renamed = {name: _of_the_other(table) for name, table in measured.tables.items()}
    if method in methods:
        yield False, measured
        yield True, replace(measured, scores=scores, tables=renamed)
        return
    both = {
        name: pd.concat([table, renamed[name]], ignore_index=True) if _columns(table) else table
        for name, table in measured.tables.items()
    }
    further = tuple(score for score in scores if score not in measured.scores)
    yield False, replace(measured, scores=(*measured.scores, *further), tables=both)


def _columns(table: pd.DataFrame) -> list[str]:
    return [name for name in table if str(name) in {"explainer", "explainer_a", "explainer_b"}]


def _of_the_other(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: table[name].astype(str) + "_2" for name in _columns(table)})


def test_no_count_of_cases_grows_where_every_method_is_asked_twice(
    real_run: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = replace(real_run, paths={k: p for k, p in real_run.paths.items() if k != "conclusions"})
    once = counts_of_texts(replace(alone, findings=()), monkeypatch)
    both = counts_of_texts(with_every_method_twice(real_run, tmp_path), monkeypatch)
    assert sum(map(len, once.values())) > 50
    assert "compliance.checks.omitted_codes" in once
    grown = {
        key: (sorted(once.get(key, ())), sorted(counts))
        for key, counts in both.items()
        if max(counts, default=0) > max(once.get(key, ()), default=max(counts, default=0))
    }
    assert grown == {}


def test_no_count_of_cases_is_larger_than_the_run(
    tiny_runs: TinyRuns, real_run: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond = []
    for results in (real_run, *map(tiny_runs, TINY)):
        rows = sum(part["n"] for part in results.card["parts"])
        beyond += [
            (key, counts, rows)
            for key, counts in counts_of_texts(results, monkeypatch).items()
            if not key.startswith(OF_THE_SOURCE) and max(counts, default=0) > rows
        ]
    assert not beyond, beyond
