"""From the folder of a run to its report: findings, sections, document, pages. Never imports torch.

`write_report` reads nothing but the run folder, so a copy of it gives the report again anywhere.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deepseek_report.artifacts.files import load_json, save_json
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.run_record import PROVENANCE, read_record
from deepseek_report.artifacts.shipped import shipped
from deepseek_report.compliance.evaluate import evaluate_results
from deepseek_report.compliance.people_form import write_form
from deepseek_report.compliance.record import write_evidence
from deepseek_report.compliance.statements import latest_day
from deepseek_report.compliance.words import check_document
from deepseek_report.errors import ArtifactError
from deepseek_report.findings.find import find
from deepseek_report.findings.thresholds import Verdict, judge
from deepseek_report.rendering.document import write_qmd
from deepseek_report.rendering.options import Engine, Format, ReportOptions, Threshold
from deepseek_report.rendering.render import render
from deepseek_report.store import MANIFEST, hash_folder

RUN = "run.json"
ARTIFACTS = "artifacts"


def read_run(folder: Path) -> dict[str, Any]:
    """`run.json` of a run folder; raises ArtifactError if this is none."""
    if not (folder / RUN).is_file():
        raise ArtifactError(f"{folder}: not a run folder, it has no {RUN}. Name a folder of a run")
    run = load_json(folder / RUN)
    needed = load_json(shipped("templates") / "schemas" / "run.schema.json")["required"]
    lacking = needed if not isinstance(run, dict) else [one for one in needed if one not in run]
    if lacking:
        raise ArtifactError(
            f"{folder / RUN}: it lacks {', '.join(lacking)}, so no run of this package wrote it. "
            "Restore the file, or run the experiment again"
        )
    return dict(run)


def results_of(folder: Path, run: Mapping[str, Any]) -> Results:
    """The results that a run folder holds."""
    problems = run["problems"]
    failures = {one["stage"]: one["reason"] for one in problems if one["kind"] == "failed"}
    refused = {one["stage"]: one["reason"] for one in problems if one["kind"] == "not applicable"}
    results = Results(
        paths={name: folder / entry["path"] for name, entry in run["artifacts"].items()},
        config=run["config"],
        failures=failures,
        refused=refused,
        provenance=_provenance(folder, run),
        run_id=run["run_id"],
    )
    results.folder, results.today = folder, latest_day()
    return results


def _provenance(folder: Path, run: Mapping[str, Any]) -> dict[str, Any]:
    manifest = {
        f"{entry['path']}/{name}": sha256
        for entry in run["artifacts"].values()
        for name, sha256 in entry["files"].items()
    }
    kept = ("run_id", "digests", "versions", "environment", "stages", "overrides")
    known = {name: run.get(name) for name in kept}
    return known | {"manifest": manifest, "record": read_record(folder)}


def write_report(
    folder: Path, formats: Sequence[Format] = (), engine: Engine | None = None
) -> tuple[list[Path], list[Verdict]]:
    """Write findings, evidence, document and pages into a run folder, then its manifest.

    Parameters
    ----------
    folder : a run folder with `run.json` and `artifacts/`.
    formats, engine : instead of what the run's config says.

    Returns
    -------
    The pages, and the verdicts on the declared thresholds.
    """
    run = read_run(folder)
    options = report_options(run["config"]["report"])
    results = results_of(folder, run)
    results.findings = find(results)
    verdicts = judge(results)
    contents = _sections(results)
    document = write_qmd(results, contents, options, folder)
    with ThreadPoolExecutor(1) as background:  # the renderer waits for programs of its own
        rendered = background.submit(
            render, folder, tuple(formats) or options.formats, engine or options.engine
        )
        _write_compliance(document, results)
        _write_records(folder, run, results, verdicts)
        pages = rendered.result()
    write_manifest(folder)
    return pages, verdicts


def _write_compliance(document: Path, results: Results) -> None:
    """The evidence index for machines; and no word in the document that claims too much."""
    evaluated = evaluate_results(results)
    write_evidence(evaluated, results, document.parent)
    write_form(evaluated, results, document.parent)
    check_document(document, evaluated, results)


def report_options(config: Mapping[str, Any]) -> ReportOptions:
    """The report's options from a resolved config."""
    known = {one.name for one in dataclasses.fields(ReportOptions)}
    values = {key: value for key, value in config.items() if key in known}
    values["thresholds"] = tuple(Threshold(**one) for one in values["thresholds"])
    values["formats"] = tuple(values["formats"])
    return ReportOptions(**values)


def _sections(results: Results) -> list[SectionContent]:
    return [_section(results, name, entry) for name, entry in results.config["sections"].items()]


def _section(results: Results, name: str, entry: Mapping[str, Any]) -> SectionContent:
    """A section's content; one that breaks stays in the report and says why."""
    module, _, cls = str(entry["_target_"]).rpartition(".")
    fields = {key: value for key, value in entry.items() if key != "_target_"}
    plugin = getattr(importlib.import_module(module), cls)(**fields)
    try:
        content: SectionContent = plugin.content(results)
    except Exception as error:  # a broken section must not take the others with it
        reason = f"{type(error).__name__}: {error}"
        results.failures[f"sections/{name}"] = reason
        incomplete = [f"this section could not be written ({reason})"]
        return SectionContent(name, plugin.title, "", "", incomplete=incomplete)
    return content


def _write_records(
    folder: Path, run: dict[str, Any], results: Results, verdicts: Iterable[Verdict]
) -> None:
    """Findings, thresholds and problems that came up while writing, for machines."""
    findings = [_finding(one) for one in results.findings]
    known = {one["stage"] for one in run["problems"]}
    broken = [
        {"stage": stage, "reason": reason, "kind": "failed"}
        for stage, reason in results.failures.items()
        if stage not in known
    ]
    kept = [one for one in run["problems"] if not one["stage"].startswith("sections/")]
    run = {
        **run,
        "findings": findings,
        "thresholds": [dataclasses.asdict(one) for one in verdicts],
        "problems": kept + broken,
    }
    save_json(folder / RUN, run)
    save_json(folder / "findings.json", findings)


def _finding(finding: Finding) -> dict[str, Any]:
    return dict(vars(finding))


def write_manifest(folder: Path) -> None:
    """The SHA-256 of every file of a run folder; comes last."""
    manifest = {"format": "deepseek-report/manifest", "format_version": 1}
    files = hash_folder(folder)
    kept = {name: sha256 for name, sha256 in files.items() if not is_clocked(name)}
    save_json(folder / MANIFEST, {**manifest, "files": kept})


def is_clocked(name: str) -> bool:
    """Files that hold times of day: they are not part of what a run promises to be."""
    return name == PROVENANCE or name.startswith("tensorboard/")
