"""The bill of materials of a model: CycloneDX 1.7, and the minimum elements that the G7 name.

Sources: ECMA-424 (CycloneDX); G7 Cybersecurity Working Group, "Software Bill of Materials (SBOM)
for AI: Minimum Elements", 12 May 2026, of which each element of the seven clusters is a property of
the bill: a JSON pointer (RFC 6901) to where it stands, a sentence, or that the run does not know.
The elements are named as in an open vocabulary of that paper (https://w3id.org/sbom/req/g7ai/).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name

from deepseek_report.artifacts.advice import DISTRIBUTION
from deepseek_report.artifacts.finding import Finding
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.split import PARTS
from deepseek_report.artifacts.storage.files import dump_json
from deepseek_report.artifacts.storage.plain_files import is_sha256
from deepseek_report.artifacts.storage.weights import WEIGHTS
from deepseek_report.errors import ArtifactError
from deepseek_report.extensions.exports.exported_run import ExportedRun, one_line
from deepseek_report.findings.first_page import story_of
from deepseek_report.rendering.markdown import clean
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import WordedFinding

Component = dict[str, Any]

_MODEL, _DATA = "model", "data"
_WEIGHTS = f"artifacts/training/{WEIGHTS}"
_DOI = re.compile(r"10\.[0-9]{4,9}/[!-~]+")
#: Where a bill names another part of itself, beside `bom-ref` that gives the name.
_REFERRING = frozenset({"ref", "dependsOn", "provides", "assemblies", "dependencies"})


def write_bill(run: ExportedRun) -> str:
    """The bill as JSON; the same run gives the same bytes.

    Raises ArtifactError: a reference in it names nothing.
    """
    bill = _Bill(run).content()
    if problems := reference_problems(bill):
        raise ArtifactError(f"bom.cdx.json: {'; '.join(problems)}")
    return dump_json(bill)


def reference_problems(bill: Mapping[str, Any]) -> list[str]:
    """Names that a bill gives twice, and references to names or places that it does not have."""
    names = [str(value) for key, value in _entries(bill) if key == "bom-ref"]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [f"{name} is the name of several parts" for name in twice]
    for key, value in _entries(bill):
        references = value if isinstance(value, list) else [value]
        problems += [
            f"{key} names {reference}, which is not there"
            for reference in references
            if key in _REFERRING and isinstance(reference, str) and reference not in names
        ]
    for each in bill.get("properties") or ():
        pointer = str(each.get("value") or "")
        if pointer.startswith("#/") and _at(bill, pointer) is None:
            problems.append(f"{each['name']} points to {pointer}, where nothing is")
    return problems


def _entries(node: object) -> Iterator[tuple[str, object]]:
    """Every key with its value, however deep."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield key, value
            yield from _entries(value)
    elif isinstance(node, list):
        for value in node:
            yield from _entries(value)


def _at(node: object, pointer: str) -> object:
    """What a JSON pointer names; None where there is nothing."""
    for part in pointer.removeprefix("#/").split("/"):
        if isinstance(node, list):
            node = node[int(part)] if part.isdigit() and int(part) < len(node) else None
        else:
            node = node.get(part) if isinstance(node, Mapping) else None
    return node


