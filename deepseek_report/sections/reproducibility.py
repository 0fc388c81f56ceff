"""How to get the same report again, and what every number rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from deepseek_report.artifacts.estimate import finite
from deepseek_report.artifacts.message import Code, Verbatim
from deepseek_report.artifacts.seeds import Seeds
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.config.portable import CALL, shell_line
from deepseek_report.findings.error_budget import families as families_of_run
from deepseek_report.findings.error_budget import levels
from deepseek_report.findings.records import explainer_label
from deepseek_report.findings.rules_failures import readable_reason, without_repeats
from deepseek_report.sections.shared.draft import Draft, DraftedSection
from deepseek_report.sections.shared.tables import Values
from deepseek_report.statistics.graphical_procedure import BUDGET, DECLARED, SHARES, FamilyOfTests


@dataclass(frozen=True)
class ReproducibilitySection(DraftedSection):
    """Lists command, versions, hardware, seeds, hashes, times, settings, words, references."""

    name = "reproducibility"

    def write(self, draft: Draft) -> None:
        results = draft.results
        provenance = results.provenance
        seeds = Seeds.recorded(results.config)
        draft.answer("run", run=results.run_id, seeds={} if seeds is None else asdict(seeds))
        families = families_of_run(results)
        draft.answer(
            "comparisons",
            made=sum(family.made for family in families.values()),
            families=sum(family.made > 0 for family in families.values()),
            budget=BUDGET,
        )
        draft.answer("problems", n=len(results.failures))
        lacking, texts = draft.words.untranslated
        draft.answer("untranslated", lacking=lacking, texts=texts)
        draft.caveat("same_machine")
        draft.values |= {
            **_command(draft),
            "run_id": results.run_id,
            "versions": draft.table(
                "versions", _VERSIONS, _facts((provenance.get("versions") or {}).items())
            ),
            "environment": draft.table("environment", _FACTS, _named(draft, "environment")),
            "digests": draft.table("digests", _FACTS, [*_named(draft, "digests"), *_seeds(draft)]),
            "families": draft.table(
                "families", _FAMILIES, _families(draft, families), budget=BUDGET
            ),
            "times": draft.table("times", _TIMES, _times(draft)),
            "problems": draft.table("problems", _PROBLEMS, _problems(draft)),
            "glossary": _glossary(draft),
            "references": draft.table("references", _REFERENCES, _references(draft)),
            "citation": _citation(draft),
        }


_VERSIONS = TableType(columns_of("what:code value:code"), folded=True)
_FACTS = TableType(columns_of("what value:code"), folded=True)
_TIMES = TableType(columns_of("what seconds:seconds"), folded=True)
_FAMILIES = TableType(
    columns_of("family made:count part:share level:share beyond:count"), folded=True
)
_PROBLEMS = TableType(columns_of("part reason"))
_REFERENCES = TableType(columns_of("reference used"))
_FILES = TableType(columns_of("place file:code sha256"))


def _command(draft: Draft) -> Values:
    """The command that repeats the run, the folder it runs in, and the files that it reads."""
    command = draft.results.command
    variables = command.get("variables") or {}
    files = [(draft.text("place"), file) for file in command.get("files") or ()]
    files += [(Code(f"${name}"), file) for name, held in variables.items() for file in held]
    return {
        "given": command["program"] == [CALL],
        "command": shell_line(command),
        "folder": [str(part) for part in command.get("folder") or ()],
        "places": [
            {"variable": name, "names": [str(file["name"]) for file in held]}
            for name, held in variables.items()
        ],
        "files": draft.table("files", _FILES, [_file(draft, *pair) for pair in files]),
    }


def _file(draft: Draft, place: str, file: Mapping[str, object]) -> dict[str, str]:
    digest = Code(file["sha256"]) if file["sha256"] else draft.text("a_folder")
    return {"place": place, "file": str(file["name"]), "sha256": digest}


def _facts(facts: Iterable[tuple[str, object]]) -> list[dict[str, str]]:
    return [{"what": str(name), "value": str(value)} for name, value in facts]


def _named(draft: Draft, part: str) -> list[dict[str, str]]:
    """A part of the record of the run, its names in words."""
    recorded = draft.results.provenance.get(part) or {}
    return _facts((draft.words.label(part, name), value) for name, value in recorded.items())


def _seeds(draft: Draft) -> list[dict[str, str]]:
    """The seed of each step, and what the explainers that draw recorded."""
    results, label = draft.results, draft.words.label
    seeds = Seeds.recorded(results.config)
    steps = {} if seeds is None else asdict(seeds)
    drawn = {name: each.seed for name, each in results.explanations.items()}
    return _facts(
        [
            *((label("seeds", step), seed) for step, seed in steps.items()),
            *((explainer_label(results, n), seed) for n, seed in drawn.items() if seed is not None),
        ]
    )


def _families(draft: Draft, made: Mapping[str, FamilyOfTests]) -> list[Values]:
    """Each family's part of the error budget; how many comparisons, and how many are told."""
    judged = levels(draft.results)
    return (
        [
            {
                "family": draft.words.text(f"families_of_tests.{name}"),
                "made": made[name].made if name in made else None,
                "part": part,
                "level": judged.get(name) or None,
                "beyond": sum(p < judged[name] for p in made[name].p_values)
                if name in made
                else None,
            }
            for name, part in SHARES.items()
            if name not in DECLARED or (name in made and made[name].made)
        ]
        if any(family.made for family in made.values())
        else []
    )


def _times(draft: Draft) -> list[Values]:
    times = [(stage["id"], finite(stage.get("seconds"))) for stage in draft.results.stages]
    known = [(name, seconds) for name, seconds in times if seconds is not None]
    known.sort(key=lambda pair: -pair[1])
    return [{"what": draft.words.artifact(name), "seconds": seconds} for name, seconds in known]


def _problems(draft: Draft) -> list[dict[str, str]]:
    words = draft.words
    return [
        {"part": words.artifact(part), "reason": readable_reason(words, part, reason)}
        for part, reason in without_repeats(words, draft.results.failures).items()
    ]


def _glossary(draft: Draft) -> list[dict[str, str]]:
    words = draft.words
    parts = ("term", "meaning")
    entries = [
        [words.text(f"glossary.{key}.{part}") for part in parts] for key in words.table("glossary")
    ]
    entries.sort(key=lambda entry: entry[0])
    return [dict(zip(parts, entry, strict=True)) for entry in entries]


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
    return [
        {"reference": Verbatim(texts[key]), "used": words.numbers.listing(sorted(used[key]))}
        for key in sorted(used, key=lambda key: texts[key])
    ]


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
    title = results.report.get("title") or results.run_id
    return draft.text("citation", title=title, run=results.run_id, version=version)
