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
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.storage.files import dump_json
from deepseek_report.errors import ArtifactError
from deepseek_report.exports.exported_run import ExportedRun, one_line
from deepseek_report.findings.first_page import story_of
from deepseek_report.rendering.markdown import clean
from deepseek_report.tasks import task_of
from deepseek_report.wording.words import WordedFinding

Component = dict[str, Any]

_MODEL, _DATA = "model", "data"
_WEIGHTS = "artifacts/training/weights.safetensors"
_SHA256 = re.compile(r"[0-9a-f]{64}")
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
            "compositions": [
                {"aggregate": "unknown", "dependencies": [each["bom-ref"] for each in some]}
                for some in [self._libraries]
                if some
            ],
        }
        bill["properties"] = [*_MinimumElements(self.run, bill).properties()]
        bill = _cleaned({"$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json", **bill})
        content = hashlib.sha256(dump_json(bill).encode()).hexdigest()
        return {**bill, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"}

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        run = self.run
        finished = run.finished
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
            **({"timestamp": finished.isoformat()} if finished else {}),
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
        results = self.run.results
        return [
            *([self._model()] if results.has("training") else []),
            *([self._data()] if results.has("data") else []),
        ]

    def _model(self) -> Component:
        run = self.run
        digests = run.results.provenance.get("digests") or {}
        weights = (run.results.provenance.get("manifest") or {}).get(_WEIGHTS)
        training = run.results.training
        kept = ("parameters", "epochs", "best_epoch", "rows", "seed", "precision", "device")
        facts = {f"training:{name}": training.get(name) for name in kept}
        return _filled(
            {
                "type": "machine-learning-model",
                "bom-ref": _MODEL,
                "name": one_line(str(run.architecture.get("name") or "model")),
                "version": str(digests.get("weights") or ""),
                "description": run.model_summary,
                "hashes": _hashes(weights),
                "modelCard": self._model_card(),
                "properties": _properties({"weights_digest": digests.get("weights"), **facts}),
            }
        )

    def _model_card(self) -> dict[str, object]:
        run = self.run
        parameters: dict[str, Any] = {
            "approach": {"type": "supervised"},
            "modelArchitecture": one_line(str(run.architecture.get("name") or "")),
        }
        if run.results.has("data"):
            schema = run.results.schema
            parameters |= {
                "task": schema.target.task,
                "datasets": [{"ref": part["bom-ref"]} for part in self._parts()],
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
        audience = one_line(str((run.results.config.get("report") or {}).get("audience") or ""))
        on_people = [pair for pair in run.findings if pair[1].section == "bias"]
        others = [worded for _, worded in run.findings if worded.section != "bias"]
        return _filled(
            {
                "users": [audience] if audience else [],
                "useCases": list(filter(None, [run.of_card("decision")])),
                "technicalLimitations": [*run.limits, *(_told(worded) for worded in others)],
                "fairnessAssessments": [
                    _filled(
                        {
                            "groupAtRisk": self._at_risk(story_of(finding), finding.message),
                            "harms": _told(worded),
                            "mitigationStrategy": one_line(worded.do),
                        }
                    )
                    for finding, worded in on_people
                ],
            }
        )

    def _at_risk(self, story: str, message: str) -> str:
        """The attribute by which the people differ whom a finding is about, where it names one."""
        _, _, attribute = story.partition("people: ")
        return self.run.words.name(attribute) if attribute != message else ""

    def _data(self) -> Component:
        run = self.run
        card, schema = run.card, run.results.schema
        digests = run.results.provenance.get("digests") or {}
        sensitive = [run.words.name(each.label) for each in schema.features if each.sensitive]
        people = [run.words.name(each.label) for each in schema.attributes_of("person")]
        facts = {
            "rows": card.get("rows"),
            "features": card.get("features"),
            "prepared_data_digest": digests.get("data"),
            "source": run.of_card("source"),
            "period": run.of_card("period"),
            "population": run.of_card("population"),
            "preparation": " ".join(map(run.words.say, card.get("preparation") or ())),
        }
        labels = {
            f"label:{one_line(run.words.name(str(row['class'])))}": row.get("n")
            for row in card.get("labels") or ()
        }
        doi = str(card.get("doi") or "")
        return _filled(
            {
                "type": "data",
                "bom-ref": _DATA,
                "name": run.of_card("title") or run.of_card("name"),
                "version": str(card.get("sha256") or digests.get("data") or ""),
                "description": run.of_card("description"),
                "hashes": _hashes(card.get("sha256")),
                "licenses": _licences(run.of_card("licence")),
                "externalReferences": [{"type": "citation", "url": f"https://doi.org/{quote(doi)}"}]
                if _DOI.fullmatch(doi)
                else [],
                "data": [
                    _filled(
                        {
                            "type": "dataset",
                            "name": run.of_card("name"),
                            "contents": {"properties": _properties({**facts, **labels})},
                            "sensitiveData": list(dict.fromkeys([*sensitive, *people])),
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
                "bom-ref": f"{_DATA}/{part['part']}",
                "name": self.run.words.label("parts", str(part["part"])),
                "data": [{"type": "dataset"}],
                "properties": _properties({"rows": part.get("n")}),
            }
            for part in self.run.card.get("parts") or ()
            if part.get("part") in {"train", "validation", "test"}
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
        parts = [each["bom-ref"] for each in [*self._subjects, *self._libraries]]
        kinds = {each["bom-ref"] for each in self._subjects}
        dependencies = [{"ref": self._root, "dependsOn": parts}]
        if {_MODEL, _DATA} <= kinds:
            dependencies.append({"ref": _MODEL, "dependsOn": [_DATA]})
        if _DATA in kinds:
            refs = [part["bom-ref"] for part in self._parts()]
            dependencies.append({"ref": _DATA, "dependsOn": refs})
        return [each for each in dependencies if each["dependsOn"]]


# --- the minimum elements of the G7 ---------------------------------------------------------------


@dataclass(frozen=True)
class _MinimumElements:
    """The elements of the seven clusters, each with where it stands in the bill.

    bill : all of it but these properties.
    """

    run: ExportedRun
    bill: Mapping[str, Any]

    def properties(self) -> Iterator[dict[str, str]]:
        clusters = {
            "Metadata": self._of_the_bill(),
            "System Level Properties": self._system(),
            "Models": self._model(),
            "Dataset Properties": self._data(),
            "Key Performance Indicators": self._indicators(),
            "Infrastructure": self._infrastructure(),
            "Security Properties": self._security(),
        }
        for cluster, elements in clusters.items():
            for element, value in elements.items():
                known = value or self.run.text("bom.not_known")
                yield {"name": f"g7-sbom-for-ai:{cluster}:{element}", "value": known}

    def _where(self, *pointers: str) -> str:
        """The first of the pointers that leads to something, else nothing."""
        return next((pointer for pointer in pointers if _at(self.bill, pointer)), "")

    def _component(self, ref: str) -> str:
        """The pointer to a component, else one that leads nowhere."""
        places = [each["bom-ref"] for each in self.bill["components"]]
        return f"#/components/{places.index(ref)}" if ref in places else "#/none"

    def _of_the_bill(self) -> dict[str, str]:
        tool = "#/metadata/tools/components/0"
        return {
            "SBOM author": self._where("#/metadata/authors/0/name", f"{tool}/name"),
            "SBOM version": "#/version",
            "SBOM data format name": "#/bomFormat",
            "SBOM data format version": "#/specVersion",
            "SBOM author signature": "",
            "SBOM tool name": f"{tool}/name",
            "SBOM tool version": self._where(f"{tool}/version"),
            "SBOM generation context": "#/metadata/lifecycles/0/phase",
            "SBOM timestamp": self._where("#/metadata/timestamp"),
            "SBOM dependency relationship": self._where("#/dependencies"),
        }

    def _system(self) -> dict[str, str]:
        system, card = "#/metadata/component", f"{self._component(_MODEL)}/modelCard"
        return {
            "System name": f"{system}/name",
            "System components": self._where("#/components"),
            "System producer": self._where(f"{system}/authors"),
            "System version": f"{system}/version",
            "System timestamp": self._where("#/metadata/timestamp"),
            "System data flow": self._flow(),
            "System data usage": self._usage(),
            "System input/output properties": self._where(f"{card}/modelParameters"),
            "Intended application area": self._where(f"{system}/description"),
        }

    def _flow(self) -> str:
        results = self.run.results
        if not results.has("data"):
            return ""
        schema = results.schema
        threshold = results.predicted.threshold if results.has("predictions/test") else None
        return self.run.text(
            "bom.flow",
            n=len(schema.player_labels),
            modality=schema.modality,
            target=schema.target.label,
            output=_output(self.run),
            threshold=threshold,
        )

    def _usage(self) -> str:
        counts = {str(each["part"]): each.get("n") for each in self.run.card.get("parts") or ()}
        if not {"train", "validation", "test"} <= counts.keys():
            return ""
        return self.run.text("bom.usage", **counts)

    def _model(self) -> dict[str, str]:
        model = self._component(_MODEL)
        return {
            "Model name": self._where(f"{model}/name"),
            "Model identifier": self._where(f"{model}/bom-ref"),
            "Model version": self._where(f"{model}/version"),
            "Model timestamp": self._where("#/metadata/timestamp"),
            "Model producer": self._where("#/metadata/component/authors"),
            "Model description": self._where(f"{model}/description"),
            "Model hash value": self._where(f"{model}/hashes/0/content", f"{model}/version"),
            "Model hash algorithm": self._where(f"{model}/hashes/0/alg") or "SHA-256",
            "Model properties": self._where(f"{model}/modelCard/modelParameters"),
            "Model input/output properties": self._where(
                f"{model}/modelCard/modelParameters/inputs"
            ),
            "Model training properties": self._where(f"{model}/properties"),
            "Model license": "",
            "Model external references": "",
        }

    def _data(self) -> dict[str, str]:
        data = self._component(_DATA)
        return {
            "Dataset name": self._where(f"{data}/name"),
            "Dataset description": self._where(f"{data}/description"),
            "Dataset content": self._where(f"{data}/data/0/contents"),
            "Dataset identifier": self._where(f"{data}/externalReferences", f"{data}/bom-ref"),
            "Dataset hash": self._where(f"{data}/hashes", f"{data}/version"),
            "Dataset provenance": self._where(f"{data}/data/0/contents/properties"),
            "Dataset statistical properties": self._where(f"{data}/data/0/contents/properties"),
            "Dataset sensitivity": self._where(f"{data}/data/0/sensitiveData"),
            "Dataset dependency relationship": self._where("#/dependencies"),
            "Dataset license": self._where(f"{data}/licenses"),
        }

    def _indicators(self) -> dict[str, str]:
        metrics = f"{self._component(_MODEL)}/modelCard/quantitativeAnalysis/performanceMetrics"
        robustness = [k for k, s in enumerate(self.run.scores) if s.category == "robustness"]
        first = f"{metrics}/{robustness[0]}" if robustness else "#/none"
        return {
            "Security metrics": self._where(first),
            "Operational performance KPIs": self._where(metrics),
        }

    def _infrastructure(self) -> dict[str, str]:
        machine = self.run.results.provenance.get("environment") or {}
        libraries = [each for each in self.bill["components"] if each["type"] == "library"]
        told = [f"{name} {machine[name]}" for name in sorted(machine) if machine[name]]
        return {
            "Infrastructure software": self._component(libraries[0]["bom-ref"])
            if libraries
            else "",
            "Infrastructure hardware": one_line(", ".join(told)),
        }

    def _security(self) -> dict[str, str]:
        frameworks = map(str, self.run.results.config.get("frameworks") or ())
        return {
            "Security controls": self.run.text("bom.controls", digest=self.run.run_digest),
            "Security compliance": one_line(", ".join(frameworks)),
            "Cybersecurity policy information": "",
            "Vulnerability referencing": "",
        }


# --- pieces ---------------------------------------------------------------------------------------


def _metric(run: ExportedRun, score: Score) -> dict[str, object]:
    """A score as a performance metric; the whole precision is kept."""
    metric: dict[str, Any] = {"type": score.metric, "value": repr(float(score.value))}
    if part := run.part_of(score):
        metric["slice"] = one_line(part)
    if score.low is not None and score.high is not None:
        ends = {"lowerBound": repr(float(score.low)), "upperBound": repr(float(score.high))}
        metric["confidenceInterval"] = ends
    return metric


def _output(run: ExportedRun) -> str:
    """What the model states: a probability for each class, or a number in its unit."""
    target = run.results.schema.target
    if task_of(target).decides:
        return run.text("bom.classes", classes=list(target.classes))
    if target.labels:
        return run.text("bom.classes", classes=list(target.labels))
    return run.text("bom.number", unit=target.unit or "")


def _told(worded: WordedFinding) -> str:
    """A finding with its numbers and what limits it."""
    return one_line(" ".join([worded.claim, worded.detail, *worded.limits]))


def _hashes(sha256: object) -> list[dict[str, str]]:
    known = isinstance(sha256, str) and _SHA256.fullmatch(sha256)
    return [{"alg": "SHA-256", "content": str(sha256)}] if known else []


def _licences(name: str) -> list[dict[str, Any]]:
    return [{"license": {"name": name}}] if name else []


def _properties(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Facts under names of our own; what is not known is left out."""
    return [
        {"name": f"{DISTRIBUTION}:{name}", "value": one_line(str(value))}
        for name, value in facts.items()
        if value not in (None, "")
    ]


def _filled(entries: Mapping[str, Any]) -> dict[str, Any]:
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