@dataclass(frozen=True)
class _Bill:
    run: ExportedRun

    def content(self) -> dict[str, Any]:
        bill = {
            "bomFormat": "CycloneDX",
            "specVersion": "1.7",
            "version": 1,
            "metadata": self._metadata,
            "components": [*self._subjects, *self._libraries],
            "dependencies": self._dependencies(),
            "compositions": [{"aggregate": "unknown", "dependencies": _names(self._libraries)}]
            if self._libraries
            else [],
        }
        elements = [*_minimum_elements(self.run, bill)]
        schema = "http://cyclonedx.org/schema/bom-1.7.schema.json"
        bill = _cleaned({"$schema": schema, **bill, "properties": elements})
        content = hashlib.sha256(dump_json(bill).encode()).hexdigest()
        return {**bill, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"}

    @property
    def _metadata(self) -> dict[str, object]:
        run = self.run
        tool = self._library(DISTRIBUTION, run.libraries.get(DISTRIBUTION, ""))
        authors = [{"name": run.author}] if run.author else []
        system = {
            "type": "application",
            "bom-ref": self._root,
            "name": run.name,
            "version": run.results.run_id,
            "description": run.of_card("decision"),
            "properties": _properties({"run_digest": f"sha256:{run.run_digest}"}),
        }
        return {
            **({"timestamp": run.finished.isoformat()} if run.finished else {}),
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [{**tool, "bom-ref": "tool"}]},
            **({"authors": authors} if authors else {}),
            "component": _filled({**system, "authors": authors}),
        }

    @property
    def _root(self) -> str:
        return f"run/{self.run.results.run_id}"

    # --- what the system is made of ---

    @cached_property
    def _subjects(self) -> list[Component]:
        """The model and the data, as far as the run has them."""
        made = {"training": self._model, "data": self._data}
        return [make() for part, make in made.items() if self.run.results.has(part)]

    def _model(self) -> Component:
        run = self.run
        weights = run.results.manifest.get(_WEIGHTS)
        kept = ("parameters", "epochs", "best_epoch", "rows", "seed", "precision", "device")
        facts = {f"training:{name}": run.results.training.get(name) for name in kept}
        return _filled(
            {
                "type": "machine-learning-model",
                "bom-ref": _MODEL,
                "name": one_line(str(run.architecture.get("name") or "model")),
                "version": run.digest("weights"),
                "description": run.model_summary,
                "hashes": _hashes(weights),
                "modelCard": self._model_card(),
                "properties": _properties({"weights_digest": run.digest("weights"), **facts}),
            }
        )

    def _model_card(self) -> dict[str, object]:
        run = self.run
        parameters: dict[str, object] = {
            "approach": {"type": "supervised"},
            "modelArchitecture": one_line(str(run.architecture.get("name") or "")),
        }
        if run.results.has("data"):
            schema = run.results.schema
            parameters |= {
                "task": schema.target.task,
                "datasets": [{"ref": name} for name in _names(self._parts())],
                "inputs": [{"format": schema.modality}],
                "outputs": [{"format": _output(run)}],
            }
        return {
            "modelParameters": _filled(parameters),
            "quantitativeAnalysis": {
                "performanceMetrics": [_metric(run, score) for score in run.scores]
            },
            "considerations": self._considerations(),
            "properties": [
                {
                    "name": f"{DISTRIBUTION}:promise",
                    "value": run.text("promise", **run.promised(promise)),
                }
                for promise in run.promises
            ],
        }

    def _considerations(self) -> dict[str, object]:
        """For whom it is, what for, and what the report found against it."""
        run = self.run
        others = [worded for _, worded in run.findings if worded.section != "bias"]
        return _filled(
            {
                "users": list(filter(None, [one_line(run.audience)])),
                "useCases": list(filter(None, [run.of_card("decision")])),
                "technicalLimitations": [*run.limits, *(_told(worded) for worded in others)],
                "fairnessAssessments": [
                    self._assessment(finding, worded)
                    for finding, worded in run.findings
                    if worded.section == "bias"
                ],
            }
        )

    def _assessment(self, finding: Finding, worded: WordedFinding) -> dict[str, object]:
        # the attribute by which the people differ whom it is about, where it names one
        _, _, attribute = story_of(finding).partition("people: ")
        return _filled(
            {
                "groupAtRisk": self.run.words.name(attribute)
                if attribute != finding.message
                else "",
                "harms": _told(worded),
                "mitigationStrategy": one_line(worded.do),
            }
        )

    def _data(self) -> Component:
        run = self.run
        card, schema = run.card, run.results.schema
        sensitive = [each.label for each in schema.features if each.sensitive]
        people = [each.label for each in schema.attributes_of("person")]
        facts = {
            **{name: card.get(name) for name in ("rows", "features")},
            "prepared_data_digest": run.digest("data"),
            **{name: run.of_card(name) for name in ("source", "period", "population")},
            "preparation": " ".join(map(run.words.say, card.get("preparation") or ())),
        }
        labels = {
            f"label:{one_line(run.words.name(str(row['class'])))}": row.get("n")
            for row in card.get("labels") or ()
        }
        doi, name = str(card.get("doi") or ""), run.of_card("licence")
        return _filled(
            {
                "type": "data",
                "bom-ref": _DATA,
                "name": run.of_card("title") or run.of_card("name"),
                "version": str(card.get("sha256") or run.digest("data")),
                "description": run.of_card("description"),
                "hashes": _hashes(card.get("sha256")),
                "licenses": [{"license": {"name": name}}] if name else [],
                "externalReferences": [{"type": "citation", "url": f"https://doi.org/{quote(doi)}"}]
                if _DOI.fullmatch(doi)
                else [],
                "data": [
                    _filled(
                        {
                            "type": "dataset",
                            "name": run.of_card("name"),
                            "contents": {"properties": _properties({**facts, **labels})},
                            "sensitiveData": list(
                                dict.fromkeys(map(run.words.name, [*sensitive, *people]))
                            ),
                        }
                    )
                ],
                "components": self._parts(),
            }
        )

    def _parts(self) -> list[Component]:
        """Training, validation and test part of the data."""
        return [
            {
                "type": "data",
                "bom-ref": f"{_DATA}/{part}",
                "name": self.run.words.label("parts", part),
                "data": [{"type": "dataset"}],
                "properties": _properties({"rows": n}),
            }
            for part, n in self.run.sizes.items()
            if part in PARTS
        ]

    @cached_property
    def _libraries(self) -> list[Component]:
        installed = {
            canonicalize_name(one_line(name)): version
            for name, version in self.run.libraries.items()
            if version and version != "not installed"
        }
        return [self._library(name, installed[name]) for name in sorted(installed)]

    def _library(self, name: str, version: str) -> Component:
        """A library as the run recorded it; Python itself is the platform."""
        if name == "python":
            ref = f"python@{quote(version)}"
            return {"type": "platform", "bom-ref": ref, "name": name, "version": version}
        purl = f"pkg:pypi/{quote(name)}" + (f"@{quote(version)}" if version else "")
        return _filled(
            {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        )

    def _dependencies(self) -> list[dict[str, Any]]:
        """Of the system all parts, of the model its data; what libraries need is not recorded."""
        subjects = _names(self._subjects)
        dependencies = {self._root: [*subjects, *_names(self._libraries)]}
        if _DATA in subjects:
            dependencies |= {_MODEL: [_DATA]} if _MODEL in subjects else {}
            dependencies |= {_DATA: _names(self._parts())}
        return [
            {"ref": name, "dependsOn": needed} for name, needed in dependencies.items() if needed
        ]


# --- the minimum elements of the G7 ---------------------------------------------------------------


#: {cluster: {element: where it may stand in the bill, the first that is there}}; "" where no bill
#: of a run tells it, or `_told_elements` does.
_ELEMENTS: Mapping[str, Mapping[str, str]] = {
    "Metadata": {
        "SBOM author": "#/metadata/authors/0/name #/metadata/tools/components/0/name",
        "SBOM version": "#/version",
        "SBOM data format name": "#/bomFormat",
        "SBOM data format version": "#/specVersion",
        "SBOM author signature": "",
        "SBOM tool name": "#/metadata/tools/components/0/name",
        "SBOM tool version": "#/metadata/tools/components/0/version",
        "SBOM generation context": "#/metadata/lifecycles/0/phase",
        "SBOM timestamp": "#/metadata/timestamp",
        "SBOM dependency relationship": "#/dependencies",
    },
    "System Level Properties": {
        "System name": "#/metadata/component/name",
        "System components": "#/components",
        "System producer": "#/metadata/component/authors",
        "System version": "#/metadata/component/version",
        "System timestamp": "#/metadata/timestamp",
        "System data flow": "",
        "System data usage": "",
        "System input/output properties": "{model}/modelCard/modelParameters",
        "Intended application area": "#/metadata/component/description",
    },
    "Models": {
        "Model name": "{model}/name",
        "Model identifier": "{model}/bom-ref",
        "Model version": "{model}/version",
        "Model timestamp": "#/metadata/timestamp",
        "Model producer": "#/metadata/component/authors",
        "Model description": "{model}/description",
        "Model hash value": "{model}/hashes/0/content {model}/version",
        "Model hash algorithm": "{model}/hashes/0/alg",
        "Model properties": "{model}/modelCard/modelParameters",
        "Model input/output properties": "{model}/modelCard/modelParameters/inputs",
        "Model training properties": "{model}/properties",
        "Model license": "",
        "Model external references": "",
    },
    "Dataset Properties": {
        "Dataset name": "{data}/name",
        "Dataset description": "{data}/description",
        "Dataset content": "{data}/data/0/contents",
        "Dataset identifier": "{data}/externalReferences {data}/bom-ref",
        "Dataset hash": "{data}/hashes {data}/version",
        "Dataset provenance": "{data}/data/0/contents/properties",
        "Dataset statistical properties": "{data}/data/0/contents/properties",
        "Dataset sensitivity": "{data}/data/0/sensitiveData",
        "Dataset dependency relationship": "#/dependencies",
        "Dataset license": "{data}/licenses",
    },
    "Key Performance Indicators": {
        "Security metrics": "{metrics}/{robustness}",
        "Operational performance KPIs": "{metrics}",
    },
    "Infrastructure": {"Infrastructure software": "{library}", "Infrastructure hardware": ""},
    "Security Properties": {
        "Security controls": "",
        "Security compliance": "",
        "Cybersecurity policy information": "",
        "Vulnerability referencing": "",
    },
}


def _minimum_elements(run: ExportedRun, bill: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The elements of the seven clusters, each with where it stands in the bill, or in words.

    bill : all of it but these properties.
    """
    names = _names(bill["components"])
    kinds = [each["type"] for each in bill["components"]]
    robustness = (at for at, score in enumerate(run.scores) if score.category == "robustness")
    model = f"#/components/{names.index(_MODEL) if _MODEL in names else 'none'}"
    place = {
        "model": model,
        "metrics": f"{model}/modelCard/quantitativeAnalysis/performanceMetrics",
        "data": f"#/components/{names.index(_DATA) if _DATA in names else 'none'}",
        "library": f"#/components/{kinds.index('library') if 'library' in kinds else 'none'}",
        "robustness": next(robustness, "none"),
    }
    sentences = _told_elements(run)
    for cluster, elements in _ELEMENTS.items():
        for element, where in elements.items():
            pointers = (pointer.format(**place) for pointer in where.split())
            known = next((pointer for pointer in pointers if _at(bill, pointer)), "")
            value = known or sentences.get(element) or run.text("bom.not_known")
            yield {"name": f"g7-sbom-for-ai:{cluster}:{element}", "value": value}


def _told_elements(run: ExportedRun) -> dict[str, str]:
    """{element: a sentence}, of those that stand nowhere else in the bill."""
    results = run.results
    machine = results.provenance.get("environment") or {}
    parts = [f"{name} {machine[name]}" for name in sorted(machine) if machine[name]]
    frameworks = map(str, results.config.get("frameworks") or ())
    sentences = {
        "Model hash algorithm": "SHA-256",
        "Infrastructure hardware": one_line(", ".join(parts)),
        "Security controls": run.text("bom.controls", digest=run.run_digest),
        "Security compliance": one_line(", ".join(frameworks)),
    }
    if results.has("data"):
        schema = results.schema
        flow = run.text(
            "bom.flow",
            n=len(schema.player_labels),
            modality=schema.modality,
            target=schema.target.label,
            output=_output(run),
            threshold=results.predicted.threshold if results.has("predictions/test") else None,
        )
        sentences |= {"System data flow": flow}
    if set(PARTS) <= run.sizes.keys():
        sentences |= {"System data usage": run.text("bom.usage", **run.sizes)}
    return sentences


# --- pieces ---------------------------------------------------------------------------------------


def _metric(run: ExportedRun, score: Score) -> dict[str, object]:
    """A score as a performance metric; the whole precision is kept."""
    metric: dict[str, object] = {"type": score.metric, "value": repr(float(score.value))}
    if part := run.part_of(score):
        metric |= {"slice": one_line(part)}
    if score.low is not None and score.high is not None:
        ends = {"lowerBound": repr(float(score.low)), "upperBound": repr(float(score.high))}
        metric |= {"confidenceInterval": ends}
    return metric


def _output(run: ExportedRun) -> str:
    """What the model states: a probability for each class, or a number in its unit."""
    target = run.results.schema.target
    named = target.classes if task_of(target).decides else target.labels
    if named:
        return run.text("bom.classes", classes=list(named))
    return run.text("bom.number", unit=target.unit or "")


def _told(worded: WordedFinding) -> str:
    """A finding with its numbers and what limits it."""
    return one_line(" ".join([worded.claim, worded.detail, *worded.limits]))


def _hashes(sha256: object) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}] if is_sha256(sha256) else []


def _names(components: Iterable[Component]) -> list[str]:
    return [str(component["bom-ref"]) for component in components]


def _properties(facts: Mapping[str, object]) -> list[dict[str, str]]:
    """Facts under names of our own; what is not known is left out."""
    return [
        {"name": f"{DISTRIBUTION}:{name}", "value": one_line(str(value))}
        for name, value in facts.items()
        if value not in (None, "")
    ]


def _filled(entries: Mapping[str, object]) -> dict[str, Any]:
    """The entries that say something."""
    return {key: value for key, value in entries.items() if value not in (None, "", [], {})}


def _cleaned(node: object) -> Any:
    """The same without characters that no document may hold."""
    if isinstance(node, str):
        return clean(node)
    if isinstance(node, Mapping):
        return {key: _cleaned(value) for key, value in node.items()}
    if isinstance(node, Sequence | Iterable) and not isinstance(node, bytes | int | float):
        return [_cleaned(value) for value in node]
    return node
