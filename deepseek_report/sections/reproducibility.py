"""How to get the same report again, and what every number rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import yaml

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.protocols.sections import SectionContent
from deepseek_report.artifacts.results import Results
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.config.portable import CALL, shell_line
from deepseek_report.findings.records import explainer_label
from deepseek_report.findings.rules_failures import artifact_label, readable_reason
from deepseek_report.sections.shared.display_cells import seconds_cell
from deepseek_report.sections.shared.draft import Draft
from deepseek_report.wording.of_results import words_of


@dataclass(frozen=True)
class ReproducibilitySection:
    """Lists command, versions, hardware, seeds, hashes, times, settings, words, references."""

    title: ClassVar[str] = "Reproducibility"
    needs: ClassVar[frozenset[str]] = frozenset()

    def content(self, results: Results) -> SectionContent:
        draft = Draft("reproducibility", results)
        provenance = results.provenance
        draft.answer("run", run=results.run_id or "not named", seeds=_told_seeds(results))
        draft.answer("problems", n=len(results.failures))
        draft.caveat("same_machine")
        draft.values |= {
            **_command(results),
            "run_id": results.run_id,
            "versions": _pairs(provenance.get("versions")),
            "environment": _environment(draft),
            "digests": _pairs(provenance.get("digests")),
            "seeds": _seeds(results),
            "times": _times(draft),
            "problems": _problems(draft),
            "config": yaml.safe_dump(_plain(results.config), sort_keys=False, allow_unicode=True),
            "glossary": _glossary(draft),
            "references": _references(draft),
            "citation": _citation(draft),
        }
        return draft.content(self.title, self.needs)


def _command(results: Results) -> dict[str, Any]:
    """The command that repeats the run, the folder it runs in, and the files that it reads."""
    command = results.provenance.get("command") or {"program": ["deepseek-report"]}
    variables = command.get("variables") or {}
    files = [("the folder of the command", one) for one in command.get("files") or ()]
    files += [(f"${name}", one) for name, held in variables.items() for one in held]
    return {
        "given": command["program"] == [CALL],
        "command": shell_line(command),
        "folder": [str(one) for one in command.get("folder") or ()],
        "places": [
            {"variable": name, "names": [str(one["name"]) for one in held]}
            for name, held in variables.items()
        ],
        "files": [
            {"place": place, "file": str(one["name"]), "sha256": str(one["sha256"] or "a folder")}
            for place, one in files
        ],
    }


def _pairs(found: Mapping[str, Any] | None) -> list[dict[str, str]]:
    return [{"what": str(name), "value": str(value)} for name, value in (found or {}).items()]


def _environment(draft: Draft) -> list[dict[str, str]]:
    return [
        {"what": draft.words.label("environment", name), "value": str(value)}
        for name, value in (draft.results.provenance.get("environment") or {}).items()
    ]


def _seeds(results: Results) -> list[dict[str, str]]:
    """The seed of each step, and what the explainers that draw recorded."""
    seeds, words = Seeds.recorded(results.config), words_of(results)
    steps = asdict(seeds) if seeds is not None else {}
    rows = [
        {"what": words.label("seeds", step), "value": str(seed)} for step, seed in steps.items()
    ]
    return rows + [
        {"what": explainer_label(results, name), "value": str(explanation.seed)}
        for name, explanation in results.explanations.items()
        if explanation.seed is not None
    ]


def _told_seeds(results: Results) -> str:
    seeds = Seeds.recorded(results.config)
    return "no seed" if seeds is None else seeds.told()


def _times(draft: Draft) -> list[dict[str, Any]]:
    results = draft.results
    stages = results.provenance.get("stages") or []
    known = [one for one in stages if finite(one.get("seconds")) is not None]
    known.sort(key=lambda one: -one["seconds"])
    return [
        {"what": artifact_label(draft.words, one["id"])} | seconds_cell("seconds", one["seconds"])
        for one in known
    ]


def _problems(draft: Draft) -> list[dict[str, str]]:
    words = draft.words
    return [
        {"part": artifact_label(words, one), "reason": readable_reason(words, one, reason)}
        for one, reason in draft.results.failures.items()
    ]


def _plain(value: Any) -> Any:
    """Nested mappings and sequences as plain ones, which YAML can write."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _glossary(draft: Draft) -> list[dict[str, str]]:
    words = draft.words.table("glossary")
    return [{"term": term, "meaning": meaning} for term, meaning in sorted(words.items())]


def _references(draft: Draft) -> list[dict[str, str]]:
    """What the measures and methods of this run are defined by, each once, by name."""
    results, words = draft.results, draft.words
    cited = [
        (score.reference, words.label("metrics", score.metric)) for score in results.all_scores
    ]
    cited += [
        (words.table("explainer_references").get(name, ""), explainer_label(results, name))
        for name in results.explanations
    ]
    used: dict[str, set[str]] = {}
    texts = words.table("references")
    for reference, name in cited:
        if reference:
            key = identifier(reference)
            texts[key] = max(texts.get(key, ""), reference, key=len)
            used.setdefault(key, set()).add(name)
    rows = [{"reference": texts[key], "used": ", ".join(sorted(used[key]))} for key in used]
    return sorted(rows, key=lambda row: row["reference"])


def identifier(reference: str) -> str:
    """What tells a reference apart: its arXiv number or DOI, else its text; in lower case."""
    arxiv = re.search(r"arxiv[:.](\d{4}\.\d{4,5})", reference, re.IGNORECASE)
    if arxiv:
        return f"arxiv:{arxiv[1]}"
    doi = re.search(r"10\.\d{4,}/\S+", reference)
    return (doi[0].rstrip(".,") if doi else reference).lower()


def _citation(draft: Draft) -> str:
    results = draft.results
    version = (results.provenance.get("versions") or {}).get("deepseek-report", "")
    title = (results.config.get("report") or {}).get("title") or "Model report"
    return draft.text("citation", title=title, run=results.run_id, version=version)
